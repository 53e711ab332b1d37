/* The LMDB backend as a whole: opening a journal and closing it. The owner takes the lock first,
 * then nobody else creates anything or writes runs; it makes what is missing, the inbox before the
 * journal, so that whoever sees a journal also sees its inbox. */
#include "journal/lmdb.h"

#include <unistd.h>

#include "base/memory.h"
#include "journal/owner.h"

static const struct lmdb_table tables[TABLE_COUNT] = {
    [TABLE_META] = {"meta", 0},
    [TABLE_ENTRIES] = {"entries", MDB_INTEGERKEY},
    [TABLE_TAIL] = {"tail", MDB_INTEGERKEY},
    [TABLE_RUNS] = {"runs", MDB_INTEGERKEY},
    [TABLE_BYID] = {"byid", 0},
    [TABLE_IDX] = {"idx", 0},
    [TABLE_BUNDLES] = {"bundles", 0},
    [TABLE_STATE] = {"state", 0},
};

const struct lmdb_layout lmdb_layout = {
    .name = "journal.mdb",
    .what = "journal",
    .tables = tables,
    .table_count = TABLE_COUNT,
    .format = 2, /* 2: values may be compressed, runs may be gone */
    .map_bytes = (size_t)1 << 40,
};

/* ---- small operations ---- */

static void lmdb_close(struct journal *base) {
    struct lmdb_journal *journal = lmdb_journal_of(base);
    nudge_done(&journal->nudge);
    lmdb_file_close(&journal->inbox);
    lmdb_file_close(&journal->file);
    owner_release(journal->owner_lock); /* last: the next owner finds everything closed */
    home_done(&journal->home);
    buffer_done(&journal->parts);
    buffer_done(&journal->raw);
    compressor_done(&journal->compressor);
    map_done(&journal->bundles_seen);
    memory_free(journal);
}

static uint64_t lmdb_fence(struct journal *journal) { return lmdb_journal_of(journal)->fence; }

static uint64_t lmdb_bundle_mark(struct journal *journal) {
    return atomic_load(&lmdb_journal_of(journal)->bundle_commits);
}

static int lmdb_inbox_descriptor(struct journal *base) {
    struct lmdb_journal *journal = lmdb_journal_of(base);
    return journal->mode == JOURNAL_OWNER ? journal->nudge.socket : -1;
}

static void lmdb_inbox_nudged(struct journal *journal) {
    nudge_drain(&lmdb_journal_of(journal)->nudge);
}

static int64_t lmdb_owner(struct journal *base) {
    struct lmdb_journal *journal = lmdb_journal_of(base);
    return journal->mode == JOURNAL_OWNER ? getpid() : owner_pid(journal->home.folder);
}

static void lmdb_tick(struct journal *base) {
    struct lmdb_journal *journal = lmdb_journal_of(base);
    lmdb_file_clear_readers(&journal->file);
    lmdb_file_clear_readers(&journal->inbox);
}

static const struct journal_operations operations = {
    .close = lmdb_close,
    .commit = lmdb_commit,
    .fence = lmdb_fence,
    .last_number = lmdb_last_number,
    .run = lmdb_run,
    .run_by_id = lmdb_run_by_id,
    .runs = lmdb_runs,
    .entries = lmdb_entries,
    .due = lmdb_due,
    .leftovers = lmdb_leftovers,
    .bundle = lmdb_bundle,
    .bundle_mark = lmdb_bundle_mark,
    .bundles = lmdb_bundles,
    .state = lmdb_state,
    .state_keys = lmdb_state_keys,
    .inbox_add = lmdb_inbox_add,
    .inbox = lmdb_inbox,
    .inbox_trim = lmdb_inbox_trim,
    .inbox_descriptor = lmdb_inbox_descriptor,
    .inbox_nudged = lmdb_inbox_nudged,
    .backup = lmdb_backup,
    .owner = lmdb_owner,
    .tick = lmdb_tick,
};

