/* The inbox: what other processes hand to the engine. A file of its own, so that a client which is
 * stopped in the middle of a write holds up other clients, but never the engine.
 *
 * An item is dealt with exactly once because its number goes into the journal (`inbox_taken`) in
 * the same commit as what it caused; deleting it is housekeeping and may come late or never. Its
 * number is one more than the largest of what lies in the inbox and what was ever taken: items are
 * deleted only once they are taken, so no number is used twice. */
#include <string.h>

#include "journal/lmdb.h"

static const struct lmdb_table tables[INBOX_TABLE_COUNT] = {
    [INBOX_META] = {"meta", 0},
    [INBOX_ITEMS] = {"items", MDB_INTEGERKEY},
};

const struct lmdb_layout lmdb_inbox_layout = {
    .name = "inbox.mdb",
    .what = "inbox",
    .tables = tables,
    .table_count = INBOX_TABLE_COUNT,
    .format = 1,
    .map_bytes = (size_t)1 << 34,
};

enum { LEAST_RESERVE_BYTES = 64 * 1024 };

/* The number of the last item that a commit has dealt with. */
static int read_taken(struct lmdb_journal *journal, uint64_t *ret, struct error *err) {
    MDB_txn *txn;
    int status = lmdb_read_begin(journal, &txn, err);
    if (status) return status;
    int code = lmdb_meta_get(txn, journal->tables[TABLE_META], "inbox_taken", ret);
    lmdb_read_end(journal, txn);
    return code ? lmdb_file_error(&journal->file, code, "reading what was taken", err) : 0;
}

/* ---- adding ---- */

static int append(struct lmdb_journal *journal, MDB_txn *txn, uint64_t taken,
                  struct bytes contents) {
    MDB_cursor *cursor; /* ends with the transaction */
    MDB_val key, value;
    int code = mdb_cursor_open(txn, journal->inbox_tables[INBOX_ITEMS], &cursor);
    if (code) return code;
    uint64_t last = 0;
    code = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
    if (code && code != MDB_NOTFOUND) return code;
    if (!code) memcpy(&last, key.mv_data, sizeof last);
    uint64_t number = (last > taken ? last : taken) + 1;
    key = lmdb_val(&number, sizeof number);
    value = lmdb_val(contents.data, contents.size);
    return mdb_cursor_put(cursor, &key, &value, MDB_APPEND);
}

/* Taken is read while nobody can delete: what was deleted before is counted in it. */
static int add(struct lmdb_journal *journal, MDB_txn *txn, struct bytes contents,
               struct error *err) {
    uint64_t taken;
    int status = read_taken(journal, &taken, err);
    if (!status)
        status = lmdb_file_reserve(&journal->inbox, 2 * contents.size + LEAST_RESERVE_BYTES, err);
    if (status) return status;
    int code = append(journal, txn, taken, contents);
    return code ? lmdb_file_error(&journal->inbox, code, "adding to the inbox", err) : 0;
}

int lmdb_inbox_add(struct journal *base, struct bytes contents, struct error *err) {
    struct lmdb_journal *journal = lmdb_journal_of(base);
    MDB_txn *txn;
    int status = lmdb_file_begin(&journal->inbox, 0, &txn, err);
    if (status) return status;
    status = add(journal, txn, contents, err);
    if (status) {
        lmdb_file_abort(&journal->inbox, txn);
        return status;
    }
    status = lmdb_file_commit(&journal->inbox, txn, err);
    if (!status) nudge_send(&journal->nudge);
    return status;
}

/* ---- reading ---- */

static int visit_items(MDB_cursor *cursor, uint64_t taken, journal_visit_item *visit,
                       void *context) {
    uint64_t number = taken + 1;
    MDB_val key = lmdb_val(&number, sizeof number), value;
    int code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    while (code == 0) {
        memcpy(&number, key.mv_data, sizeof number);
        if (!visit(context, number, (struct bytes){value.mv_data, value.mv_size})) return 0;
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    return code == MDB_NOTFOUND ? 0 : code;
}

int lmdb_inbox(struct journal *base, journal_visit_item *visit, void *context, struct error *err) {
    struct lmdb_journal *journal = lmdb_journal_of(base);
    MDB_cursor *cursor;
    uint64_t taken;
    MDB_txn *txn;
    int status = read_taken(journal, &taken, err);
    if (!status) status = lmdb_file_begin(&journal->inbox, MDB_RDONLY, &txn, err);
    if (status) return status;
    int code = mdb_cursor_open(txn, journal->inbox_tables[INBOX_ITEMS], &cursor);
    if (!code) {
        code = visit_items(cursor, taken, visit, context);
        mdb_cursor_close(cursor);
    }
    lmdb_file_abort(&journal->inbox, txn);
    return code ? lmdb_file_error(&journal->inbox, code, "reading the inbox", err) : 0;
}

/* ---- trimming ---- */

/* The number of the oldest item, 0 if there is none. */
static int oldest_item(MDB_cursor *cursor, uint64_t *ret) {
    MDB_val key, value;
    int code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    *ret = 0;
    if (!code) memcpy(ret, key.mv_data, sizeof *ret);
    return code == MDB_NOTFOUND ? 0 : code;
}

/* Without the write lock: mostly there is nothing to do. */
static int has_taken_items(struct lmdb_journal *journal, uint64_t taken, bool *ret,
                           struct error *err) {
    MDB_cursor *cursor;
    uint64_t oldest = 0;
    MDB_txn *txn;
    int status = lmdb_file_begin(&journal->inbox, MDB_RDONLY, &txn, err);
    if (status) return status;
    int code = mdb_cursor_open(txn, journal->inbox_tables[INBOX_ITEMS], &cursor);
    if (!code) {
        code = oldest_item(cursor, &oldest);
        mdb_cursor_close(cursor);
    }
    lmdb_file_abort(&journal->inbox, txn);
    if (code) return lmdb_file_error(&journal->inbox, code, "trimming the inbox", err);
    *ret = oldest && oldest <= taken;
    return 0;
}

static int delete_taken(struct lmdb_journal *journal, MDB_txn *txn, uint64_t taken) {
    MDB_cursor *cursor; /* ends with the transaction */
    uint64_t oldest;
    int code = mdb_cursor_open(txn, journal->inbox_tables[INBOX_ITEMS], &cursor);
    if (!code) code = oldest_item(cursor, &oldest);
    while (!code && oldest && oldest <= taken) {
        code = mdb_cursor_del(cursor, 0);
        if (!code) code = oldest_item(cursor, &oldest);
    }
    return code;
}

int lmdb_inbox_trim(struct journal *base, struct error *err) {
    struct lmdb_journal *journal = lmdb_journal_of(base);
    bool is_needed = false;
    uint64_t taken;
    MDB_txn *txn;
    int status = read_taken(journal, &taken, err);
    if (!status) status = has_taken_items(journal, taken, &is_needed, err);
    if (status || !is_needed) return status;
    status = lmdb_file_begin(&journal->inbox, 0, &txn, err);
    if (status) return status;
    int code = delete_taken(journal, txn, taken);
    if (!code) return lmdb_file_commit(&journal->inbox, txn, err);
    lmdb_file_abort(&journal->inbox, txn);
    return lmdb_file_error(&journal->inbox, code, "trimming the inbox", err);
}
