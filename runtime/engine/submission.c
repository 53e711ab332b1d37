/* Building a submission: everything is copied into blocks that go with it. */
#include "engine/submission.h"

#include <string.h>

#include "base/memory.h"

struct block {
    struct block *next;
    max_align_t contents[];
};

/* Zeroed memory that lives as long as the submission; NULL marks it failed. */
static void *take(struct submission *submission, size_t size) {
    struct block *block = memory_new(sizeof *block + size);
    if (!block) {
        submission->is_failed = true;
        return NULL;
    }
    block->next = submission->memory;
    submission->memory = block;
    return block->contents;
}

static struct bytes copy(struct submission *submission, struct bytes from) {
    char *data = take(submission, from.size + 1);
    if (!data) return (struct bytes){"", 0};
    if (from.size) memcpy(data, from.data, from.size);
    return (struct bytes){data, from.size};
}

struct submission *submission_new(void) {
    struct submission *submission = memory_new(sizeof *submission);
    if (!submission) return NULL;
    submission->last_part = &submission->parts;
    submission->last_state = &submission->states;
    submission->last_wake = &submission->wakes;
    return submission;
}

struct submission *submission_free(struct submission *submission) {
    if (!submission) return NULL;
    for (struct submission_part *part = submission->parts; part; part = part->next)
        memory_free(part->entries);
    while (submission->memory) {
        struct block *block = submission->memory;
        submission->memory = block->next;
        memory_free(block);
    }
    memory_free(submission);
    return NULL;
}

static struct submission_part *last_of(struct submission *submission, uint64_t number) {
    struct submission_part *found = NULL;
    for (struct submission_part *part = submission->parts; part; part = part->next)
        if (part->number == number) found = part;
    return found;
}

static struct submission_part *part_new(struct submission *submission, uint64_t number) {
    struct submission_part *part = take(submission, sizeof *part);
    if (!part) return NULL;
    part->number = number;
    *submission->last_part = part;
    submission->last_part = &part->next;
    return part;
}

void submission_entry(struct submission *submission, uint64_t number, uint32_t sequence,
                      struct bytes packed) {
    struct submission_part *part = last_of(submission, number);
    if (!part) part = part_new(submission, number);
    if (!part) return;
    if (part->count == part->capacity) {
        size_t capacity = part->capacity ? part->capacity * 2 : 4;
        struct bytes *entries = memory_resize(part->entries, capacity * sizeof *entries);
        if (!entries) {
            submission->is_failed = true;
            return;
        }
        part->entries = entries;
        part->capacity = capacity;
    }
    if (part->count == 0) part->first_sequence = sequence;
    part->entries[part->count++] = copy(submission, packed);
}

static struct journal_run pack_run(struct submission *submission, const struct record *record) {
    struct buffer body = BUFFER_EMPTY;
    record_pack(record, &body);
    struct journal_run run = {
        .number = record->number,
        .id = copy(submission, bytes_of(record->id)),
        .workflow = copy(submission, bytes_of(record->workflow)),
        .status = (uint8_t)record->status,
        .due_at_us = record->due_at_us,
        .owner = record->owner,
        .body = copy(submission, buffer_bytes(&body)),
    };
    submission->is_failed = submission->is_failed || body.is_failed;
    buffer_done(&body);
    return run;
}

void submission_record(struct submission *submission, const struct record *record) {
    struct submission_part *part = last_of(submission, record->number);
    if (!part) part = part_new(submission, record->number);
    if (!part) return;
    if (part->count == 0) part->first_sequence = record->next_sequence;
    part->has_record = true;
    part->run = pack_run(submission, record);
}

void submission_past(struct submission *submission, uint64_t number, const struct record *past) {
    struct submission_part *part = part_new(submission, number);
    if (!part) return;
    part->has_past = true;
    part->past = pack_run(submission, past);
}

void submission_state(struct submission *submission, struct bytes key, struct bytes value) {
    struct submission_state *state = take(submission, sizeof *state);
    if (!state) return;
    state->write.key = copy(submission, key);
    state->write.value = value.data ? copy(submission, value) : (struct bytes){NULL, 0};
    *submission->last_state = state;
    submission->last_state = &state->next;
}

void submission_bundle(struct submission *submission, struct bytes hash, struct bytes contents) {
    struct submission_bundle *bundle = take(submission, sizeof *bundle);
    if (!bundle) return;
    bundle->bundle = (struct journal_bundle){copy(submission, hash), copy(submission, contents)};
    bundle->next = submission->bundles;
    submission->bundles = bundle;
}

void submission_remove(struct submission *submission, const struct journal_removal *removal) {
    struct submission_removal *added = take(submission, sizeof *added);
    struct bytes *prefixes = take(submission, removal->prefix_count * sizeof *prefixes);
    if (!added || !prefixes) return;
    for (size_t i = 0; i < removal->prefix_count; i++)
        prefixes[i] = copy(submission, removal->prefixes[i]);
    added->removal = *removal;
    added->removal.prefixes = prefixes;
    added->next = submission->removals;
    submission->removals = added;
}

void submission_remove_bundle(struct submission *submission, struct bytes hash, uint64_t mark) {
    struct submission_hash *added = take(submission, sizeof *added);
    if (!added) return;
    submission->bundle_mark = mark;
    added->hash = copy(submission, hash);
    added->next = submission->removed_bundles;
    submission->removed_bundles = added;
}

void submission_free_records(struct submission *submission, size_t freed_max) {
    submission->freed_max = freed_max;
}

void submission_inbox(struct submission *submission, uint64_t taken) {
    submission->inbox_taken = taken;
}

void submission_wake(struct submission *submission, uint64_t number) {
    struct submission_wake *wake = take(submission, sizeof *wake);
    if (!wake) return;
    wake->number = number;
    *submission->last_wake = wake;
    submission->last_wake = &wake->next;
}

bool submission_is_empty(const struct submission *submission) {
    return !submission->parts && !submission->states && !submission->bundles &&
           !submission->inbox_taken && !submission->removals && !submission->removed_bundles &&
           !submission->freed_max;
}
