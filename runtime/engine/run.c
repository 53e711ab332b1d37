/* A run in memory: loading, its turn, what goes to the journal, leaving; see run.h. */
#include "engine/run.h"
#include "engine/cancel.h"
#include "engine/dry_replay.h"
#include "engine/point.h"
#include "engine/required.h"
#include "engine/upgrade.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/memory.h"
#include "base/text.h"

static const int64_t turn_us = 10000;     /* then other runs of the worker have a turn */
static const int64_t moment_us = 1000000; /* a shorter wait stays in memory */
static const size_t queued_entries_max = 1000;
static const size_t queued_bytes_max = (size_t)8 << 20;

int64_t run_now_us(const struct run *run) { return clock_wall_us(run->services->clock); }

/* ---- loading ---- */

struct loading {
    struct run *run;
    size_t *ends; /* where each entry ends in run->loaded */
    size_t count, capacity;
    uint32_t upto; /* entries from here on are left out; 0: none */
    bool is_failed;
};

static bool keep_entry(void *context, uint32_t sequence, struct bytes packed) {
    struct loading *loading = context;
    if (loading->upto && sequence >= loading->upto) return false;
    if (loading->count == loading->capacity) {
        size_t capacity = loading->capacity ? loading->capacity * 2 : 64;
        size_t *ends = memory_resize(loading->ends, capacity * sizeof *ends);
        if (!ends) return !(loading->is_failed = true);
        loading->ends = ends;
        loading->capacity = capacity;
    }
    buffer_add(&loading->run->loaded, packed.data, packed.size);
    loading->ends[loading->count++] = loading->run->loaded.size;
    return true;
}

static struct bytes entry_at(const struct loading *loading, size_t i) {
    size_t start = i ? loading->ends[i - 1] : 0;
    return (struct bytes){loading->run->loaded.data + start, loading->ends[i] - start};
}

/* An earlier round's entries are marked with the number of the entry that set them aside. */
static int mark_aside(size_t i, const struct entry *retried, uint32_t *aside, struct error *err) {
    struct value_tree tree;
    int status = value_read(retried->value, &tree, err);
    if (status) return status;
    size_t from = (size_t)value_get_integer(&tree.root, "from", (int64_t)i);
    for (size_t j = from; j < i; j++)
        if (!aside[j]) aside[j] = (uint32_t)i;
    value_tree_done(&tree);
    return 0;
}

static int find_aside(const struct loading *loading, uint32_t *aside, struct error *err) {
    for (size_t i = 0; i < loading->count; i++) {
        struct entry entry;
        int status = entry_read(entry_at(loading, i), &entry, err);
        if (!status && entry.type == ENTRY_RETRIED) status = mark_aside(i, &entry, aside, err);
        if (status) return status;
    }
    return 0;
}

static int fold_aside(const struct loading *loading, const struct entry *entry, uint32_t by,
                      struct error *err) {
    struct entry retried;
    struct value_tree tree;
    int status = entry_read(entry_at(loading, by), &retried, err);
    if (!status) status = value_read(retried.value, &tree, err);
    if (status) return status;
    status = replay_set_aside(loading->run, entry, by, value_get_bytes(&tree.root, "key"), err);
    value_tree_done(&tree);
    return status;
}

/* The entries are all there and won't move any more: fold them. *accepted is the first. */
static int fold_all(struct loading *loading, const uint32_t *aside, struct entry *accepted,
                    struct error *err) {
    for (size_t i = 0; i < loading->count; i++) {
        struct entry entry;
        int status = entry_read(entry_at(loading, i), &entry, err);
        if (!status && aside[i]) status = fold_aside(loading, &entry, aside[i], err);
        else if (!status) status = replay_load(loading->run, &entry, (uint32_t)i, err);
        if (status) return status;
        if (i == 0) *accepted = entry;
    }
    loading->run->record.next_sequence = (uint32_t)loading->count;
    return 0;
}

static int fold_entries(struct loading *loading, struct entry *accepted, struct error *err) {
    if (loading->is_failed || loading->run->loaded.is_failed) return error_no_memory(err);
    if (!loading->count) return error_set(err, TEND_EFORMAT, "the run has no entries");
    uint32_t *aside = memory_new(loading->count * sizeof *aside);
    if (!aside) return error_no_memory(err);
    int status = find_aside(loading, aside, err);
    if (!status) status = fold_all(loading, aside, accepted, err);
    memory_free(aside);
    return status;
}

