/* kill -9 at any moment: every commit that was acknowledged is there, and none is half there. The
 * child commits batch n = 1, 2, … and writes n to a pipe once journal_commit() has returned; what
 * batch n contains follows from n, so the journal can be compared with what it must be. */
#include "support.h"

#include <time.h>

enum { ROUNDS = 25, RUNS = 8, LAST_BATCH = 1 << 20 };

/* Batch n adds 1 to 4 entries to each of two runs, moves one of them to another status, and writes
 * n as state. */
static size_t entries_of(uint64_t n, uint64_t number) {
    if (number != 1 + n % RUNS && number != 1 + (n * 3 + 1) % RUNS) return 0;
    return 1 + (n * 7 + number) % 4;
}

static size_t size_of(uint64_t n, size_t i) { return (n * 131 + i * 977) % 3000; }

static int commit_batch(struct journal *journal, uint64_t n, uint32_t *next) {
    static char contents[3000];
    struct bytes entries[RUNS + 1][4];
    struct journal_transition transitions[RUNS];
    struct journal_run record;
    char id[32];
    size_t count = 0;
    memset(contents, (int)('a' + n % 26), sizeof contents);
    for (uint64_t number = 1; number <= RUNS; number++) {
        size_t entry_total = entries_of(n, number);
        if (entry_total == 0) continue;
        for (size_t i = 0; i < entry_total; i++)
            entries[number][i] = (struct bytes){contents, size_of(n, i)};
        transitions[count++] = (struct journal_transition){.number = number,
                                                           .first_sequence = next[number],
                                                           .entries = entries[number],
                                                           .entry_count = entry_total};
        next[number] += (uint32_t)entry_total;
    }
    record = make_run(transitions[0].number, (uint8_t)(n % 5), id);
    transitions[0].record = &record;
    struct journal_state_write write = {bytes_of("n"), {(const char *)&n, sizeof n}};
    struct journal_batch batch = {.transitions = transitions,
                                  .transition_count = count,
                                  .state_writes = &write,
                                  .state_write_count = 1};
    return journal_commit(journal, &batch, NULL);
}

static uint64_t read_n(struct journal *journal) {
    struct buffer out = BUFFER_EMPTY;
    uint64_t n = 0;
    if (!journal_state(journal, bytes_of("n"), &out, NULL, NULL)) memcpy(&n, out.data, sizeof n);
    buffer_done(&out);
    return n;
}

static void count_up_to(uint64_t last, uint32_t *next) {
    for (uint64_t n = 1; n <= last; n++)
        for (uint64_t number = 1; number <= RUNS; number++)
            next[number] += (uint32_t)entries_of(n, number);
}

static void commit_until_killed(const char *home, int acknowledge) {
    struct journal *journal = NULL;
    uint32_t next[RUNS + 1] = {0};
    if (journal_open(home, JOURNAL_OWNER, &journal, NULL)) _exit(1);
    uint64_t n = read_n(journal);
    count_up_to(n, next);
    for (n++; n < LAST_BATCH; n++) {
        if (commit_batch(journal, n, next)) _exit(2);
        if (write(acknowledge, &n, sizeof n) != sizeof n) _exit(3);
    }
    _exit(4);
}

/* Kills it after some acknowledgements and a moment more; returns the last n acknowledged. */
static uint64_t kill_at_random(const char *home, uint64_t *seed) {
    int acknowledge[2], status;
    assert_int_equal(pipe(acknowledge), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) commit_until_killed(home, acknowledge[1]);
    close(acknowledge[1]);
    uint64_t n = 0, last = 0;
    for (uint64_t wanted = 1 + draw_below(seed, 40); wanted > 0; wanted--) {
        assert_int_equal(read(acknowledge[0], &n, sizeof n), sizeof n);
        last = n;
    }
    nanosleep(&(struct timespec){0, (long)draw_below(seed, 2000000)}, NULL);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    while (read(acknowledge[0], &n, sizeof n) == sizeof n) last = n;
    close(acknowledge[0]);
    return last;
}

struct walk {
    uint64_t n, number;
    size_t i;
    bool is_right;
};

static void to_next_batch_with_entries(struct walk *walk) {
    while (walk->i >= entries_of(walk->n, walk->number)) {
        walk->n++;
        walk->i = 0;
    }
}

static bool check_entry(void *context, uint32_t sequence, struct bytes entry) {
    struct walk *walk = context;
    (void)sequence;
    to_next_batch_with_entries(walk);
    walk->is_right = walk->is_right && entry.size == size_of(walk->n, walk->i);
    for (size_t i = 0; walk->is_right && i < entry.size; i++)
        walk->is_right = entry.data[i] == (char)('a' + walk->n % 26);
    walk->i++;
    return true;
}

static void check_all(struct journal *journal, uint64_t n) {
    uint32_t next[RUNS + 1] = {0};
    count_up_to(n, next);
    for (uint64_t number = 1; number <= RUNS; number++) {
        struct walk walk = {.n = 1, .number = number, .is_right = true};
        struct run_seen seen = {.calls = 0};
        assert_int_equal(journal_run(journal, number, see_run, &seen, NULL), 0);
        assert_int_equal(seen.next_sequence, next[number]);
        assert_int_equal(journal_entries(journal, number, check_entry, &walk, NULL), 0);
        assert_true(walk.is_right);
        assert_int_equal(entry_count(journal, number), next[number]);
        struct journal_filter filter = {.statuses = 1u << seen.status};
        struct numbers numbers = {.count = 0};
        assert_int_equal(journal_runs(journal, &filter, gather_run, &numbers, NULL), 0);
        bool is_listed = false;
        for (size_t i = 0; i < numbers.count; i++) is_listed |= numbers.list[i] == number;
        assert_true(is_listed);
    }
}

static void what_was_acknowledged_survives_kill_9_and_nothing_is_half_there(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    for (uint64_t number = 1; number <= RUNS; number++) create_run(journal, number, 0);
    journal_close(journal);
    uint64_t seed = 20240101;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t acknowledged = kill_at_random(*state, &seed);
        journal = open_journal(*state, JOURNAL_OWNER);
        uint64_t n = read_n(journal);
        assert_true(n == acknowledged || n == acknowledged + 1);
        check_all(journal, n);
        journal_close(journal);
    }
}

/* From nothing: a journal that was never acknowledged may be missing, but not unusable. */
static void a_home_can_be_opened_after_kill_9_while_it_was_made(void **state) {
    uint64_t seed = 7;
    for (int round = 0; round < 30; round++) {
        char home[256];
        snprintf(home, sizeof home, "%s/home-%d", (char *)*state, round);
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            journal_open(home, JOURNAL_OWNER, &(struct journal *){NULL}, NULL);
            for (;;) pause();
        }
        nanosleep(&(struct timespec){0, (long)draw_below(&seed, 8000000)}, NULL);
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        struct journal *journal = open_journal(home, JOURNAL_OWNER);
        create_run(journal, 1, 0);
        journal_close(journal);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        HOME_TEST(what_was_acknowledged_survives_kill_9_and_nothing_is_half_there),
        HOME_TEST(a_home_can_be_opened_after_kill_9_while_it_was_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
