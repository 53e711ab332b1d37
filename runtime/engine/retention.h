/* Retention: an engine's finished runs are pruned while it runs. A server keeps to `retention` of
 * tend.lua by itself, with a look every now and then; any engine does what `tend prune` asks of it.
 * The control thread's, in slices between which the loop turns.
 * May use: services, engine/prune.h. One thread. */
#ifndef TEND_ENGINE_RETENTION_H
#define TEND_ENGINE_RETENTION_H

#include "engine/prune.h"
#include "engine/services.h"

struct retention;

/* TEND_EINPUT: `retention` in tend.lua is wrong. Borrows the services. */
int retention_new(struct services *services, bool is_server, struct retention **ret,
                  struct error *err);
struct retention *retention_free(struct retention *retention);
/* A slice, where there is something to do. *wait_ms: until the next is worth a call; 0: nothing to
 * do now, a look each second is enough. */
void retention_turn(struct retention *retention, uint64_t *wait_ms);

/* ---- what `tend prune` asks for ---- */

/* The client's side: asks the engine that owns the journal. `id` is the order's own. */
int retention_ask(struct journal *journal, const char *id, const struct prune_rule *rule,
                  struct error *err);
/* Has it been done? Then *is_done, and what went. */
int retention_asked(struct journal *journal, const char *id, bool *is_done, struct prune_count *ret,
                    struct error *err);
/* The engine's side: an item of the inbox. */
int retention_order(struct retention *retention, const struct value *item, struct error *err);

#endif
