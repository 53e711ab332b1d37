/* A run's history; see history.h. */
#include "engine/history.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/memory.h"
#include "engine/reason.h"

struct told { /* a step, told by its entries in order */
    struct told *next;
    char *key;
    enum ask_kind kind;
    const char *status;
    int64_t started_us, ended_us, due_us;
    uint32_t sequence;      /* of its last entry */
    struct buffer attempts; /* packed maps, one after the other */
    size_t attempt_count;
    struct buffer value, error;
};

struct telling {
    struct map steps;
    struct told *first, **last;
    size_t step_count;
    uint32_t sequence; /* of the entry at hand */
    struct buffer input, result, error, logs;
    size_t log_count;
    bool is_failed;
};

static void pack_time(struct buffer *out, const char *key, int64_t at_us) {
    char text[CLOCK_TEXT_MAX];
    clock_format(at_us, text);
    pack_member_text(out, key, text);
}

static struct told *step_of(struct telling *telling, const struct entry *entry) {
    struct told *told = map_get(&telling->steps, entry->key);
    if (told) return told;
    told = memory_new(sizeof *told);
    if (told) told->key = memory_copy(entry->key.data, entry->key.size);
    if (!told || !told->key || map_set(&telling->steps, entry->key, told)) {
        telling->is_failed = true;
        memory_free(told);
        return NULL;
    }
    told->kind = entry->kind;
    told->started_us = entry->at_us;
    told->status = "running";
    *telling->last = told;
    telling->last = &told->next;
    telling->step_count++;
    return told;
}

static void add_attempt(struct told *told, const struct entry *entry, const char *status) {
    bool has_error = entry->type == ENTRY_FAILED || entry->type == ENTRY_RAISED;
    pack_map(&told->attempts, has_error ? 4 : 3);
    pack_member_integer(&told->attempts, "attempt", entry->attempt);
    pack_member_text(&told->attempts, "status", status);
    pack_time(&told->attempts, "at", entry->at_us);
    if (has_error) {
        pack_text(&told->attempts, "error");
        buffer_add(&told->attempts, entry->value.data, entry->value.size);
    }
    told->attempt_count++;
}

static void end_step(struct told *told, const struct entry *entry, bool has_raised) {
    struct buffer *to = has_raised ? &told->error : &told->value;
    told->status = has_raised ? "failed" : "completed";
    told->ended_us = entry->at_us;
    buffer_add(to, entry->value.data, entry->value.size);
    if (entry->attempt) add_attempt(told, entry, told->status);
}

static void tell_step(struct telling *telling, const struct entry *entry) {
    struct told *told = step_of(telling, entry);
    if (!told) return;
    told->sequence = telling->sequence;
    switch (entry->type) {
    case ENTRY_STARTED:
        add_attempt(told, entry, "started");
        told->status = "running";
        break;
    case ENTRY_FAILED:
        add_attempt(told, entry, "failed");
        told->status = "waiting";
        break;
    case ENTRY_WAITING:
        told->status = "waiting";
        told->due_us = entry->due_at_us;
        break;
    case ENTRY_DONE: end_step(told, entry, false); break;
    case ENTRY_RAISED: end_step(told, entry, true); break;
    default: break;
    }
}

static void tell_log(struct telling *telling, const struct entry *entry) {
    struct value_tree tree;
    if (value_read(entry->value, &tree, NULL)) return;
    pack_map(&telling->logs, 4);
    pack_time(&telling->logs, "at", entry->at_us);
    pack_member_bytes(&telling->logs, "level", value_get_bytes(&tree.root, "level"));
    pack_member_bytes(&telling->logs, "message", value_get_bytes(&tree.root, "message"));
    pack_text(&telling->logs, "fields");
    const struct value *fields = value_get(&tree.root, "fields");
    if (fields) pack_value(&telling->logs, fields);
    else pack_null(&telling->logs);
    telling->log_count++;
    value_tree_done(&tree);
}

static void tell_input(struct telling *telling, const struct entry *entry) {
    struct value_tree tree;
    if (value_read(entry->value, &tree, NULL)) return;
    const struct value *input = value_get(&tree.root, "input");
    if (input) pack_value(&telling->input, input);
    value_tree_done(&tree);
}

static void set_aside(struct telling *telling, struct told *told, bool is_failed) {
    if (is_failed) { /* it goes on, with the attempts that it had */
        buffer_clear(&told->error);
        told->status = "waiting";
        told->ended_us = 0;
    } else {
        told->status = "set aside";
        map_remove(&telling->steps, bytes_of(told->key));
    }
}

/* A retry: what was recorded from there on is an earlier round. */
static void tell_retry(struct telling *telling, const struct entry *entry) {
    struct value_tree tree;
    if (value_read(entry->value, &tree, NULL)) return;
    uint32_t from = (uint32_t)value_get_integer(&tree.root, "from", UINT32_MAX);
    struct bytes key = value_get_bytes(&tree.root, "key");
    for (struct told *told = telling->first; told; told = told->next)
        if (told->sequence >= from && map_get(&telling->steps, bytes_of(told->key)) == told)
            set_aside(telling, told, bytes_are(key, told->key));
    value_tree_done(&tree);
    buffer_clear(&telling->error);
    buffer_clear(&telling->result);
}

