/* Runs: their records, the indexes that follow from them, and finding them again.
 *
 * A record in `runs` is a struct run_header, then id, workflow and body. While a run only gets
 * entries its record stays as it is and `tail` says where the entries end; the next record takes
 * that over and removes the tail (measured: records and indexes would double the cost of a step).
 * So where a run's entries end is in its tail, and in its record if it has none. */
#include <string.h>

#include "journal/lmdb.h"
#include "journal/lmdb_index.h"

struct run_header {
    int64_t due_at_us;
    uint64_t owner;
    uint64_t last_record;
    uint32_t next_sequence;
    uint16_t id_size;
    uint16_t workflow_size;
    uint8_t status;
    uint8_t flags;     /* 0; for compression */
    uint8_t origin[6]; /* struct run_position, low byte first */
};
_Static_assert(sizeof(struct run_header) == 40, "part of the format");

struct tail {
    uint64_t last_record;
    uint32_t next_sequence;
    uint32_t unused;
};
_Static_assert(sizeof(struct tail) == 16, "part of the format");

/* ---- a record as it is stored ---- */

static uint64_t read_origin(const uint8_t origin[6]) {
    uint64_t number = 0;
    for (size_t i = 6; i-- > 0;) number = number << 8 | origin[i];
    return number;
}

static void write_origin(uint64_t number, uint8_t origin[6]) {
    for (size_t i = 0; i < 6; i++) origin[i] = (uint8_t)(number >> (8 * i));
}

/* `run` borrows from `value`. */
static bool unpack(MDB_val value, uint64_t number, struct journal_run *run,
                   struct run_position *position) {
    struct run_header header;
    if (value.mv_size < sizeof header) return false;
    memcpy(&header, value.mv_data, sizeof header);
    size_t names = sizeof header + header.id_size + header.workflow_size;
    if (value.mv_size < names || header.flags) return false;
    const char *id = (const char *)value.mv_data + sizeof header;
    *run = (struct journal_run){
        .number = number,
        .id = {id, header.id_size},
        .workflow = {id + header.id_size, header.workflow_size},
        .status = header.status,
        .due_at_us = header.due_at_us,
        .owner = header.owner,
        .next_sequence = header.next_sequence,
        .body = {id + header.id_size + header.workflow_size, value.mv_size - names},
    };
    *position =
        (struct run_position){header.last_record, header.next_sequence, read_origin(header.origin)};
    return true;
}

static char *put_bytes(char *out, struct bytes bytes) {
    if (bytes.size) memcpy(out, bytes.data, bytes.size);
    return out + bytes.size;
}

static size_t packed_size(const struct journal_run *run) {
    return sizeof(struct run_header) + run->id.size + run->workflow.size + run->body.size;
}

static void pack(char *out, const struct journal_run *run, const struct run_position *position) {
    struct run_header header = {
        .due_at_us = run->due_at_us,
        .owner = run->owner,
        .last_record = position->last_record,
        .next_sequence = position->next_sequence,
        .id_size = (uint16_t)run->id.size,
        .workflow_size = (uint16_t)run->workflow.size,
        .status = run->status,
    };
    write_origin(position->origin, header.origin);
    memcpy(out, &header, sizeof header);
    out = put_bytes(out + sizeof header, run->id);
    put_bytes(put_bytes(out, run->workflow), run->body);
}

/* ---- where a run's entries end ---- */

static int read_tail(MDB_txn *txn, MDB_dbi dbi, uint64_t number, struct run_position *ret) {
    MDB_val key = lmdb_val(&number, sizeof number), value;
    struct tail tail;
    int code = mdb_get(txn, dbi, &key, &value);
    if (code) return code;
    if (value.mv_size != sizeof tail) return MDB_CORRUPTED;
    memcpy(&tail, value.mv_data, sizeof tail);
    *ret = (struct run_position){tail.last_record, tail.next_sequence, 0};
    return 0;
}

