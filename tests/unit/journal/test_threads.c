/* One thread commits; others read, add to the inbox and trim it, all at the same time. */
#include "support.h"

#include <pthread.h>
#include <stdatomic.h>

enum { READERS = 3, COMMITS = 300 };

struct shared {
    struct journal *journal;
    atomic_bool is_over;
    atomic_int wrong;
    atomic_uint durable; /* entries of run 1 */
};

/* cmocka's assertions are for the main thread. */
static void expect(struct shared *shared, bool is_right) {
    if (!is_right) atomic_fetch_add(&shared->wrong, 1);
}

static void *read_on(void *context) {
    struct shared *shared = context;
    while (!atomic_load(&shared->is_over)) {
        unsigned least = atomic_load(&shared->durable);
        size_t count = 0;
        struct numbers numbers = {.count = 0};
        struct journal_filter filter = {.statuses = 3};
        expect(shared, !journal_entries(shared->journal, 1, count_entry, &count, NULL));
        expect(shared, count >= least && count % 3 == 0);
        expect(shared, !journal_runs(shared->journal, &filter, gather_run, &numbers, NULL));
        expect(shared, numbers.count == 1);
    }
    return NULL;
}

static void *add_on(void *context) {
    struct shared *shared = context;
    for (int i = 0; i < 100; i++) {
        expect(shared, !journal_inbox_add(shared->journal, bytes_of("item"), NULL));
        expect(shared, !journal_inbox_trim(shared->journal, NULL));
    }
    return NULL;
}

static bool note_item(void *context, uint64_t item, struct bytes contents) {
    (void)contents;
    *(uint64_t *)context = item;
    return true;
}

static void commit_three(struct shared *shared, uint32_t first) {
    struct bytes entries[] = {bytes_of("a"), bytes_of("b"), bytes_of("c")};
    char id[32];
    struct journal_run run = make_run(1, first / 3 % 2, id);
    uint64_t item = 0;
    assert_int_equal(journal_inbox(shared->journal, note_item, &item, NULL), 0);
    struct journal_transition transition = {.number = 1,
                                            .record = first % 2 ? &run : NULL,
                                            .first_sequence = first,
                                            .entries = entries,
                                            .entry_count = 3};
    struct journal_batch batch = {
        .transitions = &transition, .transition_count = 1, .inbox_taken = item};
    must_commit(shared->journal, &batch);
    atomic_store(&shared->durable, first + 3);
    journal_tick(shared->journal);
}

static void threads_read_and_add_while_one_commits(void **state) {
    struct shared shared = {.journal = open_journal(*state, JOURNAL_OWNER)};
    pthread_t threads[READERS + 1];
    create_run(shared.journal, 1, 0);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &shared), 0);
    assert_int_equal(pthread_create(&threads[READERS], NULL, add_on, &shared), 0);
    for (uint32_t i = 0; i < COMMITS; i++) commit_three(&shared, 3 * i);
    pthread_join(threads[READERS], NULL);
    atomic_store(&shared.is_over, true);
    for (int i = 0; i < READERS; i++) pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&shared.wrong), 0);
    assert_int_equal(entry_count(shared.journal, 1), 3 * COMMITS);
    journal_close(shared.journal);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        HOME_TEST(threads_read_and_add_while_one_commits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
