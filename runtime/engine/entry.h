/* Entries of a run's journal: what happened, in order. A step's entries carry its key (branch path,
 * name, n-th use; SEMANTICS 3); entries of the run itself have an empty key.
 * May use: base/, lua/ask.h for the kinds. */
#ifndef TEND_ENGINE_ENTRY_H
#define TEND_ENGINE_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/value.h"
#include "lua/ask.h"

enum entry_type {
    ENTRY_ACCEPTED = 0,  /* of the run: value = {input, given, settings, seed, parent?} */
    ENTRY_STARTED = 1,   /* attempt n is about to touch the outside */
    ENTRY_FAILED = 2,    /* attempt n failed: value = error; due_at_us: when the next may begin */
    ENTRY_DONE = 3,      /* value = result */
    ENTRY_RAISED = 4,    /* value = the error that the step ended with */
    ENTRY_WAITING = 5,   /* a timer (due_at_us) or a child (value = {id, number}) is awaited */
    ENTRY_LOG = 6,       /* value = {level, message, fields} */
    ENTRY_CANCELLED = 8, /* of the run: value = the keys at which it was raised */
    ENTRY_RETRIED = 9,   /* of the run: value = {from, key}: what `from` to here is set aside */
    ENTRY_UPGRADED = 10, /* of the run: value = {from, to, allows_added}, hashes of bundles */
    ENTRY_FORKED = 11,   /* of the run: value = {of, at, seed}: what follows draws from the seed */
    ENTRY_MODULE = 12,   /* of the run: a module outside its bundle (required.c) */
    ENTRY_ENDED = 7      /* of the run: value = result or error; attempt = its status */
};

struct entry {
    enum entry_type type;
    struct bytes key;
    enum ask_kind kind;
    uint32_t attempt;
    int64_t at_us;
    int64_t due_at_us;
    bool has_waited;    /* DONE, RAISED: the branch was left meanwhile; decides replay's order */
    struct bytes value; /* packed; no bytes: none */
};

void entry_pack(const struct entry *entry, struct buffer *out);
/* Borrows from `packed`. TEND_EFORMAT. */
int entry_read(struct bytes packed, struct entry *ret, struct error *err);

#endif
