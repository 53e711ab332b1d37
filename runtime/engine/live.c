/* Live: doing what the journal doesn't hold yet. Every outcome becomes an event of the step, the
 * pure transition decides, its entries are queued, and the decision is acted upon. */
#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/memory.h"
#include "engine/accept.h"
#include "engine/mock.h"
#include "engine/point.h"
#include "engine/round.h"
#include "engine/run.h"
#include "engine/signal.h"

static const struct bytes no_bytes = {NULL, 0};

static bool take_signal(struct strand *strand);
static void begin_invoke(struct strand *strand);
static bool is_mocked(const struct strand *strand);

bool error_is_retryable(struct bytes packed) {
    static const char *const final[] = {"fatal",  "value",    "permission",
                                        "memory", "watchdog", "cancelled"};
    struct value_tree tree;
    bool is_retryable = true;
    if (value_read(packed, &tree, NULL)) return false;
    struct bytes kind = value_get_bytes(&tree.root, "kind");
    for (size_t i = 0; i < sizeof final / sizeof *final; i++)
        if (bytes_are(kind, final[i])) is_retryable = false;
    is_retryable = is_retryable && value_get_boolean(&tree.root, "retryable", true);
    value_tree_done(&tree);
    return is_retryable;
}

/* ---- telling the observer ---- */

static void tell(struct strand *strand, const struct entry *entry) {
    const struct observer *observer = &strand->run->services->observer;
    const char *outcome = entry->type == ENTRY_DONE     ? "done"
                          : entry->type == ENTRY_RAISED ? "failed"
                          : entry->type == ENTRY_FAILED ? "retrying"
                                                        : NULL;
    char message[300] = "";
    struct value_tree tree;
    if (!observer->on_step || !outcome) return;
    if (entry->type != ENTRY_DONE && value_read(entry->value, &tree, NULL) == 0) {
        struct bytes text = value_get_bytes(&tree.root, "message");
        snprintf(message, sizeof message, "%.*s", (int)text.size, text.data);
        value_tree_done(&tree);
    }
    int64_t now_us = clock_monotonic_us(strand->run->services->clock);
    observer->on_step(observer->context, strand->run->record.id, strand->step->key,
                      ask_kind_name(strand->step->kind), outcome,
                      strand->began_us ? now_us - strand->began_us : 0, message);
}

void live_tell_begin(const struct strand *strand, const char *child_id) {
    const struct observer *observer = &strand->run->services->observer;
    const struct record *record = &strand->run->record;
    const struct step *step = strand->step;
    struct step_begin begin = {record->id,      record->workflow,
                               step->key,       ask_kind_name(step->kind),
                               strand->attempt, step->is_waiting ? step->due_at_us : 0,
                               child_id};
    if (observer->on_step_begin) observer->on_step_begin(observer->context, &begin);
}

static void append(struct strand *strand, struct entry *entry) {
    run_append(strand->run, strand->step, entry);
    tell(strand, entry);
}

/* ---- attempts ---- */

static void make_idempotency_key(struct strand *strand) {
    char text[ID_HASH_TEXT], round[16];
    snprintf(round, sizeof round, "%u", strand->step->round);
    struct bytes parts[] = {buffer_bytes(&strand->run->seed), bytes_of(strand->run->record.id),
                            bytes_of(strand->step->key), bytes_of(round)};
    id_hash(parts, 4, text);
    snprintf(strand->idempotency_key, sizeof strand->idempotency_key, "%.32s", text);
}

static void begin_attempt(struct strand *strand, uint32_t attempt) {
    make_idempotency_key(strand);
    strand->attempt = attempt;
    strand->plain_count = 0;
    strand->began_us = clock_monotonic_us(strand->run->services->clock);
    strand->has_timed_out = false;
    strand->caught_count = 0;
    if (strand->step->kind != ASK_INVOKE) live_tell_begin(strand, NULL); /* else with its child */
    strand->times_out_us = strand->timeout_us ? strand->began_us + strand->timeout_us : 0;
    if (strand->step->kind == ASK_INVOKE && !is_mocked(strand)) {
        begin_invoke(strand);
        return;
    }
    if (strand->step->kind != ASK_STEP) {
        barrier_hold(strand, strand->step->kind, false);
        return;
    }
    strand->answer.attempt = attempt;
    strand_answer(strand, ANSWER_CALL);
}

