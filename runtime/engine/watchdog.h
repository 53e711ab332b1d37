/* The watchdog: ends a run that uses a thread's processor time for too long without reaching a
 * primitive. One thread looks now and then at the pulse of every thread that runs Lua
 * (lua/isolate.h); where a pulse stands still although that thread has used up the limit, it sends
 * the thread a signal, whose handler ends the run. Whoever is watched pays nothing but its pulse.
 * May use: lua/isolate.h. */
#ifndef TEND_ENGINE_WATCHDOG_H
#define TEND_ENGINE_WATCHDOG_H

#include <pthread.h>
#include <time.h>

#include "base/error.h"
#include "lua/isolate.h"

struct watchdog;

/* A thread that is watched; its memory is the caller's. */
struct watched {
    struct pulse pulse;
    struct watched *next;
    pthread_t thread;
    clockid_t clock;
    uint_fast64_t seen; /* the pulse at the last look */
    int64_t since_us;   /* of the thread's processor time, when it was seen first */
};

/* `limit_us`: of processor time; 0: 30 s. TEND_EIO, TEND_ENOMEM. */
int watchdog_new(int64_t limit_us, struct watchdog **ret, struct error *err);
/* Nobody is watched any more. NULL allowed; always returns NULL. */
struct watchdog *watchdog_free(struct watchdog *watchdog);

/* The calling thread is watched until it leaves. NULL allowed: then it isn't. */
void watchdog_enter(struct watchdog *watchdog, struct watched *watched);
void watchdog_leave(struct watchdog *watchdog, struct watched *watched);

#endif
