/* A worker: a thread with a libuv loop, an HTTP client and the runs that it holds. A run lives on
 * one worker at a time; what others want of it arrives by mail. May use: engine/run.h, io/. The
 * functions here may be called from any thread. */
#ifndef TEND_ENGINE_WORKER_H
#define TEND_ENGINE_WORKER_H

#include "engine/services.h"

struct worker;

struct worker_host {
    void *context;
    /* A run left memory: it ended, waits, or could not be loaded (*err then); with neither record
     * nor error there was nothing to load. On its thread. */
    void (*on_left)(void *context, uint64_t number, const struct record *record,
                    const struct error *err);
    /* A wake was handed to a run that is here. */
    void (*on_woken)(void *context, uint64_t number);
    /* A run that must be running, for somebody waits for it. */
    void (*adopt)(void *context, uint64_t number, uint64_t waiter);
    /* A WORKER_TICK was dealt with: its number, and how long until the soonest of its runs' own
     * timers, in us; INT64_MAX: none. On its thread. */
    void (*on_tick)(void *context, uint64_t number, int64_t left_us);
};

int worker_new(struct services *services, const struct worker_host *host, struct worker **ret,
               struct error *err);
/* Lets go of its runs (what they do outside goes on where it can) and ends the thread. Mail and
 * nudges are dropped from here on, but may still come: the committer has the last word. */
void worker_stop(struct worker *worker);
/* Stops it, too. NULL allowed; always returns NULL. */
struct worker *worker_free(struct worker *worker);

/* WORKER_TICK: the time was set; what waits for it here looks again. Everything that was sent
 * before has been dealt with when on_tick comes. `number` is the sender's. */
enum worker_mail { WORKER_ADOPT, WORKER_WAKE, WORKER_TICK };
/* TEND_ENOMEM. */
int worker_send(struct worker *worker, enum worker_mail kind, uint64_t number);
/* How much mail it was sent so far, ticks apart. */
uint64_t worker_mail_count(struct worker *worker);
/* More became durable. */
void worker_nudge(struct worker *worker);

#endif
