/* A run's record: packed, read, and found in a real journal. */
#include "support.h"

#include "engine/record.h"

static struct record sample(void) {
    struct record record = {.number = 1,
                            .status = RUN_WAITING,
                            .due_at_us = 123,
                            .owner = 4,
                            .created_at_us = 1764036000123456,
                            .ended_at_us = 7,
                            .parent = 9,
                            .crashes = 2,
                            .crashed_at = 17};
    snprintf(record.id, sizeof record.id, "run-1");
    snprintf(record.workflow, sizeof record.workflow, "flow");
    snprintf(record.bundle, sizeof record.bundle, "%064d", 0);
    snprintf(record.waits_kind, sizeof record.waits_kind, "retry");
    snprintf(record.waits_for, sizeof record.waits_for, "parallel/left/in#2");
    snprintf(record.message, sizeof record.message, "why");
    snprintf(record.crashed_in, sizeof record.crashed_in, "%032d", 5);
    return record;
}

static struct journal_run stored(const struct record *record, struct buffer *body) {
    record_pack(record, body);
    return (struct journal_run){.number = record->number,
                                .id = bytes_of(record->id),
                                .workflow = bytes_of(record->workflow),
                                .status = (uint8_t)record->status,
                                .due_at_us = record->due_at_us,
                                .owner = record->owner,
                                .body = buffer_bytes(body)};
}

static void assert_same(const struct record *a, const struct record *b) {
    assert_int_equal(a->number, b->number);
    assert_string_equal(a->id, b->id);
    assert_string_equal(a->workflow, b->workflow);
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->due_at_us, b->due_at_us);
    assert_int_equal(a->owner, b->owner);
    assert_string_equal(a->bundle, b->bundle);
    assert_int_equal(a->created_at_us, b->created_at_us);
    assert_int_equal(a->ended_at_us, b->ended_at_us);
    assert_int_equal(a->parent, b->parent);
    assert_string_equal(a->waits_kind, b->waits_kind);
    assert_string_equal(a->waits_for, b->waits_for);
    assert_string_equal(a->message, b->message);
    assert_int_equal(a->crashes, b->crashes);
    assert_int_equal(a->crashed_at, b->crashed_at);
    assert_string_equal(a->crashed_in, b->crashed_in);
}

static void a_record_comes_back_from_the_journal(void **state) {
    struct journal *journal = open_journal(*state);
    struct record record = sample(), back;
    struct buffer body = BUFFER_EMPTY;
    struct error err;
    struct journal_run run = stored(&record, &body);
    struct journal_transition transition = {.number = 1, .record = &run};
    struct journal_batch batch = {.transitions = &transition, .transition_count = 1};
    assert_int_equal(journal_commit(journal, &batch, &err), 0);
    assert_int_equal(record_load(journal, 1, &back, &err), 0);
    assert_same(&back, &record);
    assert_int_equal(record_load_by_id(journal, "run-1", &back, &err), 0);
    assert_same(&back, &record);
    assert_int_equal(record_load(journal, 2, &back, &err), TEND_ENOENT);
    assert_int_equal(record_load_by_id(journal, "run-2", &back, &err), TEND_ENOENT);
    assert_holds(err.message, "run-2");
    buffer_done(&body);
    journal_close(journal);
}

static void what_is_not_set_is_not_there_when_read(void **state) {
    struct record record = {.number = 3}, back;
    struct buffer body = BUFFER_EMPTY;
    (void)state;
    struct journal_run run = stored(&record, &body);
    memset(&back, 0x55, sizeof back);
    assert_int_equal(record_read(&run, &back, NULL), 0);
    assert_same(&back, &record);
    buffer_done(&body);
}

static void a_body_that_is_none_is_refused(void **state) {
    struct journal_run run = {.number = 1, .body = {"\xc1", 1}};
    struct record back = {.number = 99};
    struct error err;
    (void)state;
    assert_int_equal(record_read(&run, &back, &err), TEND_EFORMAT);
    assert_int_equal(back.number, 99);
}

static void names_of_statuses_read_back(void **state) {
    (void)state;
    for (int status = 0; status < RUN_STATUSES; status++)
        assert_int_equal(run_status_read(run_status_name((enum run_status)status)), status);
    assert_int_equal(run_status_read("odd"), -1);
    assert_int_equal(run_status_read(""), -1);
    assert_true(run_status_is_final(RUN_COMPLETED) && run_status_is_final(RUN_FAILED) &&
                run_status_is_final(RUN_CANCELLED));
    assert_false(run_status_is_final(RUN_BLOCKED) || run_status_is_final(RUN_STUCK) ||
                 run_status_is_final(RUN_WAITING));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(a_record_comes_back_from_the_journal),
        cmocka_unit_test(what_is_not_set_is_not_there_when_read),
        cmocka_unit_test(a_body_that_is_none_is_refused),
        cmocka_unit_test(names_of_statuses_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