/* ---- opening ---- */

/* Counts this owner; its number is larger than that of all before. What it writes from here on, an
 * older tend may not understand: the format says so. */
static int raise_fence(struct lmdb_journal *journal, struct error *err) {
    MDB_txn *txn;
    int status = lmdb_file_begin(&journal->file, 0, &txn, err);
    if (status) return status;
    uint64_t fence = 0;
    status = lmdb_file_reserve(&journal->file, 64 * 1024, err);
    if (!status) {
        int code = lmdb_meta_get(txn, journal->tables[TABLE_META], "fence", &fence);
        if (!code) code = lmdb_meta_put(txn, journal->tables[TABLE_META], "fence", ++fence);
        if (!code)
            code = lmdb_meta_put(txn, journal->tables[TABLE_META], "format", lmdb_layout.format);
        if (code) status = lmdb_file_error(&journal->file, code, "counting the owner", err);
    }
    if (status) {
        lmdb_file_abort(&journal->file, txn);
        return status;
    }
    status = lmdb_file_commit(&journal->file, txn, err);
    if (!status) journal->fence = fence;
    return status;
}

static int open_files(struct lmdb_journal *journal, struct error *err) {
    bool is_client = journal->mode == JOURNAL_CLIENT;
    int status = lmdb_file_open(&journal->file, &journal->home, &lmdb_layout, is_client,
                                journal->tables, err);
    if (status) return status;
    return lmdb_file_open(&journal->inbox, &journal->home, &lmdb_inbox_layout, false,
                          journal->inbox_tables, err);
}

static int open_nudge(struct lmdb_journal *journal, struct error *err) {
    return nudge_open(&journal->nudge, journal->home.path, journal->home.folder,
                      journal->mode == JOURNAL_OWNER, err);
}

static int open_owner(struct lmdb_journal *journal, const char *home, struct error *err) {
    int status = home_open(&journal->home, home, true, err);
    if (!status) status = owner_take(journal->home.folder, home, &journal->owner_lock, err);
    if (!status) status = lmdb_file_create(&journal->home, &lmdb_inbox_layout, err);
    if (!status) status = lmdb_file_create(&journal->home, &lmdb_layout, err);
    if (!status) status = open_files(journal, err);
    if (!status) status = raise_fence(journal, err);
    if (!status) status = open_nudge(journal, err);
    return status;
}

/* LMDB takes the second opening in a process for the first, and clears the first one's locks. */
static int check_not_ours(const struct lmdb_journal *journal, const char *home, struct error *err) {
    if (!owner_is_this_process(journal->home.folder)) return 0;
    return error_set(err, TEND_EBUSY, "this process has the journal in %s open already", home);
}

static int open_client(struct lmdb_journal *journal, const char *home, struct error *err) {
    int status = home_open(&journal->home, home, false, err);
    if (!status) status = check_not_ours(journal, home, err);
    if (!status) status = open_files(journal, err);
    if (status == TEND_ENOENT)
        return error_set(err, TEND_ENOENT,
                         "no journal in %s (%s/%s): start a workflow with `tend run` first, or "
                         "name the right folder with --home",
                         home, home, lmdb_layout.name);
    return status ? status : open_nudge(journal, err);
}

int lmdb_journal_open(const char *home, enum journal_mode mode, struct journal **ret,
                      struct error *err) {
    struct lmdb_journal *journal = memory_new(sizeof *journal);
    if (!journal) return error_no_memory(err);
    journal->base.operations = &operations;
    journal->mode = mode;
    journal->home = (struct home){NULL, -1};
    journal->owner_lock = -1;
    journal->nudge.socket = -1;
    int status =
        mode == JOURNAL_OWNER ? open_owner(journal, home, err) : open_client(journal, home, err);
    if (status) {
        lmdb_close(&journal->base);
        return status;
    }
    *ret = &journal->base;
    return 0;
}
