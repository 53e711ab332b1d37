/* The journal: where runs are durable. It stores bytes and keeps them in order; what an entry or a
 * record means is the engine's.
 *
 * A run has a number (ascending by acceptance), an id (text), one record (small, rewritten when its
 * state changes) and entries (append-only, numbered from 0). Beside the runs: bundles (bytes by
 * content hash), state (durable values shared by the runs of a project, versioned), and the inbox,
 * by which other processes hand something to the engine.
 *
 * One process owns a journal (the owner lock) and writes runs, from one thread; any process may
 * read, and add to the inbox. Reads see a snapshot and may come from any thread. Nothing is
 * durable before journal_commit() has returned 0, and then all of the batch is.
 *
 * A process opens a journal once at a time; an opened one doesn't survive fork(), only exec.
 *
 * Backends implement `struct journal_operations`; nothing of theirs shows here.
 * May use: base/. May not use: Lua, I/O beyond its own files. */
#ifndef TEND_JOURNAL_JOURNAL_H
#define TEND_JOURNAL_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

struct journal;

enum { JOURNAL_ID_MAX = 144, JOURNAL_STATE_KEY_MAX = 400, JOURNAL_HASH_MAX = 64 };

enum journal_mode {
    JOURNAL_OWNER, /* takes the owner lock; creates the journal if there is none */
    JOURNAL_CLIENT /* reads, and adds to the inbox; TEND_ENOENT if there is no journal */
};

/* A run's record. All bytes are borrowed. */
struct journal_run {
    uint64_t number; /* from 1 */
    struct bytes id; /* unique */
    struct bytes workflow;
    uint8_t status;         /* the engine's; 0 to 31; an index */
    int64_t due_at_us;      /* its soonest timer, 0: none; an index */
    uint64_t owner;         /* the engine that may write it, as a fencing number */
    uint32_t next_sequence; /* of the entry that comes next; kept for you: ignored on write */
    struct bytes body;      /* the engine's, packed */
};

/* One run's part of a batch: entries, and its record where that changes. */
struct journal_transition {
    uint64_t number;
    const struct journal_run *record; /* NULL: unchanged. A new number creates the run. */
    uint32_t first_sequence;          /* must be the run's next; checked */
    const struct bytes *entries;
    size_t entry_count;
    /* Not NULL: a new run, which takes over the entries so far; first_sequence is 0 then, and
     * `record` isn't NULL. */
    const struct journal_run *past;
};

struct journal_state_write {
    struct bytes key;
    struct bytes value; /* data NULL: delete */
};

struct journal_bundle {
    struct bytes hash;
    struct bytes contents;
};

/* A run to delete: record, id, indexes, entries, and the state keys that begin with one of
 * `prefixes` (without the trace that a deletion leaves). It stays if it isn't as the caller saw it:
 * if it has other entries than up to `next_sequence`, or if `keeper`, another run that is there,
 * has others than up to `keeper_sequence`. One that isn't there any more is passed over. */
struct journal_removal {
    uint64_t number;
    uint32_t next_sequence;
    uint64_t keeper; /* 0: none */
    uint32_t keeper_sequence;
    const struct bytes *prefixes;
    size_t prefix_count;
};

/* What one transaction makes durable, in this order.
 *
 * A removed run is gone for every reader at once; its entries are freed piece by piece, at most
 * `freed_max` records of them a commit, so that no commit takes long: while journal_leftovers()
 * says so, commit again with `freed_max` alone. Its number is never given again, and a transition
 * that comes too late for it is dropped. */
struct journal_batch {
    const struct bytes *removed_bundles; /* hashes; see journal_bundles() */
    size_t removed_bundle_count;
    uint64_t bundle_mark;
    const struct journal_bundle *bundles; /* known hashes are skipped */
    size_t bundle_count;
    const struct journal_transition *transitions; /* a run may appear more than once */
    size_t transition_count;
    const struct journal_state_write *state_writes;
    size_t state_write_count;
    const struct journal_removal *removals;
    size_t removal_count;
    size_t freed_max;     /* 0: none */
    uint64_t inbox_taken; /* number of the last inbox item dealt with; 0: unchanged */
};

/* Opens the journal in the folder `home` (made if it must be, mode 0700).
 * TEND_EBUSY: another process owns it (the message names its pid). TEND_EFORMAT: not a journal, or
 * of a newer format. TEND_EIO, TEND_ENOMEM, TEND_ENOENT. */
int journal_open(const char *home, enum journal_mode mode, struct journal **ret, struct error *err);
/* NULL allowed; always returns NULL. */
struct journal *journal_close(struct journal *journal);

/* Makes the whole batch durable. Owner only, one thread.
 * TEND_ESPACE: no room, nothing happened, the journal stays usable. TEND_EFORMAT: the batch itself
 * is wrong (sequence, id taken): nothing happened. Any other failure: the journal may not be
 * written any more by this process, which should end. */
int journal_commit(struct journal *journal, const struct journal_batch *batch, struct error *err);