static int load_entries(struct run *run, uint32_t upto, struct entry *accepted, struct error *err) {
    struct loading loading = {.run = run, .upto = upto};
    int status =
        journal_entries(run->services->journal, run->record.number, keep_entry, &loading, err);
    if (!status) status = fold_entries(&loading, accepted, err);
    memory_free(loading.ends);
    return status;
}

static void on_log(void *context, struct branch *branch, const char *level, struct bytes message,
                   struct bytes fields) {
    struct run *run = context;
    struct buffer value = BUFFER_EMPTY;
    if (run->is_over || run->is_dry || !replay_is_past(run, branch)) return;
    pack_map(&value, 3);
    pack_member_text(&value, "level", level);
    pack_member_bytes(&value, "message", message);
    pack_text(&value, "fields");
    buffer_add(&value, fields.data, fields.size);
    run_mask(run, &value);
    struct entry entry = {
        .type = ENTRY_LOG, .at_us = run_now_us(run), .value = buffer_bytes(&value)};
    run_append(run, NULL, &entry);
    struct value_tree tree;
    if (run->services->observer.on_log && value_read(entry.value, &tree, NULL) == 0) {
        run->services->observer.on_log(run->services->observer.context, run->record.id, level,
                                       value_get_bytes(&tree.root, "message"));
        value_tree_done(&tree);
    }
    buffer_done(&value);
}

static int64_t on_now(void *context) { return run_now_us(context); }

/* `sources`: the bundle's contents; none: those that the run has. */
static int open_isolate(struct run *run, const struct value *accepted, struct bytes sources,
                        struct error *err) {
    struct buffer bundle = BUFFER_EMPTY, settings = BUFFER_EMPTY;
    struct services *services = run->services;
    struct bytes hash = value_get_bytes(accepted, "settings");
    int status = 0;
    run->has_other_sources = sources.size > 0;
    if (sources.size) buffer_add(&bundle, sources.data, sources.size);
    else status = journal_bundle(services->journal, bytes_of(run->record.bundle), &bundle, err);
    if (!status) status = journal_bundle(services->journal, hash, &settings, err);
    struct isolate_options options = {.host = &run->isolate_host,
                                      .bundle = buffer_bytes(&bundle),
                                      .settings = buffer_bytes(&settings),
                                      .settings_now = buffer_bytes(&services->settings),
                                      .seed = buffer_bytes(&run->seed),
                                      .memory_max = services->limits.memory_bytes,
                                      .pulse = run->host.place->pulse};
    crash_slot_set(run->host.place->mark, run->record.number);
    if (!status) status = isolate_new(&options, &run->isolate, err);
    crash_slot_set(run->host.place->mark, 0);
    buffer_done(&bundle);
    buffer_done(&settings);
    return status;
}

static int begin_main(struct run *run, const struct value *accepted, int64_t at_us,
                      struct error *err) {
    struct buffer input = BUFFER_EMPTY;
    struct branch *branch;
    pack_value(&input, value_get(accepted, "input"));
    int status = buffer_check(&input, err);
    if (!status) status = isolate_begin(run->isolate, buffer_bytes(&input), &branch, err);
    buffer_done(&input);
    if (status) return status;
    branch_set_now(branch, at_us);
    struct strand *strand = strand_new(run, branch, NULL, 0);
    if (!strand) return error_no_memory(err);
    branch_seed(branch, buffer_bytes(&strand->path));
    strand_ready(strand, false);
    if (!run->is_dry) cancel_check_new(run);
    return 0;
}

static int begin(struct run *run, const struct entry *accepted, struct bytes sources,
                 struct error *err) {
    struct value_tree tree;
    int status = value_read(accepted->value, &tree, err);
    if (status) return status;
    struct bytes seed = value_get_bytes(&tree.root, "seed");
    struct bytes given = value_get_bytes(&tree.root, "given");
    snprintf(run->given, sizeof run->given, "%.*s", (int)given.size, given.data);
    buffer_add(&run->seed, seed.data, seed.size);
    status = buffer_check(&run->seed, err);
    if (!status) status = open_isolate(run, &tree.root, sources, err);
    if (!status) status = begin_main(run, &tree.root, accepted->at_us, err);
    value_tree_done(&tree);
    return status;
}

