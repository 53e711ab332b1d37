/* The pure part of the engine: what an event makes of a step, and of a run's status. */
#include "support.h"

#include "engine/transition.h"

static const int64_t second = 1000000;
static const struct bytes error_value = {"\x80", 1}, result_value = {"\x01", 1};

static const struct step_request plain = {.retry = {.attempts = 3,
                                                    .backoff = RETRY_CONSTANT,
                                                    .initial_us = 1000000,
                                                    .max_us = 300000000,
                                                    .factor = 2}};

static struct step_decision decide(const struct step *step, const struct step_request *request,
                                   struct step_event event, int64_t now_us,
                                   struct buffer *scratch) {
    struct step_decision decision;
    transition_step(step, request, &event, now_us, scratch, &decision);
    return decision;
}

/* For decisions that make no error of their own. */
static struct step_decision simply(const struct step *step, const struct step_request *request,
                                   struct step_event event, int64_t now_us) {
    struct buffer scratch = BUFFER_EMPTY;
    struct step_decision decision = decide(step, request, event, now_us, &scratch);
    assert_int_equal(scratch.size, 0);
    buffer_done(&scratch);
    return decision;
}

/* Folds a decision's entries, as the run does. */
static void fold(struct step *step, const struct step_decision *decision) {
    for (size_t i = 0; i < decision->entry_count; i++) step_apply(step, &decision->entries[i], 7);
}

static struct step_event failed(bool is_retryable) {
    return (struct step_event){
        .kind = STEP_FAILED, .value = error_value, .is_retryable = is_retryable};
}

static void assert_one_entry(const struct step_decision *decision, enum entry_type type,
                             uint32_t attempt) {
    assert_int_equal(decision->entry_count, 1);
    assert_int_equal(decision->entries[0].type, type);
    assert_int_equal(decision->entries[0].attempt, attempt);
}

/* ---- a step ---- */

static void a_new_step_begins_its_first_attempt(void **state) {
    struct step step = {.kind = ASK_STEP};
    (void)state;
    struct step_decision decision =
        simply(&step, &plain, (struct step_event){.kind = STEP_ASKED}, 5);
    assert_int_equal(decision.action, STEP_BEGIN);
    assert_int_equal(decision.attempt, 1);
    assert_int_equal(decision.entry_count, 0); /* a pure step records its end only */
}

static void an_attempt_that_touches_the_outside_is_recorded_first(void **state) {
    struct step step = {.kind = ASK_HTTP};
    struct step_event touches = {.kind = STEP_TOUCHES, .attempt = 1};
    (void)state;
    struct step_decision decision = simply(&step, &plain, touches, 5);
    assert_int_equal(decision.action, STEP_BEGIN);
    assert_one_entry(&decision, ENTRY_STARTED, 1);
    fold(&step, &decision);
    assert_true(step.is_started && step.attempt == 1 && step.failures == 0);
}

static void success_is_recorded_with_how_it_came(void **state) {
    struct step step = {.kind = ASK_STEP};
    struct step_event event = {
        .kind = STEP_SUCCEEDED, .attempt = 2, .value = result_value, .has_waited = true};
    (void)state;
    struct step_decision decision = simply(&step, &plain, event, 9);
    assert_int_equal(decision.action, STEP_ANSWER);
    assert_one_entry(&decision, ENTRY_DONE, 2);
    assert_true(decision.entries[0].has_waited && decision.entries[0].at_us == 9);
    fold(&step, &decision);
    assert_true(step.is_ended && !step.has_raised && step.sequence == 7 && step.ended_at_us == 9);
    assert_ptr_equal(step.value.data, result_value.data);
}

static void a_failure_is_recorded_before_the_next_attempt(void **state) {
    struct step step = {.kind = ASK_STEP};
    (void)state;
    struct step_decision decision = simply(&step, &plain, failed(true), 10 * second);
    assert_int_equal(decision.action, STEP_WAIT);
    assert_one_entry(&decision, ENTRY_FAILED, 1);
    assert_int_equal(decision.due_at_us, 11 * second);
    assert_int_equal(decision.entries[0].due_at_us, 11 * second);
    fold(&step, &decision);
    assert_true(step.failures == 1 && !step.is_started && step.due_at_us == 11 * second);
}

