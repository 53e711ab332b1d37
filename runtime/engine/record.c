/* A run's record; see record.h. */
#include "engine/record.h"

#include <stdio.h>
#include <string.h>

static const char *const names[RUN_STATUSES] = {"pending", "running",   "waiting", "completed",
                                                "failed",  "cancelled", "blocked", "stuck"};

const char *run_status_name(enum run_status status) {
    return status < RUN_STATUSES ? names[status] : "unknown";
}

int run_status_read(const char *name) {
    for (int i = 0; i < RUN_STATUSES; i++)
        if (strcmp(names[i], name) == 0) return i;
    return -1;
}

bool run_status_is_final(enum run_status status) {
    return status == RUN_COMPLETED || status == RUN_FAILED || status == RUN_CANCELLED;
}

static void copy(char *to, size_t size, struct bytes from) {
    snprintf(to, size, "%.*s", (int)from.size, from.data);
}

static void copy_member(char *to, size_t size, const struct value *body, const char *key) {
    copy(to, size, value_get_bytes(body, key));
}

int record_read(const struct journal_run *run, struct record *ret, struct error *err) {
    struct value_tree tree;
    int status = value_read(run->body, &tree, err);
    if (status) return status;
    const struct value *body = &tree.root;
    memset(ret, 0, sizeof *ret);
    ret->number = run->number;
    copy(ret->id, sizeof ret->id, run->id);
    copy(ret->workflow, sizeof ret->workflow, run->workflow);
    ret->status = (enum run_status)run->status;
    ret->due_at_us = run->due_at_us;
    ret->owner = run->owner;
    ret->next_sequence = run->next_sequence;
    copy_member(ret->bundle, sizeof ret->bundle, body, "bundle");
    copy_member(ret->settings, sizeof ret->settings, body, "settings");
    ret->created_at_us = value_get_integer(body, "created", 0);
    ret->ended_at_us = value_get_integer(body, "ended", 0);
    ret->links = (uint32_t)value_get_integer(body, "links", 0);
    ret->slot_limit = (uint32_t)value_get_integer(body, "slot_limit", 0);
    copy_member(ret->slot, sizeof ret->slot, body, "slot");
    ret->allows_added = value_get_boolean(body, "allows_added", false);
    ret->has_slot = value_get_boolean(body, "has_slot", false);
    ret->parent = (uint64_t)value_get_integer(body, "parent", 0);
    copy_member(ret->waits_kind, sizeof ret->waits_kind, body, "waits_kind");
    copy_member(ret->waits_for, sizeof ret->waits_for, body, "waits_for");
    copy_member(ret->message, sizeof ret->message, body, "message");
    ret->crashes = (uint32_t)value_get_integer(body, "crashes", 0);
    ret->crashed_at = (uint32_t)value_get_integer(body, "crashed_at", 0);
    copy_member(ret->crashed_in, sizeof ret->crashed_in, body, "crashed_in");
    value_tree_done(&tree);
    return 0;
}

void record_pack(const struct record *record, struct buffer *out) {
    size_t opened = pack_map_open(out), count = 2;
    pack_member_text(out, "bundle", record->bundle);
    pack_member_integer(out, "created", record->created_at_us);
    if (record->settings[0]) pack_member_text(out, "settings", record->settings), count++;
    if (record->ended_at_us) pack_member_integer(out, "ended", record->ended_at_us), count++;
    if (record->parent) pack_member_integer(out, "parent", (int64_t)record->parent), count++;
    if (record->slot_limit) {
        pack_member_integer(out, "slot_limit", record->slot_limit);
        pack_member_text(out, "slot", record->slot);
        pack_member_boolean(out, "has_slot", record->has_slot);
        count += 3;
    }
    if (record->allows_added) pack_member_boolean(out, "allows_added", true), count++;
    if (record->links) pack_member_integer(out, "links", record->links), count++;
    if (record->waits_kind[0]) {
        pack_member_text(out, "waits_kind", record->waits_kind);
        pack_member_text(out, "waits_for", record->waits_for);
        count += 2;
    }
    if (record->message[0]) pack_member_text(out, "message", record->message), count++;
    if (record->crashes) {
        pack_member_integer(out, "crashes", record->crashes);
        pack_member_integer(out, "crashed_at", record->crashed_at);
        pack_member_text(out, "crashed_in", record->crashed_in);
        count += 3;
    }
    pack_close(out, opened, count);
}

struct loading {
    struct record *ret;
    struct error *err;
    int status;
};

static bool load(void *context, const struct journal_run *run) {
    struct loading *loading = context;
    loading->status = record_read(run, loading->ret, loading->err);
    return false;
}

int record_load(struct journal *journal, uint64_t number, struct record *ret, struct error *err) {
    struct loading loading = {ret, err, 0};
    int status = journal_run(journal, number, load, &loading, err);
    return status ? status : loading.status;
}

int record_load_by_id(struct journal *journal, const char *id, struct record *ret,
                      struct error *err) {
    struct loading loading = {ret, err, 0};
    int status = journal_run_by_id(journal, bytes_of(id), load, &loading, err);
    return status ? status : loading.status;
}
