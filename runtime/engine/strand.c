/* A strand: the engine's side of a branch. What the branch asks is parked here, and the answer is
 * handed back from here. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/option.h"
#include "engine/run.h"

struct strand *strand_new(struct run *run, struct branch *lua, struct strand *parent,
                          size_t index) {
    struct strand *strand = memory_new(sizeof *strand);
    if (!strand) return NULL;
    strand->run = run;
    strand->lua = lua;
    strand->parent = parent;
    strand->index = index;
    strand->state = STRAND_PARKED;
    if (parent) {
        buffer_add_format(&strand->path, "%s/", parent->step->key);
        text_add_key(&strand->path, branch_key(lua));
    }
    *run->last_strand = strand;
    run->last_strand = &strand->next;
    return strand;
}

void strand_free(struct strand *strand, bool is_cancelled) {
    effect_abort(strand->effect, is_cancelled);
    value_tree_done(&strand->options);
    value_tree_done(&strand->plain);
    buffer_done(&strand->options_bytes);
    buffer_done(&strand->plain_bytes);
    buffer_done(&strand->value);
    buffer_done(&strand->first_error);
    buffer_done(&strand->path);
    map_done(&strand->uses);
    memory_free(strand->branches);
    memory_free(strand);
}

void strand_ready(struct strand *strand, bool is_first) {
    struct run *run = strand->run;
    strand->state = STRAND_READY;
    if (is_first) {
        strand->next_ready = run->ready;
        run->ready = strand;
        if (!strand->next_ready) run->last_ready = &strand->next_ready;
    } else {
        strand->next_ready = NULL;
        *run->last_ready = strand;
        run->last_ready = &strand->next_ready;
    }
}

/* ---- answers ---- */

void strand_answer(struct strand *strand, enum answer_kind kind) {
    strand->answer.kind = kind;
    strand->answer.value = buffer_bytes(&strand->value);
    strand->answer.idempotency_key = strand->idempotency_key;
    bool is_call = kind == ANSWER_CALL || kind == ANSWER_WHEN || kind == ANSWER_ON_FAILURE ||
                   kind == ANSWER_UPDATE;
    if (is_call) strand->called = kind;
    strand->work = is_call ? WORK_CALLING : strand->work;
    strand_ready(strand, !strand->is_left);
}

void strand_answer_step(struct strand *strand) {
    struct step *step = strand->step;
    strand->answer.at_us = step->ended_at_us;
    strand->work = WORK_NONE;
    if (step->value.data != strand->value.data) {
        buffer_clear(&strand->value);
        buffer_add(&strand->value, step->value.data, step->value.size);
    }
    if (strand->value.is_failed) {
        run_out_of_memory(strand->run);
        return;
    }
    strand_answer(strand, step->has_raised ? ANSWER_ERROR : ANSWER_VALUE);
}

void strand_answer_error(struct strand *strand, const char *kind, const char *message) {
    buffer_clear(&strand->value);
    effect_pack_error(&strand->value, kind, message, false);
    strand->work = WORK_NONE;
    strand_answer(strand, ANSWER_ERROR);
}

/* ---- cancelling: raised once, at the primitive where it waits or at its next one ---- */

enum { CAUGHT_MAX = 1000 };

static void give_up(struct strand *strand) {
    struct buffer packed = BUFFER_EMPTY;
    effect_pack_error(&packed, "watchdog",
                      "a step's function goes on and on after it was cancelled or "
                      "its time was over: it must let the error through",
                      false);
    run_end(strand->run, RUN_RAISED, buffer_bytes(&packed));
    buffer_done(&packed);
}

static const char *why_cancelled(const struct strand *strand) {
    return strand->run->has_cancel ? "cancelled"
                                   : "cancelled: another branch of the parallel failed";
}

/* Inside its step's function every primitive raises it, so that the function ends before another
 * branch goes on, and at its end the step does. A function that catches it over and over is given
 * up, and its run with it. */