static void call_on_failure(struct strand *strand) {
    buffer_clear(&strand->first_error);
    buffer_add(&strand->first_error, strand->value.data, strand->value.size);
    strand_answer(strand, ANSWER_ON_FAILURE);
}

static double draw(void) {
    uint32_t random;
    id_random(&random, sizeof random);
    return random / 4294967296.0;
}

static void act(struct strand *strand, const struct step_decision *decision) {
    switch (decision->action) {
    case STEP_BEGIN: begin_attempt(strand, decision->attempt); break;
    case STEP_ANSWER: strand_answer_step(strand); break;
    case STEP_ASK_WHEN: strand_answer(strand, ANSWER_WHEN); break;
    case STEP_ASK_ON_FAILURE: call_on_failure(strand); break;
    case STEP_WAIT:
        strand->step->due_at_us = decision->due_at_us;
        strand->work = WORK_TIMER;
        strand->is_left = true;
        break;
    }
}

void live_event(struct strand *strand, struct step_event *event) {
    struct buffer scratch = BUFFER_EMPTY;
    struct step_decision decision;
    event->has_waited = strand->is_left;
    event->chance =
        strand->run->services->mock ? 1 : draw(); /* a test's waits are always the same */
    event->attempt = event->kind == STEP_ASKED || event->kind == STEP_DUE ? 0 : strand->attempt;
    transition_step(strand->step, &strand->request, event, run_now_us(strand->run), &scratch,
                    &decision);
    for (size_t i = 0; i < decision.entry_count; i++) append(strand, &decision.entries[i]);
    if (scratch.size) {
        buffer_done(&strand->value);
        strand->value = scratch;
    } else {
        buffer_done(&scratch);
    }
    if (!strand->run->is_over) act(strand, &decision);
}

static void failed_with(struct strand *strand, const char *kind, const char *message);

/* What strand->value holds can't be recorded. */
static bool is_too_large(const struct strand *strand, const char *what, struct error *err) {
    char text[400];
    snprintf(text, sizeof text, "the %s of %.300s", what, strand->step->key);
    return limits_check_value(&strand->run->services->limits, text, strand->value.size, err) != 0;
}

/* The value of a step that ends at once: what strand->value holds. */
static void done(struct strand *strand) {
    point("before_done");
    struct step_event event = {.kind = STEP_SUCCEEDED, .value = buffer_bytes(&strand->value)};
    struct error err;
    if (strand->value.is_failed) run_out_of_memory(strand->run);
    else if (is_too_large(strand, "value", &err)) failed_with(strand, "value", err.message);
    else live_event(strand, &event);
}

/* {…, step, attempt, retryable}: what the script reads of an error, where it isn't said yet. */
static void add_place(struct strand *strand) {
    struct buffer packed = BUFFER_EMPTY;
    struct value_tree tree;
    bool is_retryable = error_is_retryable(buffer_bytes(&strand->value));
    if (value_read(buffer_bytes(&strand->value), &tree, NULL)) return;
    if (tree.root.kind == VALUE_MAP && !value_get(&tree.root, "step")) {
        size_t opened = pack_map_open(&packed), count = 3;
        for (size_t i = 0; i < tree.root.map.count; i++) {
            const struct value_member *member = &tree.root.map.members[i];
            if (bytes_are(member->key, "attempt") || bytes_are(member->key, "retryable")) continue;
            pack_bytes(&packed, member->key);
            pack_value(&packed, &member->value);
            count++;
        }
        pack_member_text(&packed, "step", strand->step->key);
        pack_member_integer(&packed, "attempt", strand->attempt ? strand->attempt : 1);
        pack_member_boolean(&packed, "retryable", is_retryable);
        pack_close(&packed, opened, count);
        buffer_done(&strand->value);
        strand->value = packed;
    }
    value_tree_done(&tree);
}

static void failed(struct strand *strand) {
    point("before_failed");
    struct error err;
    if (is_too_large(strand, "error", &err)) {
        buffer_clear(&strand->value);
        effect_pack_error(&strand->value, "value", err.message, false);
    }
    add_place(strand);
    struct step_event event = {.kind = STEP_FAILED,
                               .value = buffer_bytes(&strand->value),
                               .retry_after_us = strand->retry_after_us};
    event.is_retryable = error_is_retryable(event.value);
    live_event(strand, &event);
}

static void failed_with(struct strand *strand, const char *kind, const char *message) {
    buffer_clear(&strand->value);
    effect_pack_error(&strand->value, kind, message, false);
    failed(strand);
}

