/* The inbox: what other processes hand to the engine that owns the journal. An item is taken in the
 * same commit as what it causes, so exactly once.
 * May use: services, engine/accept.h. */
#ifndef TEND_ENGINE_INBOX_H
#define TEND_ENGINE_INBOX_H

#include "engine/accept.h"
#include "engine/fork.h"

/* A client's side: asks for a run of a bundle that it closed, unless it is there. Durable when it
 * returns 0. TEND_EINPUT, TEND_ECONFLICT: the id can't be had. */
int inbox_ask_run(struct journal *journal, const struct bundle *bundle, const char *id,
                  struct bytes input, struct error *err);
/* Sends a signal to a run. TEND_ENOENT: no such run; TEND_EINPUT: it has ended, or a wrong name.
 * `payload` is packed. */
int inbox_ask_signal(struct journal *journal, const char *id, const char *name,
                     struct bytes payload, struct error *err);
/* Asks for a run's cancellation. TEND_ENOENT; TEND_EINPUT: it has ended. */
int inbox_ask_cancel(struct journal *journal, const char *id, struct error *err);
/* Asks for a failed run to be retried. TEND_ENOENT; TEND_EINPUT: it hasn't failed. */
int inbox_ask_retry(struct journal *journal, const char *id, struct error *err);
/* Asks for a fork; `bundle`: the sources that it has, NULL: those of the other run. TEND_EINPUT,
 * TEND_ECONFLICT: the id can't be had. */
int inbox_ask_fork(struct journal *journal, const struct fork *fork, const struct bundle *bundle,
                   struct error *err);
/* Asks for a run to be moved to other sources. TEND_ENOENT; TEND_EINPUT: it has ended. */
int inbox_ask_upgrade(struct journal *journal, const char *id, const struct bundle *bundle,
                      bool allows_added, struct error *err);
/* The owner's side: deals with what is there. */
int inbox_take(struct services *services, struct error *err);

#endif