static int admit(struct run *run, struct error *err) {
    enum run_status next;
    int status = transition_run(run->record.status, RUN_ADMITTED, &next, err);
    if (status) return status;
    run->record.status = next;
    run->record.due_at_us = 0;
    run->record.owner = run->services->fence;
    run->record.waits_kind[0] = run->record.waits_for[0] = '\0';
    run->is_record_dirty = true;
    return 0;
}

/* Has it its slot, if it needs one? What is cancelled needs none to end. */
static bool may_enter(struct run *run) {
    struct record *record = &run->record;
    if (!record->slot_limit || record->has_slot || record->status == RUN_BLOCKED) return true;
    if (cancel_is_asked(run->services, record->number)) return true;
    record->has_slot = slots_enter(run->services->slots, record);
    return record->has_slot;
}

static int load(struct run *run, uint64_t number, struct error *err) {
    struct entry accepted = {0};
    int status = record_load(run->services->journal, number, &run->record, err);
    if (status) return status;
    if (run_status_is_final(run->record.status)) slots_leave(run->services->slots, number);
    if (!may_enter(run)) return TEND_EBUSY;
    if (admit(run, err)) return TEND_ENOENT;
    upgrade_check(run);
    status = load_entries(run, 0, &accepted, err);
    if (!status) status = begin(run, &accepted, (struct bytes){NULL, 0}, err);
    if (status == TEND_ENOENT) status = TEND_EFORMAT; /* a bundle that its journal lacks */
    if (status == TEND_EINPUT && !run->is_over) {
        run_block(run, "its sources can't be loaded any more: %s", err->message);
        return 0;
    }
    return status;
}

static struct strand *take_ready(struct run *run) {
    struct strand *strand = run->ready;
    if (!strand) return NULL;
    run->ready = strand->next_ready;
    if (!run->ready) run->last_ready = &run->ready;
    strand->next_ready = NULL;
    return strand;
}

static struct run *run_new(const struct run_host *host) {
    struct run *run = memory_new(sizeof *run);
    if (!run) return NULL;
    run->host = *host;
    run->services = host->place->services;
    run->isolate_host = (struct isolate_host){run, on_log, on_now, required_find};
    run->last_strand = &run->strands;
    run->last_ready = &run->ready;
    run->is_replaying = true;
    return run;
}

static int load_dry(struct run *run, const struct dry_replay *how, struct error *err) {
    struct entry accepted = {0};
    int status = record_load(run->services->journal, how->number, &run->record, err);
    run->record.status = RUN_RUNNING;
    run->record.allows_added = run->record.allows_added || how->allows_added;
    if (!status) status = load_entries(run, how->upto, &accepted, err);
    if (!status) status = begin(run, &accepted, buffer_bytes(&how->bundle->contents), err);
    return status;
}

int run_load_dry(const struct run_host *host, const struct dry_replay *how, struct run **ret,
                 struct error *err) {
    struct run *run = run_new(host);
    if (!run) return error_no_memory(err);
    run->is_dry = true;
    int status = load_dry(run, how, err);
    if (status) run_free(run);
    else *ret = run;
    return status;
}

void run_replay_dry(struct run *run) {
    while (!run->is_over) {
        struct strand *strand = take_ready(run);
        if (strand) strand_resume(strand);
        else if (!replay_next(run)) break;
    }
    if (!run->is_over) replay_check(run);
}

int run_load(const struct run_host *host, uint64_t number, struct run **ret, struct error *err) {
    struct run *run = run_new(host);
    if (!run) return error_no_memory(err);
    int status = load(run, number, err);
    if (status) run_free(run);
    else *ret = run;
    return status;
}

/* ---- freeing ---- */

static void free_rest(struct run *run) {
    size_t at = 0;
    struct bytes key;
    void *value;
    while (map_next(&run->steps, &at, &key, &value)) {
        memory_free(((struct step *)value)->key);
        memory_free(value);
    }
    map_done(&run->steps);
    map_done(&run->unread);
    isolate_free(run->isolate);
    required_done(run);
    buffer_done(&run->loaded);
    buffer_done(&run->seed);
    buffer_done(&run->forks);
    memory_free(run);
}

static void timer_closed(uv_handle_t *handle) { free_rest(handle->data); }

void run_free(struct run *run) {
    if (!run) return;
    while (run->strands) {
        struct strand *next = run->strands->next;
        strand_free(run->strands, run->has_cancel);
        run->strands = next;
    }
    run->submission = submission_free(run->submission);
    if (run->has_timer) uv_close((uv_handle_t *)&run->timer, timer_closed);
    else free_rest(run);
}

