/* A copy of a run without its end; see rehearsal.h. */
#include "engine/rehearsal.h"

#include <stdio.h>

struct copying {
    struct submission *submission;
    uint64_t number;
    uint32_t sequence;
};

static bool copy_entry(void *context, uint32_t sequence, struct bytes packed) {
    struct copying *copying = context;
    struct entry entry;
    (void)sequence;
    if (entry_read(packed, &entry, NULL) == 0 && entry.type == ENTRY_ENDED) return true;
    submission_entry(copying->submission, copying->number, copying->sequence++, packed);
    return true;
}

int rehearsal_begin(struct services *services, const struct record *original, char *id, size_t size,
                    struct error *err) {
    struct record record = *original;
    struct submission *submission = submission_new();
    if (!submission) return error_no_memory(err);
    record.number = atomic_fetch_add(&services->last_number, 1) + 1;
    record.status = RUN_RUNNING; /* as after a crash right before its end */
    record.parent = 0;
    record.ended_at_us = 0;
    record.message[0] = '\0';
    snprintf(record.id, sizeof record.id, "%.100s.replay%llu", original->id,
             (unsigned long long)record.number);
    struct copying copying = {submission, record.number, 0};
    int status = journal_entries(services->journal, original->number, copy_entry, &copying, err);
    if (status) {
        submission_free(submission);
        return status;
    }
    record.next_sequence = copying.sequence;
    submission_record(submission, &record);
    submission_wake(submission, record.number);
    snprintf(id, size, "%s", record.id);
    return committer_submit(services->committer, submission, err) ? 0 : TEND_ENOMEM;
}
