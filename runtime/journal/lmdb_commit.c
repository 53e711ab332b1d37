/* A commit: one transaction for the whole batch, and the room for it reserved before anything is
 * written. The transitions are gathered by run, so that a run's entries of one commit lie together
 * and its record and indexes are written once, and in the order of their numbers, so that runs
 * which lie in the same pages are met one after the other. */
#include <stdlib.h>

#include "journal/lmdb.h"

enum {
    LEAST_RESERVE_BYTES = 2 << 20, /* also what pruning lives on when the disk is full */
    PAGES_A_RECORD = 10, /* leaves of runs, byid, tail and up to six index keys; generously */
    PAGES_A_ROW = 3,
    KEPT_BYTES = 1 << 20
};

/* ---- writing ---- */

int lmdb_write_cursor(struct lmdb_write *write, enum lmdb_table_number table, MDB_cursor **ret) {
    if (!write->cursors[table]) {
        int code =
            mdb_cursor_open(write->txn, write->journal->tables[table], &write->cursors[table]);
        if (code) return lmdb_write_error(write, code, "opening a table");
    }
    *ret = write->cursors[table];
    return 0;
}

int lmdb_write_error(struct lmdb_write *write, int code, const char *doing) {
    int status = lmdb_file_error(&write->journal->file, code, doing, write->err);
    bool is_batch_wrong = code == MDB_BAD_VALSIZE || code == MDB_TXN_FULL;
    if (status == TEND_ESPACE || status == TEND_ENOMEM || is_batch_wrong) return status;
    if (write->err) write->err->status = TEND_EIO; /* the file, not the batch, is at fault */
    return TEND_EIO;
}

int lmdb_write_put(struct lmdb_write *write, enum lmdb_table_number table, MDB_val key,
                   MDB_val *value, unsigned flags, const char *doing) {
    MDB_cursor *cursor = NULL;
    int status = lmdb_write_cursor(write, table, &cursor);
    if (status) return status;
    int code = mdb_cursor_put(cursor, &key, value, flags);
    return code ? lmdb_write_error(write, code, doing) : 0;
}

/* ---- room ---- */

static uint64_t transition_bytes(const struct journal_transition *transition) {
    uint64_t size = 0;
    for (size_t i = 0; i < transition->entry_count; i++) size += transition->entries[i].size + 10;
    if (transition->record) size += transition->record->body.size + 512;
    return size;
}

/* What the batch may need on the disk: twice its bytes, and the pages that it touches, of which
 * there can't be more than the file has. */
static uint64_t room_needed(struct lmdb_journal *journal, const struct journal_batch *batch) {
    uint64_t size = 0, pages = 0;
    for (size_t i = 0; i < batch->bundle_count; i++, pages += PAGES_A_ROW)
        size += batch->bundles[i].contents.size;
    for (size_t i = 0; i < batch->state_write_count; i++, pages += PAGES_A_ROW)
        size += batch->state_writes[i].value.size + JOURNAL_STATE_KEY_MAX;
    for (size_t i = 0; i < batch->transition_count; i++) {
        size += transition_bytes(&batch->transitions[i]);
        pages += batch->transitions[i].record ? PAGES_A_RECORD : PAGES_A_ROW;
        if (batch->transitions[i].past) pages += PAGES_A_RECORD;
    }
    pages += batch->removal_count * PAGES_A_RECORD + batch->removed_bundle_count * PAGES_A_ROW;
    pages += batch->freed_max; /* a page each at worst; what they free is used later */
    uint64_t touched = pages * journal->file.page_bytes;
    uint64_t used = lmdb_file_used(&journal->file);
    uint64_t need = 2 * size + (touched < used ? touched : used);
    return need > LEAST_RESERVE_BYTES ? need : LEAST_RESERVE_BYTES;
}

/* ---- the batch ---- */

static int part_order(const void *one, const void *other) {
    const struct run_part *a = one, *b = other;
    if (a->number != b->number) return a->number < b->number ? -1 : 1;
    return a->place < b->place ? -1 : a->place > b->place;
}

/* The batch's transitions by run, in `journal->parts`. */
static struct run_part *gather(struct lmdb_journal *journal, const struct journal_batch *batch,
                               struct error *err) {
    buffer_clear(&journal->parts);
    bool is_sorted = true;
    for (size_t i = 0; i < batch->transition_count; i++) {
        const struct journal_transition *transition = &batch->transitions[i];
        struct run_part part = {transition->number, i, transition};
        if (i && transition->number < transition[-1].number) is_sorted = false;
        buffer_add(&journal->parts, &part, sizeof part);
    }
    if (buffer_check(&journal->parts, err)) return NULL;
    struct run_part *parts = (struct run_part *)(void *)journal->parts.data;
    if (!is_sorted) qsort(parts, batch->transition_count, sizeof *parts, part_order);
    return parts;
}

