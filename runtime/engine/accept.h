/* Accepting a run: the sources are closed into a bundle, the input is checked against what the
 * workflow declares, and the run's record and first entry go into a submission. Accepted is what is
 * durable: tell nobody before.
 * May use: services. Any thread. */
#ifndef TEND_ENGINE_ACCEPT_H
#define TEND_ENGINE_ACCEPT_H

#include "engine/services.h"

enum { RUN_ID_MAX = 128 }; /* the journal takes longer ones: of past links (link.c) */

struct acceptance {
    const char *target; /* a workflow's name or path */
    struct bytes input; /* packed map or nil, as given */
    const char *id;     /* NULL: a new UUIDv7 */
    uint64_t parent;    /* run to wake when it ends; 0: none */
};

struct accepted {
    uint64_t number;
    char id[JOURNAL_ID_MAX + 1];
    bool is_new; /* false: a run of this id, workflow and input was there already */
};

/* Adds to the submission, which wakes the run once it is durable. TEND_ENOENT: no such workflow.
 * TEND_EINPUT: it doesn't load, or the input doesn't fit. TEND_ECONFLICT: the id belongs to another
 * workflow or input. */
int accept_run(struct services *services, const struct acceptance *acceptance,
               struct submission *submission, struct accepted *ret, struct error *err);
/* The same with a bundle that somebody closed already. */
int accept_bundle(struct services *services, const struct acceptance *acceptance,
                  const struct bundle *bundle, struct submission *submission, struct accepted *ret,
                  struct error *err);
/* The first entry of the next link of a run, named `link`: with the first one's `given`.
 * TEND_EINPUT: the workflow doesn't take the input. */
int accept_link(struct services *services, const struct bundle *bundle, const char *link,
                struct bytes input, const char *given, struct submission *submission,
                struct buffer *entry, struct error *err);
/* The id is that of a run `number` which is made elsewhere, and which its submission wakes: nobody
 * else gets it meanwhile. TEND_ECONFLICT: a run has it, or is about to. */
int accept_reserve_id(struct services *services, const char *id, uint64_t number,
                      const char *workflow, struct error *err);
/* The run is durable: the journal answers for it from now on. True if it was accepted by this
 * process, and not only reserved. */
bool accept_durable(struct services *services, uint64_t number);
/* Only the checks: may a run of this workflow and input, as given, have this id? *number: the run
 * that has it already, 0: none. TEND_EINPUT, TEND_ECONFLICT. */
int accept_check_id(struct journal *journal, const char *id, const char *workflow,
                    struct bytes given, uint64_t *number, struct error *err);
/* Is it a run's id at all? TEND_EINPUT. */
int accept_check_new_id(const char *id, struct error *err);
/* Only the checks: is the input one that the workflow takes? Appends the input with its defaults.
 */
int accept_input(struct bytes definition, struct bytes given, struct buffer *out,
                 struct error *err);
/* At the end: forgets what was accepted and never became durable. */
void accept_done(struct services *services);

#endif
