/* Rehearsing a run that has ended: a copy of it that plays everything again from its journal. Where
 * the code doesn't come to the same end by the same calls, it isn't deterministic. For tests.
 * May use: services. */
#ifndef TEND_ENGINE_REHEARSAL_H
#define TEND_ENGINE_REHEARSAL_H

#include "engine/services.h"

/* Begins the copy of a run that completed or failed; its id goes to `id`. TEND_EIO, TEND_ENOMEM. */
int rehearsal_begin(struct services *services, const struct record *original, char *id, size_t size,
                    struct error *err);

#endif