static int write_transitions(struct lmdb_write *write, const struct journal_batch *batch) {
    if (batch->transition_count == 0) return 0;
    const struct run_part *parts = gather(write->journal, batch, write->err);
    if (!parts) return TEND_ENOMEM;
    for (size_t first = 0, end; first < batch->transition_count; first = end) {
        for (end = first + 1; end < batch->transition_count; end++)
            if (parts[end].number != parts[first].number) break;
        int status = lmdb_run_write(write, parts + first, end - first);
        if (status) return status;
    }
    return 0;
}

static int write_taken(struct lmdb_write *write, uint64_t item) {
    const MDB_dbi meta = write->journal->tables[TABLE_META];
    uint64_t before;
    int code = lmdb_meta_get(write->txn, meta, "inbox_taken", &before);
    if (!code && item > before) code = lmdb_meta_put(write->txn, meta, "inbox_taken", item);
    return code ? lmdb_write_error(write, code, "marking the inbox") : 0;
}

static bool is_seen_since(const struct lmdb_journal *journal, struct bytes hash, uint64_t mark) {
    return journal->all_seen > mark || (uintptr_t)map_get(&journal->bundles_seen, hash) > mark;
}

/* Which bundles this commit has, for removals that were decided before it. */
static void note_bundles(struct lmdb_journal *journal, const struct journal_batch *batch) {
    uint64_t number = atomic_load(&journal->bundle_commits) + 1;
    for (size_t i = 0; i < batch->bundle_count; i++)
        if (map_set(&journal->bundles_seen, batch->bundles[i].hash, (void *)(uintptr_t)number))
            journal->all_seen = number;
}

static int write_batch(struct lmdb_write *write, const struct journal_batch *batch) {
    int status =
        lmdb_file_reserve(&write->journal->file, room_needed(write->journal, batch), write->err);
    for (size_t i = 0; !status && i < batch->removed_bundle_count; i++)
        if (!is_seen_since(write->journal, batch->removed_bundles[i], batch->bundle_mark))
            status = lmdb_bundle_remove(write, batch->removed_bundles[i]);
    for (size_t i = 0; !status && i < batch->bundle_count; i++)
        status = lmdb_bundle_write(write, &batch->bundles[i]);
    if (!status) status = write_transitions(write, batch);
    for (size_t i = 0; !status && i < batch->state_write_count; i++)
        status = lmdb_state_write(write, &batch->state_writes[i]);
    if (!status) status = lmdb_remove(write, batch);
    if (!status && batch->inbox_taken) status = write_taken(write, batch->inbox_taken);
    return status;
}

static bool is_empty(const struct journal_batch *batch) {
    return !batch->bundle_count && !batch->transition_count && !batch->state_write_count &&
           !batch->removal_count && !batch->removed_bundle_count && !batch->freed_max &&
           !batch->inbox_taken;
}

/* What a large value needed isn't kept. */
static void let_go(struct lmdb_journal *journal) {
    if (journal->raw.capacity > KEPT_BYTES) buffer_done(&journal->raw);
    if (journal->compressor.frame.capacity > KEPT_BYTES) buffer_done(&journal->compressor.frame);
}

int lmdb_commit(struct journal *base, const struct journal_batch *batch, struct error *err) {
    struct lmdb_journal *journal = lmdb_journal_of(base);
    struct lmdb_write write = {.journal = journal, .err = err};
    if (journal->mode != JOURNAL_OWNER)
        return error_set(err, TEND_EBUSY, "only its owner may write to %s", journal->file.path);
    if (is_empty(batch)) return 0;
    int status = lmdb_file_begin(&journal->file, 0, &write.txn, err);
    if (status) return status;
    status = write_batch(&write, batch);
    let_go(journal);
    if (status) {
        lmdb_file_abort(&journal->file, write.txn);
        return status;
    }
    note_bundles(journal, batch);
    status = lmdb_file_commit(&journal->file, write.txn, err);
    /* after the commit: whoever reads the mark before sees none of it, or all */
    if (!status && batch->bundle_count) atomic_fetch_add(&journal->bundle_commits, 1);
    return status;
}