/* A number larger than that of every owner before: the fencing number of this owner. */
uint64_t journal_fence(struct journal *journal);
/* The highest run number in use now or ever; 0: none. */
int journal_last_number(struct journal *journal, uint64_t *ret, struct error *err);

/* Visitors return true to go on, false to stop. What they are given is borrowed for the call; they
 * may not write to the journal. Keep them short: a snapshot is open meanwhile. */
typedef bool journal_visit_run(void *context, const struct journal_run *run);
typedef bool journal_visit_entry(void *context, uint32_t sequence, struct bytes entry);
typedef bool journal_visit_due(void *context, int64_t due_at_us, uint64_t number);
typedef bool journal_visit_key(void *context, struct bytes key);
typedef bool journal_visit_item(void *context, uint64_t item, struct bytes contents);

/* TEND_ENOENT if there is no such run; then the visitor isn't called. */
int journal_run(struct journal *journal, uint64_t number, journal_visit_run *visit, void *context,
                struct error *err);
int journal_run_by_id(struct journal *journal, struct bytes id, journal_visit_run *visit,
                      void *context, struct error *err);

struct journal_filter {
    uint32_t statuses;      /* bit n: status n; 0: all */
    struct bytes workflow;  /* empty: all */
    uint64_t before_number; /* only smaller ones; 0: from the newest */
    uint64_t after_number;  /* only larger ones; 0: from the oldest */
    bool oldest_first;
};
/* Runs, newest first unless asked otherwise, by the index that fits. */
int journal_runs(struct journal *journal, const struct journal_filter *filter,
                 journal_visit_run *visit, void *context, struct error *err);

/* All entries of a run in order. A run without entries: 0. */
int journal_entries(struct journal *journal, uint64_t number, journal_visit_entry *visit,
                    void *context, struct error *err);
/* Timers in order of their time, soonest first. */
int journal_due(struct journal *journal, journal_visit_due *visit, void *context,
                struct error *err);

/* Are entries of removed runs left to free? */
int journal_leftovers(struct journal *journal, bool *ret, struct error *err);

/* Appends a bundle's contents. TEND_ENOENT. */
int journal_bundle(struct journal *journal, struct bytes hash, struct buffer *out,
                   struct error *err);

/* For removing bundles to which nobody refers: the mark is taken before that is looked into. The
 * journal passes over a bundle that was in a commit since then, known or not; whoever begins to
 * refer to one puts it into the commit. Owner. */
uint64_t journal_bundle_mark(struct journal *journal);
/* The hashes of all bundles, in byte order. */
int journal_bundles(struct journal *journal, journal_visit_key *visit, void *context,
                    struct error *err);

/* Appends the value of a state key; *version (NULL allowed) counts its writes, 0: never written.
 * TEND_ENOENT if there is no value (*version is still set). */
int journal_state(struct journal *journal, struct bytes key, struct buffer *out, uint64_t *version,
                  struct error *err);
/* Keys with a prefix that come after `after` (empty: from the first), in byte order. */
int journal_state_keys(struct journal *journal, struct bytes prefix, struct bytes after,
                       journal_visit_key *visit, void *context, struct error *err);

/* The inbox. Adding is durable when it returns, and nudges the owner if there is one. Any process
 * that has the journal open. */
int journal_inbox_add(struct journal *journal, struct bytes contents, struct error *err);
/* Items that no commit has taken yet, in order. Owner. */
int journal_inbox(struct journal *journal, journal_visit_item *visit, void *context,
                  struct error *err);
/* Deletes items that a commit has taken. Owner, any thread. */
int journal_inbox_trim(struct journal *journal, struct error *err);
/* A descriptor that becomes readable when something was added; the owner's. journal_inbox_nudged()
 * empties it. -1 in a client. */
int journal_inbox_descriptor(struct journal *journal);
void journal_inbox_nudged(struct journal *journal);

/* Copies the journal and its inbox into a folder, which may not be there yet or be empty, while an
 * owner may write: compacted, durable, complete under its name or not there. A backup can be opened
 * as a home. TEND_ECONFLICT: the folder holds something. TEND_ENOENT: the folder above it isn't
 * there. TEND_ESPACE, TEND_EIO. */
int journal_backup(struct journal *journal, const char *folder, uint64_t *size_bytes,
                   struct error *err);

struct journal_restored {
    char moved_to[4400]; /* where the home's own journal lies now; "": there was none */
    uint64_t size_bytes;
};
/* Makes a backup, or a plain copy of a home that nobody owned, the journal of a home. Its owners'
 * fencing numbers go on far beyond those of the backup. TEND_ECONFLICT: the home has a journal, and
 * isn't forced. TEND_EBUSY: somebody owns one of the two. TEND_EFORMAT: it is damaged or of a newer
 * format; the home is as it was. TEND_ENOENT, TEND_ESPACE, TEND_EIO. */
int journal_restore(const char *backup, const char *home, bool is_forced,
                    struct journal_restored *ret, struct error *err);

/* The process id of the owner, or 0 if nobody owns the journal now. */
int64_t journal_owner(struct journal *journal);

/* Once a second: clears readers that died. */
void journal_tick(struct journal *journal);

#endif