static void the_last_failure_is_the_steps_end(void **state) {
    struct step step = {.kind = ASK_STEP};
    (void)state;
    for (uint32_t attempt = 1; attempt <= 2; attempt++) {
        struct step_decision decision = simply(&step, &plain, failed(true), second);
        assert_one_entry(&decision, ENTRY_FAILED, attempt);
        fold(&step, &decision);
    }
    struct step_decision decision = simply(&step, &plain, failed(true), second);
    assert_int_equal(decision.action, STEP_ANSWER);
    assert_one_entry(&decision, ENTRY_RAISED, 3);
    fold(&step, &decision);
    assert_true(step.is_ended && step.has_raised);
}

static void what_is_not_retryable_ends_at_once(void **state) {
    struct step step = {.kind = ASK_STEP};
    (void)state;
    struct step_decision decision = simply(&step, &plain, failed(false), second);
    assert_one_entry(&decision, ENTRY_RAISED, 1);
}

static void an_attempt_that_a_crash_cut_off_uses_up_no_retry(void **state) {
    struct step step = {.kind = ASK_HTTP};
    (void)state;
    for (uint32_t attempt = 1; attempt <= 5; attempt++) { /* each one cut off */
        struct step_decision asked =
            simply(&step, &plain, (struct step_event){.kind = STEP_ASKED}, 5);
        assert_int_equal(asked.action, STEP_BEGIN);
        assert_int_equal(asked.attempt, attempt);
        struct step_event touches = {.kind = STEP_TOUCHES, .attempt = attempt};
        struct step_decision decision = simply(&step, &plain, touches, 5);
        fold(&step, &decision);
    }
    struct step_event event = failed(true);
    event.attempt = 5;
    struct step_decision decision = simply(&step, &plain, event, second);
    assert_one_entry(&decision, ENTRY_FAILED, 5);
}

static void the_wait_after_a_failure_goes_on_after_a_crash(void **state) {
    struct step step = {.kind = ASK_STEP};
    (void)state;
    struct step_decision decision = simply(&step, &plain, failed(true), 10 * second);
    fold(&step, &decision);
    struct step_event asked = {.kind = STEP_ASKED};
    decision = simply(&step, &plain, asked, 10 * second + second / 2);
    assert_int_equal(decision.action, STEP_WAIT);
    assert_int_equal(decision.due_at_us, 11 * second);
    asked.kind = STEP_DUE;
    decision = simply(&step, &plain, asked, 11 * second);
    assert_int_equal(decision.action, STEP_BEGIN);
    assert_int_equal(decision.attempt, 2);
}

static void an_attempt_begun_after_a_failure_does_not_wait_again(void **state) {
    struct step step = {.kind = ASK_HTTP,
                        .failures = 1,
                        .attempt = 2,
                        .is_started = true,
                        .first_at_us = 1,
                        .due_at_us = 99 * second};
    (void)state;
    struct step_decision decision =
        simply(&step, &plain, (struct step_event){.kind = STEP_ASKED}, 2 * second);
    assert_int_equal(decision.action, STEP_BEGIN);
    assert_int_equal(decision.attempt, 3);
}

static void when_is_asked_and_its_word_counts(void **state) {
    struct step step = {.kind = ASK_STEP};
    struct step_request request = plain;
    struct step_event event = failed(true);
    (void)state;
    request.has_when = true;
    struct step_decision decision = simply(&step, &request, event, second);
    assert_int_equal(decision.action, STEP_ASK_WHEN);
    assert_int_equal(decision.entry_count, 0);
    event.has_said_yes = true;
    decision = simply(&step, &request, event, second);
    assert_one_entry(&decision, ENTRY_FAILED, 1);
    event.has_said_yes = false;
    event.has_said_no = true;
    decision = simply(&step, &request, event, second);
    assert_one_entry(&decision, ENTRY_RAISED, 1);
}

static void when_is_not_asked_where_it_can_not_matter(void **state) {
    struct step step = {.kind = ASK_STEP, .failures = 2};
    struct step_request request = plain;
    (void)state;
    request.has_when = true;
    struct step_decision decision = simply(&step, &request, failed(true), second);
    assert_int_equal(decision.entries[0].type, ENTRY_RAISED);
    step.failures = 0;
    decision = simply(&step, &request, failed(false), second);
    assert_int_equal(decision.entries[0].type, ENTRY_RAISED);
}