/* ---- to the journal ---- */

void run_out_of_memory(struct run *run) {
    const struct observer *observer = &run->services->observer;
    if (!run->is_broken && observer->on_trouble)
        observer->on_trouble(observer->context,
                             "out of memory: a run was dropped; it goes on from "
                             "its journal at the next start",
                             false);
    run->is_broken = run->is_over = true;
}

struct submission *run_submission(struct run *run) {
    if (!run->submission) run->submission = submission_new();
    if (!run->submission) run_out_of_memory(run);
    return run->submission;
}

void run_mask(struct run *run, struct buffer *packed) {
    struct buffer masked = BUFFER_EMPTY;
    bool changed = false;
    if (run->is_dry) return;
    if (secrets_mask(run->services->secrets, buffer_bytes(packed), &masked, &changed, NULL))
        run_out_of_memory(run); /* and what isn't masked goes nowhere */
    if (changed && !run->is_broken) {
        buffer_done(packed);
        *packed = masked;
    } else {
        buffer_done(&masked);
    }
}

void run_append(struct run *run, struct step *step, struct entry *entry) {
    if (run->is_dry) return;
    struct submission *submission = run->is_broken ? NULL : run_submission(run);
    struct buffer packed = BUFFER_EMPTY;
    if (!submission) return;
    if (step) entry->key = bytes_of(step->key);
    entry_pack(entry, &packed);
    if (packed.is_failed) {
        run_out_of_memory(run);
    } else {
        submission_entry(submission, run->record.number, run->record.next_sequence,
                         buffer_bytes(&packed));
        if (step) step_apply(step, entry, run->record.next_sequence);
        run->record.next_sequence++;
        run->queued_entries++;
        run->queued_bytes += packed.size;
    }
    buffer_done(&packed);
}

void run_flush(struct run *run) {
    struct error err;
    if (run->is_record_dirty && run_submission(run)) {
        submission_record(run->submission, &run->record);
        run->is_record_dirty = false;
    }
    if (!run->submission) return;
    uint64_t position = committer_submit(run->services->committer, run->submission, &err);
    run->submission = NULL;
    if (position) run->position = position;
    else run_out_of_memory(run);
    barrier_submitted(run);
}

int run_change_status(struct run *run, enum run_event event) {
    enum run_status next;
    struct error err;
    int status = transition_run(run->record.status, event, &next, &err);
    if (status) return status;
    run->record.status = next;
    run->is_record_dirty = true;
    return 0;
}

void run_block(struct run *run, const char *format, ...) {
    va_list args;
    if (run->is_over) return;
    va_start(args, format);
    vsnprintf(run->record.message, sizeof run->record.message, format, args);
    va_end(args);
    (void)run_change_status(run, RUN_MISMATCHED);
    run->is_over = true;
}

static void end(struct run *run, enum run_event event, struct bytes value) {
    struct value_tree tree;
    (void)run_change_status(run, event);
    run->record.has_slot = false;
    point("before_end");
    run->record.ended_at_us = run_now_us(run);
    if (event == RUN_RAISED && value_read(value, &tree, NULL) == 0) {
        struct bytes message = value_get_bytes(&tree.root, "message");
        snprintf(run->record.message, sizeof run->record.message, "%.*s", (int)message.size,
                 message.data);
        value_tree_done(&tree);
    }
    struct entry entry = {.type = ENTRY_ENDED,
                          .attempt = run->record.status,
                          .at_us = run->record.ended_at_us,
                          .value = value};
    run_append(run, NULL, &entry);
    if (run->record.parent && run->submission) submission_wake(run->submission, run->record.parent);
    run->is_over = true;
}

/* However its function ended: cancelled, once its children have ended too. */
static void end_cancelled(struct run *run) {
    struct buffer value = BUFFER_EMPTY;
    bool was_unwound = run->is_unwound;
    run->is_unwound = true;
    if (!cancel_is_complete(run)) {
        if (!was_unwound)
            run->host.wants_turn(run->host.context, run); /* it makes room: worker.c */
        return;
    }
    effect_pack_error(&value, "cancelled", "cancelled", false);
    end(run, RUN_UNWOUND, buffer_bytes(&value));
    buffer_done(&value);
}

void run_end(struct run *run, enum run_event event, struct bytes value) {
    if (run->is_over) return;
    if (run->has_cancel) end_cancelled(run);
    else end(run, event, value);
}

/* ---- the turn ---- */

