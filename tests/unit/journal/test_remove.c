/* Removing runs: they are gone at once, their entries in pieces, their pages are used again. */
#include "support.h"

enum { RUNS = 200, ENTRIES = 30 };

/* Runs first to first+RUNS-1, each with ENTRIES entries of 200 bytes, five a commit, side by side.
 */
static void fill(struct journal *journal, uint64_t first) {
    char text[200];
    fill_by_chance(text, sizeof text);
    struct bytes entries[5];
    for (size_t i = 0; i < 5; i++) entries[i] = (struct bytes){text, sizeof text};
    for (uint32_t sequence = 0; sequence < ENTRIES; sequence += 5) {
        struct journal_transition transitions[RUNS];
        struct journal_run records[RUNS];
        char ids[RUNS][32];
        for (size_t i = 0; i < RUNS; i++) {
            records[i] = make_run(first + i, 3, ids[i]);
            transitions[i] = (struct journal_transition){.number = first + i,
                                                         .record = sequence ? NULL : &records[i],
                                                         .first_sequence = sequence,
                                                         .entries = entries,
                                                         .entry_count = 5};
        }
        struct journal_batch batch = {.transitions = transitions, .transition_count = RUNS};
        must_commit(journal, &batch);
    }
}

static struct journal_batch remove_runs(struct journal_removal *removals, uint64_t first,
                                        size_t count) {
    for (size_t i = 0; i < count; i++)
        removals[i] = (struct journal_removal){.number = first + i, .next_sequence = ENTRIES};
    return (struct journal_batch){.removals = removals, .removal_count = count, .freed_max = 50};
}

static bool has_leftovers(struct journal *journal) {
    struct error err;
    bool has = false;
    assert_int_equal(journal_leftovers(journal, &has, &err), 0);
    return has;
}

static void free_all(struct journal *journal) {
    struct journal_batch batch = {.freed_max = 100};
    while (has_leftovers(journal)) must_commit(journal, &batch);
}

static uint64_t last_number(struct journal *journal) {
    uint64_t last = 0;
    struct error err;
    assert_int_equal(journal_last_number(journal, &last, &err), 0);
    return last;
}

static size_t listed(struct journal *journal, struct journal_filter filter) {
    struct numbers numbers = {.count = 0};
    struct error err;
    assert_int_equal(journal_runs(journal, &filter, gather_run, &numbers, &err), 0);
    return numbers.count;
}

static void a_removed_run_is_nowhere(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct journal_removal removals[RUNS];
    struct run_seen seen = {.calls = 0};
    struct error err;
    fill(journal, 1);
    struct journal_batch batch = remove_runs(removals, 101, 100);
    must_commit(journal, &batch);
    assert_true(has_leftovers(journal)); /* 100 runs have 600 records, 50 went */
    for (int later = 0; later < 2; later++) {
        assert_int_equal(journal_run(journal, 150, see_run, &seen, &err), TEND_ENOENT);
        assert_int_equal(journal_run_by_id(journal, bytes_of("run-150"), see_run, &seen, &err),
                         TEND_ENOENT);
        assert_int_equal(journal_entries(journal, 150, count_entry, &(size_t){0}, &err),
                         TEND_ENOENT);
        assert_int_equal(listed(journal, (struct journal_filter){.statuses = 1u << 3}), 100);
        assert_int_equal(listed(journal, (struct journal_filter){.workflow = bytes_of("flow")}),
                         100);
        assert_int_equal(listed(journal, (struct journal_filter){.statuses = 0}), 100);
        assert_int_equal(last_number(journal), 200); /* numbers aren't given again */
        free_all(journal);
        journal_close(journal);
        journal = open_journal(*state, JOURNAL_OWNER);
    }
    for (uint64_t number = 1; number <= 100; number++)
        assert_int_equal(entry_count(journal, number), ENTRIES);
    journal_close(journal);
}

/* What a crash in between leaves is found and freed. */
static void what_is_left_is_freed_later(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct journal_removal removals[RUNS];
    fill(journal, 1);
    struct journal_batch batch = remove_runs(removals, 1, 150);
    must_commit(journal, &batch);
    journal_close(journal);
    journal = open_journal(*state, JOURNAL_OWNER);
    assert_true(has_leftovers(journal));
    free_all(journal);
    assert_int_equal(entry_count(journal, 200), ENTRIES);
    journal_close(journal);
}