/* A tail alone is that of a run that was removed. */
int lmdb_run_position(struct lmdb_journal *journal, MDB_txn *txn, uint64_t number,
                      struct run_position *ret) {
    MDB_val key = lmdb_val(&number, sizeof number), value;
    struct journal_run run;
    int code = mdb_get(txn, journal->tables[TABLE_RUNS], &key, &value);
    if (code) return code;
    if (!unpack(value, number, &run, ret)) return MDB_CORRUPTED;
    code = read_tail(txn, journal->tables[TABLE_TAIL], number, ret);
    return code == MDB_NOTFOUND ? 0 : code;
}

/* ---- writing ---- */

/* What a run was before this commit: enough of it to change its indexes. */
struct run_before {
    bool exists;
    bool has_tail;
    uint8_t status;
    int64_t due_at_us;
    struct index_key workflow;
    struct run_position position;
};

static int refuse(struct lmdb_write *write, uint64_t number, const char *why) {
    return error_set(write->err, TEND_EFORMAT, "run %llu: %s", (unsigned long long)number, why);
}

static const char *wrong_record(const struct journal_run *record, uint64_t number) {
    if (number == 0) return "runs are numbered from 1";
    if (record->number != number) return "its record has another number";
    if (record->id.size == 0 || record->id.size > JOURNAL_ID_MAX)
        return "its id is too long or empty";
    if (record->workflow.size > UINT16_MAX) return "its workflow's name is too long";
    if (record->status >= STATUS_COUNT) return "its status is out of range";
    return NULL;
}

/* Reads the run as it is, and checks that the record to come fits it. `record`: NULL if none. */
static int read_before(struct lmdb_write *write, uint64_t number, const struct journal_run *record,
                       struct run_before *before) {
    struct lmdb_journal *journal = write->journal;
    MDB_val key = lmdb_val(&number, sizeof number), value;
    struct journal_run run;
    int code = mdb_get(write->txn, journal->tables[TABLE_RUNS], &key, &value);
    if (code == MDB_NOTFOUND) return 0;
    if (code) return lmdb_write_error(write, code, "reading a run");
    if (!unpack(value, number, &run, &before->position))
        return lmdb_write_error(write, MDB_CORRUPTED, "reading a run");
    if (record && !bytes_equal(run.id, record->id))
        return refuse(write, number, "its id can't change");
    before->exists = true;
    before->status = run.status;
    before->due_at_us = run.due_at_us;
    before->workflow = index_workflow(run.workflow, number);
    code = read_tail(write->txn, journal->tables[TABLE_TAIL], number, &before->position);
    before->has_tail = code == 0;
    return code && code != MDB_NOTFOUND ? lmdb_write_error(write, code, "reading a run") : 0;
}

static int index_remove(struct lmdb_write *write, struct index_key key) {
    MDB_val name = index_key_val(&key);
    int code = mdb_del(write->txn, write->journal->tables[TABLE_IDX], &name, NULL);
    return code ? lmdb_write_error(write, code, "changing an index") : 0;
}

static int index_add(struct lmdb_write *write, struct index_key key) {
    MDB_val empty = lmdb_val("", 0);
    return lmdb_write_put(write, TABLE_IDX, index_key_val(&key), &empty, 0, "changing an index");
}

static int replace_key(struct lmdb_write *write, const struct index_key *old,
                       const struct index_key *new) {
    int status = 0;
    if (old) status = index_remove(write, *old);
    if (!status && new) status = index_add(write, *new);
    return status;
}

/* Only what changed is touched. */
static int update_indexes(struct lmdb_write *write, const struct run_before *before,
                          const struct journal_run *run) {
    int status = 0;
    struct index_key old, new;
    if (!before->exists || before->status != run->status) {
        old = index_status(before->status, run->number);
        new = index_status(run->status, run->number);
        status = replace_key(write, before->exists ? &old : NULL, &new);
    }
    if (!status && before->due_at_us != run->due_at_us) {
        old = index_due(before->due_at_us, run->number);
        new = index_due(run->due_at_us, run->number);
        status = replace_key(write, before->due_at_us ? &old : NULL, run->due_at_us ? &new : NULL);
    }
    new = index_workflow(run->workflow, run->number);
    if (!status && (!before->exists || !index_key_equal(&before->workflow, &new)))
        status = replace_key(write, before->exists ? &before->workflow : NULL, &new);
    return status;
}