void live_effect_ended(void *context, struct bytes result, struct bytes error, bool is_retryable,
                       int64_t retry_after_us) {
    struct strand *strand = context;
    struct bytes value = result.size ? result : error;
    (void)is_retryable; /* the packed error says so too */
    strand->effect = NULL;
    point("after_effect");
    run_finish_turn(strand->run);
    if (strand->work != WORK_EFFECT) return; /* cancelled in that turn */
    if (strand->run->is_over) return;        /* its last entry is queued */
    strand->retry_after_us = retry_after_us;
    buffer_clear(&strand->value);
    buffer_add(&strand->value, value.data, value.size);
    if (strand->value.is_failed) {
        run_out_of_memory(strand->run);
    } else if (strand->is_inside) {
        strand->work = WORK_CALLING;
        strand_answer(strand, result.size ? ANSWER_VALUE : ANSWER_ERROR);
    } else {
        run_mask(strand->run, &strand->value);
        if (result.size) done(strand);
        else failed(strand);
    }
    run_advance(strand->run);
}

/* ---- timers ---- */

static void begin_sleep(struct strand *strand) {
    struct step *step = strand->step;
    int64_t now_us = run_now_us(strand->run);
    if (!step->is_waiting) {
        const struct value *options = &strand->options.root;
        int64_t due_us =
            value_get_integer(options, "until_us", now_us + value_get_integer(options, "us", 0));
        struct entry entry = {
            .type = ENTRY_WAITING, .kind = ASK_SLEEP, .at_us = now_us, .due_at_us = due_us};
        append(strand, &entry);
    }
    strand->began_us = clock_monotonic_us(strand->run->services->clock);
    strand->work = WORK_TIMER;
    strand->is_left = true;
    live_tell_begin(strand, NULL);
    if (step->due_at_us <= now_us) live_due(strand);
}

void live_due(struct strand *strand) {
    if (strand->step->kind == ASK_WAIT_FOR && take_signal(strand)) return;
    if (strand->step->kind == ASK_SLEEP || strand->step->kind == ASK_WAIT_FOR) {
        buffer_clear(&strand->value);
        pack_nil(&strand->value);
        done(strand);
        return;
    }
    struct step_event event = {.kind = STEP_DUE};
    live_event(strand, &event);
}

/* ---- children ---- */

static int accept_child(struct strand *strand, uint64_t parent, struct accepted *child,
                        struct error *err) {
    const struct value *options = &strand->options.root, *input = value_get(options, "input");
    struct buffer packed = BUFFER_EMPTY;
    char *workflow = value_copy_text(value_get(options, "workflow"));
    char *id = value_copy_text(value_get(options, "id"));
    char own_id[JOURNAL_ID_MAX + 1];
    make_idempotency_key(strand);
    snprintf(own_id, sizeof own_id, "%s", strand->idempotency_key);
    if (input) pack_value(&packed, input);
    struct acceptance acceptance = {workflow ? workflow : "", buffer_bytes(&packed),
                                    id ? id : own_id, parent};
    int status = run_submission(strand->run) ? accept_run(strand->run->services, &acceptance,
                                                          strand->run->submission, child, err)
                                             : TEND_ENOMEM;
    point("after_child");
    memory_free(workflow);
    memory_free(id);
    buffer_done(&packed);
    return status;
}

static void pack_child(const struct accepted *child, struct buffer *out) {
    buffer_clear(out);
    pack_map(out, 2);
    pack_member_text(out, "id", child->id);
    pack_member_integer(out, "number", (int64_t)child->number);
}

static void begin_start(struct strand *strand) {
    struct accepted child;
    struct error err;
    if (accept_child(strand, 0, &child, &err)) {
        failed_with(strand, "error", err.message);
        return;
    }
    buffer_clear(&strand->value);
    pack_text(&strand->value, child.id);
    done(strand);
}

static void await_child(struct strand *strand, uint64_t number, const char *id) {
    live_tell_begin(strand, id);
    strand->child = number;
    strand->child_after = strand->child_links = 0;
    strand->work = WORK_CHILD;
    strand->is_left = true;
}

/* A child that was there before: of this run, before it was loaded, or of another one; or a new
 * round of it. */
