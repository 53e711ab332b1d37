/* The pure part of the engine; see transition.h. */
#include "engine/transition.h"

static uint64_t child_number(struct bytes packed) {
    struct value_tree tree;
    if (value_read(packed, &tree, NULL)) return 0;
    uint64_t number = (uint64_t)value_get_integer(&tree.root, "number", 0);
    value_tree_done(&tree);
    return number;
}

void step_set_aside(struct step *step, const struct entry *entry, uint32_t by, bool is_failed) {
    if (is_failed && entry->type == ENTRY_RAISED) {
        step->attempt = entry->attempt;
        step->spared = ++step->failures;
        step->is_started = false;
    } else if (!is_failed && step->aside_by != by) {
        step->round++;
        step->aside_by = by;
    }
}

void step_apply(struct step *step, const struct entry *entry, uint32_t sequence) {
    if (!step->first_at_us) {
        step->first_at_us = entry->at_us;
        step->first_sequence = sequence;
    }
    switch (entry->type) {
    case ENTRY_STARTED:
        step->attempt = entry->attempt;
        step->is_started = true;
        break;
    case ENTRY_FAILED:
        step->attempt = entry->attempt;
        step->failures++;
        step->is_started = step->is_waiting = false;
        step->due_at_us = entry->due_at_us;
        break;
    case ENTRY_WAITING:
        step->is_waiting = true;
        step->due_at_us = entry->due_at_us;
        step->waits = entry->value;
        if (entry->kind == ASK_INVOKE) step->child = child_number(entry->value);
        break;
    case ENTRY_DONE:
    case ENTRY_RAISED:
        step->is_ended = true;
        step->has_raised = entry->type == ENTRY_RAISED;
        step->has_waited = entry->has_waited;
        step->ended_at_us = entry->at_us;
        step->attempt = entry->attempt;
        step->value = entry->value;
        step->sequence = sequence;
        break;
    default: break;
    }
}

static void append(struct step_decision *decision, enum entry_type type, const struct step *step,
                   uint32_t attempt, int64_t now_us, struct bytes value) {
    decision->entries[decision->entry_count++] = (struct entry){
        .type = type, .kind = step->kind, .attempt = attempt, .at_us = now_us, .value = value};
}

static bool is_past_deadline(const struct step *step, const struct step_request *request,
                             int64_t now_us) {
    return request->deadline_us && step->first_at_us &&
           now_us >= step->first_at_us + request->deadline_us;
}

static void end(struct step_decision *ret, enum entry_type type, const struct step *step,
                uint32_t attempt, const struct step_event *event, int64_t now_us,
                struct bytes value) {
    append(ret, type, step, attempt, now_us, value);
    ret->entries[ret->entry_count - 1].has_waited = event->has_waited;
    ret->action = STEP_ANSWER;
}

static void end_at_deadline(const struct step *step, const struct step_event *event, int64_t now_us,
                            struct buffer *scratch, struct step_decision *ret) {
    pack_map(scratch, 5);
    pack_member_text(scratch, "kind", "deadline");
    pack_member_text(scratch, "step", step->key);
    pack_member_integer(scratch, "attempt", step->attempt ? step->attempt : 1);
    pack_member_text(scratch, "message", "the step's deadline passed");
    pack_member_boolean(scratch, "retryable", false);
    end(ret, ENTRY_RAISED, step, step->attempt, event, now_us, buffer_bytes(scratch));
}

/* An attempt begins: at once, or after the wait that a failure left behind. */
static void asked(const struct step *step, const struct step_request *request,
                  const struct step_event *event, int64_t now_us, struct buffer *scratch,
                  struct step_decision *ret) {
    if (is_past_deadline(step, request, now_us)) {
        end_at_deadline(step, event, now_us, scratch, ret);
    } else if (step->failures && !step->is_started && step->due_at_us > now_us) {
        ret->action = STEP_WAIT;
        ret->due_at_us = step->due_at_us;
    } else {
        ret->action = STEP_BEGIN;
        ret->attempt = step->attempt + 1;
    }
}

