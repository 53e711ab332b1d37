/* Schedules: a workflow that runs every so often. A tick is an instant that `every` divides; its run
 * has an id made of workflow, project and tick, so that there is exactly one run a tick whatever
 * crashes. A tick is passed over while the run before it is unfinished.
 *
 * Where a workflow takes `project` and the settings name projects, there is one run a tick for each.
 * May use: services, engine/accept.h. One thread. */
#ifndef TEND_ENGINE_SCHEDULE_H
#define TEND_ENGINE_SCHEDULE_H

#include "engine/accept.h"

struct schedules;

/* Reads what is scheduled: the files of the project's folders, and of the shipped workflows those
 * that settings.schedules names. TEND_EINPUT: a schedule that can't be read; a file that doesn't load
 * goes to `on_bad` and is left out. */
int schedules_new(struct services *services, struct schedules **ret, struct error *err);
struct schedules *schedules_free(struct schedules *schedules);
size_t schedules_count(const struct schedules *schedules);
/* Accepts the runs of the ticks that have come. *next_us: the next tick, 0: none. */
void schedules_tick(struct schedules *schedules, int64_t now_us, int64_t *next_us);

#endif
