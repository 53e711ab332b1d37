/* Recovery; see recovery.h. A child's end and its parent's wake-up are two steps: a crash between
 * them is why every run that waits for a child is looked at; so with a signal's acceptance. */
#include "engine/recovery.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/transition.h"
#include "io/leftover.h"

struct recovering {
    struct admission *admission;
    size_t count;
};

static bool wake(void *context, const struct journal_run *run) {
    struct recovering *recovering = context;
    struct record record;
    struct error err;
    if (record_read(run, &record, &err)) return true;
    admission_include(recovering->admission, record.number);
    bool is_timed =
        strcmp(record.waits_kind, "timer") == 0 || strcmp(record.waits_kind, "retry") == 0;
    if (record.status == RUN_WAITING && is_timed) return true;
    admission_wake(recovering->admission, record.number);
    recovering->count++;
    return true;
}

int recovery_wake_all(struct journal *journal, struct admission *admission, size_t *count,
                      struct error *err) {
    struct recovering recovering = {admission, 0};
    struct journal_filter filter = {.statuses =
                                        1u << RUN_PENDING | 1u << RUN_RUNNING | 1u << RUN_WAITING,
                                    .oldest_first = true};
    int status = journal_runs(journal, &filter, wake, &recovering, err);
    *count = recovering.count;
    return status;
}

/* ---- after a crash ---- */

enum { CRASHES_MAX = 3 };

static void tell(struct services *services, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void tell(struct services *services, const char *format, ...) {
    char message[ERROR_MESSAGE_MAX];
    va_list args;
    if (!services->observer.on_trouble) return;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    services->observer.on_trouble(services->observer.context, message, false);
}

static int end_children(struct services *services, const struct crash_left *left,
                        struct error *err) {
    char entry[sizeof CRASH_MARK_VARIABLE + CRASH_MARK_LIFE];
    size_t ended = 0;
    if (!left->had_children) return 0;
    snprintf(entry, sizeof entry, CRASH_MARK_VARIABLE "=%s", left->life);
    int status = leftover_end(entry, &ended, err);
    if (!status && ended) tell(services, "ended what exec had started before tend was killed");
    return status;
}

static bool count_progress(void *context, uint32_t sequence, struct bytes packed) {
    uint32_t *count = context;
    struct entry entry;
    (void)sequence;
    if (entry_read(packed, &entry, NULL)) return true;
    *count += entry.type != ENTRY_STARTED && entry.type != ENTRY_LOG;
    return true;
}

static void set_stuck(struct services *services, struct record *record, enum run_status status) {
    record->status = status;
    record->due_at_us = 0;
    record->waits_kind[0] = record->waits_for[0] = '\0';
    snprintf(record->message, sizeof record->message,
             "tend was killed or crashed %u times in a row while the Lua of this run ran, without "
             "the run getting any further in between; nothing of it is executed any more. `tend "
             "retry %s` tries it again, `tend cancel %s` ends it",
             record->crashes, record->id, record->id);
    tell(services, "run %s (%s) is stuck: %s", record->id, record->workflow, record->message);
}

/* A start that dies before this is durable counts the same crash again: known by its life. */
static int count_crash(struct services *services, const struct crash_left *left, uint64_t number,
                       struct submission *submission, struct error *err) {
    struct record record;
    enum run_status next;
    uint32_t progress = 0;
    int status = record_load(services->journal, number, &record, err);
    if (status) return status == TEND_ENOENT ? 0 : status;
    if (transition_run(record.status, RUN_CRASHED, &next, NULL)) return 0;
    status = journal_entries(services->journal, number, count_progress, &progress, err);
    if (status || strcmp(record.crashed_in, left->life) == 0) return status;
    record.crashes = record.crashed_at == progress ? record.crashes + 1 : 1;
    record.crashed_at = progress;
    snprintf(record.crashed_in, sizeof record.crashed_in, "%s", left->life);
    if (record.crashes >= CRASHES_MAX) set_stuck(services, &record, next);
    submission_record(submission, &record);
    return 0;
}

static int count_crashes(struct services *services, const struct crash_left *left,
                         struct error *err) {
    struct submission *submission = submission_new();
    int status = submission ? 0 : error_no_memory(err);
    for (size_t i = 0; i < left->run_count && !status; i++)
        status = count_crash(services, left, left->runs[i], submission, err);
    if (status) {
        submission_free(submission);
        return status;
    }
    uint64_t position = committer_submit(services->committer, submission, err);
    if (!position) return TEND_ENOMEM;
    if (committer_wait(services->committer, position)) return 0;
    return error_set(err, TEND_EIO, "the journal could not be written");
}

int recovery_after_crash(struct services *services, const struct crash_left *left,
                         struct error *err) {
    int status = end_children(services, left, err);
    if (!status && left->run_count) status = count_crashes(services, left, err);
    return status;
}
