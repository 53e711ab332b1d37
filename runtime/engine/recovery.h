/* After a start: what didn't end is made ready again, through the one door. Timers wake their own
 * runs (timer.c). After a crash, before that: what it left behind.
 * May use: journal/, io/leftover.h, services, engine/admission.h, transition.h. */
#ifndef TEND_ENGINE_RECOVERY_H
#define TEND_ENGINE_RECOVERY_H

#include "engine/admission.h"

/* Wakes all runs that were running or ready, and those that wait for a child or a signal, or are to
 * be cancelled. */
int recovery_wake_all(struct journal *journal, struct admission *admission, size_t *count,
                      struct error *err);

/* After a crash: ends the child processes that it left, and counts it against the runs whose Lua
 * ran at that moment; those for which it is the third in a row without progress become stuck. All
 * of it is durable before anything may begin. Tells the observer what was found. TEND_EIO: a child
 * doesn't end, or the journal can't be written. */
int recovery_after_crash(struct services *services, const struct crash_left *left,
                         struct error *err);

#endif
