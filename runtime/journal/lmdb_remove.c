/* Removing runs. A run is gone with one commit: its record, id and indexes. Its entries may be
 * many, so they are freed in pieces; between these `tail` says where the rest of the chain ends,
 * for a run that has no record any more. What a crash leaves is found there.
 *
 * The highest number that was ever removed is kept in `meta`, for run numbers are never given
 * twice: somebody may still speak of the old one. */
#include <string.h>

#include "journal/lmdb.h"

struct rest {
    uint64_t last_record;
    uint32_t next_sequence;
    uint32_t unused;
    uint64_t origin; /* struct run_position */
};
_Static_assert(sizeof(struct rest) == 24, "part of the format");

static const char last_number_name[] = "last_number";

int lmdb_removed_number(struct lmdb_journal *journal, MDB_txn *txn, uint64_t *ret) {
    return lmdb_meta_get(txn, journal->tables[TABLE_META], last_number_name, ret);
}

/* ---- the runs ---- */

static int write_rest(struct lmdb_write *write, uint64_t number,
                      const struct run_position *position) {
    struct rest rest = {position->last_record, position->next_sequence, 0, position->origin};
    MDB_val value = lmdb_val(&rest, sizeof rest);
    return lmdb_write_put(write, TABLE_TAIL, lmdb_val(&number, sizeof number), &value, 0,
                          "removing a run");
}

static int remove_one(struct lmdb_write *write, const struct journal_removal *removal) {
    struct run_position position;
    bool is_removed;
    int status = lmdb_run_remove(write, removal, &position, &is_removed);
    if (status || !is_removed) return status;
    if (position.last_record) status = write_rest(write, removal->number, &position);
    for (size_t i = 0; !status && i < removal->prefix_count; i++)
        status = lmdb_state_erase(write, removal->prefixes[i]);
    return status;
}

static int note_number(struct lmdb_write *write, uint64_t number) {
    uint64_t before;
    const MDB_dbi meta = write->journal->tables[TABLE_META];
    int code = lmdb_removed_number(write->journal, write->txn, &before);
    if (!code && number > before) code = lmdb_meta_put(write->txn, meta, last_number_name, number);
    return code ? lmdb_write_error(write, code, "removing runs") : 0;
}

static int remove_runs(struct lmdb_write *write, const struct journal_batch *batch) {
    uint64_t highest = 0;
    int status = 0;
    for (size_t i = 0; !status && i < batch->removal_count; i++) {
        status = remove_one(write, &batch->removals[i]);
        if (batch->removals[i].number > highest) highest = batch->removals[i].number;
    }
    return status || !highest ? status : note_number(write, highest);
}

/* ---- their entries ---- */

/* The first run from `number` on that has a tail and no record. 0 in *ret: there is none. */
static int next_leftover(struct lmdb_journal *journal, MDB_txn *txn, uint64_t number,
                         uint64_t *ret) {
    MDB_cursor *cursor;
    MDB_val key = lmdb_val(&number, sizeof number), value, record;
    int code = mdb_cursor_open(txn, journal->tables[TABLE_TAIL], &cursor);
    if (code) return code;
    *ret = 0;
    code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    for (; !code; code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        code = mdb_get(txn, journal->tables[TABLE_RUNS], &key, &record);
        if (code == MDB_NOTFOUND) memcpy(ret, key.mv_data, sizeof *ret);
        if (code) break;
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? 0 : code;
}

static int read_rest(struct lmdb_write *write, uint64_t number, struct run_position *ret) {
    MDB_val key = lmdb_val(&number, sizeof number), value;
    struct rest rest;
    int code = mdb_get(write->txn, write->journal->tables[TABLE_TAIL], &key, &value);
    if (!code && value.mv_size != sizeof rest) code = MDB_CORRUPTED;
    if (code) return lmdb_write_error(write, code, "freeing entries");
    memcpy(&rest, value.mv_data, sizeof rest);
    *ret = (struct run_position){rest.last_record, rest.next_sequence, rest.origin};
    return 0;
}

/* Frees the chain from its end, as far as *left goes. A chain that is damaged ends there. */
static int free_chain(struct lmdb_write *write, uint64_t number, struct run_position *position,
                      size_t *left) {
    MDB_cursor *cursor = NULL;
    int status = lmdb_write_cursor(write, TABLE_ENTRIES, &cursor);
    while (!status && position->last_record && *left) {
        MDB_val key = lmdb_val(&position->last_record, sizeof position->last_record), value;
        struct run_position before = *position;
        int code = mdb_cursor_get(cursor, &key, &value, MDB_SET);
        bool is_whole = !code && lmdb_entries_follow(value, number, &before);
        if (is_whole) code = mdb_cursor_del(cursor, 0);
        if (code && code != MDB_NOTFOUND) return lmdb_write_error(write, code, "freeing entries");
        *position = is_whole ? before : (struct run_position){0, 0, 0};
        --*left;
    }
    return status;
}

static int free_one(struct lmdb_write *write, uint64_t number, size_t *left) {
    struct run_position position;
    int status = read_rest(write, number, &position);
    if (!status) status = free_chain(write, number, &position, left);
    if (status) return status;
    if (position.last_record) return write_rest(write, number, &position);
    return lmdb_tail_remove(write, number);
}

static int free_leftovers(struct lmdb_write *write, size_t left) {
    uint64_t number = 1;
    int status = 0;
    while (!status && left) {
        int code = next_leftover(write->journal, write->txn, number, &number);
        if (code) return lmdb_write_error(write, code, "freeing entries");
        if (!number) return 0;
        status = free_one(write, number, &left);
        number++;
    }
    return status;
}

int lmdb_remove(struct lmdb_write *write, const struct journal_batch *batch) {
    int status = remove_runs(write, batch);
    if (!status && batch->freed_max) status = free_leftovers(write, batch->freed_max);
    return status;
}

int lmdb_leftovers(struct journal *base, bool *ret, struct error *err) {
    struct lmdb_journal *journal = lmdb_journal_of(base);
    uint64_t number = 0;
    MDB_txn *txn;
    int status = lmdb_read_begin(journal, &txn, err);
    if (status) return status;
    int code = next_leftover(journal, txn, 1, &number);
    lmdb_read_end(journal, txn);
    if (code) return lmdb_file_error(&journal->file, code, "looking for removed runs", err);
    *ret = number != 0;
    return 0;
}