/* What a run that only waits waits for. */
struct waiting {
    const struct strand *timer; /* the soonest with a due time */
    const struct strand *other; /* a signal or a child: somebody else brings it back */
    bool is_busy;               /* something else is under way */
};

static struct waiting look(const struct run *run) {
    struct waiting waiting = {NULL, NULL, false};
    for (const struct strand *strand = run->strands; strand; strand = strand->next) {
        if (strand->state == STRAND_ENDED || !strand->is_started) continue;
        bool is_timed = strand->work == WORK_TIMER || strand->work == WORK_SIGNAL;
        if (is_timed && strand->step->due_at_us &&
            (!waiting.timer || strand->step->due_at_us < waiting.timer->step->due_at_us))
            waiting.timer = strand;
        if (strand->work == WORK_SIGNAL || (strand->work == WORK_CHILD && !waiting.other))
            waiting.other = strand;
        else if (strand->work != WORK_TIMER && strand->work != WORK_BRANCHES &&
                 strand->work != WORK_CHILD)
            waiting.is_busy = true;
    }
    return waiting;
}

static const char *waits_kind(const struct strand *strand) {
    if (strand->work == WORK_SIGNAL) return "signal";
    if (strand->work == WORK_CHILD) return "child";
    return strand->step->kind == ASK_SLEEP ? "timer" : "retry";
}

/* A signal or a child is named before a timer: recovery looks after those (recovery.c). */
static void suspend(struct run *run, const struct waiting *waiting) {
    const struct strand *strand = waiting->other ? waiting->other : waiting->timer;
    struct record *record = &run->record;
    struct bytes signal = value_get_bytes(&strand->options.root, "signal");
    (void)run_change_status(run, RUN_WAITS);
    int64_t grace_us = cancel_left_us(run);
    record->due_at_us = waiting->timer ? waiting->timer->step->due_at_us : 0;
    if (grace_us != INT64_MAX &&
        (!record->due_at_us || run_now_us(run) + grace_us < record->due_at_us))
        record->due_at_us = run_now_us(run) + grace_us;
    snprintf(record->waits_kind, sizeof record->waits_kind, "%s", waits_kind(strand));
    if (strand->work == WORK_SIGNAL)
        snprintf(record->waits_for, sizeof record->waits_for, "%.*s", (int)signal.size,
                 signal.data);
    else snprintf(record->waits_for, sizeof record->waits_for, "%s", strand->step->key);
    run->is_leaving = true;
    point("before_suspend");
}

/* How long until the strand's clock strikes: its timer, or the end of its attempt's time. */
static int64_t left_us(const struct strand *strand) {
    const struct run *run = strand->run;
    bool is_held = strand->work == WORK_EFFECT || strand->work == WORK_BARRIER;
    if (strand->state != STRAND_PARKED) return INT64_MAX;
    if (strand->work == WORK_TIMER || (strand->work == WORK_SIGNAL && strand->step->due_at_us))
        return strand->step->due_at_us - run_now_us(run);
    if (is_held && strand->is_inside && strand->times_out_us && !strand->has_timed_out)
        return strand->times_out_us - clock_monotonic_us(run->services->clock);
    return INT64_MAX;
}

static void strike(struct run *run) {
    if (run->is_over || run->is_leaving) return;
    if (cancel_left_us(run) <= 0) end_cancelled(run); /* without more Lua */
    run_finish_turn(run);
    if (run->is_leaving) return;
    for (struct strand *strand = run->strands; strand && !run->is_over; strand = strand->next) {
        if (run->is_unwound || left_us(strand) > 0) continue;
        if (strand->work == WORK_TIMER || strand->work == WORK_SIGNAL) live_due(strand);
        else strand_time_out(strand);
    }
    run_advance(run);
}

static void on_timer(uv_timer_t *timer) { strike(timer->data); }

static int64_t least_left_us(const struct run *run) {
    int64_t wait_us = cancel_left_us(run);
    for (struct strand *strand = run->strands; strand; strand = strand->next)
        if (left_us(strand) < wait_us) wait_us = left_us(strand);
    return wait_us;
}

int64_t run_tick(struct run *run) {
    if (run->is_over || run->is_leaving) return INT64_MAX;
    if (least_left_us(run) <= 0) strike(run);
    return run->is_over || run->is_leaving ? INT64_MAX : least_left_us(run);
}

