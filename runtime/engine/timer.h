/* Durable timers: which runs are due, and when to look again. The journal owns the truth; a timer
 * leaves it only with the transition that it caused, so a crash repeats it and never loses it.
 * May use: journal/, engine/admission.h. One thread. */
#ifndef TEND_ENGINE_TIMER_H
#define TEND_ENGINE_TIMER_H

#include "engine/admission.h"

/* Wakes the runs whose time has come. *next_us: when to look again (wall clock), 0: nothing waits.
 */
int timer_wake_due(struct journal *journal, struct admission *admission, int64_t now_us,
                   int64_t *next_us, struct error *err);

#endif
