/* After a start: what didn't end is made ready again, through the one door. Timers wake their own
 * runs (timer.c).
 * May use: journal/, engine/admission.h. */
#ifndef TEND_ENGINE_RECOVERY_H
#define TEND_ENGINE_RECOVERY_H

#include "engine/admission.h"

/* Wakes all runs that were running or ready, and those that wait for a child or a signal, or are to
 * be cancelled. */
int recovery_wake_all(struct journal *journal, struct admission *admission, size_t *count,
                      struct error *err);

#endif
