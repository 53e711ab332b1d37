/* Runs at rest that are being changed. A run that has ended, is blocked or stuck is in nobody's
 * hands, and may be changed from several sides (a person's `tend retry`, a parent that retries its
 * child, a cancel): each reads what is durable and appends an entry after it. Until that is durable
 * too a second change would append the same entry number. So each claims the run first.
 * May use: services. Any thread. */
#ifndef TEND_ENGINE_RESTING_H
#define TEND_ENGINE_RESTING_H

#include "engine/services.h"

/* The record is as it was read from the journal; the change must append an entry, and wake the run.
 * TEND_ECONFLICT: another change of it is on its way to the disk. TEND_ENOMEM. */
int resting_claim(struct services *services, const struct record *record, struct error *err);
/* The run was woken: forgets the change if it is durable. */
void resting_woken(struct services *services, uint64_t number);
/* At the end. */
void resting_done(struct services *services);

#endif
