/* Runs: their records, the lists that the indexes give, timers, and unique ids. */
#include "support.h"

static void a_record_comes_back_as_it_was_written(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct journal_run run = {.number = 5,
                              .id = bytes_of("0193-abc"),
                              .workflow = bytes_of("morning_check"),
                              .status = 31,
                              .due_at_us = INT64_C(1700000000000001),
                              .owner = UINT64_MAX,
                              .next_sequence = 99, /* ignored */
                              .body = bytes_of("packed")};
    struct journal_transition transition = {.number = 5, .record = &run};
    struct error err;
    assert_int_equal(commit_one(journal, &transition, &err), 0);
    for (int by_id = 0; by_id < 2; by_id++) {
        struct run_seen seen = {.calls = 0};
        assert_int_equal(by_id ? journal_run_by_id(journal, run.id, see_run, &seen, &err)
                               : journal_run(journal, 5, see_run, &seen, &err),
                         0);
        assert_int_equal(seen.calls, 1);
        assert_int_equal(seen.number, 5);
        assert_string_equal(seen.id, "0193-abc");
        assert_string_equal(seen.workflow, "morning_check");
        assert_string_equal(seen.body, "packed");
        assert_int_equal(seen.status, 31);
        assert_int_equal(seen.due_at_us, run.due_at_us);
        assert_true(seen.owner == UINT64_MAX);
        assert_int_equal(seen.next_sequence, 0);
    }
    journal_close(journal);
}

static void an_unknown_run_is_an_error_that_names_it(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct run_seen seen = {.calls = 0};
    struct error err;
    assert_int_equal(journal_run(journal, 77, see_run, &seen, &err), TEND_ENOENT);
    assert_non_null(strstr(err.message, "77"));
    assert_int_equal(journal_run_by_id(journal, bytes_of("nobody"), see_run, &seen, &err),
                     TEND_ENOENT);
    assert_non_null(strstr(err.message, "nobody"));
    assert_int_equal(journal_run_by_id(journal, bytes_of(""), see_run, &seen, &err), TEND_ENOENT);
    assert_int_equal(seen.calls, 0);
    journal_close(journal);
}

static void an_id_that_is_taken_is_refused_and_nothing_is_committed(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct error err;
    char id[32], other_id[32];
    create_run(journal, 1, 0);
    struct journal_run other = make_run(2, 0, other_id), same = make_run(3, 0, id);
    same.id = bytes_of("run-1");
    struct journal_transition transitions[] = {{.number = 2, .record = &other},
                                               {.number = 3, .record = &same}};
    struct journal_batch batch = {.transitions = transitions, .transition_count = 2};
    assert_int_equal(journal_commit(journal, &batch, &err), TEND_EFORMAT);
    assert_non_null(strstr(err.message, "run-1"));
    same.id = bytes_of("run-2"); /* taken in the same batch */
    assert_int_equal(journal_commit(journal, &batch, &err), TEND_EFORMAT);
    uint64_t last = 0;
    assert_int_equal(journal_last_number(journal, &last, &err), 0);
    assert_int_equal(last, 1);
    same.id = bytes_of("run-3");
    assert_int_equal(journal_commit(journal, &batch, &err), 0);
    journal_close(journal);
}

static void a_record_that_cannot_be_is_refused(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct error err;
    char id[32], long_id[JOURNAL_ID_MAX + 2];
    memset(long_id, 'a', sizeof long_id);
    struct journal_run run = make_run(1, 0, id);
    struct journal_transition transition = {.number = 1, .record = &run};
    run.status = 32;
    assert_int_equal(commit_one(journal, &transition, &err), TEND_EFORMAT);
    run = make_run(1, 0, id);
    run.id = (struct bytes){long_id, JOURNAL_ID_MAX + 1};
    assert_int_equal(commit_one(journal, &transition, &err), TEND_EFORMAT);
    run.id.size = 0;
    assert_int_equal(commit_one(journal, &transition, &err), TEND_EFORMAT);
    run.id.size = JOURNAL_ID_MAX;
    assert_int_equal(commit_one(journal, &transition, &err), 0);
    run.id = bytes_of("other"); /* an id is for ever */
    assert_int_equal(commit_one(journal, &transition, &err), TEND_EFORMAT);
    journal_close(journal);
}

static void the_last_number_is_that_of_the_newest_run(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct error err;
    uint64_t last = 9;
    assert_int_equal(journal_last_number(journal, &last, &err), 0);
    assert_int_equal(last, 0);
    create_run(journal, 1, 0);
    create_run(journal, 300, 0);
    assert_int_equal(journal_last_number(journal, &last, &err), 0);
    assert_int_equal(last, 300);
    journal_close(journal);
}

