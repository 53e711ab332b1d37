/* A fork: a new run that has what another one recorded before a step, and goes its own way from
 * there. Steps that had not ended by then begin anew; state that they wrote stays written once;
 * from the fork point on chance and keys are its own. May use: services, engine/accept.h. */
#ifndef TEND_ENGINE_FORK_H
#define TEND_ENGINE_FORK_H

#include "engine/accept.h"

struct fork {
    const char *of; /* a run's id */
    const char *at; /* the key of a step that it recorded */
    const char *id; /* of the new run */
};

/* The sequence of the first entry of the step `at` that counts now. TEND_ENOENT: no such run;
 * TEND_EINPUT: it recorded no such step (the message names the nearest one). */
int fork_find(struct journal *journal, const struct fork *fork, struct record *of, uint32_t *upto,
              struct error *err);
/* Puts the new run into the submission, which wakes it. `bundle`: the sources that it has; NULL:
 * those of the other run. TEND_ECONFLICT: the id is taken. */
int fork_make(struct services *services, const struct fork *fork, const struct bundle *bundle,
              struct submission *submission, struct error *err);

#endif