static void on_failure_has_the_last_word_and_records_nothing_before(void **state) {
    struct step step = {.kind = ASK_STEP};
    struct step_request request = plain;
    (void)state;
    request.has_on_failure = true;
    struct step_decision decision = simply(&step, &request, failed(true), second);
    assert_int_equal(decision.action, STEP_WAIT); /* retries come first */
    decision = simply(&step, &request, failed(false), second);
    assert_int_equal(decision.action, STEP_ASK_ON_FAILURE);
    assert_int_equal(decision.entry_count, 0);
}

static void a_retry_after_is_obeyed(void **state) {
    struct step step = {.kind = ASK_HTTP};
    struct step_event event = failed(true);
    (void)state;
    event.retry_after_us = 30 * second;
    struct step_decision decision = simply(&step, &plain, event, second);
    assert_int_equal(decision.due_at_us, 31 * second);
}

static void past_the_deadline_no_attempt_starts(void **state) {
    struct step step = {.kind = ASK_STEP, .first_at_us = 10 * second, .failures = 1, .attempt = 1};
    struct step_request request = plain;
    struct buffer scratch = BUFFER_EMPTY;
    (void)state;
    request.deadline_us = 5 * second;
    struct step_event due = {.kind = STEP_DUE};
    struct step_decision decision = decide(&step, &request, due, 15 * second - 1, &scratch);
    assert_int_equal(decision.action, STEP_BEGIN);
    decision = decide(&step, &request, due, 15 * second, &scratch);
    assert_one_entry(&decision, ENTRY_RAISED, 1);
    assert_holds(scratch.data, "deadline");
    decision = decide(&step, &request, failed(true), 15 * second, &scratch);
    assert_int_equal(decision.entries[0].type, ENTRY_RAISED); /* with its own error */
    assert_ptr_equal(decision.entries[0].value.data, error_value.data);
    buffer_done(&scratch);
}

static void a_deadline_counts_from_the_first_entry(void **state) {
    struct step step = {.kind = ASK_STEP};
    struct step_request request = plain;
    (void)state;
    request.deadline_us = 1;
    struct step_decision decision =
        simply(&step, &request, (struct step_event){.kind = STEP_ASKED}, 99 * second);
    assert_int_equal(decision.action, STEP_BEGIN);
    decision = simply(&step, &request, failed(true), 100 * second);
    fold(&step, &decision);
    assert_int_equal(step.first_at_us, 100 * second);
}

static void a_timer_is_folded(void **state) {
    struct step step = {.kind = ASK_SLEEP};
    struct entry waiting = {
        .type = ENTRY_WAITING, .at_us = 1, .due_at_us = 9, .value = result_value};
    (void)state;
    step_apply(&step, &waiting, 3);
    assert_true(step.is_waiting && step.due_at_us == 9 && step.first_at_us == 1 && !step.is_ended);
    assert_ptr_equal(step.waits.data, result_value.data);
}

/* ---- a run's status ---- */

enum { EVENTS = RUN_CRASHED + 1 };

static void a_retry_gives_the_failed_step_its_attempts_anew(void **state) {
    struct step failed = {.kind = ASK_HTTP}, other = {.kind = ASK_HTTP};
    struct entry failure = {.type = ENTRY_FAILED, .attempt = 1, .at_us = 1};
    struct entry raised = {.type = ENTRY_RAISED, .attempt = 2, .at_us = 2};
    (void)state;
    step_apply(&failed, &failure, 1);
    step_set_aside(&failed, &raised, 9, true);
    assert_int_equal(failed.attempt, 2);
    assert_int_equal(failed.failures, 2); /* counted on, for message ids */
    assert_int_equal(failed.spared, 2);
    assert_int_equal(failed.round, 0);
    assert_false(failed.is_ended);
    step_set_aside(&other, &failure, 9, false);
    step_set_aside(&other, &raised, 9, false);
    assert_int_equal(other.round, 1);
    step_set_aside(&other, &raised, 12, false);
    assert_int_equal(other.round, 2);
    assert_int_equal(other.failures, 0);
}