/* The end of a run's entries wanders between its record and its tail. */
static void entries_and_record_stay_one_through_changes_of_status(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct error err;
    char id[32];
    uint32_t next = 0;
    create_run(journal, 1, 0);
    for (uint8_t round = 0; round < 30; round++) {
        struct bytes entries[] = {bytes_of("a"), bytes_of("b")};
        struct journal_run run = make_run(1, round % 7, id);
        struct journal_transition transition = {.number = 1,
                                                .record = round % 3 ? NULL : &run,
                                                .first_sequence = next,
                                                .entries = entries,
                                                .entry_count = round % 5 ? 2 : 0};
        assert_int_equal(commit_one(journal, &transition, &err), 0);
        next += (uint32_t)transition.entry_count;
        struct run_seen seen = {.calls = 0};
        assert_int_equal(journal_run(journal, 1, see_run, &seen, &err), 0);
        assert_int_equal(seen.next_sequence, next);
        assert_int_equal(entry_count(journal, 1), next);
        assert_int_equal(seen.status, round % 3 ? (round - round % 3) % 7 : round % 7);
        if (round % 10 != 9) continue;
        journal_close(journal);
        journal = open_journal(*state, JOURNAL_OWNER);
    }
    journal_close(journal);
}

/* What came before in the same batch goes along, what comes after it begins anew. */
static void a_new_run_takes_over_the_entries_so_far(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct error err;
    char id[32], past_id[32];
    struct bytes entries[] = {bytes_of("a"), bytes_of("b")};
    create_run(journal, 1, 1);
    assert_int_equal(add_text(journal, 1, 0, "first", &err), 0);
    for (uint64_t link = 0; link < 3; link++) {
        struct journal_run run = make_run(1, 0, id), past = make_run(2 + link, 3, past_id);
        struct journal_transition parts[] = {
            {.number = 1, .first_sequence = 1, .entries = entries, .entry_count = 2},
            {.number = 1, .record = &run, .entries = entries, .entry_count = 1, .past = &past}};
        struct journal_batch batch = {.transitions = parts, .transition_count = 2};
        must_commit(journal, &batch);
        assert_int_equal(entry_count(journal, 1), 1);
        for (uint64_t earlier = 0; earlier <= link; earlier++)
            assert_int_equal(entry_count(journal, 2 + earlier), 3);
        journal_close(journal);
        journal = open_journal(*state, JOURNAL_OWNER);
    }
    struct run_seen seen = {.calls = 0};
    assert_int_equal(journal_run_by_id(journal, bytes_of("run-3"), see_run, &seen, &err), 0);
    assert_int_equal(seen.number, 3);
    assert_int_equal(seen.status, 3);
    journal_close(journal);
}

/* ---- lists against a model ---- */

enum { MODEL_RUNS = 60, MODEL_ROUNDS = 150, STATUSES = 6, WORKFLOWS = 4 };

struct model {
    struct {
        bool exists;
        uint8_t status;
        size_t workflow;
        int64_t due_at_us;
    } runs[MODEL_RUNS + 1];
};

static const char *const workflows[WORKFLOWS] = {"heal", "monitor", "m", "verify"};

static void change_some(struct journal *journal, struct model *model, uint64_t *seed) {
    struct journal_run records[10];
    struct journal_transition transitions[10];
    char ids[10][32];
    size_t count = 1 + draw_below(seed, 10);
    for (size_t i = 0; i < count; i++) {
        uint64_t number = 1 + draw_below(seed, MODEL_RUNS);
        model->runs[number].exists = true;
        model->runs[number].status = (uint8_t)draw_below(seed, STATUSES);
        model->runs[number].workflow = draw_below(seed, WORKFLOWS);
        model->runs[number].due_at_us =
            draw_below(seed, 2) ? (int64_t)draw_below(seed, 50) * 1000 : 0;
        records[i] = make_run(number, model->runs[number].status, ids[i]);
        records[i].workflow = bytes_of(workflows[model->runs[number].workflow]);
        records[i].due_at_us = model->runs[number].due_at_us;
        transitions[i] = (struct journal_transition){.number = number, .record = &records[i]};
    }
    struct journal_batch batch = {.transitions = transitions, .transition_count = count};
    must_commit(journal, &batch);
}

static bool is_selected(const struct model *model, const struct journal_filter *filter,
                        uint64_t number) {
    return model->runs[number].exists &&
           (!filter->statuses || filter->statuses >> model->runs[number].status & 1) &&
           (!filter->workflow.size ||
            bytes_are(filter->workflow, workflows[model->runs[number].workflow])) &&
           (!filter->before_number || number < filter->before_number) &&
           number > filter->after_number;
}

static void check_list(struct journal *journal, const struct model *model,
                       const struct journal_filter *filter, size_t limit) {
    struct numbers expected = {.limit = limit}, seen = {.limit = limit};
    struct error err;
    for (uint64_t i = 1; i <= MODEL_RUNS && (!limit || expected.count < limit); i++) {
        uint64_t number = filter->oldest_first ? i : MODEL_RUNS + 1 - i;
        if (is_selected(model, filter, number)) expected.list[expected.count++] = number;
    }
    assert_int_equal(journal_runs(journal, filter, gather_run, &seen, &err), 0);
    assert_int_equal(seen.count, expected.count);
    assert_memory_equal(seen.list, expected.list, expected.count * sizeof *seen.list);
}

