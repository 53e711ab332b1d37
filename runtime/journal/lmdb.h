/* The LMDB backend, shared among its files. What lies where:
 *
 *   journal.mdb  meta      name -> number: format, fence, inbox_taken, last_number (see
 * lmdb_remove.c) entries   counter -> one run's entries of one commit (lmdb_entries.c) tail run ->
 * where its entries end, if that is newer than its record, or if the run was removed and entries
 * are left to free runs      run -> its record (lmdb_runs.c) byid      id -> run idx secondary
 * indexes (lmdb_index.h) bundles   hash -> contents state     key -> version, value (lmdb_state.c)
 *   inbox.mdb    meta, items (lmdb_inbox.c); a file of its own, so that a client that is stopped
 *                in the middle of adding to it can't stop the engine
 *   owner, nudge.sock, *.mdb-lock
 *
 * Numbers in values are in the machine's byte order, as everything of LMDB is.
 * May be used by: journal/lmdb*.c. May use: base/, LMDB. */
#ifndef TEND_JOURNAL_LMDB_H
#define TEND_JOURNAL_LMDB_H

#include <lmdb.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "journal/backend.h"
#include "journal/compress.h"
#include "journal/home.h"
#include "journal/lmdb_file.h"
#include "journal/nudge.h"

enum lmdb_table_number {
    TABLE_META, /* first: see lmdb_file.h */
    TABLE_ENTRIES,
    TABLE_TAIL,
    TABLE_RUNS,
    TABLE_BYID,
    TABLE_IDX,
    TABLE_BUNDLES,
    TABLE_STATE,
    TABLE_COUNT
};

enum lmdb_inbox_table_number { INBOX_META, INBOX_ITEMS, INBOX_TABLE_COUNT };

struct lmdb_journal {
    struct journal base; /* first */
    enum journal_mode mode;
    struct home home;
    int owner_lock; /* -1: not ours */
    uint64_t fence;
    struct lmdb_file file;
    MDB_dbi tables[TABLE_COUNT];
    struct lmdb_file inbox;
    MDB_dbi inbox_tables[INBOX_TABLE_COUNT];
    struct nudge nudge;
    atomic_uint_fast64_t bundle_commits; /* that had bundles; journal_bundle_mark() */
    struct map bundles_seen;             /* hash -> number of the last of these commits */
    uint64_t all_seen;                   /* … that counts for every hash: one wasn't noted */
    struct buffer parts;                 /* lmdb_commit.c: its memory, kept between commits */
    struct buffer raw;                   /* … lmdb_entries.c */
    struct compressor compressor;        /* of the thread that commits */
};

static inline struct lmdb_journal *lmdb_journal_of(struct journal *journal) {
    return (struct lmdb_journal *)(void *)journal;
}

/* ---- reading: a snapshot ---- */

static inline int lmdb_read_begin(struct lmdb_journal *journal, MDB_txn **ret, struct error *err) {
    return lmdb_file_begin(&journal->file, MDB_RDONLY, ret, err);
}

static inline void lmdb_read_end(struct lmdb_journal *journal, MDB_txn *txn) {
    lmdb_file_abort(&journal->file, txn);
}

/* ---- writing: one commit ---- */

struct lmdb_write {
    struct lmdb_journal *journal;
    MDB_txn *txn;
    MDB_cursor *cursors[TABLE_COUNT]; /* opened when first used; they end with the transaction */
    struct error *err;
};

/* All of these return 0 or a TEND_E… with write->err filled. */

int lmdb_write_cursor(struct lmdb_write *write, enum lmdb_table_number table, MDB_cursor **ret);
/* For a code of LMDB's: TEND_ESPACE or TEND_EFORMAT if that is the cause, otherwise TEND_EIO. */
int lmdb_write_error(struct lmdb_write *write, int code, const char *doing);
int lmdb_write_put(struct lmdb_write *write, enum lmdb_table_number table, MDB_val key,
                   MDB_val *value, unsigned flags, const char *doing);