static void join_child(struct strand *strand, uint64_t number, uint32_t after, uint32_t links) {
    struct run *run = strand->run;
    struct record child;
    bool is_there = record_load(run->services->journal, number, &child, NULL) == 0;
    bool is_own = is_there && child.parent == run->record.number;
    await_child(strand, number, is_there ? child.id : NULL);
    strand->child_after = after;
    strand->child_links = links;
    run->host.adopt(run->host.context, number, is_own ? 0 : run->record.number);
    live_check_child(strand);
}

/* A child that another run had accepted may be lost with a crash although the wait for it isn't,
 * and its number may be another run's by now. */
static bool is_child(struct strand *strand, uint64_t number, struct bytes id) {
    struct record child;
    return record_load(strand->run->services->journal, number, &child, NULL) == 0 &&
           bytes_are(id, child.id);
}

/* A new attempt of an invoke whose child has failed retries that child, and waits for the end of
 * the new round. If somebody else retries it already, so much the better. */
static bool retry_child(struct strand *strand) {
    struct run *run = strand->run;
    struct record child;
    uint64_t number = strand->step->child;
    if (!strand->step->failures || !number || !run_submission(run)) return false;
    if (record_load(run->services->journal, number, &child, NULL)) return false;
    uint32_t after = child.status == RUN_FAILED ? child.next_sequence : 0;
    int status = after ? round_retry(run->services, number, run->submission, NULL) : 0;
    if (status && status != TEND_ECONFLICT) return false;
    buffer_clear(&strand->value);
    pack_map(&strand->value, 4);
    pack_member_text(&strand->value, "id", child.id);
    pack_member_integer(&strand->value, "number", (int64_t)number);
    pack_member_integer(&strand->value, "after", after);
    pack_member_integer(&strand->value, "links", child.links);
    struct entry entry = {.type = ENTRY_WAITING,
                          .kind = ASK_INVOKE,
                          .at_us = run_now_us(run),
                          .value = buffer_bytes(&strand->value)};
    append(strand, &entry);
    join_child(strand, number, after, child.links);
    return true;
}

static void begin_invoke(struct strand *strand) {
    struct accepted child;
    struct error err;
    struct value_tree tree;
    strand->began_us = clock_monotonic_us(strand->run->services->clock);
    strand->attempt = strand->step->attempt + 1;
    if (strand->step->is_waiting && value_read(strand->step->waits, &tree, &err) == 0) {
        uint64_t number = (uint64_t)value_get_integer(&tree.root, "number", 0);
        bool is_there = is_child(strand, number, value_get_bytes(&tree.root, "id"));
        uint32_t after = (uint32_t)value_get_integer(&tree.root, "after", 0);
        uint32_t links = (uint32_t)value_get_integer(&tree.root, "links", 0);
        value_tree_done(&tree);
        if (is_there) join_child(strand, number, after, links);
        if (is_there) return;
    }
    if (retry_child(strand)) return;
    if (accept_child(strand, strand->run->record.number, &child, &err)) {
        failed_with(strand, "error", err.message);
        return;
    }
    pack_child(&child, &strand->value);
    struct entry entry = {.type = ENTRY_WAITING,
                          .kind = ASK_INVOKE,
                          .at_us = run_now_us(strand->run),
                          .value = buffer_bytes(&strand->value)};
    append(strand, &entry);
    if (child.is_new) await_child(strand, child.number, child.id);
    else join_child(strand, child.number, 0, 0);
}

struct ending {
    struct strand *strand;
    bool is_found;
};

static bool find_ending(void *context, uint32_t sequence, struct bytes packed) {
    struct ending *ending = context;
    struct entry entry;
    (void)sequence;
    if (entry_read(packed, &entry, NULL) || entry.type != ENTRY_ENDED) return true;
    buffer_clear(&ending->strand->value);
    buffer_add(&ending->strand->value, entry.value.data, entry.value.size);
    ending->is_found = true;
    return true; /* the last one counts: a retried child has ended more than once */
}

/* Whether trying again may help is for its own error to say; a cancelled child stays that. */
static void child_failed(struct strand *strand, const struct record *child) {
    bool is_retryable =
        child->status == RUN_FAILED && error_is_retryable(buffer_bytes(&strand->value));
    struct buffer packed = BUFFER_EMPTY;
    char message[ERROR_MESSAGE_MAX];
    snprintf(message, sizeof message, "%.200s (run %s) %s: %.500s", child->workflow, child->id,
             run_status_name(child->status), child->message);
    pack_map(&packed, 4);
    pack_member_text(&packed, "message", message);
    pack_member_text(&packed, "kind", "child");
    pack_member_boolean(&packed, "retryable", is_retryable);
    pack_text(&packed, "cause");
    buffer_add(&packed, strand->value.data, strand->value.size);
    buffer_done(&strand->value);
    strand->value = packed;
    failed(strand);
}