static int claim_id(struct lmdb_write *write, const struct journal_run *run) {
    MDB_val key = lmdb_val(run->id.data, run->id.size);
    MDB_val value = lmdb_val(&run->number, sizeof run->number);
    int code =
        mdb_put(write->txn, write->journal->tables[TABLE_BYID], &key, &value, MDB_NOOVERWRITE);
    if (code == MDB_KEYEXIST)
        return error_set(write->err, TEND_EFORMAT, "run id %.*s is taken", (int)run->id.size,
                         run->id.data);
    return code ? lmdb_write_error(write, code, "creating a run") : 0;
}

static int write_tail(struct lmdb_write *write, uint64_t number,
                      const struct run_position *position) {
    struct tail tail = {position->last_record, position->next_sequence, 0};
    MDB_val value = lmdb_val(&tail, sizeof tail);
    return lmdb_write_put(write, TABLE_TAIL, lmdb_val(&number, sizeof number), &value, 0,
                          "writing a run's tail");
}

int lmdb_tail_remove(struct lmdb_write *write, uint64_t number) {
    MDB_val key = lmdb_val(&number, sizeof number);
    int code = mdb_del(write->txn, write->journal->tables[TABLE_TAIL], &key, NULL);
    return code ? lmdb_write_error(write, code, "writing a run's tail") : 0;
}

static int write_record(struct lmdb_write *write, const struct run_before *before,
                        const struct journal_run *run, const struct run_position *position) {
    int status = before->exists ? 0 : claim_id(write, run);
    if (!status) status = update_indexes(write, before, run);
    if (!status && before->has_tail) status = lmdb_tail_remove(write, run->number);
    if (status) return status;
    MDB_val value = lmdb_val(NULL, packed_size(run));
    status = lmdb_write_put(write, TABLE_RUNS, lmdb_val(&run->number, sizeof run->number), &value,
                            MDB_RESERVE, "writing a run");
    if (!status) pack(value.mv_data, run, position);
    return status;
}

/* The newest of the run's records in this batch; what was between is nobody's business. */
static const struct journal_run *last_record(const struct run_part *parts, size_t part_count) {
    for (size_t i = part_count; i-- > 0;)
        if (parts[i].transition->record) return parts[i].transition->record;
    return NULL;
}

/* The entries so far become those of another run, which is new: its records stay where they are. */
static int hand_over(struct lmdb_write *write, uint64_t number, const struct journal_run *past,
                     struct run_position *position) {
    const struct run_before none = {.exists = false};
    const char *why = wrong_record(past, past->number);
    if (why) return refuse(write, past->number, why);
    struct run_position taken = *position;
    taken.origin = number;
    *position = (struct run_position){0, 0, 0};
    return write_record(write, &none, past, &taken);
}

/* The parts up to the next one that begins anew. */
static size_t parts_to_write(const struct run_part *parts, size_t part_count) {
    size_t count = 1;
    while (count < part_count && !parts[count].transition->past) count++;
    return count;
}

static int write_entries(struct lmdb_write *write, const struct run_part *parts, size_t part_count,
                         struct run_position *position) {
    int status = 0;
    while (!status && part_count) {
        const struct journal_run *past = parts[0].transition->past;
        size_t count = parts_to_write(parts, part_count);
        if (past) status = hand_over(write, parts[0].number, past, position);
        if (!status) status = lmdb_entries_write(write, parts, count, position);
        parts += count;
        part_count -= count;
    }
    return status;
}