static void only_these_changes_of_status_exist(void **state) {
    static const struct {
        enum run_status from;
        enum run_event event;
        enum run_status to;
    } wanted[] = {
        {RUN_PENDING, RUN_ADMITTED, RUN_RUNNING},  {RUN_WAITING, RUN_ADMITTED, RUN_RUNNING},
        {RUN_RUNNING, RUN_ADMITTED, RUN_RUNNING},  {RUN_RUNNING, RUN_WAITS, RUN_WAITING},
        {RUN_WAITING, RUN_WOKEN, RUN_PENDING},     {RUN_RUNNING, RUN_RETURNED, RUN_COMPLETED},
        {RUN_RUNNING, RUN_RAISED, RUN_FAILED},     {RUN_RUNNING, RUN_MISMATCHED, RUN_BLOCKED},
        {RUN_RUNNING, RUN_UNWOUND, RUN_CANCELLED}, {RUN_BLOCKED, RUN_UNWOUND, RUN_CANCELLED},
        {RUN_STUCK, RUN_UNWOUND, RUN_CANCELLED},   {RUN_FAILED, RUN_RETRIED, RUN_PENDING},
        {RUN_RUNNING, RUN_CONTINUED, RUN_PENDING}, {RUN_BLOCKED, RUN_RETRIED, RUN_PENDING},
        {RUN_STUCK, RUN_RETRIED, RUN_PENDING},     {RUN_PENDING, RUN_CRASHED, RUN_STUCK},
        {RUN_RUNNING, RUN_CRASHED, RUN_STUCK},     {RUN_WAITING, RUN_CRASHED, RUN_STUCK}};
    size_t allowed = 0;
    (void)state;
    for (int from = 0; from < RUN_STATUSES; from++) {
        for (int event = 0; event < EVENTS; event++) {
            enum run_status to = RUN_STATUSES;
            struct error err = {0};
            int status = transition_run((enum run_status)from, (enum run_event)event, &to, &err);
            bool is_wanted = false;
            for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
                is_wanted = is_wanted || ((int)wanted[i].from == from &&
                                          (int)wanted[i].event == event && wanted[i].to == to);
            assert_int_equal(status == 0, is_wanted);
            if (status == 0) allowed++;
            else assert_int_equal(status, TEND_EINPUT), assert_int_equal(to, RUN_STATUSES);
        }
    }
    assert_int_equal(allowed, sizeof wanted / sizeof *wanted);
}

static void what_has_ended_changes_only_by_a_retry_of_a_failed_run(void **state) {
    (void)state;
    for (int from = 0; from < RUN_STATUSES; from++) {
        if (!run_status_is_final((enum run_status)from)) continue;
        for (int event = 0; event < EVENTS; event++) {
            enum run_status to;
            bool may_change = from == RUN_FAILED && event == RUN_RETRIED;
            assert_int_equal(
                transition_run((enum run_status)from, (enum run_event)event, &to, NULL) == 0,
                may_change);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_step_begins_its_first_attempt),
        cmocka_unit_test(an_attempt_that_touches_the_outside_is_recorded_first),
        cmocka_unit_test(success_is_recorded_with_how_it_came),
        cmocka_unit_test(a_failure_is_recorded_before_the_next_attempt),
        cmocka_unit_test(the_last_failure_is_the_steps_end),
        cmocka_unit_test(what_is_not_retryable_ends_at_once),
        cmocka_unit_test(an_attempt_that_a_crash_cut_off_uses_up_no_retry),
        cmocka_unit_test(the_wait_after_a_failure_goes_on_after_a_crash),
        cmocka_unit_test(an_attempt_begun_after_a_failure_does_not_wait_again),
        cmocka_unit_test(when_is_asked_and_its_word_counts),
        cmocka_unit_test(when_is_not_asked_where_it_can_not_matter),
        cmocka_unit_test(on_failure_has_the_last_word_and_records_nothing_before),
        cmocka_unit_test(a_retry_after_is_obeyed),
        cmocka_unit_test(past_the_deadline_no_attempt_starts),
        cmocka_unit_test(a_deadline_counts_from_the_first_entry),
        cmocka_unit_test(a_timer_is_folded),
        cmocka_unit_test(a_retry_gives_the_failed_step_its_attempts_anew),
        cmocka_unit_test(only_these_changes_of_status_exist),
        cmocka_unit_test(what_has_ended_changes_only_by_a_retry_of_a_failed_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