void live_check_child(struct strand *strand) {
    struct journal *journal = strand->run->services->journal;
    struct ending ending = {strand, false};
    struct record child;
    if (record_load(journal, strand->child, &child, NULL)) return;
    bool is_past = child.links == strand->child_links && child.next_sequence <= strand->child_after;
    if (!run_status_is_final(child.status) || is_past) return;
    if (journal_entries(journal, strand->child, find_ending, &ending, NULL) || !ending.is_found)
        return;
    if (child.status == RUN_COMPLETED) done(strand);
    else child_failed(strand, &child);
}

/* ---- state ---- */

static struct bytes state_key(const struct strand *strand) {
    return value_get_bytes(&strand->options.root, "key");
}

static void state_failed(struct strand *strand, const struct error *err) {
    failed_with(strand, "error", err->message);
}

static void begin_state_get(struct strand *strand) {
    struct error err;
    uint64_t version;
    buffer_clear(&strand->value);
    if (shared_state_read(strand->run->services->state, state_key(strand), &strand->value, &version,
                          &err))
        state_failed(strand, &err);
    else done(strand);
}

static void begin_state_list(struct strand *strand) {
    const struct value *options = &strand->options.root;
    struct bytes after = value_get_bytes(options, "after"), hidden = bytes_of("\x02");
    struct error err;
    if (bytes_compare(after, hidden) < 0) after = hidden; /* the engine's own keys come before */
    buffer_clear(&strand->value);
    if (shared_state_list(strand->run->services->state, value_get_bytes(options, "prefix"), after,
                          (size_t)value_get_integer(options, "limit", 1000), &strand->value, &err))
        state_failed(strand, &err);
    else done(strand);
}

/* The write and the step's entry in one submission. TEND_ECONFLICT: somebody else wrote meanwhile.
 */
static int state_write(struct strand *strand, struct bytes key, struct bytes value,
                       struct bytes result, struct error *err) {
    struct run *run = strand->run;
    struct buffer packed = BUFFER_EMPTY;
    struct submission *submission = submission_new();
    struct entry entry = {.type = ENTRY_DONE,
                          .key = bytes_of(strand->step->key),
                          .kind = strand->step->kind,
                          .attempt = 1,
                          .at_us = run_now_us(run),
                          .has_waited = strand->is_left,
                          .value = result};
    point("before_state");
    run_flush(run);
    entry_pack(&entry, &packed);
    if (!submission || packed.is_failed) {
        buffer_done(&packed);
        submission_free(submission);
        return error_no_memory(err);
    }
    submission_entry(submission, run->record.number, run->record.next_sequence,
                     buffer_bytes(&packed));
    buffer_done(&packed);
    int status = shared_state_write(run->services->state, key, value, strand->state_version,
                                    submission, &run->position, err);
    if (status && status != TEND_ENOMEM) submission_free(submission);
    if (status) return status;
    step_apply(strand->step, &entry, run->record.next_sequence++);
    run->queued_entries++;
    run->queued_bytes += result.size;
    tell(strand, &entry);
    return 0;
}

static int read_version(struct strand *strand, struct error *err) {
    struct buffer ignored = BUFFER_EMPTY;
    int status = shared_state_read(strand->run->services->state, state_key(strand), &ignored,
                                   &strand->state_version, err);
    buffer_done(&ignored);
    return status;
}

static void begin_state_set(struct strand *strand) {
    const struct value *value = value_get(&strand->options.root, "value");
    struct buffer packed = BUFFER_EMPTY;
    struct error err;
    int status;
    if (value) pack_value(&packed, value);
    run_mask(strand->run, &packed);
    buffer_clear(&strand->value);
    pack_nil(&strand->value);
    status = limits_check_value(&strand->run->services->limits, "the value for state.set",
                                packed.size, &err);
    if (status) {
        buffer_done(&packed);
        failed_with(strand, err.kind, err.message);
        return;
    }
    do {
        status = read_version(strand, &err);
        if (!status)
            status =
                state_write(strand, state_key(strand), value ? buffer_bytes(&packed) : no_bytes,
                            buffer_bytes(&strand->value), &err);
    } while (status == TEND_ECONFLICT);
    buffer_done(&packed);
    if (status) state_failed(strand, &err);
    else strand_answer_step(strand);
}