/* What comes too late for a run that was removed is dropped; a new run's first entry is 0. */
static int check_absent(struct lmdb_write *write, const struct run_part *parts, bool has_record,
                        bool *is_late) {
    uint64_t removed = 0;
    int code = lmdb_removed_number(write->journal, write->txn, &removed);
    if (code) return lmdb_write_error(write, code, "reading a run");
    *is_late = parts[0].transition->first_sequence > 0 && parts[0].number <= removed;
    return *is_late || has_record ? 0 : refuse(write, parts[0].number, "there is no such run");
}

int lmdb_run_write(struct lmdb_write *write, const struct run_part *parts, size_t part_count) {
    const uint64_t number = parts[0].number;
    const struct journal_run *record = last_record(parts, part_count);
    const char *why = record ? wrong_record(record, number) : NULL;
    if (why) return refuse(write, number, why);

    struct run_before before = {.exists = false};
    bool is_late = false;
    int status = read_before(write, number, record, &before);
    if (!status && !before.exists) status = check_absent(write, parts, record != NULL, &is_late);
    if (status || is_late) return status;
    struct run_position position = before.position;
    status = write_entries(write, parts, part_count, &position);
    if (status) return status;
    if (record) return write_record(write, &before, record, &position);
    if (position.next_sequence == before.position.next_sequence) return 0;
    return write_tail(write, number, &position);
}

/* ---- removing ---- */

static int remove_key(struct lmdb_write *write, enum lmdb_table_number table, MDB_val key) {
    int code = mdb_del(write->txn, write->journal->tables[table], &key, NULL);
    return code && code != MDB_NOTFOUND ? lmdb_write_error(write, code, "removing a run") : 0;
}

/* Has the run that keeps it moved on? */
static int is_kept(struct lmdb_write *write, const struct journal_removal *removal, bool *ret) {
    struct run_position position;
    *ret = false;
    if (!removal->keeper) return 0;
    int code = lmdb_run_position(write->journal, write->txn, removal->keeper, &position);
    if (code && code != MDB_NOTFOUND) return lmdb_write_error(write, code, "reading a run");
    *ret = code == 0 && position.next_sequence != removal->keeper_sequence;
    return 0;
}

/* The names by which a run is found, copied: what a value points to moves with the first write. */
struct run_names {
    char id[JOURNAL_ID_MAX];
    size_t id_size;
    struct index_key status, workflow, due;
    bool has_due;
};

static int read_names(struct lmdb_write *write, MDB_val key, uint64_t number,
                      struct run_names *names) {
    MDB_val value;
    struct journal_run run;
    struct run_position position;
    int code = mdb_get(write->txn, write->journal->tables[TABLE_RUNS], &key, &value);
    if (!code && (!unpack(value, number, &run, &position) || run.id.size > JOURNAL_ID_MAX))
        code = MDB_CORRUPTED;
    if (code) return lmdb_write_error(write, code, "reading a run");
    memcpy(names->id, run.id.data, run.id.size);
    names->id_size = run.id.size;
    names->status = index_status(run.status, number);
    names->workflow = index_workflow(run.workflow, number);
    names->due = index_due(run.due_at_us, number);
    names->has_due = run.due_at_us != 0;
    return 0;
}

static int remove_names(struct lmdb_write *write, MDB_val key) {
    struct run_names names;
    uint64_t number;
    memcpy(&number, key.mv_data, sizeof number);
    int status = read_names(write, key, number, &names);
    if (!status) status = remove_key(write, TABLE_BYID, lmdb_val(names.id, names.id_size));
    if (!status) status = index_remove(write, names.status);
    if (!status) status = index_remove(write, names.workflow);
    if (!status && names.has_due) status = index_remove(write, names.due);
    return status;
}

int lmdb_run_remove(struct lmdb_write *write, const struct journal_removal *removal,
                    struct run_position *ret, bool *is_removed) {
    const uint64_t number = removal->number;
    MDB_val key = lmdb_val(&number, sizeof number);
    bool is_needed;
    *is_removed = false;
    int status = is_kept(write, removal, &is_needed);
    if (status || is_needed) return status;
    int code = lmdb_run_position(write->journal, write->txn, number, ret);
    if (code == MDB_NOTFOUND || (!code && ret->next_sequence != removal->next_sequence)) return 0;
    if (code) return lmdb_write_error(write, code, "reading a run");
    status = remove_names(write, key);
    if (!status) status = remove_key(write, TABLE_TAIL, key);
    if (!status) status = remove_key(write, TABLE_RUNS, key);
    *is_removed = !status;
    return status;
}

