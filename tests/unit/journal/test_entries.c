/* Entries: in order, whole, and only where they follow the one before. */
#include "support.h"

enum { RUNS = 12, COMMITS = 400, ENTRIES_MAX = 20, SIZE_MAX_BYTES = 50000 };

/* Contents follow from (run, sequence), so nothing has to be remembered to check them. */
static size_t entry_size(uint64_t number, uint32_t sequence) {
    uint64_t seed = number * 1000003 + sequence * 7919 + 1;
    uint64_t kind = draw_below(&seed, 100);
    if (kind < 5) return 0;
    if (kind < 80) return draw_below(&seed, 300);
    if (kind < 97) return draw_below(&seed, 4200);
    return draw_below(&seed, SIZE_MAX_BYTES + 1);
}

static void fill_entry(uint64_t number, uint32_t sequence, char *out, size_t size) {
    uint64_t seed = number * 31 + sequence * 17 + 5;
    for (size_t i = 0; i < size; i++) out[i] = (char)(i % 64 ? (seed >> (i % 56)) : draw(&seed));
}

struct checker {
    uint64_t number;
    uint32_t next;
    bool is_right;
};

static bool check_entry(void *context, uint32_t sequence, struct bytes entry) {
    static char expected[SIZE_MAX_BYTES + 1];
    struct checker *checker = context;
    size_t size = entry_size(checker->number, sequence);
    fill_entry(checker->number, sequence, expected, size);
    checker->is_right = checker->is_right && sequence == checker->next && entry.size == size &&
                        memcmp(entry.data, expected, size) == 0;
    checker->next++;
    return true;
}

static void check_run(struct journal *journal, uint64_t number, uint32_t count) {
    struct checker checker = {.number = number, .is_right = true};
    struct run_seen seen = {.calls = 0};
    struct error err;
    assert_int_equal(journal_entries(journal, number, check_entry, &checker, &err), 0);
    assert_true(checker.is_right);
    assert_int_equal(checker.next, count);
    assert_int_equal(journal_run(journal, number, see_run, &seen, &err), 0);
    assert_int_equal(seen.next_sequence, count);
}

struct planned {
    struct journal_transition transition;
    struct journal_run record;
    char id[32];
    struct bytes entries[ENTRIES_MAX];
};

static void plan(struct planned *planned, uint64_t number, uint32_t *next, uint64_t *seed) {
    size_t count = 1 + draw_below(seed, ENTRIES_MAX);
    planned->transition = (struct journal_transition){.number = number,
                                                      .first_sequence = *next,
                                                      .entries = planned->entries,
                                                      .entry_count = count};
    for (size_t i = 0; i < count; i++) {
        size_t size = entry_size(number, *next + (uint32_t)i);
        char *data = memory_new(size);
        fill_entry(number, *next + (uint32_t)i, data, size);
        planned->entries[i] = (struct bytes){data, size};
    }
    *next += (uint32_t)count;
    /* sometimes the record changes too, and with it where the entries' end is kept */
    if (draw_below(seed, 4) == 0) {
        planned->record = make_run(number, (uint8_t)draw_below(seed, 8), planned->id);
        planned->transition.record = &planned->record;
    }
}

static void commit_planned(struct journal *journal, struct planned *list, size_t count) {
    struct journal_transition transitions[8];
    for (size_t i = 0; i < count; i++) transitions[i] = list[i].transition;
    struct journal_batch batch = {.transitions = transitions, .transition_count = count};
    must_commit(journal, &batch);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < list[i].transition.entry_count; j++)
            memory_free((char *)(uintptr_t)list[i].entries[j].data);
}

static void entries_come_back_in_order_and_whole(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    uint32_t next[RUNS + 1] = {0};
    uint64_t seed = 42;
    for (uint64_t number = 1; number <= RUNS; number++) create_run(journal, number, 1);
    for (int i = 0; i < COMMITS; i++) {
        struct planned list[8];
        memset(list, 0, sizeof list);
        size_t count = 1 + draw_below(&seed, 8); /* the same run may come more than once */
        for (size_t j = 0; j < count; j++) {
            uint64_t number = 1 + draw_below(&seed, RUNS);
            plan(&list[j], number, &next[number], &seed);
        }
        commit_planned(journal, list, count);
    }
    for (uint64_t number = 1; number <= RUNS; number++) check_run(journal, number, next[number]);
    journal_close(journal);
    journal = open_journal(*state, JOURNAL_CLIENT);
    for (uint64_t number = 1; number <= RUNS; number++) check_run(journal, number, next[number]);
    journal_close(journal);
}

