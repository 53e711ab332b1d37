/* Moving a run to other sources. It is asked for under a key of the shared state that scripts don't
 * see, and done when the run is next let in: before its replay, where a dry replay of the new
 * sources shows that they fit; the run then says so with an entry, in one commit with the request
 * taken back. A run at rest (blocked, stuck) becomes ready. May use: engine/run.h, services. */
#ifndef TEND_ENGINE_UPGRADE_H
#define TEND_ENGINE_UPGRADE_H

#include "engine/run.h"

/* Asks: submits with the submission, which wakes the run. TEND_EINPUT: the run has completed or was
 * cancelled. Takes the submission on success and on TEND_ENOMEM. */
int upgrade_ask(struct services *services, struct record *record, const struct bundle *bundle,
                bool allows_added, struct submission *submission, struct error *err);
/* For a run that is about to be loaded: was it asked for? Then does it, or tells the observer why
 * it can't be; the run goes on with the sources that it has then. */
void upgrade_check(struct run *run);

#endif