/* ---- reading ---- */

/* The run with its present next_sequence. Codes of LMDB. */
static int load(struct lmdb_journal *journal, MDB_txn *txn, uint64_t number,
                struct journal_run *run) {
    MDB_val key = lmdb_val(&number, sizeof number), value;
    struct run_position position;
    int code = mdb_get(txn, journal->tables[TABLE_RUNS], &key, &value);
    if (code) return code;
    if (!unpack(value, number, run, &position)) return MDB_CORRUPTED;
    code = read_tail(txn, journal->tables[TABLE_TAIL], number, &position);
    if (code && code != MDB_NOTFOUND) return code;
    run->next_sequence = position.next_sequence;
    return 0;
}

static int number_of_id(struct lmdb_journal *journal, MDB_txn *txn, struct bytes id,
                        uint64_t *ret) {
    MDB_val key = lmdb_val(id.data, id.size), value;
    if (id.size == 0 || id.size > JOURNAL_ID_MAX) return MDB_NOTFOUND;
    int code = mdb_get(txn, journal->tables[TABLE_BYID], &key, &value);
    if (code) return code;
    if (value.mv_size != sizeof *ret) return MDB_CORRUPTED;
    memcpy(ret, value.mv_data, sizeof *ret);
    return 0;
}

int lmdb_run(struct journal *base, uint64_t number, journal_visit_run *visit, void *context,
             struct error *err) {
    struct lmdb_journal *journal = lmdb_journal_of(base);
    struct journal_run run;
    MDB_txn *txn;
    int status = lmdb_read_begin(journal, &txn, err);
    if (status) return status;
    int code = load(journal, txn, number, &run);
    if (code == MDB_NOTFOUND)
        status = error_set(err, TEND_ENOENT, "no run %llu", (unsigned long long)number);
    else if (code) status = lmdb_file_error(&journal->file, code, "reading a run", err);
    else (void)visit(context, &run); /* there is one only: nothing to stop */
    lmdb_read_end(journal, txn);
    return status;
}

int lmdb_run_by_id(struct journal *base, struct bytes id, journal_visit_run *visit, void *context,
                   struct error *err) {
    struct lmdb_journal *journal = lmdb_journal_of(base);
    struct journal_run run;
    uint64_t number;
    MDB_txn *txn;
    int status = lmdb_read_begin(journal, &txn, err);
    if (status) return status;
    int code = number_of_id(journal, txn, id, &number);
    if (code == MDB_NOTFOUND)
        status = error_set(err, TEND_ENOENT, "no run %.*s", (int)(id.size > 200 ? 200 : id.size),
                           id.data);
    else if (code || (code = load(journal, txn, number, &run)))
        status = lmdb_file_error(&journal->file, code == MDB_NOTFOUND ? MDB_CORRUPTED : code,
                                 "reading a run", err);
    else (void)visit(context, &run);
    lmdb_read_end(journal, txn);
    return status;
}

int lmdb_last_number(struct journal *base, uint64_t *ret, struct error *err) {
    struct lmdb_journal *journal = lmdb_journal_of(base);
    MDB_cursor *cursor;
    MDB_val key, value;
    MDB_txn *txn;
    int status = lmdb_read_begin(journal, &txn, err);
    if (status) return status;
    uint64_t number = 0;
    int code = mdb_cursor_open(txn, journal->tables[TABLE_RUNS], &cursor);
    if (!code) {
        code = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
        if (!code) memcpy(&number, key.mv_data, sizeof number);
        mdb_cursor_close(cursor);
    }
    uint64_t removed = 0;
    if (!code || code == MDB_NOTFOUND) code = lmdb_removed_number(journal, txn, &removed);
    lmdb_read_end(journal, txn);
    if (code) return lmdb_file_error(&journal->file, code, "reading runs", err);
    *ret = number > removed ? number : removed;
    return 0;
}

