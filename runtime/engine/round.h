/* Rounds: what `tend retry` does to a failed run. The entry whose error ended it, and everything
 * that was recorded later, is set aside by one more entry: shown as an earlier round, never
 * replayed. The failed step keeps its idempotency key and gets its attempts anew; steps that were
 * set aside with it get new keys. Where no step failed, only the end is set aside. A child that
 * failed under an `invoke` is retried with it. A run that is blocked or stuck hasn't ended: it is
 * only made ready again. May use: services, engine/entry.h, record.h. Any thread; the run is in
 * nobody's hands. */
#ifndef TEND_ENGINE_ROUND_H
#define TEND_ENGINE_ROUND_H

#include "engine/services.h"

/* Can it be retried? TEND_EINPUT. */
int round_check(const struct record *record, struct error *err);
/* Adds to the submission, which wakes the run. TEND_EINPUT: it is neither failed, blocked nor
 * stuck. TEND_ECONFLICT: somebody else is about to change it. */
int round_retry(struct services *services, uint64_t number, struct submission *submission,
                struct error *err);

#endif