static void raise_cancelled(struct strand *strand, bool is_inside) {
    if (is_inside && ++strand->caught_count > CAUGHT_MAX) {
        give_up(strand);
        return;
    }
    effect_abort(strand->effect, true);
    strand->effect = NULL;
    strand->is_left = false;
    strand->is_cancelling = is_inside;
    strand->answer = (struct answer){0};
    strand_answer_error(strand, "cancelled", why_cancelled(strand));
    if (is_inside) strand->work = WORK_CALLING;
}

/* Does its step's function run, and wait for something? */
static bool is_in_function(const struct strand *strand) {
    enum answer_kind kind = strand->answer.kind;
    if (strand->work == WORK_EFFECT || strand->work == WORK_BARRIER) return strand->is_inside;
    return strand->work == WORK_CALLING &&
           (kind == ANSWER_VALUE || kind == ANSWER_ERROR || kind == ANSWER_GO);
}

static void unready(struct strand *strand) {
    struct strand **at = &strand->run->ready;
    while (*at && *at != strand) at = &(*at)->next_ready;
    if (!*at) return;
    *at = strand->next_ready;
    if (strand->run->last_ready == &strand->next_ready) strand->run->last_ready = at;
    strand->next_ready = NULL;
}

static void cancel_branches(struct strand *strand) {
    strand->is_cancelling = true;
    for (size_t i = strand->branch_count; i > 0; i--) strand_cancel(strand->branches[i - 1]);
    if (strand->branches_ended == strand->branch_count) live_join(strand);
}

/* An answer that it has but hasn't taken is dropped: on replay the entry that gave it comes after
 * the one by which this branch is cancelled. */
void strand_cancel(struct strand *strand) {
    if (strand->state == STRAND_ENDED || strand->is_cancelled) return;
    strand->is_cancelled = true;
    if (!strand->is_started) {
        strand->state = STRAND_ENDED;
        if (strand->parent) strand->parent->branches_ended++;
    } else if (strand->state == STRAND_READY && strand->answer.kind == ANSWER_NONE) {
        strand->is_cancelling = true;
    } else if (strand->work == WORK_BRANCHES) {
        cancel_branches(strand);
    } else {
        if (strand->state == STRAND_READY) unready(strand);
        raise_cancelled(strand, is_in_function(strand));
    }
}

/* ---- branches of a parallel ---- */

/* They start at once, in key order, before any other branch goes on: on replay others can't have
 * their turn yet. */
static void start_branches(struct strand *strand) {
    size_t first = strand->branches_started;
    if (strand->failed_index || strand->is_cancelling) return;
    while (strand->branches_started < strand->branch_count &&
           strand->branches_started - strand->branches_ended < strand->branch_limit)
        strand->branches_started++;
    for (size_t i = strand->branches_started; i > first; i--) {
        struct strand *branch = strand->branches[i - 1];
        branch->is_started = true;
        branch_set_now(branch->lua, branch_now(strand->lua));
        strand_ready(branch, true);
    }
}

static void make_branches(struct strand *strand, size_t count) {
    int64_t limit = value_get_integer(&strand->options.root, "limit", 0);
    memory_free(strand->branches);
    strand->branches = memory_new((count + 1) * sizeof(struct strand *));
    strand->branch_count = strand->branches_ended = strand->branches_started = 0;
    strand->failed_index = 0;
    strand->branch_limit = limit > 0 ? (size_t)limit : SIZE_MAX;
    strand->is_settling = value_get_boolean(&strand->options.root, "settle", false);
    strand->work = WORK_BRANCHES;
    strand->is_left = true;
    for (size_t i = 0; strand->branches && i < count; i++) {
        struct branch *lua = branch_child(strand->lua, i);
        struct strand *branch = strand_new(strand->run, lua, strand, i);
        if (!branch || branch->path.is_failed) break;
        branch_seed(lua, buffer_bytes(&branch->path));
        strand->branches[strand->branch_count++] = branch;
    }
    if (strand->branch_count < count) run_out_of_memory(strand->run);
}

