/* What a workflow's `schedule` says, in its file or in tend.lua: when it ticks, and what becomes of
 * ticks that meet an unfinished run or that nobody was there to see.
 * May use: base/, engine/cron.h, engine/option.h. Any thread, once it is read. */
#ifndef TEND_ENGINE_SCHEDULE_PLAN_H
#define TEND_ENGINE_SCHEDULE_PLAN_H

#include "base/value.h"
#include "engine/cron.h"

enum schedule_overlap {
    OVERLAP_SKIP,
    OVERLAP_QUEUE_ONE,
    OVERLAP_QUEUE_ALL,
    OVERLAP_CANCEL_RUNNING,
    OVERLAP_ALLOW
};
enum schedule_missed { MISSED_SKIP, MISSED_LAST, MISSED_ALL };

struct schedule_plan {
    int64_t every_us; /* 0: cron */
    struct cron cron;
    struct zone *zone; /* of cron; with `every` it is UTC */
    char timing[192];  /* as written, for people and for telling whether it changed */
    char timezone[65];
    int64_t jitter_us;
    enum schedule_overlap overlap;
    enum schedule_missed missed;
    int64_t missed_limit;
};

/* `where` goes before the message of an error: "workflows/x.lua: schedule". TEND_EINPUT: something
 * is wrong, or it never ticks after `now_us`. */
int schedule_plan_read(const struct value *how, const char *where, int64_t now_us,
                       struct schedule_plan *ret, struct error *err);
void schedule_plan_done(struct schedule_plan *plan);
/* The first tick after an instant. False: none any more. */
bool schedule_plan_next(const struct schedule_plan *plan, int64_t after_us, int64_t *tick_us);
const char *schedule_overlap_name(enum schedule_overlap overlap);
const char *schedule_missed_name(enum schedule_missed missed);

#endif
