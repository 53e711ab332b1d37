/* Cancellation. It is asked for under a key of the shared state that scripts don't see; the run
 * takes it in the same commit as the entry that records it, raises `cancelled` once in every
 * branch, lets cleanup use primitives for the grace time, and ends as cancelled however its
 * function returns. On replay it is raised where the entry stands. Children that it invoked are
 * cancelled and waited for. May use: engine/run.h, services. */
#ifndef TEND_ENGINE_CANCEL_H
#define TEND_ENGINE_CANCEL_H

#include "engine/run.h"

/* Asks: submits with the submission, which wakes the run. TEND_ECONFLICT: asked already. Takes the
 * submission on success and on TEND_ENOMEM. Any thread. */
int cancel_ask(struct services *services, uint64_t number, struct submission *submission,
               struct error *err);
/* Was it asked for, and not begun? */
bool cancel_is_asked(struct services *services, uint64_t number);
/* Calls for each run of which that is so, as the journal has it: after a crash nobody else will. */
int cancel_visit_asked(struct journal *journal, void (*visit)(void *context, uint64_t number),
                       void *context, struct error *err);
/* Ends a run that is in nobody's hands (blocked, stuck) as cancelled, in the submission. */
void cancel_at_rest(struct services *services, struct record *record,
                    struct submission *submission);

/* Was it asked for? Then begins. For a run that is live and whose branches all wait. */
void cancel_check(struct run *run);
/* The same for a run that never began: it ends without any Lua. */
void cancel_check_new(struct run *run);
/* Replay has come to the entry: raises. */
void cancel_replay(struct run *run);
/* Asks for the end of the children whose `invoke` was cancelled. */
void cancel_children(struct run *run);
/* May the run end? False: a child that it invoked hasn't; a wake comes by again. */
bool cancel_is_complete(struct run *run);
/* Until the grace time is over, in µs; INT64_MAX: it isn't being cancelled. */
int64_t cancel_left_us(const struct run *run);

#endif
