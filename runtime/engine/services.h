/* What every part of the engine works with: made once, shared by all threads, each member safe to
 * use from any of them. `struct engine` owns it. */
#ifndef TEND_ENGINE_SERVICES_H
#define TEND_ENGINE_SERVICES_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/value.h"
#include "engine/bundle.h"
#include "engine/committer.h"
#include "engine/crash_mark.h"
#include "engine/limits.h"
#include "engine/secrets.h"
#include "engine/shared_state.h"
#include "engine/slots.h"

/* What begins. All is borrowed for the call. */
struct step_begin {
    const char *run_id, *workflow, *key, *kind;
    uint32_t attempt;
    int64_t due_at_us;    /* of a wait: until when; 0: no end is known */
    const char *child_id; /* of an invoke: the run that it waits for; NULL: none */
};

/* What the outside may want to watch. Called from any thread; NULL members are skipped. */
struct observer {
    void *context;
    /* An attempt of a step, or a wait, begins. */
    void (*on_step_begin)(void *context, const struct step_begin *begin);
    /* A step ended (or failed an attempt): its kind, how, and how long it took. */
    void (*on_step)(void *context, const char *run_id, const char *key, const char *kind,
                    const char *outcome, int64_t duration_us, const char *message);
    void (*on_log)(void *context, const char *run_id, const char *level, struct bytes message);
    /* A run's state changed and is durable. */
    void (*on_run)(void *context, const struct record *record);
    /* Something that the operator should know: no space, a broken journal (is_fatal). */
    void (*on_trouble)(void *context, const char *message, bool is_fatal);
};

struct mock;

struct services {
    struct journal *journal;
    struct committer *committer;
    struct shared_state *state;
    struct slots *slots;
    struct secrets *secrets;
    struct crash_mark *mark;
    const struct clock *clock;
    struct mock *mock; /* NULL; in a test: what answers instead of the outside */
    struct sources sources;
    struct buffer settings; /* packed */
    struct value_tree settings_tree;
    char settings_hash[65];
    struct observer observer;
    uint64_t fence;
    atomic_uint_fast64_t last_number;
    struct limits limits;
    struct watchdog *watchdog;
    uint64_t inbox_taken;        /* number of the last item dealt with; the control thread's */
    struct retention *retention; /* the control thread's */
    pthread_mutex_t accepting_mutex;
    struct accepting *accepting; /* accepted, not yet durable (accept.c) */
    struct map resting;          /* changed while at rest, not yet durable (resting.c) */
};

#endif