static void branch_ended(struct strand *strand, bool has_failed) {
    struct strand *parent = strand->parent;
    parent->branches_ended++;
    if (has_failed && !parent->failed_index && !parent->is_settling) {
        parent->failed_index = strand->index + 1;
        for (size_t i = parent->branch_count; i > 0; i--) strand_cancel(parent->branches[i - 1]);
    }
    start_branches(parent);
    if (parent->branches_ended == parent->branch_count) live_join(parent);
}

/* ---- asking ---- */

static void take_options(struct buffer *from, struct buffer *to, struct value_tree *tree,
                         struct run *run) {
    struct error err;
    value_tree_done(tree);
    *tree = (struct value_tree){0};
    buffer_done(to);
    *to = *from;
    *from = BUFFER_EMPTY;
    if (value_read(buffer_bytes(to), tree, &err)) {
        *tree = (struct value_tree){0};
        run_out_of_memory(run);
    }
}

static int read_request(struct strand *strand, const struct ask *ask, struct error *err) {
    const struct value *options = &strand->options.root;
    bool is_retried = ask->kind == ASK_STEP || ask->kind == ASK_HTTP || ask->kind == ASK_LLM ||
                      ask->kind == ASK_AGENT || ask->kind == ASK_EXEC;
    struct step_request request = {.has_when = ask->has_when,
                                   .has_on_failure = ask->has_on_failure};
    int64_t timeout_us = 0;
    const struct value *retry = value_get(options, "retry");
    bool wants_retry = retry && !(retry->kind == VALUE_BOOLEAN && !retry->boolean);
    if (wants_retry && !is_retried && ask->kind != ASK_INVOKE)
        return error_set_kind(err, TEND_EINPUT, "error", "it takes no `retry`");
    int status = retry_read(options, is_retried, &request.retry, err);
    if (!status) status = duration_read(options, "deadline", &request.deadline_us, err);
    if (!status) status = duration_read(options, "timeout", &timeout_us, err);
    strand->request = request;
    strand->timeout_us = timeout_us;
    return status;
}

/* A loop that never ends fills the disk: so many steps, then the run fails. */
static void fail_for_steps(struct run *run) {
    struct buffer packed = BUFFER_EMPTY;
    char message[300];
    snprintf(message, sizeof message,
             "the run has %zu steps, which is its limit; end this link with continue_as, or raise "
             "the limit (limits.steps in tend.lua, or --limit steps=…)",
             run->services->limits.steps);
    effect_pack_error(&packed, "error", message, false);
    run_end(run, RUN_RAISED, buffer_bytes(&packed));
    buffer_done(&packed);
}

static bool has_too_many(const struct strand *strand) {
    const struct run *run = strand->run;
    size_t most = run->services->limits.steps;
    return most && !strand->step->is_recorded && run->steps.count > most;
}

static void park(struct strand *strand, struct ask *ask) {
    strand->is_left = false;
    strand->plain_count = strand->attempt = 0;
    strand->step = replay_ask(strand, buffer_bytes(&ask->name), ask->kind);
    if (!strand->step) return;
    if (has_too_many(strand)) {
        fail_for_steps(strand->run);
        return;
    }
    if (ask->kind == ASK_PARALLEL) {
        if (!strand->step->is_ended) live_tell_begin(strand, NULL);
        make_branches(strand, ask->branch_count);
        start_branches(strand);
        if (!strand->branch_count) live_join(strand);
    } else if (strand->step->is_ended) {
        /* Live only where a step was added before it: then nobody comes by in its turn. */
        if (!strand->step->has_waited || !strand->run->is_replaying) strand_answer_step(strand);
    } else if (!strand->run->is_replaying) {
        live_begin(strand);
    }
}

