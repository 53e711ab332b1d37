/* The durable values that runs share (state.*), read through what isn't durable yet: a write is
 * visible to every run from the moment it is queued, and whoever reads it queues its own entry
 * behind it, so nothing durable ever depends on something that isn't.
 * May use: base/, journal/, engine/committer.h. Any thread. */
#ifndef TEND_ENGINE_SHARED_STATE_H
#define TEND_ENGINE_SHARED_STATE_H

#include "engine/committer.h"

struct shared_state;

int shared_state_new(struct journal *journal, struct committer *committer,
                     struct shared_state **ret, struct error *err);
struct shared_state *shared_state_free(struct shared_state *state);

/* Appends the packed value (nil if there is none); *version is for shared_state_write. */
int shared_state_read(struct shared_state *state, struct bytes key, struct buffer *out,
                      uint64_t *version, struct error *err);
/* Adds the write to the submission and submits it, in one step, if the key's version is still
 * `version`; TEND_ECONFLICT otherwise (the submission is untouched then). value.data NULL deletes.
 * Takes the submission on success and on TEND_ENOMEM. */
int shared_state_write(struct shared_state *state, struct bytes key, struct bytes value,
                       uint64_t version, struct submission *submission, uint64_t *position,
                       struct error *err);
/* Appends a packed list of keys. limit 0: 1,000. */
int shared_state_list(struct shared_state *state, struct bytes prefix, struct bytes after,
                      size_t limit, struct buffer *out, struct error *err);
/* The committer's word that this write is in the journal. */
void shared_state_durable(struct shared_state *state, struct bytes key, uint64_t position);

#endif