static void begin_state_update(struct strand *strand) {
    struct error err;
    buffer_clear(&strand->value);
    if (shared_state_read(strand->run->services->state, state_key(strand), &strand->value,
                          &strand->state_version, &err))
        state_failed(strand, &err);
    else strand_answer(strand, ANSWER_UPDATE);
}

/* The function's value is in strand->value. */
static void end_state_update(struct strand *strand) {
    struct error err;
    if (is_too_large(strand, "value", &err)) {
        failed_with(strand, err.kind, err.message);
        return;
    }
    struct bytes value = buffer_bytes(&strand->value);
    bool is_nil = value.size == 1 && (unsigned char)value.data[0] == 0xc0;
    int status = state_write(strand, state_key(strand), is_nil ? no_bytes : value, value, &err);
    if (status == TEND_ECONFLICT) begin_state_update(strand);
    else if (status) state_failed(strand, &err);
    else strand_answer_step(strand);
}

/* ---- signals ---- */

/* What was accepted before the deadline wins, whenever it is looked at. */
static bool is_in_time(const struct strand *strand, const struct signal *signal) {
    return !strand->step->due_at_us || signal->accepted_at_us <= strand->step->due_at_us;
}

/* True: the strand has its answer (a payload, or the error that kept it from one). */
static bool take_signal(struct strand *strand) {
    struct bytes name = value_get_bytes(&strand->options.root, "signal");
    struct signal signal;
    struct error err;
    bool is_there;
    int status = signal_first(strand->run->services, strand->run->record.number, name, &signal,
                              &is_there, &err);
    if (!status && is_there && is_in_time(strand, &signal)) {
        buffer_clear(&strand->value);
        buffer_add(&strand->value, signal.payload.data, signal.payload.size);
        run_mask(strand->run, &strand->value);
        strand->state_version = signal.version;
        status = state_write(strand, buffer_bytes(&signal.key), no_bytes,
                             buffer_bytes(&strand->value), &err);
        point("after_signal");
        if (!status) strand_answer_step(strand);
    } else {
        is_there = false;
    }
    signal_done(&signal);
    if (status) state_failed(strand, &err);
    return status || is_there;
}

static void begin_wait_for(struct strand *strand) {
    struct step *step = strand->step;
    int64_t now_us = run_now_us(strand->run);
    strand->began_us = clock_monotonic_us(strand->run->services->clock);
    strand->is_left = true;
    bool is_new = !step->is_waiting; /* else replay_end looks, the oldest waiter first */
    if (is_new) {
        struct entry entry = {.type = ENTRY_WAITING, .kind = ASK_WAIT_FOR, .at_us = now_us};
        if (strand->timeout_us) entry.due_at_us = now_us + strand->timeout_us;
        append(strand, &entry);
    }
    strand->work = WORK_SIGNAL;
    live_tell_begin(strand, NULL);
    if (step->due_at_us && step->due_at_us <= now_us) live_due(strand);
    else if (is_new) (void)take_signal(strand);
}

void live_check_signals(struct run *run) {
    struct strand *oldest;
    uint32_t from = 0;
    do {
        oldest = NULL;
        for (struct strand *strand = run->strands; strand; strand = strand->next) {
            if (strand->state != STRAND_PARKED || strand->work != WORK_SIGNAL) continue;
            if (strand->step->first_sequence < from) continue;
            if (!oldest || strand->step->first_sequence < oldest->step->first_sequence)
                oldest = strand;
        }
        if (oldest) from = oldest->step->first_sequence + 1;
        if (oldest) (void)take_signal(oldest);
    } while (oldest && !run->is_over);
}

/* A test answers for a child that it doesn't want to be real: an effect like another. */
static bool is_mocked(const struct strand *strand) {
    const struct mock *mock = strand->run->services->mock;
    return mock && !mock_is_real(mock, value_get_bytes(&strand->options.root, "workflow"));
}

/* ---- beginning, and what called functions come back with ---- */