static void a_run_that_has_moved_on_stays(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct error err;
    for (uint64_t number = 1; number <= 4; number++) {
        create_run(journal, number, 4);
        assert_int_equal(add_text(journal, number, 0, "one", &err), 0);
    }
    assert_int_equal(add_text(journal, 1, 1, "retried", &err), 0);
    struct journal_removal removals[] = {
        {.number = 1, .next_sequence = 1},
        {.number = 2, .next_sequence = 1, .keeper = 1, .keeper_sequence = 1},
        {.number = 3, .next_sequence = 1, .keeper = 1, .keeper_sequence = 2},
        {.number = 4, .next_sequence = 1, .keeper = 99, .keeper_sequence = 5},
        {.number = 77, .next_sequence = 1},
    };
    struct journal_batch batch = {.removals = removals, .removal_count = 5};
    must_commit(journal, &batch);
    struct numbers left = {.count = 0};
    struct journal_filter all = {.oldest_first = true};
    assert_int_equal(journal_runs(journal, &all, gather_run, &left, &err), 0);
    assert_int_equal(left.count, 2);
    assert_int_equal(left.list[0], 1);
    assert_int_equal(left.list[1], 2);
    journal_close(journal);
}

static void what_comes_too_late_is_dropped(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct error err;
    char id[32];
    create_run(journal, 5, 4);
    assert_int_equal(add_text(journal, 5, 0, "one", &err), 0);
    struct journal_removal removal = {.number = 5, .next_sequence = 1};
    struct journal_batch batch = {.removals = &removal, .removal_count = 1};
    must_commit(journal, &batch);
    assert_int_equal(add_text(journal, 5, 1, "late", &err), 0);
    struct run_seen seen = {.calls = 0};
    assert_int_equal(journal_run(journal, 5, see_run, &seen, &err), TEND_ENOENT);
    assert_int_equal(add_text(journal, 6, 1, "never was", &err), TEND_EFORMAT);
    create_run(journal, 4, 0); /* accepted before, and committed after */
    assert_int_equal(entry_count(journal, 4), 0);
    struct journal_run same = make_run(6, 0, id);
    same.id = bytes_of("run-5"); /* its id is free again */
    struct journal_transition again = {.number = 6, .record = &same};
    assert_int_equal(commit_one(journal, &again, &err), 0);
    journal_close(journal);
}

/* What continue_as leaves: a run that has the entries that another one wrote. */
static void entries_that_another_run_wrote_are_freed_too(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct error err;
    char id[32], past_id[32];
    static char text[3000];
    fill_by_chance(text, sizeof text);
    create_run(journal, 1, 1);
    for (uint32_t i = 0; i < 5; i++) {
        struct bytes entry = {text, sizeof text};
        struct journal_transition transition = {
            .number = 1, .first_sequence = i, .entries = &entry, .entry_count = 1};
        assert_int_equal(commit_one(journal, &transition, &err), 0);
    }
    struct journal_run run = make_run(1, 1, id), past = make_run(2, 3, past_id);
    struct journal_transition next = {.number = 1, .record = &run, .past = &past};
    assert_int_equal(commit_one(journal, &next, &err), 0);
    assert_int_equal(add_text(journal, 1, 0, "next", &err), 0);
    assert_int_equal(entry_count(journal, 2), 5);
    struct journal_removal removal = {.number = 2, .next_sequence = 5};
    struct journal_batch batch = {.removals = &removal, .removal_count = 1, .freed_max = 2};
    must_commit(journal, &batch);
    struct journal_batch more = {.freed_max = 2};
    must_commit(journal, &more);
    assert_true(has_leftovers(journal)); /* one of five */
    must_commit(journal, &more);
    assert_false(has_leftovers(journal));
    assert_int_equal(entry_count(journal, 1), 1);
    journal_close(journal);
}

static bool count_key(void *context, struct bytes key) {
    (void)key;
    ++*(size_t *)context;
    return true;
}