/* Where a run's entries end: its last record in `entries` (0: none), the sequence that is next. */
struct run_position {
    uint64_t last_record;
    uint32_t next_sequence;
    uint64_t origin; /* the run that wrote them, if it isn't the one that has them; or 0 */
};

/* One run's transitions in a batch, in their order. */
struct run_part {
    uint64_t number;
    size_t place; /* in the batch */
    const struct journal_transition *transition;
};

/* lmdb_entries.c: the record before one in a run's chain. False: it isn't the run's. */
bool lmdb_entries_follow(MDB_val record, uint64_t number, struct run_position *position);
/* Writes the entries of all parts behind *position, and moves it. */
int lmdb_entries_write(struct lmdb_write *write, const struct run_part *parts, size_t part_count,
                       struct run_position *position);
/* lmdb_runs.c: makes a run's transitions durable: entries, and its record or its tail. */
int lmdb_run_write(struct lmdb_write *write, const struct run_part *parts, size_t part_count);
/* Of a run as it was before this commit, or as this commit left it. MDB_NOTFOUND: no such run. */
int lmdb_run_position(struct lmdb_journal *journal, MDB_txn *txn, uint64_t number,
                      struct run_position *ret);
/* Takes a run out of `runs`, `byid`, `idx` and `tail`, unless it is not as the removal says.
 * *ret: where its entries end; last_record 0: nothing was removed, or there are none. */
int lmdb_run_remove(struct lmdb_write *write, const struct journal_removal *removal,
                    struct run_position *ret, bool *is_removed);
int lmdb_tail_remove(struct lmdb_write *write, uint64_t number);
/* lmdb_remove.c */
int lmdb_remove(struct lmdb_write *write, const struct journal_batch *batch);
/* The highest run number that was ever removed, in *ret. Codes of LMDB. */
int lmdb_removed_number(struct lmdb_journal *journal, MDB_txn *txn, uint64_t *ret);
/* lmdb_state.c */
int lmdb_state_erase(struct lmdb_write *write, struct bytes prefix);
int lmdb_bundle_remove(struct lmdb_write *write, struct bytes hash);
int lmdb_bundle_write(struct lmdb_write *write, const struct journal_bundle *bundle);
int lmdb_state_write(struct lmdb_write *write, const struct journal_state_write *change);

/* ---- the operations ---- */

int lmdb_commit(struct journal *journal, const struct journal_batch *batch, struct error *err);

int lmdb_last_number(struct journal *journal, uint64_t *ret, struct error *err);
int lmdb_run(struct journal *journal, uint64_t number, journal_visit_run *visit, void *context,
             struct error *err);
int lmdb_run_by_id(struct journal *journal, struct bytes id, journal_visit_run *visit,
                   void *context, struct error *err);
int lmdb_runs(struct journal *journal, const struct journal_filter *filter,
              journal_visit_run *visit, void *context, struct error *err);
int lmdb_due(struct journal *journal, journal_visit_due *visit, void *context, struct error *err);

int lmdb_entries(struct journal *journal, uint64_t number, journal_visit_entry *visit,
                 void *context, struct error *err);

int lmdb_leftovers(struct journal *journal, bool *ret, struct error *err);

int lmdb_bundles(struct journal *journal, journal_visit_key *visit, void *context,
                 struct error *err);
int lmdb_bundle(struct journal *journal, struct bytes hash, struct buffer *out, struct error *err);
int lmdb_state(struct journal *journal, struct bytes key, struct buffer *out, uint64_t *version,
               struct error *err);
int lmdb_state_keys(struct journal *journal, struct bytes prefix, struct bytes after,
                    journal_visit_key *visit, void *context, struct error *err);

int lmdb_backup(struct journal *journal, const char *folder, uint64_t *size_bytes,
                struct error *err);

extern const struct lmdb_layout lmdb_layout, lmdb_inbox_layout;
int lmdb_inbox_add(struct journal *journal, struct bytes contents, struct error *err);
int lmdb_inbox(struct journal *journal, journal_visit_item *visit, void *context,
               struct error *err);
int lmdb_inbox_trim(struct journal *journal, struct error *err);

#endif
