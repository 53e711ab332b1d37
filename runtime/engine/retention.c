/* Retention; see retention.h. An order's outcome lies in the shared state under a key that scripts
 * don't see: the last few, by the orders' ids. */
#include "engine/retention.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "engine/committer.h"
#include "engine/hidden.h"

enum { OUTCOMES_KEPT = 16, ID_MAX = 40, STANDING_WAIT_MS = 10, ORDER_WAIT_MS = 1 };
static const int64_t second_us = 1000000;
static const char outcomes_key[] = HIDDEN_PREFIX "prune";

struct order {
    struct order *next;
    char id[ID_MAX]; /* "": the standing rule */
    struct prune_rule rule;
};

struct retention {
    struct services *services;
    int64_t keep_us[RUN_STATUSES];
    int64_t interval_us; /* 0: no standing rule */
    int64_t next_us;     /* monotonic, of the standing rule */
    struct order *first; /* first of all the one that is under way, if prune isn't NULL */
    struct prune *prune;
    uint64_t position; /* of the last piece */
    bool is_last;      /* it was the last of its order */
};

/* ---- the standing rule ---- */

/* A tenth of the shortest time that runs are kept, from a second to an hour. */
static int64_t interval_of(const int64_t keep_us[RUN_STATUSES]) {
    int64_t least_us = INT64_MAX;
    for (int i = 0; i < RUN_STATUSES; i++)
        if (keep_us[i] < least_us) least_us = keep_us[i];
    if (least_us == INT64_MAX) return 0;
    int64_t interval_us = least_us / 10;
    if (interval_us < second_us) return second_us;
    return interval_us < 3600 * second_us ? interval_us : 3600 * second_us;
}

int retention_new(struct services *services, bool is_server, struct retention **ret,
                  struct error *err) {
    struct retention *retention = memory_new(sizeof *retention);
    if (!retention) return error_no_memory(err);
    retention->services = services;
    int status = retention_read(&services->settings_tree.root, retention->keep_us, err);
    if (status) {
        memory_free(retention);
        return status;
    }
    if (is_server) retention->interval_us = interval_of(retention->keep_us);
    int64_t first_us =
        retention->interval_us < 60 * second_us ? retention->interval_us : 60 * second_us;
    retention->next_us = clock_monotonic_us(services->clock) + first_us;
    *ret = retention;
    return 0;
}

struct retention *retention_free(struct retention *retention) {
    if (!retention) return NULL;
    prune_free(retention->prune);
    while (retention->first) {
        struct order *next = retention->first->next;
        memory_free(retention->first);
        retention->first = next;
    }
    memory_free(retention);
    return NULL;
}

static int add_order(struct retention *retention, const char *id, const struct prune_rule *rule,
                     struct error *err) {
    struct order *order = memory_new(sizeof *order), **last = &retention->first;
    if (!order) return error_no_memory(err);
    order->rule = *rule;
    snprintf(order->id, sizeof order->id, "%s", id);
    while (*last) last = &(*last)->next;
    *last = order;
    return 0;
}

static void look_at_clock(struct retention *retention) {
    const struct clock *clock = retention->services->clock;
    int64_t now_us = clock_monotonic_us(clock);
    struct prune_rule rule;
    if (!retention->interval_us || now_us < retention->next_us) return;
    retention->next_us = now_us + retention->interval_us;
    prune_rule_of(retention->keep_us, clock_wall_us(clock), &rule);
    (void)add_order(retention, "", &rule, NULL); /* no memory: at the next look */
}

/* ---- orders ---- */

int retention_ask(struct journal *journal, const char *id, const struct prune_rule *rule,
                  struct error *err) {
    struct buffer item = BUFFER_EMPTY;
    pack_map(&item, 4);
    pack_member_text(&item, "kind", "prune");
    pack_member_text(&item, "id", id);
    pack_member_text(&item, "workflow", rule->workflow);
    pack_text(&item, "before");
    pack_list(&item, RUN_STATUSES);
    for (int i = 0; i < RUN_STATUSES; i++) pack_integer(&item, rule->before_us[i]);
    int status = buffer_check(&item, err);
    if (!status) status = journal_inbox_add(journal, buffer_bytes(&item), err);
    buffer_done(&item);
    return status;
}

int retention_order(struct retention *retention, const struct value *item, struct error *err) {
    struct prune_rule rule = {.workflow = ""};
    struct bytes id = value_get_bytes(item, "id"), workflow = value_get_bytes(item, "workflow");
    const struct value *before = value_get_list(item, "before");
    char text[ID_MAX];
    for (size_t i = 0; i < RUN_STATUSES; i++)
        rule.before_us[i] =
            before && i < before->list.count && before->list.items[i].kind == VALUE_INTEGER
                ? before->list.items[i].integer
                : INT64_MIN;
    snprintf(rule.workflow, sizeof rule.workflow, "%.*s", (int)workflow.size, workflow.data);
    snprintf(text, sizeof text, "%.*s", (int)id.size, id.data);
    return add_order(retention, text, &rule, err);
}

static void pack_outcome(const char *id, const struct prune_count *count, struct buffer *out) {
    pack_map(out, 4);
    pack_member_text(out, "id", id);
    pack_member_integer(out, "runs", (int64_t)count->runs);
    pack_member_integer(out, "entries", (int64_t)count->entries);
    pack_member_integer(out, "bundles", (int64_t)count->bundles);
}