static void its_hidden_state_goes_with_it(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct error err;
    const char *const names[] = {"s1/a", "s1/b", "s1", "s2/a", "c1", "r"};
    create_run(journal, 1, 3);
    create_run(journal, 2, 3);
    for (size_t i = 0; i < 6; i++) {
        struct journal_state_write write = {bytes_of(names[i]), bytes_of("value")};
        struct journal_batch batch = {.state_writes = &write, .state_write_count = 1};
        must_commit(journal, &batch);
    }
    struct journal_state_write gone = {bytes_of("s1/b"), {NULL, 0}};
    struct bytes prefixes[] = {bytes_of("s1/"), bytes_of("c1"), bytes_of("none")};
    struct journal_removal removals[] = {
        {.number = 1, .prefixes = prefixes, .prefix_count = 3},
        {.number = 2, .next_sequence = 9, .prefixes = &prefixes[1], .prefix_count = 1}};
    struct journal_batch batch = {
        .state_writes = &gone, .state_write_count = 1, .removals = removals, .removal_count = 2};
    must_commit(journal, &batch);
    size_t count = 0;
    assert_int_equal(
        journal_state_keys(journal, bytes_of(""), bytes_of(""), count_key, &count, &err), 0);
    assert_int_equal(count, 3);
    struct buffer out = BUFFER_EMPTY;
    uint64_t version = 9; /* without a trace */
    assert_int_equal(journal_state(journal, bytes_of("s1/b"), &out, &version, &err), TEND_ENOENT);
    assert_int_equal(version, 0);
    buffer_done(&out);
    journal_close(journal);
}

static void bundles_are_listed_and_removed(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct error err;
    struct journal_bundle bundles[] = {{bytes_of("a"), bytes_of("A")},
                                       {bytes_of("b"), bytes_of("B")}};
    struct journal_batch batch = {.bundles = bundles, .bundle_count = 2};
    must_commit(journal, &batch);
    struct bytes removed[] = {bytes_of("a"), bytes_of("b"), bytes_of("c")};
    struct journal_batch next = {.removed_bundles = removed,
                                 .removed_bundle_count = 3,
                                 .bundle_mark = journal_bundle_mark(journal),
                                 .bundles = &bundles[1],
                                 .bundle_count = 1}; /* accepted anew after the removal */
    uint64_t before = next.bundle_mark;
    must_commit(journal, &next);
    size_t count = 0;
    struct buffer out = BUFFER_EMPTY;
    assert_int_equal(journal_bundles(journal, count_key, &count, &err), 0);
    assert_int_equal(count, 1);
    assert_int_equal(journal_bundle(journal, bytes_of("b"), &out, &err), 0);
    assert_int_equal(journal_bundle(journal, bytes_of("a"), &out, &err), TEND_ENOENT);
    /* in a commit since the look, known or not: it stays */
    struct journal_batch late = {
        .removed_bundles = removed, .removed_bundle_count = 3, .bundle_mark = before};
    must_commit(journal, &late);
    assert_int_equal(journal_bundle(journal, bytes_of("b"), &out, &err), 0);
    late.bundle_mark = journal_bundle_mark(journal);
    must_commit(journal, &late);
    assert_int_equal(journal_bundle(journal, bytes_of("b"), &out, &err), TEND_ENOENT);
    buffer_done(&out);
    journal_close(journal);
}

/* How far the file is in use: a backup of it would not tell, for it leaves out free pages. */
static long long written_size(const char *home) { return file_size(path_in(home, "journal.mdb")); }

static void the_pages_are_used_again(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct journal_removal removals[RUNS];
    fill(journal, 1);
    for (uint64_t round = 0; round < 3; round++) { /* the free list itself settles */
        struct journal_batch batch = remove_runs(removals, 1 + round * RUNS, RUNS);
        must_commit(journal, &batch);
        free_all(journal);
        fill(journal, 1 + (round + 1) * RUNS);
    }
    long long before = written_size(*state);
    assert_true(before > 1500000);
    for (uint64_t round = 3; round < 20; round++) {
        struct journal_batch batch = remove_runs(removals, 1 + round * RUNS, RUNS);
        must_commit(journal, &batch);
        free_all(journal);
        fill(journal, 1 + (round + 1) * RUNS);
    }
    assert_int_equal(written_size(*state), before);
    journal_close(journal);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        HOME_TEST(a_removed_run_is_nowhere),
        HOME_TEST(what_is_left_is_freed_later),
        HOME_TEST(a_run_that_has_moved_on_stays),
        HOME_TEST(what_comes_too_late_is_dropped),
        HOME_TEST(entries_that_another_run_wrote_are_freed_too),
        HOME_TEST(its_hidden_state_goes_with_it),
        HOME_TEST(bundles_are_listed_and_removed),
        HOME_TEST(the_pages_are_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