/* ---- lists ---- */

/* Groups for what the filter asks; all runs if it asks nothing. */
static int select_runs(struct lmdb_journal *journal, MDB_txn *txn,
                       const struct journal_filter *filter, struct index_selection *selection) {
    const MDB_dbi idx = journal->tables[TABLE_IDX];
    int code = 0;
    if (filter->statuses) {
        struct index_group *group = &selection->groups[selection->group_count++];
        for (uint8_t i = 0; i < STATUS_COUNT && !code; i++) {
            struct index_key key = index_status(i, 0);
            if (filter->statuses >> i & 1) code = index_group_add(group, txn, idx, &key);
        }
    }
    if (filter->workflow.size && !code) {
        struct index_key key = index_workflow(filter->workflow, 0);
        code = index_group_add(&selection->groups[selection->group_count++], txn, idx, &key);
    }
    if (selection->group_count == 0)
        code = index_group_add(&selection->groups[selection->group_count++], txn,
                               journal->tables[TABLE_RUNS], NULL);
    return code;
}

static int visit_selected(struct lmdb_journal *journal, MDB_txn *txn,
                          const struct journal_filter *filter, struct index_selection *selection,
                          journal_visit_run *visit, void *context) {
    const uint64_t before = filter->before_number ? filter->before_number : UINT64_MAX;
    uint64_t at = filter->oldest_first ? filter->after_number + 1 : before - 1;
    for (;;) {
        struct journal_run run;
        int code = index_selection_seek(selection, at, &at);
        if (code) return code == MDB_NOTFOUND ? 0 : code;
        if (at >= before || at <= filter->after_number) return 0;
        code = load(journal, txn, at, &run);
        if (code) return code == MDB_NOTFOUND ? MDB_CORRUPTED : code;
        bool is_meant = !filter->workflow.size || bytes_equal(run.workflow, filter->workflow);
        if (is_meant && !visit(context, &run)) return 0;
        at = filter->oldest_first ? at + 1 : at - 1;
    }
}

int lmdb_runs(struct journal *base, const struct journal_filter *filter, journal_visit_run *visit,
              void *context, struct error *err) {
    struct lmdb_journal *journal = lmdb_journal_of(base);
    struct index_selection selection = {.oldest_first = filter->oldest_first};
    MDB_txn *txn;
    int status = lmdb_read_begin(journal, &txn, err);
    if (status) return status;
    int code = select_runs(journal, txn, filter, &selection);
    if (!code) code = visit_selected(journal, txn, filter, &selection, visit, context);
    index_selection_done(&selection);
    lmdb_read_end(journal, txn);
    return code ? lmdb_file_error(&journal->file, code, "reading runs", err) : 0;
}

static int visit_due(MDB_cursor *cursor, journal_visit_due *visit, void *context) {
    struct index_key first = {.bytes = {'T'}, .prefix_size = 1};
    MDB_val key = lmdb_val(first.bytes, 1), value;
    int64_t due_at_us;
    uint64_t number;
    int code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    while (code == 0 && index_read_due(key, &due_at_us, &number)) {
        if (!visit(context, due_at_us, number)) return 0;
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    return code == MDB_NOTFOUND ? 0 : code;
}

int lmdb_due(struct journal *base, journal_visit_due *visit, void *context, struct error *err) {
    struct lmdb_journal *journal = lmdb_journal_of(base);
    MDB_cursor *cursor;
    MDB_txn *txn;
    int status = lmdb_read_begin(journal, &txn, err);
    if (status) return status;
    int code = mdb_cursor_open(txn, journal->tables[TABLE_IDX], &cursor);
    if (!code) {
        code = visit_due(cursor, visit, context);
        mdb_cursor_close(cursor);
    }
    lmdb_read_end(journal, txn);
    return code ? lmdb_file_error(&journal->file, code, "reading timers", err) : 0;
}
