/* The engine: everything joined. It owns a home's journal, the committer, the workers and the one
 * door to running, and turns on the caller's thread (timers, ticks, inbox, who ended).
 * May use: everything below. Prints nothing: what there is to tell goes to the observer. */
#ifndef TEND_ENGINE_ENGINE_H
#define TEND_ENGINE_ENGINE_H

#include <uv.h>

#include "engine/accept.h"
#include "engine/services.h"

struct engine;

struct engine_options {
    const char *home;
    const char *config;     /* tend.lua, or NULL */
    struct sources sources; /* borrowed for the engine's life */
    struct observer observer;
    const char *const *limits; /* "NAME=VALUE", NULL-terminated: over tend.lua's; NULL: none */
    size_t workers;            /* 0: one per core */
    bool is_server;            /* drives all runs of the home, schedules, takes the inbox */
    /* For a test: a clock that stands still, who answers instead of the outside, and what tend.lua
     * would return, packed; `config` is not read then. All borrowed. NULL: the real world. */
    struct clock_manual *clock;
    struct mock *mock;
    struct bytes settings;
};

/* TEND_EBUSY: another process owns the journal. TEND_EINPUT: tend.lua is wrong. TEND_EIO, … */
int engine_new(const struct engine_options *options, struct engine **ret, struct error *err);
/* Stops: no new work, what is under way outside is let go (and found again at the next start),
 * everything queued is committed. NULL allowed; always returns NULL. */
struct engine *engine_free(struct engine *engine);

/* For signals and the like. */
uv_loop_t *engine_loop(struct engine *engine);
struct journal *engine_journal(struct engine *engine);
size_t engine_schedule_count(const struct engine *engine);

/* Accepts a run; durable when it returns 0. Errors as accept_run. */
int engine_accept(struct engine *engine, const struct acceptance *acceptance, struct accepted *ret,
                  struct error *err);
/* Makes an unfinished run ready again. TEND_ENOENT; TEND_EINPUT where it has ended. */
int engine_resume(struct engine *engine, const char *id, uint64_t *number, struct error *err);
/* Makes all unfinished runs ready again. */
int engine_resume_all(struct engine *engine, size_t *count, struct error *err);

/* Turns until engine_stop(), or, where `until` isn't 0, until that run has ended, or it or one that
 * it waits for is blocked or stuck (a person must see to it); where `until` is UINT64_MAX, until no
 * run is left that can go on by itself. TEND_EIO with the trouble where the journal broke. */
int engine_run(struct engine *engine, uint64_t until, struct error *err);
/* With a clock that stands still: turns until a call waits in the mock, or nothing goes on but by
 * time, a signal or the like. *next_us: when the next timer is due (wall clock), 0: there is none.
 * After the clock was set, call it again. TEND_EIO with the trouble where the journal broke. */
int engine_settle(struct engine *engine, int64_t *next_us, struct error *err);
struct services *engine_services(struct engine *engine);
/* From the loop's thread (a signal's callback). */
void engine_stop(struct engine *engine);

#endif
