/* Schedules: workflows that run at certain times. A tick is an instant that the schedule names; its
 * run has an id made of workflow, project and tick, and is accepted in the same commit as the word
 * that the tick was dealt with, so there is exactly one run a tick whatever crashes.
 *
 * A tick that nobody was there to see for ten seconds or more is missed; one that meets an
 * unfinished run of its schedule is passed over or waits, as the schedule says. Both are counted.
 * Jitter moves the start, not the tick. May use: services, engine/accept.h, engine/schedule_set.h,
 * schedule_record.h. One thread. */
#ifndef TEND_ENGINE_SCHEDULE_H
#define TEND_ENGINE_SCHEDULE_H

#include "engine/accept.h"

struct schedules;

/* Reads what is scheduled. TEND_EINPUT: a schedule that is wrong; a file that doesn't load is told
 * as trouble and left out. */
int schedules_new(struct services *services, struct schedules **ret, struct error *err);
struct schedules *schedules_free(struct schedules *schedules);
size_t schedules_count(const struct schedules *schedules);
/* Accepts the runs of the ticks that have come, and looks at the files again once a second.
 * *next_us: when to call again, a second from now at most. */
void schedules_tick(struct schedules *schedules, int64_t now_us, int64_t *next_us);

#endif
