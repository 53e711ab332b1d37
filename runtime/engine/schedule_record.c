/* The durable part of a schedule, and what changes it from outside; see schedule_record.h. */
#include "engine/schedule_record.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "engine/hidden.h"

bool schedule_record_queue(struct schedule_record *record, int64_t tick_us) {
    if (record->queue_count == SCHEDULE_QUEUE_MAX) return false;
    record->queue[record->queue_count++] = tick_us;
    return true;
}

int64_t schedule_record_unqueue(struct schedule_record *record) {
    int64_t first_us = record->queue[0];
    record->queue_count--;
    memmove(record->queue, record->queue + 1, record->queue_count * sizeof *record->queue);
    return first_us;
}

/* ---- to bytes and back ---- */

static void make_key(const char *name, char key[JOURNAL_STATE_KEY_MAX + 1]) {
    snprintf(key, JOURNAL_STATE_KEY_MAX + 1, HIDDEN_PREFIX "tick/%.384s", name);
}

static void copy_text(struct bytes text, char *to, size_t size) {
    snprintf(to, size, "%.*s", (int)text.size, text.data);
}

static void pack(const struct schedule_record *record, struct buffer *out) {
    pack_map(out, 9);
    pack_member_integer(out, "handled", record->handled_us);
    pack_member_text(out, "timing", record->timing);
    pack_member_boolean(out, "paused", record->is_paused);
    pack_member_integer(out, "runs", record->runs);
    pack_member_integer(out, "skipped", record->skipped);
    pack_member_integer(out, "missed", record->missed);
    pack_member_text(out, "last_run", record->last_run);
    pack_member_integer(out, "last_tick", record->last_tick_us);
    pack_text(out, "queue");
    pack_list(out, record->queue_count);
    for (size_t i = 0; i < record->queue_count; i++) pack_integer(out, record->queue[i]);
}

/* Ticks of a list, as far as there is room. */
static void queue_list(struct schedule_record *record, const struct value *list) {
    for (size_t i = 0; list && i < list->list.count; i++)
        if (list->list.items[i].kind == VALUE_INTEGER)
            (void)schedule_record_queue(record, list->list.items[i].integer);
}

static int unpack(struct bytes packed, struct schedule_record *record, struct error *err) {
    struct value_tree tree;
    memset(record, 0, sizeof *record);
    if (!packed.size) return 0;
    int status = value_read(packed, &tree, err);
    if (status) return status;
    const struct value *root = &tree.root;
    record->is_there = root->kind == VALUE_MAP;
    record->handled_us = value_get_integer(root, "handled", 0);
    record->is_paused = value_get_boolean(root, "paused", false);
    record->runs = value_get_integer(root, "runs", 0);
    record->skipped = value_get_integer(root, "skipped", 0);
    record->missed = value_get_integer(root, "missed", 0);
    record->last_tick_us = value_get_integer(root, "last_tick", 0);
    copy_text(value_get_bytes(root, "timing"), record->timing, sizeof record->timing);
    copy_text(value_get_bytes(root, "last_run"), record->last_run, sizeof record->last_run);
    queue_list(record, value_get_list(root, "queue"));
    value_tree_done(&tree);
    return 0;
}

int schedule_record_load(struct journal *journal, const char *name, struct schedule_record *ret,
                         struct error *err) {
    char key[JOURNAL_STATE_KEY_MAX + 1];
    struct buffer packed = BUFFER_EMPTY;
    make_key(name, key);
    int status = journal_state(journal, bytes_of(key), &packed, NULL, err);
    if (status == TEND_ENOENT) status = 0;
    if (!status) status = unpack(buffer_bytes(&packed), ret, err);
    buffer_done(&packed);
    return status;
}

int schedule_record_read(struct services *services, const char *name, struct schedule_record *ret,
                         uint64_t *version, struct error *err) {
    char key[JOURNAL_STATE_KEY_MAX + 1];
    struct buffer packed = BUFFER_EMPTY;
    make_key(name, key);
    int status = shared_state_read(services->state, bytes_of(key), &packed, version, err);
    if (!status) status = unpack(buffer_bytes(&packed), ret, err);
    buffer_done(&packed);
    return status;
}

