/* Keys of the table `idx`, in which all secondary indexes live, and walks over run numbers.
 *
 *   T  due time (8 bytes)  run (8)     when a run's soonest timer is due
 *   S  status (1)          run (8)     every run
 *   W  workflow hash (4)   run (8)     every run; names may share a hash, so compare the name too
 *
 * Numbers are big-endian, so the byte order is theirs. There is no index by time: run numbers
 * ascend by acceptance.
 *
 * A selection is the runs that are in all of its groups, a group being the union of some walks
 * (status 1 or 3). Walks leap: each seeks to where the others are, so the cost is that of the
 * smallest group.
 * May be used by: journal/lmdb*.c. May use: base/, LMDB. */
#ifndef TEND_JOURNAL_LMDB_INDEX_H
#define TEND_JOURNAL_LMDB_INDEX_H

#include <lmdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum { INDEX_PREFIX_MAX = 9, INDEX_KEY_MAX = INDEX_PREFIX_MAX + 8, STATUS_COUNT = 32 };

struct index_key {
    unsigned char bytes[INDEX_KEY_MAX];
    size_t prefix_size; /* the run number follows */
};

struct index_key index_due(int64_t due_at_us, uint64_t number);
struct index_key index_status(uint8_t status, uint64_t number);
struct index_key index_workflow(struct bytes workflow, uint64_t number);
MDB_val index_key_val(const struct index_key *key);
bool index_key_equal(const struct index_key *a, const struct index_key *b);
/* Reads a T key; false if it is none. */
bool index_read_due(MDB_val key, int64_t *due_at_us, uint64_t *number);

/* Run numbers under one prefix of `idx`, or all of them (prefix_size 0: the table `runs`). */
struct index_walk {
    MDB_cursor *cursor;
    unsigned char prefix[INDEX_PREFIX_MAX];
    size_t prefix_size;
    uint64_t number; /* where it stands; 0: not yet anywhere */
    bool is_done;
};

struct index_group {
    struct index_walk walks[STATUS_COUNT];
    size_t walk_count;
};

enum { SELECTION_GROUPS = 2 };

struct index_selection {
    struct index_group groups[SELECTION_GROUPS];
    size_t group_count;
    bool oldest_first;
};

/* Adds a walk to a group. `key` gives the prefix; NULL: all runs. Returns LMDB's codes. */
int index_group_add(struct index_group *group, MDB_txn *txn, MDB_dbi dbi,
                    const struct index_key *key);
/* The first selected run at `from` or after it, in the selection's direction. MDB_NOTFOUND: none.
 * `from` may only move on. */
int index_selection_seek(struct index_selection *selection, uint64_t from, uint64_t *ret);
void index_selection_done(struct index_selection *selection);

#endif