struct timers {
    struct {
        int64_t due_at_us;
        uint64_t number;
    } list[MODEL_RUNS];
    size_t count;
};

static bool gather_due(void *context, int64_t due_at_us, uint64_t number) {
    struct timers *timers = context;
    timers->list[timers->count].due_at_us = due_at_us;
    timers->list[timers->count++].number = number;
    return true;
}

static void check_timers(struct journal *journal, const struct model *model) {
    struct timers timers = {.count = 0};
    struct error err;
    size_t expected = 0;
    for (uint64_t i = 1; i <= MODEL_RUNS; i++) expected += model->runs[i].due_at_us != 0;
    assert_int_equal(journal_due(journal, gather_due, &timers, &err), 0);
    assert_int_equal(timers.count, expected);
    for (size_t i = 0; i < timers.count; i++) {
        assert_int_equal(model->runs[timers.list[i].number].due_at_us, timers.list[i].due_at_us);
        if (i == 0) continue;
        assert_true(timers.list[i - 1].due_at_us < timers.list[i].due_at_us ||
                    (timers.list[i - 1].due_at_us == timers.list[i].due_at_us &&
                     timers.list[i - 1].number < timers.list[i].number));
    }
}

static void lists_and_timers_follow_every_change(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    static struct model model;
    uint64_t seed = 4711;
    for (int round = 0; round < MODEL_ROUNDS; round++) {
        change_some(journal, &model, &seed);
        for (int i = 0; i < 20; i++) {
            struct journal_filter filter = {.oldest_first = draw_below(&seed, 2)};
            if (draw_below(&seed, 3)) filter.statuses = (uint32_t)draw_below(&seed, 1 << STATUSES);
            if (draw_below(&seed, 2)) filter.workflow = bytes_of(workflows[draw_below(&seed, 4)]);
            if (draw_below(&seed, 2)) filter.before_number = draw_below(&seed, MODEL_RUNS + 3);
            if (draw_below(&seed, 4) == 0) filter.after_number = draw_below(&seed, MODEL_RUNS + 3);
            check_list(journal, &model, &filter,
                       draw_below(&seed, 2) ? 1 + draw_below(&seed, 9) : 0);
        }
        check_timers(journal, &model);
    }
    journal_close(journal);
}

static void paging_meets_every_run_once(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct error err;
    for (uint64_t number = 1; number <= 25; number++) create_run(journal, number, 1);
    uint64_t expected = 25;
    struct journal_filter filter = {.statuses = 1u << 1, .workflow = bytes_of("flow")};
    for (int page = 0; page < 4; page++) {
        struct numbers numbers = {.limit = 7};
        assert_int_equal(journal_runs(journal, &filter, gather_run, &numbers, &err), 0);
        assert_int_equal(numbers.count, page < 3 ? 7 : 4);
        for (size_t i = 0; i < numbers.count; i++) assert_int_equal(numbers.list[i], expected--);
        filter.before_number = numbers.list[numbers.count - 1];
    }
    assert_int_equal(expected, 0);
    journal_close(journal);
}

static void workflows_whose_hashes_collide_are_told_apart(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    const char *const names[] = {"costarring", "liquid"}; /* the same 32-bit FNV-1a */
    struct error err;
    for (uint64_t number = 1; number <= 10; number++) {
        char id[32];
        struct journal_run run = make_run(number, 0, id);
        run.workflow = bytes_of(names[number % 2]);
        struct journal_transition transition = {.number = number, .record = &run};
        assert_int_equal(commit_one(journal, &transition, &err), 0);
    }
    struct journal_filter filter = {.workflow = bytes_of("liquid")};
    struct numbers numbers = {.count = 0};
    assert_int_equal(journal_runs(journal, &filter, gather_run, &numbers, &err), 0);
    assert_int_equal(numbers.count, 5);
    for (size_t i = 0; i < 5; i++) assert_int_equal(numbers.list[i] % 2, 1);
    journal_close(journal);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        HOME_TEST(a_record_comes_back_as_it_was_written),
        HOME_TEST(an_unknown_run_is_an_error_that_names_it),
        HOME_TEST(an_id_that_is_taken_is_refused_and_nothing_is_committed),
        HOME_TEST(a_record_that_cannot_be_is_refused),
        HOME_TEST(the_last_number_is_that_of_the_newest_run),
        HOME_TEST(entries_and_record_stay_one_through_changes_of_status),
        HOME_TEST(a_new_run_takes_over_the_entries_so_far),
        HOME_TEST(lists_and_timers_follow_every_change),
        HOME_TEST(paging_meets_every_run_once),
        HOME_TEST(workflows_whose_hashes_collide_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