static void a_commit_may_have_very_many_entries(void **state) {
    enum { MANY = 70000 };
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct bytes *entries = memory_new(MANY * sizeof *entries);
    create_run(journal, 1, 0);
    for (size_t i = 0; i < MANY; i++) entries[i] = bytes_of("");
    struct journal_transition transition = {.number = 1, .entries = entries, .entry_count = MANY};
    assert_int_equal(commit_one(journal, &transition, NULL), 0);
    assert_int_equal(entry_count(journal, 1), MANY);
    memory_free(entries);
    journal_close(journal);
}

static void a_run_without_entries_has_none(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    create_run(journal, 1, 0);
    assert_int_equal(entry_count(journal, 1), 0);
    journal_close(journal);
}

static void entries_of_an_unknown_run_are_an_error(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct error err;
    size_t count = 0;
    assert_int_equal(journal_entries(journal, 9, count_entry, &count, &err), TEND_ENOENT);
    assert_non_null(strstr(err.message, "9"));
    journal_close(journal);
}

static bool stop_at_third(void *context, uint32_t sequence, struct bytes entry) {
    (void)entry;
    ++*(size_t *)context;
    return sequence < 2;
}

static void a_visitor_that_has_enough_is_left_alone(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct error err;
    create_run(journal, 1, 0);
    for (uint32_t i = 0; i < 10; i++) assert_int_equal(add_text(journal, 1, i, "x", &err), 0);
    size_t count = 0;
    assert_int_equal(journal_entries(journal, 1, stop_at_third, &count, &err), 0);
    assert_int_equal(count, 3);
    journal_close(journal);
}

static void a_wrong_sequence_is_refused_and_nothing_is_committed(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct error err;
    create_run(journal, 1, 0);
    create_run(journal, 2, 0);
    assert_int_equal(add_text(journal, 2, 0, "first", &err), 0);

    const uint32_t wrong[] = {0, 2, 5, UINT32_MAX};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct bytes entry = bytes_of("x");
        struct journal_transition transitions[] = {
            {.number = 1, .first_sequence = 0, .entries = &entry, .entry_count = 1},
            {.number = 2, .first_sequence = wrong[i], .entries = &entry, .entry_count = 1},
        };
        struct journal_state_write write = {bytes_of("key"), bytes_of("value")};
        struct journal_batch batch = {.transitions = transitions,
                                      .transition_count = 2,
                                      .state_writes = &write,
                                      .state_write_count = 1};
        assert_int_equal(journal_commit(journal, &batch, &err), TEND_EFORMAT);
        assert_non_null(strstr(err.message, "run 2"));
        assert_int_equal(entry_count(journal, 1), 0);
        assert_int_equal(entry_count(journal, 2), 1);
        struct buffer out = BUFFER_EMPTY;
        assert_int_equal(journal_state(journal, write.key, &out, NULL, NULL), TEND_ENOENT);
    }
    assert_int_equal(add_text(journal, 2, 1, "second", &err), 0);
    assert_int_equal(entry_count(journal, 2), 2);
    journal_close(journal);
}

static void a_sequence_is_checked_between_parts_of_one_batch(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct error err;
    create_run(journal, 1, 0);
    struct bytes entry = bytes_of("x");
    struct journal_transition transitions[] = {
        {.number = 1, .first_sequence = 0, .entries = &entry, .entry_count = 1},
        {.number = 1, .first_sequence = 0, .entries = &entry, .entry_count = 1},
    };
    struct journal_batch batch = {.transitions = transitions, .transition_count = 2};
    assert_int_equal(journal_commit(journal, &batch, &err), TEND_EFORMAT);
    transitions[1].first_sequence = 1;
    assert_int_equal(journal_commit(journal, &batch, &err), 0);
    assert_int_equal(entry_count(journal, 1), 2);
    journal_close(journal);
}

static void entries_for_a_run_that_was_never_created_are_refused(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct error err;
    assert_int_equal(add_text(journal, 3, 0, "x", &err), TEND_EFORMAT);
    assert_non_null(strstr(err.message, "no such run"));
    journal_close(journal);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        HOME_TEST(entries_come_back_in_order_and_whole),
        HOME_TEST(a_commit_may_have_very_many_entries),
        HOME_TEST(a_run_without_entries_has_none),
        HOME_TEST(entries_of_an_unknown_run_are_an_error),
        HOME_TEST(a_visitor_that_has_enough_is_left_alone),
        HOME_TEST(a_wrong_sequence_is_refused_and_nothing_is_committed),
        HOME_TEST(a_sequence_is_checked_between_parts_of_one_batch),
        HOME_TEST(entries_for_a_run_that_was_never_created_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
