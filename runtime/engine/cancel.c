/* Cancellation; see cancel.h. */
#include "engine/cancel.h"

#include <stdio.h>

#include "engine/hidden.h"
#include "engine/point.h"
#include "engine/resting.h"

static struct bytes key_of(uint64_t number, char text[HIDDEN_KEY_TEXT]) {
    hidden_key(HIDDEN_CANCEL, number, text);
    return bytes_of(text);
}

int cancel_ask(struct services *services, uint64_t number, struct submission *submission,
               struct error *err) {
    char text[HIDDEN_KEY_TEXT];
    struct bytes key = key_of(number, text);
    struct buffer value = BUFFER_EMPTY;
    uint64_t version, position;
    int status = shared_state_read(services->state, key, &value, &version, err);
    bool is_asked = !status && value.size && (unsigned char)value.data[0] != 0xc0;
    buffer_clear(&value);
    pack_integer(&value, clock_wall_us(services->clock));
    if (!status && is_asked) status = TEND_ECONFLICT;
    if (!status) status = buffer_check(&value, err);
    if (!status) {
        submission_wake(submission, number);
        status = shared_state_write(services->state, key, buffer_bytes(&value), version, submission,
                                    &position, err);
    }
    buffer_done(&value);
    return status;
}

static void pack_error(struct buffer *out) {
    effect_pack_error(out, "cancelled", "cancelled", false);
}

void cancel_at_rest(struct services *services, struct record *record,
                    struct submission *submission) {
    struct buffer value = BUFFER_EMPTY, packed = BUFFER_EMPTY;
    enum run_status next;
    if (transition_run(record->status, RUN_UNWOUND, &next, NULL)) return;
    if (resting_claim(services, record, NULL)) return;
    pack_error(&value);
    record->status = next;
    record->has_slot = false;
    record->ended_at_us = clock_wall_us(services->clock);
    struct entry entry = {.type = ENTRY_ENDED,
                          .attempt = record->status,
                          .at_us = record->ended_at_us,
                          .value = buffer_bytes(&value)};
    entry_pack(&entry, &packed);
    submission_entry(submission, record->number, record->next_sequence, buffer_bytes(&packed));
    submission_record(submission, record);
    submission_wake(submission, record->number);
    if (record->parent) submission_wake(submission, record->parent);
    buffer_done(&value);
    buffer_done(&packed);
}

/* ---- the run's side ---- */

static bool is_asked(struct services *services, uint64_t number, uint64_t *version) {
    char text[32];
    struct buffer value = BUFFER_EMPTY;
    struct bytes key = key_of(number, text);
    bool is_there = shared_state_read(services->state, key, &value, version, NULL) == 0 &&
                    value.size && (unsigned char)value.data[0] != 0xc0;
    buffer_done(&value);
    return is_there;
}

bool cancel_is_asked(struct services *services, uint64_t number) {
    uint64_t version;
    return is_asked(services, number, &version);
}

struct asked_visit {
    void (*visit)(void *context, uint64_t number);
    void *context;
};

static bool visit_key(void *context, struct bytes key) {
    const struct asked_visit *asked = context;
    char text[32];
    unsigned long long number;
    snprintf(text, sizeof text, "%.*s", (int)key.size, key.data);
    if (sscanf(text, HIDDEN_PREFIX "c%16llx", &number) == 1) asked->visit(asked->context, number);
    return true;
}

int cancel_visit_asked(struct journal *journal, void (*visit)(void *context, uint64_t number),
                       void *context, struct error *err) {
    struct asked_visit asked = {visit, context};
    struct bytes none = {NULL, 0};
    return journal_state_keys(journal, bytes_of(HIDDEN_PREFIX "c"), none, visit_key, &asked, err);
}

/* The keys at which it is raised, for people that look. */
static void pack_places(const struct run *run, struct buffer *out) {
    size_t opened = pack_list_open(out), count = 0;
    for (const struct strand *strand = run->strands; strand; strand = strand->next) {
        if (strand->state != STRAND_PARKED || !strand->step) continue;
        pack_text(out, strand->step->key);
        count++;
    }
    pack_close(out, opened, count);
}

