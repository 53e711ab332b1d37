/* Signals on their way to a run: queued in the shared state under keys that scripts don't see, one
 * key a signal, in the order in which they were accepted. A run takes one in the same commit as the
 * entry that records it, so exactly once.
 * May use: services. Any thread. */
#ifndef TEND_ENGINE_SIGNAL_H
#define TEND_ENGINE_SIGNAL_H

#include "engine/services.h"

enum { SIGNAL_NAME_MAX = 200 };

struct signal {
    struct buffer key;     /* in the shared state */
    struct buffer payload; /* packed */
    uint64_t version;
    int64_t accepted_at_us;
};

/* Queues one: `order` counts up over all signals (the inbox item's number). The submission is
 * submitted with it, and wakes the run. Takes the submission on success and on TEND_ENOMEM. */
int signal_put(struct services *services, uint64_t run, struct bytes name, struct bytes payload,
               uint64_t order, struct submission *submission, struct error *err);
/* The oldest that waits under this name: 0 with *is_there. signal_done() it in any case. */
int signal_first(struct services *services, uint64_t run, struct bytes name, struct signal *ret,
                 bool *is_there, struct error *err);
void signal_done(struct signal *signal);

#endif
