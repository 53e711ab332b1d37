/* The schedules there are: those of the project's workflow files, and of the shipped workflows
 * those that tend.lua names. Files are looked at again when asked; one that is broken then keeps
 * its last good version, and that is said.
 *
 * Where a workflow takes `project` and the settings name projects, each has a schedule of its own.
 * May use: engine/bundle.h, engine/schedule_plan.h. One thread. */
#ifndef TEND_ENGINE_SCHEDULE_SET_H
#define TEND_ENGINE_SCHEDULE_SET_H

#include "base/clock.h"
#include "engine/bundle.h"
#include "engine/schedule_plan.h"

enum { SCHEDULE_PREFIX_MAX = 112, SCHEDULE_ID_MAX = 129 };

struct schedule {
    struct schedule *next;
    const struct schedule_file *file;
    char name[384];                   /* "monitor", or "monitor/PROJECT" */
    char project[128];                /* "": the workflow takes none */
    char prefix[SCHEDULE_PREFIX_MAX]; /* of its runs' ids: "monitor." */
    struct schedule_plan plan;
    struct buffer input; /* packed */
    int64_t delay_us;    /* its share of the jitter */
    uint64_t position;   /* of its last submission, in this process */
};

struct schedule_file {
    struct schedule_file *next;
    char path[1200];
    int64_t changed_ns, size_bytes;
    uint64_t inode;
    bool is_seen, is_good; /* false: the last look found it broken */
    struct bundle bundle;  /* of the last good version; no contents: there was none */
    struct schedule *first;
};

struct schedule_set {
    const struct sources *sources;
    const struct value *settings;
    const struct clock *clock;
    void *context;
    void (*tell)(void *context, const char *message); /* a broken file, a new schedule */
    struct schedule_file *first;
    bool is_new; /* nothing was read before */
};

/* Borrows all for its life. TEND_EINPUT: a schedule is wrong (file, and what is allowed), or
 * tend.lua names a workflow that isn't there. A file that doesn't load is told and left out. */
int schedule_set_new(const struct sources *sources, const struct value *settings,
                     const struct clock *clock, void (*tell)(void *context, const char *message),
                     void *context, struct schedule_set **ret, struct error *err);
struct schedule_set *schedule_set_free(struct schedule_set *set);
/* Reads again what changed; what is wrong is told. */
void schedule_set_refresh(struct schedule_set *set);
/* The first, and the one after; NULL: none. Until the next refresh. */
struct schedule *schedule_set_first(const struct schedule_set *set);
struct schedule *schedule_set_next(const struct schedule *schedule);
/* The id of a tick's run: the same for all time. */
void schedule_tick_id(const struct schedule *schedule, int64_t tick_us, char id[SCHEDULE_ID_MAX]);

#endif
