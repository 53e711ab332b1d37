/* What is durable of a schedule: the last tick that was dealt with, what became of the ticks, those
 * that wait for their turn, whether it is paused. It lies in the shared state, under a key that
 * scripts don't see, and commits together with the runs that it tells of. May use: services,
 * engine/signal.h (for what hides a key). */
#ifndef TEND_ENGINE_SCHEDULE_RECORD_H
#define TEND_ENGINE_SCHEDULE_RECORD_H

#include "engine/services.h"

enum { SCHEDULE_QUEUE_MAX = 1000, SCHEDULE_NAME_MAX = 384 };

struct schedule_record {
    bool is_there; /* false: never written */
    bool is_paused;
    int64_t handled_us; /* ticks up to here are dealt with */
    char timing[192];   /* by which they were */
    int64_t runs, skipped, missed;
    char last_run[JOURNAL_ID_MAX + 1];
    int64_t last_tick_us; /* of last_run */
    size_t queue_count;
    int64_t queue[SCHEDULE_QUEUE_MAX]; /* ticks that wait, in order */
};

/* False: no room any more. */
bool schedule_record_queue(struct schedule_record *record, int64_t tick_us);
/* The first that waits; there must be one. */
int64_t schedule_record_unqueue(struct schedule_record *record);
/* As a client reads it. A record that isn't there reads as one of zeros. */
int schedule_record_load(struct journal *journal, const char *name, struct schedule_record *ret,
                         struct error *err);
/* Through what isn't durable yet. */
int schedule_record_read(struct services *services, const char *name, struct schedule_record *ret,
                         uint64_t *version, struct error *err);
/* Submits it with the submission, as shared_state_write() does; TEND_ECONFLICT leaves that alone.
 */
int schedule_record_write(struct services *services, const char *name,
                          const struct schedule_record *record, uint64_t version,
                          struct submission *submission, uint64_t *position, struct error *err);

/* ---- what people ask for: pause, resume, backfill ---- */

struct schedule_order {
    const char *name;
    const char *action;   /* "pause", "resume", "backfill" */
    int64_t at_us;        /* of a resume: what passed before isn't made up for */
    const int64_t *ticks; /* of a backfill */
    size_t tick_count;
};

/* Hands it to the engine that owns the journal; durable when it returns 0. */
int schedule_order_ask(struct journal *journal, const struct schedule_order *order,
                       struct error *err);
/* Does it where nobody owns the journal but the caller, without an engine. */
int schedule_order_do(struct journal *journal, const struct schedule_order *order,
                      struct error *err);
/* The engine's side: an item of the inbox. Takes the submission on success. */
int schedule_order_take(struct services *services, const struct value *item,
                        struct submission *submission, struct error *err);

#endif
