/* Durable timers; see timer.h. */
#include "engine/timer.h"

struct looking {
    struct admission *admission;
    int64_t now_us, next_us;
};

static bool look(void *context, int64_t due_at_us, uint64_t number) {
    struct looking *looking = context;
    if (due_at_us > looking->now_us) {
        looking->next_us = due_at_us;
        return false;
    }
    admission_wake(looking->admission, number);
    return true;
}

int timer_wake_due(struct journal *journal, struct admission *admission, int64_t now_us,
                   int64_t *next_us, struct error *err) {
    struct looking looking = {admission, now_us, 0};
    int status = journal_due(journal, look, &looking, err);
    *next_us = looking.next_us;
    return status;
}