static void arm(struct run *run) {
    int64_t wait_us = least_left_us(run);
    if (wait_us == INT64_MAX) return;
    if (!run->has_timer) {
        uv_timer_init(run->host.place->loop, &run->timer);
        run->timer.data = run;
        run->has_timer = true;
    }
    uv_timer_start(&run->timer, on_timer, wait_us > 0 ? (uint64_t)(wait_us / 1000 + 1) : 0, 0);
}

/* Every branch waits: goes to the journal, and out of memory where the wait is long. */
static void settle(struct run *run) {
    if (!run->is_over && cancel_left_us(run) <= 0) end_cancelled(run);
    if (!run->is_over && !run->is_unwound) {
        struct waiting waiting = look(run);
        bool is_long = run->host.place->is_crowded || !waiting.timer ||
                       waiting.timer->step->due_at_us > run_now_us(run) + moment_us;
        if (!waiting.is_busy && is_long && (waiting.timer || waiting.other)) suspend(run, &waiting);
        else arm(run);
    }
    run_flush(run);
}

/* Too far ahead of the disk: it waits until that has come after. */
static bool is_ahead(const struct run *run) {
    return run->queued_entries > queued_entries_max || run->queued_bytes > queued_bytes_max;
}

/* What touches the outside again in the same attempt may have nothing left to wait for: then no
 * commit comes that would release it. */
static bool release_durable(struct run *run) {
    return barrier_release(run, committer_durable(run->services->committer));
}

/* What it was woken for. True: a branch may go on. */
static bool look_woken(struct run *run) {
    if (!run->is_woken) return false;
    run->is_woken = false;
    for (struct strand *strand = run->strands; strand; strand = strand->next)
        if (strand->state == STRAND_PARKED && strand->work == WORK_CHILD) live_check_child(strand);
    live_check_signals(run);
    if (run->is_unwound) end_cancelled(run);
    else cancel_check(run);
    return run->ready != NULL;
}

static void turn(struct run *run) {
    const struct clock *clock = run->services->clock;
    int64_t until_us = clock_monotonic_us(clock) + turn_us;
    unsigned count = 0;
    while (!run->is_over) {
        struct strand *strand = NULL;
        bool is_over_time = (++count & 15) == 0 && clock_monotonic_us(clock) > until_us;
        if (run->ready && (is_over_time || is_ahead(run))) {
            run_flush(run);
            if (!is_ahead(run)) run->host.wants_turn(run->host.context, run);
            return;
        }
        if ((strand = take_ready(run))) strand_resume(strand);
        else if (run->is_replaying && !replay_next(run)) replay_end(run);
        else if (!run->is_replaying && !release_durable(run) && !look_woken(run)) break;
    }
    settle(run);
}

static uint64_t durable_now(const struct run *run) {
    return committer_durable(run->services->committer);
}

/* What was held at the barrier may be durable already: then no commit will come to say so. */
void run_advance(struct run *run) {
    if (run->is_advancing || run->is_leaving) return;
    run->is_advancing = true;
    run->used_at_us = clock_monotonic_us(run->services->clock);
    do turn(run);
    while (!run->is_over && !run->is_leaving && barrier_release(run, durable_now(run)));
    run->is_advancing = false;
}

/* Bounded, for a branch may never wait. */
void run_finish_turn(struct run *run) {
    for (int i = 0; i < 10 && run->ready && !run->is_over && !run->is_leaving; i++) {
        if (run->is_advancing) return;
        run_advance(run);
    }
}

void run_durable(struct run *run, uint64_t position) {
    bool was_throttled = is_ahead(run);
    if (position >= run->position) run->queued_entries = run->queued_bytes = 0;
    if (run->is_over || run->is_leaving) return;
    bool has_released = barrier_release(run, position);
    if (has_released || was_throttled) run_advance(run);
}

void run_wake(struct run *run) {
    if (run->is_over || run->is_leaving) return;
    run->is_woken = true; /* looked at when no branch has its turn any more */
    run_advance(run);
}

bool run_may_leave(const struct run *run, uint64_t durable) {
    if (run->is_broken) return true;
    return (run->is_over || run->is_leaving) && !run->submission && !run->is_record_dirty &&
           durable >= run->position;
}

void run_make_room(struct run *run) {
    if (run->is_over || run->is_leaving || run->is_unwound || run->ready || run->is_replaying)
        return;
    if (!look(run).is_busy) settle(run);
}

size_t run_memory(const struct run *run) { return run->isolate ? isolate_memory(run->isolate) : 0; }