static bool tell(void *context, uint32_t sequence, struct bytes packed) {
    struct telling *telling = context;
    struct entry entry;
    telling->sequence = sequence;
    if (entry_read(packed, &entry, NULL)) return true;
    if (entry.type == ENTRY_LOG) {
        tell_log(telling, &entry);
    } else if (entry.type == ENTRY_ACCEPTED) {
        tell_input(telling, &entry);
    } else if (entry.type == ENTRY_RETRIED) {
        tell_retry(telling, &entry);
    } else if (entry.type == ENTRY_CANCELLED || entry.type == ENTRY_UPGRADED ||
               entry.type == ENTRY_FORKED || entry.type == ENTRY_MODULE) {
        return true; /* of the run, not of a step */
    } else if (entry.type == ENTRY_ENDED) {
        struct buffer *to = entry.attempt == RUN_COMPLETED ? &telling->result : &telling->error;
        buffer_clear(to);
        buffer_add(to, entry.value.data, entry.value.size);
    } else {
        tell_step(telling, &entry);
    }
    return !telling->is_failed;
}

/* ---- packing ---- */

static void pack_or_null(struct buffer *out, const char *key, const struct buffer *value) {
    pack_text(out, key);
    if (value->size) buffer_add(out, value->data, value->size);
    else pack_null(out);
}

static void pack_time_or_null(struct buffer *out, const char *key, int64_t at_us) {
    if (at_us) {
        pack_time(out, key, at_us);
        return;
    }
    pack_text(out, key);
    pack_null(out);
}

/* The name within the branch, without path and count. */
static struct bytes name_of(const char *key) {
    const char *slash = strrchr(key, '/'), *name = slash ? slash + 1 : key;
    return (struct bytes){name, strcspn(name, "#")};
}

/* A run that ended has nothing under way: what had no end was cut off. */
static const char *status_of(const struct told *told, const struct record *record) {
    bool is_open = strcmp(told->status, "running") == 0 || strcmp(told->status, "waiting") == 0;
    return run_status_is_final(record->status) && is_open ? "cancelled" : told->status;
}

static void pack_step(struct buffer *out, const struct told *told, const struct record *record) {
    pack_map(out, 10);
    pack_member_text(out, "key", told->key);
    pack_member_bytes(out, "name", name_of(told->key));
    pack_member_text(out, "kind", ask_kind_name(told->kind));
    pack_member_text(out, "status", status_of(told, record));
    pack_text(out, "attempts");
    pack_list(out, told->attempt_count);
    buffer_add(out, told->attempts.data, told->attempts.size);
    pack_time_or_null(out, "started_at", told->started_us);
    pack_time_or_null(out, "ended_at", told->ended_us);
    pack_text(out, "duration_ms");
    if (told->ended_us) pack_double(out, (double)(told->ended_us - told->started_us) / 1000.0);
    else pack_null(out);
    pack_or_null(out, "value", &told->value);
    pack_or_null(out, "error", &told->error);
}

static void pack_reason(const struct record *record, struct buffer *out) {
    struct buffer reason = BUFFER_EMPTY;
    reason_add(record, &reason);
    pack_text(out, "waits_for");
    if (reason.size) pack_bytes(out, buffer_bytes(&reason));
    else pack_null(out);
    buffer_done(&reason);
}

void history_pack_run(const struct record *record, struct buffer *out) {
    pack_map(out, 6);
    pack_member_text(out, "id", record->id);
    pack_member_text(out, "workflow", record->workflow);
    pack_member_text(out, "status", run_status_name(record->status));
    pack_time_or_null(out, "created_at", record->created_at_us);
    pack_time_or_null(out, "ended_at", record->ended_at_us);
    pack_reason(record, out);
}

static void pack_all(const struct record *record, const struct telling *telling,
                     struct buffer *out) {
    pack_map(out, 3);
    pack_text(out, "run");
    pack_map(out, 9);
    pack_member_text(out, "id", record->id);
    pack_member_text(out, "workflow", record->workflow);
    pack_member_text(out, "status", run_status_name(record->status));
    pack_or_null(out, "input", &telling->input);
    pack_or_null(out, "result", &telling->result);
    pack_or_null(out, "error", &telling->error);
    pack_reason(record, out);
    pack_time_or_null(out, "created_at", record->created_at_us);
    pack_time_or_null(out, "ended_at", record->ended_at_us);
    pack_text(out, "steps");
    pack_list(out, telling->step_count);
    for (const struct told *told = telling->first; told; told = told->next)
        pack_step(out, told, record);
    pack_text(out, "logs");
    pack_list(out, telling->log_count);
    buffer_add(out, telling->logs.data, telling->logs.size);
}

static void telling_done(struct telling *telling) {
    while (telling->first) {
        struct told *told = telling->first;
        telling->first = told->next;
        memory_free(told->key);
        buffer_done(&told->attempts);
        buffer_done(&told->value);
        buffer_done(&told->error);
        memory_free(told);
    }
    map_done(&telling->steps);
    buffer_done(&telling->input);
    buffer_done(&telling->result);
    buffer_done(&telling->error);
    buffer_done(&telling->logs);
}

int history_pack(struct journal *journal, const char *id, struct buffer *out, struct error *err) {
    struct telling telling = {.last = &telling.first};
    struct record record;
    int status = record_load_by_id(journal, id, &record, err);
    if (!status) status = journal_entries(journal, record.number, tell, &telling, err);
    if (!status && telling.is_failed) status = error_no_memory(err);
    if (!status) {
        pack_all(&record, &telling, out);
        status = buffer_check(out, err);
    }
    telling_done(&telling);
    return status;
}