/* The new one, and those that were there as far as they are kept. */
static int pack_outcomes(struct bytes known, const char *id, const struct prune_count *count,
                         struct buffer *out, struct error *err) {
    struct value_tree tree;
    int status = value_read(known, &tree, err);
    if (status) return status;
    size_t opened = pack_list_open(out), kept = 1;
    pack_outcome(id, count, out);
    for (size_t i = 0; tree.root.kind == VALUE_LIST && i < tree.root.list.count; i++) {
        if (kept == OUTCOMES_KEPT) break;
        pack_value(out, &tree.root.list.items[i]);
        kept++;
    }
    pack_close(out, opened, kept);
    value_tree_done(&tree);
    return buffer_check(out, err);
}

/* Adds the outcome to the submission and submits it. */
static int submit_outcome(struct retention *retention, struct submission *submission,
                          struct error *err) {
    struct buffer known = BUFFER_EMPTY, packed = BUFFER_EMPTY;
    struct prune_count count = prune_counted(retention->prune);
    const struct bytes key = bytes_of(outcomes_key);
    struct shared_state *state = retention->services->state;
    uint64_t version;
    int status = shared_state_read(state, key, &known, &version, err);
    if (!status)
        status = pack_outcomes(buffer_bytes(&known), retention->first->id, &count, &packed, err);
    if (!status)
        status = shared_state_write(state, key, buffer_bytes(&packed), version, submission,
                                    &retention->position, err);
    if (status && status != TEND_ENOMEM) submission_free(submission);
    buffer_done(&known);
    buffer_done(&packed);
    return status;
}

static bool read_outcome(const struct value *outcome, const char *id, struct prune_count *ret) {
    if (!bytes_are(value_get_bytes(outcome, "id"), id)) return false;
    ret->runs = (uint64_t)value_get_integer(outcome, "runs", 0);
    ret->entries = (uint64_t)value_get_integer(outcome, "entries", 0);
    ret->bundles = (uint64_t)value_get_integer(outcome, "bundles", 0);
    return true;
}

int retention_asked(struct journal *journal, const char *id, bool *is_done, struct prune_count *ret,
                    struct error *err) {
    struct buffer packed = BUFFER_EMPTY;
    struct value_tree tree;
    *is_done = false;
    int status = journal_state(journal, bytes_of(outcomes_key), &packed, NULL, err);
    if (!status) status = value_read(buffer_bytes(&packed), &tree, err);
    if (!status) {
        for (size_t i = 0; tree.root.kind == VALUE_LIST && i < tree.root.list.count; i++)
            *is_done = *is_done || read_outcome(&tree.root.list.items[i], id, ret);
        value_tree_done(&tree);
    }
    buffer_done(&packed);
    return status == TEND_ENOENT ? 0 : status;
}

/* ---- a slice ---- */

static bool has_work(const struct prune_piece *piece) {
    return piece->removal_count || piece->bundle_count || piece->freed_max;
}

static int submit(struct retention *retention, const struct prune_piece *piece, struct error *err) {
    bool is_told = piece->is_done && retention->first->id[0];
    if (!has_work(piece) && !is_told) return 0;
    struct submission *submission = submission_new();
    if (!submission) return error_no_memory(err);
    for (size_t i = 0; i < piece->removal_count; i++)
        submission_remove(submission, &piece->removals[i]);
    for (size_t i = 0; i < piece->bundle_count; i++)
        submission_remove_bundle(submission, piece->bundles[i], piece->bundle_mark);
    submission_free_records(submission, piece->freed_max);
    if (is_told) return submit_outcome(retention, submission, err);
    retention->position = committer_submit(retention->services->committer, submission, err);
    return retention->position ? 0 : TEND_ENOMEM;
}

static int next_piece(struct retention *retention, struct error *err) {
    struct prune_piece piece;
    int status = prune_next(retention->prune, &piece, err);
    if (!status) status = submit(retention, &piece, err);
    if (!status) retention->is_last = piece.is_done;
    return status;
}

static void end_order(struct retention *retention) {
    struct order *order = retention->first;
    retention->first = order->next;
    retention->prune = prune_free(retention->prune);
    retention->is_last = false;
    memory_free(order);
}

static void take_slice(struct retention *retention) {
    struct services *services = retention->services;
    const struct observer *observer = &services->observer;
    struct error err;
    int status = 0;
    if (!retention->prune)
        status = prune_new(services->journal, &retention->first->rule, &retention->prune, &err);
    if (!status) status = next_piece(retention, &err);
    if (!status) return;
    error_context(&err, "pruning");
    if (observer->on_trouble) observer->on_trouble(observer->context, err.message, false);
    end_order(retention);
}

void retention_turn(struct retention *retention, uint64_t *wait_ms) {
    *wait_ms = 0;
    if (!retention->first) look_at_clock(retention);
    if (!retention->first) return;
    *wait_ms = retention->first->id[0] ? ORDER_WAIT_MS : STANDING_WAIT_MS;
    if (committer_durable(retention->services->committer) < retention->position) return;
    if (retention->is_last) end_order(retention);
    else take_slice(retention);
}
