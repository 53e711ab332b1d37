/* Recovery; see recovery.h. A child's end and its parent's wake-up are two steps: a crash between
 * them is why every run that waits for a child is looked at; so with a signal's
 * acceptance. A cancel that was asked for wakes whatever the run waits for, a timer too. */
#include "engine/recovery.h"

#include <string.h>

#include "engine/cancel.h"
#include "engine/point.h"

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
    point("before_recovery");
    admission_wake(recovering->admission, record.number);
    recovering->count++;
    return true;
}

static void wake_cancelled(void *context, uint64_t number) {
    const struct recovering *recovering = context;
    admission_wake(recovering->admission, number);
}

int recovery_wake_all(struct journal *journal, struct admission *admission, size_t *count,
                      struct error *err) {
    struct recovering recovering = {admission, 0};
    struct journal_filter filter = {.statuses =
                                        1u << RUN_PENDING | 1u << RUN_RUNNING | 1u << RUN_WAITING,
                                    .oldest_first = true};
    int status = journal_runs(journal, &filter, wake, &recovering, err);
    if (!status) status = cancel_visit_asked(journal, wake_cancelled, &recovering, err);
    *count = recovering.count;
    return status;
}
