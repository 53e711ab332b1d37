/* The durability barrier: code may run ahead of the disk, effects may not. What touches the outside
 * is held until everything that its run did before is durable. */
#include <stdio.h>

#include "engine/point.h"
#include "engine/run.h"

/* The attempt's start goes into the journal once, before its first touch of the outside. */
static void append_start(struct strand *strand) {
    struct step_event event = {.kind = STEP_TOUCHES, .attempt = strand->attempt};
    struct step_decision decision;
    struct buffer unused = BUFFER_EMPTY;
    transition_step(strand->step, &strand->request, &event, run_now_us(strand->run), &unused,
                    &decision);
    for (size_t i = 0; i < decision.entry_count; i++)
        run_append(strand->run, strand->step, &decision.entries[i]);
    buffer_done(&unused);
}

/* A held attempt of an effect that was cut off by a crash begins anew, with its own start. */
static bool needs_start(const struct strand *strand) {
    return !strand->is_inside || !strand->step->is_started || strand->plain_count == 0;
}

void barrier_hold(struct strand *strand, enum ask_kind held, bool is_inside) {
    struct run *run = strand->run;
    strand->held = held;
    strand->is_inside = is_inside;
    if (needs_start(strand)) append_start(strand);
    strand->plain_count++;
    strand->work = WORK_BARRIER;
    strand->is_left = true;
    strand->barrier_position = run->submission || run->is_record_dirty ? 0 : run->position;
}

void barrier_submitted(struct run *run) {
    for (struct strand *strand = run->strands; strand; strand = strand->next)
        if (strand->work == WORK_BARRIER && !strand->barrier_position)
            strand->barrier_position = run->position;
}

static const char *idempotency_key(struct strand *strand, char *text, size_t size) {
    if (!strand->is_inside) return strand->idempotency_key;
    snprintf(text, size, "%s-%u", strand->idempotency_key, strand->plain_count);
    return text;
}

static void start(struct strand *strand) {
    char key[60];
    struct error err;
    struct effect_request request = {.kind = strand->held,
                                     .options = strand->is_inside ? &strand->plain.root
                                                                  : &strand->options.root,
                                     .idempotency_key = idempotency_key(strand, key, sizeof key),
                                     .failures = strand->step->failures,
                                     .attempt = strand->attempt,
                                     .run = strand->run->record.id,
                                     .key = strand->step->key,
                                     .where = branch_where(strand->lua)};
    strand->work = WORK_EFFECT;
    point("before_effect");
    if (!strand->is_inside) strand->began_us = clock_monotonic_us(strand->run->services->clock);
    if (effect_start(strand->run->host.place, &request, live_effect_ended, strand, &strand->effect,
                     &err) == 0)
        return;
    struct buffer packed = BUFFER_EMPTY;
    effect_pack_error(&packed, err.kind[0] ? err.kind : ask_kind_name(strand->held), err.message,
                      err.status == TEND_EIO);
    live_effect_ended(strand, (struct bytes){NULL, 0}, buffer_bytes(&packed),
                      err.status == TEND_EIO, 0);
    buffer_done(&packed);
}

bool barrier_release(struct run *run, uint64_t durable) {
    bool has_released = false, was_advancing = run->is_advancing;
    run->is_advancing = true; /* what ends at once is answered in the turn that follows */
    for (struct strand *strand = run->strands; strand && !run->is_over; strand = strand->next) {
        if (strand->state != STRAND_PARKED || strand->work != WORK_BARRIER) continue;
        if (!strand->barrier_position || strand->barrier_position > durable) continue;
        has_released = true;
        if (strand->held == ASK_BARRIER) {
            point("before_touch");
            strand->work = WORK_CALLING;
            strand_answer(strand, ANSWER_GO);
        } else {
            start(strand);
        }
    }
    run->is_advancing = was_advancing;
    return has_released;
}