int schedule_record_write(struct services *services, const char *name,
                          const struct schedule_record *record, uint64_t version,
                          struct submission *submission, uint64_t *position, struct error *err) {
    char key[JOURNAL_STATE_KEY_MAX + 1];
    struct buffer packed = BUFFER_EMPTY;
    make_key(name, key);
    pack(record, &packed);
    int status = buffer_check(&packed, err);
    if (!status)
        status = shared_state_write(services->state, bytes_of(key), buffer_bytes(&packed), version,
                                    submission, position, err);
    buffer_done(&packed);
    return status;
}

/* ---- orders ---- */

/* Queues the ticks that don't wait already. */
static void backfill(struct schedule_record *record, const struct value *ticks) {
    size_t before = record->queue_count;
    for (size_t i = 0; ticks && i < ticks->list.count; i++) {
        const struct value *tick = &ticks->list.items[i];
        bool waits = false;
        for (size_t j = 0; j < before; j++) waits = waits || record->queue[j] == tick->integer;
        if (tick->kind == VALUE_INTEGER && !waits)
            (void)schedule_record_queue(record, tick->integer);
    }
}

static void resume(struct schedule_record *record, int64_t at_us) {
    if (record->is_paused && record->handled_us && record->handled_us < at_us)
        record->handled_us = at_us;
    record->is_paused = false;
}

static int apply(struct schedule_record *record, const struct value *item, struct error *err) {
    struct bytes action = value_get_bytes(item, "action");
    if (bytes_are(action, "pause")) record->is_paused = true;
    else if (bytes_are(action, "resume")) resume(record, value_get_integer(item, "at", 0));
    else if (bytes_are(action, "backfill")) backfill(record, value_get_list(item, "ticks"));
    else
        return error_set(err, TEND_EINPUT, "a schedule can't '%.*s'", (int)action.size,
                         action.data);
    return 0;
}

static int pack_order(const struct schedule_order *order, struct buffer *out, struct error *err) {
    pack_map(out, 5);
    pack_member_text(out, "kind", "schedule");
    pack_member_integer(out, "at", order->at_us);
    pack_member_text(out, "name", order->name);
    pack_member_text(out, "action", order->action);
    pack_text(out, "ticks");
    pack_list(out, order->tick_count);
    for (size_t i = 0; i < order->tick_count; i++) pack_integer(out, order->ticks[i]);
    return buffer_check(out, err);
}

int schedule_order_ask(struct journal *journal, const struct schedule_order *order,
                       struct error *err) {
    struct buffer item = BUFFER_EMPTY;
    int status = pack_order(order, &item, err);
    if (!status) status = journal_inbox_add(journal, buffer_bytes(&item), err);
    buffer_done(&item);
    return status;
}

static int write_alone(struct journal *journal, const char *name,
                       const struct schedule_record *record, struct error *err) {
    char key[JOURNAL_STATE_KEY_MAX + 1];
    struct buffer packed = BUFFER_EMPTY;
    make_key(name, key);
    pack(record, &packed);
    int status = buffer_check(&packed, err);
    struct journal_state_write write = {bytes_of(key), buffer_bytes(&packed)};
    struct journal_batch batch = {.state_writes = &write, .state_write_count = 1};
    if (!status) status = journal_commit(journal, &batch, err);
    buffer_done(&packed);
    return status;
}

int schedule_order_do(struct journal *journal, const struct schedule_order *order,
                      struct error *err) {
    struct schedule_record *record = memory_new(sizeof *record);
    struct buffer item = BUFFER_EMPTY;
    struct value_tree tree;
    if (!record) return error_no_memory(err);
    int status = pack_order(order, &item, err);
    if (!status) status = schedule_record_load(journal, order->name, record, err);
    if (!status) status = value_read(buffer_bytes(&item), &tree, err);
    if (!status) {
        status = apply(record, &tree.root, err);
        value_tree_done(&tree);
    }
    if (!status) status = write_alone(journal, order->name, record, err);
    buffer_done(&item);
    memory_free(record);
    return status;
}

int schedule_order_take(struct services *services, const struct value *item,
                        struct submission *submission, struct error *err) {
    struct schedule_record *record = memory_new(sizeof *record);
    char *name = value_copy_text(value_get(item, "name"));
    uint64_t version, position;
    int status = record && name ? 0 : error_no_memory(err);
    for (bool is_open = !status; is_open;) {
        status = schedule_record_read(services, name, record, &version, err);
        if (!status) status = apply(record, item, err);
        if (!status)
            status =
                schedule_record_write(services, name, record, version, submission, &position, err);
        is_open = status == TEND_ECONFLICT; /* somebody was quicker: look again */
    }
    memory_free(name);
    memory_free(record);
    return status;
}