static void asked(struct strand *strand, struct ask *ask) {
    struct error err;
    take_options(&ask->options, &strand->options_bytes, &strand->options, strand->run);
    if (strand->run->is_over) return;
    strand->is_left = false;
    if (read_request(strand, ask, &err)) {
        error_context(&err, "%s", ask_kind_name(ask->kind));
        strand_answer_error(strand, "error", err.message);
        return;
    }
    park(strand, ask);
}

/* The attempt's time is over: what its function waits for is ended, and raises. Whatever the
 * function makes of that, the attempt ends with `timeout` (live_called). */
void strand_time_out(struct strand *strand) {
    effect_abort(strand->effect, true);
    strand->effect = NULL;
    strand->has_timed_out = true;
    buffer_clear(&strand->value);
    effect_pack_error(&strand->value, "timeout", "the attempt took longer than its timeout", true);
    strand->work = WORK_CALLING;
    strand_answer(strand, ANSWER_ERROR);
}

/* Inside a step's function: an effect, or the first touch of a file. */
static void asked_inside(struct strand *strand, struct ask *ask) {
    if (strand->has_timed_out) {
        if (++strand->caught_count > CAUGHT_MAX) give_up(strand);
        else strand_time_out(strand);
        return;
    }
    if (ask->kind == ASK_PLAIN)
        take_options(&ask->options, &strand->plain_bytes, &strand->plain, strand->run);
    if (!strand->run->is_over)
        barrier_hold(strand, ask->kind == ASK_PLAIN ? ask->effect : ASK_BARRIER, true);
}

static void ended(struct strand *strand, bool has_failed) {
    struct run *run = strand->run;
    strand->state = STRAND_ENDED;
    strand->work = WORK_NONE;
    if (strand->parent) {
        branch_ended(strand, has_failed);
        return;
    }
    struct buffer *value = &branch_ask(strand->lua)->value;
    struct error err;
    if (!replay_is_read(run)) return;
    run->is_replaying = false;
    run_mask(run, value);
    if (limits_check_value(&run->services->limits,
                           has_failed ? "the run's error" : "the run's result", value->size,
                           &err)) {
        buffer_clear(value);
        effect_pack_error(value, err.kind, err.message, false);
        has_failed = true;
    }
    run_end(run, has_failed ? RUN_RAISED : RUN_RETURNED, buffer_bytes(value));
}

/* By continue_as. Cleanup may have asked for what the journal has, so that is looked at only now.
 */
static void continued(struct strand *strand) {
    struct run *run = strand->run;
    strand->state = STRAND_ENDED;
    strand->work = WORK_NONE;
    if (!replay_is_read(run)) return;
    run->is_replaying = false;
    struct buffer *input = &branch_ask(strand->lua)->value;
    run_mask(run, input);
    link_continue(run, buffer_bytes(input));
}

/* The watchdog struck, or memory ran out: the run ends, whatever its branches do. */
static void over(struct run *run, struct buffer *error) {
    run_mask(run, error);
    run_end(run, RUN_RAISED, buffer_bytes(error));
}

void strand_resume(struct strand *strand) {
    struct answer answer = strand->answer;
    strand->state = STRAND_PARKED;
    strand->is_started = true;
    strand->answer = (struct answer){0};
    crash_slot_set(strand->run->host.place->mark, strand->run->record.number);
    enum branch_outcome outcome = branch_resume(strand->lua, &answer);
    crash_slot_set(strand->run->host.place->mark, 0);
    struct ask *ask = branch_ask(strand->lua);
    bool is_inside = ask->kind == ASK_PLAIN || ask->kind == ASK_BARRIER;
    if (outcome == BRANCH_OVER) over(strand->run, &ask->value);
    else if (outcome == BRANCH_CONTINUES) continued(strand);
    else if (outcome != BRANCH_ASKS) ended(strand, outcome == BRANCH_RAISED);
    else if (strand->is_cancelling) raise_cancelled(strand, is_inside);
    else if (ask->kind < ASK_RECORDED) asked(strand, ask);
    else if (is_inside) asked_inside(strand, ask);
    else live_called(strand, ask);
}
