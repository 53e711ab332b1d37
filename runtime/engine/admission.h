/* Admission: the one door to running. A start, a recovery, a timer, a child's end only make a run
 * ready by a call here; admission alone gives it to a worker, and knows which worker holds it.
 * May use: engine/worker.h. Any thread. */
#ifndef TEND_ENGINE_ADMISSION_H
#define TEND_ENGINE_ADMISSION_H

#include "engine/worker.h"

struct admission;

/* Runs of a home that are nobody's business here are left alone unless `is_everything`: a
 * `tend run` drives its own run and what that starts, a server drives all. */
int admission_new(bool is_everything, struct admission **ret, struct error *err);
struct admission *admission_free(struct admission *admission);
/* The workers, once they exist; borrowed. */
void admission_open(struct admission *admission, struct worker **workers, size_t count);
/* No run is let in any more. */
void admission_close(struct admission *admission);
/* Makes a run this process's business. */
void admission_include(struct admission *admission, uint64_t number);
/* It is ready, or what it waits for may be there. */
void admission_wake(struct admission *admission, uint64_t number);
/* `waiter` is to be woken, too, when the run has ended: it joined a child of another run. Forgotten
 * with the process: recovery looks at every run that waits for a child. */
void admission_await(struct admission *admission, uint64_t number, uint64_t waiter);
/* It has ended, and that is durable: wakes those. */
void admission_ended(struct admission *admission, uint64_t number);
/* A worker's word: it left memory, a wake was delivered. */
void admission_left(struct admission *admission, uint64_t number);
void admission_woken(struct admission *admission, uint64_t number);
size_t admission_count(struct admission *admission);

#endif