static void failed(const struct step *step, const struct step_request *request,
                   const struct step_event *event, int64_t now_us, struct step_decision *ret) {
    uint32_t attempt = ret->attempt;
    bool may_retry = event->is_retryable &&
                     step->failures - step->spared + 1 < request->retry.attempts &&
                     !event->has_said_no && !is_past_deadline(step, request, now_us);
    if (may_retry && request->has_when && !event->has_said_yes) {
        ret->action = STEP_ASK_WHEN;
        return;
    }
    if (!may_retry) {
        if (request->has_on_failure) ret->action = STEP_ASK_ON_FAILURE;
        else end(ret, ENTRY_RAISED, step, attempt, event, now_us, event->value);
        return;
    }
    append(ret, ENTRY_FAILED, step, attempt, now_us, event->value);
    ret->due_at_us = now_us + retry_wait_us(&request->retry, step->failures - step->spared + 1,
                                            event->chance, event->retry_after_us);
    ret->entries[0].due_at_us = ret->due_at_us;
    ret->action = STEP_WAIT;
}

void transition_step(const struct step *step, const struct step_request *request,
                     const struct step_event *event, int64_t now_us, struct buffer *scratch,
                     struct step_decision *ret) {
    uint32_t attempt = event->attempt ? event->attempt : step->attempt + 1;
    *ret = (struct step_decision){.action = STEP_ANSWER, .attempt = attempt};
    switch (event->kind) {
    case STEP_ASKED:
    case STEP_DUE: asked(step, request, event, now_us, scratch, ret); break;
    case STEP_TOUCHES:
        append(ret, ENTRY_STARTED, step, attempt, now_us, (struct bytes){NULL, 0});
        ret->action = STEP_BEGIN;
        break;
    case STEP_SUCCEEDED: end(ret, ENTRY_DONE, step, attempt, event, now_us, event->value); break;
    case STEP_FAILED: failed(step, request, event, now_us, ret); break;
    }
}

int transition_run(enum run_status status, enum run_event event, enum run_status *ret,
                   struct error *err) {
    static const struct {
        enum run_status from;
        enum run_event event;
        enum run_status to;
    } table[] = {
        {RUN_PENDING, RUN_ADMITTED, RUN_RUNNING},   {RUN_WAITING, RUN_ADMITTED, RUN_RUNNING},
        {RUN_RUNNING, RUN_ADMITTED, RUN_RUNNING}, /* taken up again after a crash */
        {RUN_RUNNING, RUN_WAITS, RUN_WAITING},      {RUN_WAITING, RUN_WOKEN, RUN_PENDING},
        {RUN_RUNNING, RUN_RETURNED, RUN_COMPLETED}, {RUN_RUNNING, RUN_RAISED, RUN_FAILED},
        {RUN_RUNNING, RUN_MISMATCHED, RUN_BLOCKED}, {RUN_RUNNING, RUN_UNWOUND, RUN_CANCELLED},
        {RUN_RUNNING, RUN_CONTINUED, RUN_PENDING},  {RUN_FAILED, RUN_RETRIED, RUN_PENDING},
        {RUN_BLOCKED, RUN_RETRIED, RUN_PENDING},    {RUN_STUCK, RUN_RETRIED, RUN_PENDING},
        {RUN_BLOCKED, RUN_UNWOUND, RUN_CANCELLED},  {RUN_STUCK, RUN_UNWOUND, RUN_CANCELLED},
        {RUN_PENDING, RUN_CRASHED, RUN_STUCK},      {RUN_RUNNING, RUN_CRASHED, RUN_STUCK},
        {RUN_WAITING, RUN_CRASHED, RUN_STUCK},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].from != status || table[i].event != event) continue;
        *ret = table[i].to;
        return 0;
    }
    return error_set(err, TEND_EINPUT, "a run that is %s can't take this step",
                     run_status_name(status));
}