/* The entry, and the request taken back, in one commit. */
static int record_cancel(struct run *run, uint64_t version, int64_t now_us) {
    char text[32];
    struct error err;
    struct bytes none = {NULL, 0}, key = key_of(run->record.number, text);
    struct buffer places = BUFFER_EMPTY, packed = BUFFER_EMPTY;
    run_flush(run);
    struct submission *submission = submission_new();
    uint64_t position;
    pack_places(run, &places);
    struct entry entry = {.type = ENTRY_CANCELLED, .at_us = now_us, .value = buffer_bytes(&places)};
    entry_pack(&entry, &packed);
    int status = !submission || places.is_failed || packed.is_failed ? TEND_ENOMEM : 0;
    if (status) {
        submission_free(submission);
    } else {
        submission_entry(submission, run->record.number, run->record.next_sequence,
                         buffer_bytes(&packed));
        status = shared_state_write(run->services->state, key, none, version, submission, &position,
                                    &err);
        if (status && status != TEND_ENOMEM) submission_free(submission);
    }
    buffer_done(&places);
    buffer_done(&packed);
    if (status) return status;
    run->position = position;
    run->record.next_sequence++;
    run->queued_entries++;
    return 0;
}

static bool begin(struct run *run) {
    uint64_t version;
    int64_t now_us = run_now_us(run);
    if (run->has_cancel || run->is_over || !is_asked(run->services, run->record.number, &version))
        return false;
    point("before_cancel");
    if (record_cancel(run, version, now_us)) return false; /* the next wake or start tries again */
    run->has_cancel = true;
    run->cancelled_at_us = now_us;
    point("after_cancel");
    return true;
}

void cancel_check(struct run *run) {
    if (run->ready || run->is_replaying || !begin(run)) return;
    strand_cancel(run->strands);
    cancel_children(run);
}

void cancel_check_new(struct run *run) {
    struct buffer value = BUFFER_EMPTY;
    if (run->record.next_sequence != 1 || !begin(run)) return;
    pack_error(&value);
    run_end(run, RUN_RAISED, buffer_bytes(&value));
    buffer_done(&value);
}

void cancel_replay(struct run *run) {
    run->has_cancel = true;
    strand_cancel(run->strands);
}

/* An own child whose end nobody records any more, for its invoke was cancelled. 0: none. */
static bool is_left_child(struct run *run, const struct step *step, struct record *child) {
    if (step->kind != ASK_INVOKE || !step->is_asked || step->is_ended || !step->child) return false;
    for (struct strand *strand = run->strands; strand; strand = strand->next)
        if (strand->step == step && strand->work == WORK_CHILD) return false;
    if (record_load(run->services->journal, step->child, child, NULL)) {
        child->number = step->child; /* accepted, and not durable yet */
        return true;
    }
    return child->parent == run->record.number && !run_status_is_final(child->status);
}

static struct step *next_left_child(struct run *run, size_t *at, struct record *child) {
    struct bytes key;
    void *value;
    while (map_next(&run->steps, at, &key, &value))
        if (is_left_child(run, value, child)) return value;
    return NULL;
}

void cancel_children(struct run *run) {
    size_t at = 0;
    struct record child;
    struct error err;
    if (!run->has_cancel) return;
    run_flush(run); /* the child may be in it */
    while (next_left_child(run, &at, &child)) {
        struct submission *submission = submission_new();
        if (!submission) return;
        int status = cancel_ask(run->services, child.number, submission, &err);
        if (status && status != TEND_ENOMEM) submission_free(submission);
    }
}

bool cancel_is_complete(struct run *run) {
    size_t at = 0;
    struct record child;
    return next_left_child(run, &at, &child) == NULL;
}

int64_t cancel_left_us(const struct run *run) {
    if (!run->has_cancel || run->is_unwound) return INT64_MAX;
    return run->cancelled_at_us + run->services->limits.cancel_grace_us - run_now_us(run);
}