void live_begin(struct strand *strand) {
    struct step_event event = {.kind = STEP_ASKED};
    enum ask_kind kind = strand->step->kind;
    if ((kind == ASK_INVOKE || kind == ASK_START) && is_mocked(strand)) {
        live_event(strand, &event);
        return;
    }
    switch (kind) {
    case ASK_SLEEP: begin_sleep(strand); break;
    case ASK_INVOKE:
        if (strand->step->is_waiting) begin_invoke(strand);
        else live_event(strand, &event);
        break;
    case ASK_START: begin_start(strand); break;
    case ASK_STATE_GET: begin_state_get(strand); break;
    case ASK_STATE_SET: begin_state_set(strand); break;
    case ASK_STATE_UPDATE: begin_state_update(strand); break;
    case ASK_STATE_LIST: begin_state_list(strand); break;
    case ASK_WAIT_FOR: begin_wait_for(strand); break;
    case ASK_PARALLEL:
        if (strand->branches_ended == strand->branch_count) live_join(strand);
        break;
    default: live_event(strand, &event); break;
    }
}

void live_join(struct strand *strand) {
    struct step *step = strand->step;
    if (strand->is_cancelling) {
        strand->is_cancelling = strand->is_left = false;
        strand_answer_error(strand, "cancelled",
                            strand->run->has_cancel
                                ? "cancelled"
                                : "cancelled: another branch of the parallel failed");
        return;
    }
    if (strand->run->is_replaying) return; /* replay_next or replay_end comes by, in its turn */
    if (!step->is_ended) {
        struct entry entry = {.type = ENTRY_DONE,
                              .kind = ASK_PARALLEL,
                              .attempt = 1,
                              .at_us = run_now_us(strand->run),
                              .has_waited = true};
        append(strand, &entry);
    }
    live_joined(strand);
}

void live_joined(struct strand *strand) {
    buffer_clear(&strand->value);
    strand->work = WORK_NONE;
    strand->answer.at_us = strand->step->ended_at_us;
    strand->answer.attempt = (uint32_t)strand->failed_index;
    strand_answer(strand, ANSWER_JOINED);
}

/* {…, cause = what on_failure was called with} */
static void add_cause(struct strand *strand) {
    struct buffer packed = BUFFER_EMPTY;
    struct value_tree tree;
    if (value_read(buffer_bytes(&strand->value), &tree, NULL)) return;
    if (tree.root.kind == VALUE_MAP) {
        pack_map(&packed, tree.root.map.count + 1);
        for (size_t i = 0; i < tree.root.map.count; i++) {
            pack_bytes(&packed, tree.root.map.members[i].key);
            pack_value(&packed, &tree.root.map.members[i].value);
        }
        pack_text(&packed, "cause");
        buffer_add(&packed, strand->first_error.data, strand->first_error.size);
    }
    value_tree_done(&tree);
    buffer_done(&strand->value);
    strand->value = packed;
}

static void raise_finally(struct strand *strand) {
    struct step_event event = {.kind = STEP_FAILED, .value = buffer_bytes(&strand->value)};
    strand->request.has_on_failure = false;
    live_event(strand, &event);
}

static void verdict(struct strand *strand, bool says_yes) {
    struct step_event event = {.kind = STEP_FAILED,
                               .value = buffer_bytes(&strand->value),
                               .is_retryable = true,
                               .has_said_yes = says_yes,
                               .has_said_no = !says_yes,
                               .retry_after_us = strand->retry_after_us};
    live_event(strand, &event);
}

void live_called(struct strand *strand, struct ask *ask) {
    if (ask->kind == ASK_VERDICT) {
        verdict(strand, ask->verdict);
        return;
    }
    buffer_done(&strand->value);
    strand->value = ask->value;
    ask->value = BUFFER_EMPTY;
    strand->retry_after_us = 0;
    run_mask(strand->run, &strand->value);
    bool has_raised = ask->kind == ASK_RAISED;
    if (strand->called == ANSWER_CALL && strand->has_timed_out) {
        buffer_clear(&strand->value);
        effect_pack_error(&strand->value, "timeout", "the attempt took longer than its timeout",
                          true);
        has_raised = true;
    }
    if (strand->called == ANSWER_UPDATE && !has_raised) end_state_update(strand);
    else if (strand->called == ANSWER_ON_FAILURE && has_raised)
        add_cause(strand), raise_finally(strand);
    else if (strand->called == ANSWER_WHEN || (strand->called == ANSWER_UPDATE && has_raised))
        raise_finally(strand);
    else if (has_raised) failed(strand);
    else done(strand);
}
