/* Who may do what: one owner, however it ends, and clients beside it at any time. */
#include "support.h"

#include <fcntl.h>

/* Exit code: the status of opening as owner, turned positive; 100 if its message lacks our pid. */
static int open_as_owner(const char *home) {
    struct journal *journal = NULL;
    struct error err;
    char pid[32];
    snprintf(pid, sizeof pid, "%lld", (long long)getppid());
    int status = journal_open(home, JOURNAL_OWNER, &journal, &err);
    if (status == TEND_EBUSY && !strstr(err.message, pid)) return 100;
    journal_close(journal);
    return -status;
}

static void a_second_owner_is_refused_with_the_pid_of_the_first(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    assert_int_equal(in_child(open_as_owner, *state), -TEND_EBUSY);
    journal_close(journal);
    assert_int_equal(in_child(open_as_owner, *state), 0);
}

static void a_second_opening_in_the_same_process_is_refused(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER), *second = NULL;
    struct error err;
    for (enum journal_mode mode = JOURNAL_OWNER; mode <= JOURNAL_CLIENT; mode++) {
        assert_int_equal(journal_open(*state, mode, &second, &err), TEND_EBUSY);
        assert_null(second);
    }
    create_run(journal, 1, 0);
    assert_int_equal(in_child(open_as_owner, *state), -TEND_EBUSY);
    journal_close(journal);
}

static int64_t owner_seen_by_a_client(const char *home) {
    struct journal *client = open_journal(home, JOURNAL_CLIENT);
    int64_t pid = journal_owner(client);
    journal_close(client);
    return pid;
}

/* A child that owns the journal until it is killed; returns once it does. */
static pid_t start_owner(const char *home) {
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct journal *journal = NULL;
        struct error err;
        char is_open = journal_open(home, JOURNAL_OWNER, &journal, &err) == 0;
        (void)!write(ready[1], &is_open, 1);
        for (;;) pause();
    }
    char is_open = 0;
    assert_int_equal(read(ready[0], &is_open, 1), 1);
    assert_true(is_open);
    close(ready[0]);
    close(ready[1]);
    return child;
}

static void end_by_kill(pid_t child) {
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void kill_9_releases_the_journal(void **state) {
    pid_t child = start_owner(*state);
    assert_int_equal(owner_seen_by_a_client(*state), child);
    struct journal *journal = NULL;
    struct error err;
    assert_int_equal(journal_open(*state, JOURNAL_OWNER, &journal, &err), TEND_EBUSY);
    assert_null(journal);
    end_by_kill(child);
    assert_int_equal(owner_seen_by_a_client(*state), 0);
    journal = open_journal(*state, JOURNAL_OWNER);
    assert_int_equal(journal_owner(journal), getpid());
    journal_close(journal);
    assert_int_equal(owner_seen_by_a_client(*state), 0);
}

static void each_owner_has_a_larger_fence(void **state) {
    uint64_t last = 0;
    for (int i = 0; i < 5; i++) {
        struct journal *journal = open_journal(*state, JOURNAL_OWNER);
        assert_true(journal_fence(journal) > last);
        last = journal_fence(journal);
        journal_close(journal);
    }
}

static int ask_many_times(const char *home) {
    struct journal *client = NULL;
    struct error err;
    if (journal_open(home, JOURNAL_CLIENT, &client, &err)) return 1;
    for (int i = 0; i < 20000; i++) {
        int64_t owner = journal_owner(client);
        if (owner != 0 && owner != getppid()) return 2;
    }
    journal_close(client);
    return 0;
}

/* A lock that is asked about by taking it would make the owner's own attempt fail by chance. */
static void a_client_that_asks_never_stands_in_the_way_of_an_owner(void **state) {
    journal_close(open_journal(*state, JOURNAL_OWNER));
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) _exit(ask_many_times(*state));
    int status;
    do journal_close(open_journal(*state, JOURNAL_OWNER));
    while (waitpid(child, &status, WNOHANG) == 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_client_may_not_commit(void **state) {
    journal_close(open_journal(*state, JOURNAL_OWNER));
    struct journal *client = open_journal(*state, JOURNAL_CLIENT);
    struct journal_batch batch = {.inbox_taken = 1};
    struct error err;
    assert_int_equal(journal_commit(client, &batch, &err), TEND_EBUSY);
    assert_int_equal(journal_fence(client), 0);
    journal_close(client);
}

/* Reads until entry 400 is there; every look must be a whole commit: pairs of entries. */
static int read_while_written(const char *home) {
    struct journal *client = NULL;
    struct error err;
    if (journal_open(home, JOURNAL_CLIENT, &client, &err)) return 1;
    for (size_t count = 0, last = 0; count < 400; last = count) {
        struct run_seen seen = {.calls = 0};
        count = 0;
        if (journal_entries(client, 1, count_entry, &count, &err)) return 2;
        if (count % 2 || count < last) return 3;
        if (journal_run(client, 1, see_run, &seen, &err)) return 4;
        if (seen.next_sequence < count) return 5;
        journal_tick(client);
    }
    journal_close(client);
    return 0;
}

static void a_client_reads_whole_commits_while_the_owner_writes(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct error err;
    create_run(journal, 1, 1);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) _exit(read_while_written(*state));
    struct bytes entries[] = {bytes_of("first"), bytes_of("second")};
    for (uint32_t i = 0; i < 200; i++) {
        struct journal_transition transition = {
            .number = 1, .first_sequence = 2 * i, .entries = entries, .entry_count = 2};
        assert_int_equal(commit_one(journal, &transition, &err), 0);
        journal_tick(journal);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    journal_close(journal);
}

static bool die(void *context, uint32_t sequence, struct bytes entry) {
    (void)context, (void)sequence, (void)entry;
    raise(SIGKILL);
    return true;
}

static int die_while_reading(const char *home) {
    struct journal *client = NULL;
    if (journal_open(home, JOURNAL_CLIENT, &client, NULL)) return 1;
    journal_entries(client, 1, die, NULL, NULL);
    return 2;
}

static void readers_that_died_do_not_make_the_file_grow(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    create_run(journal, 1, 1);
    assert_int_equal(add_text(journal, 1, 0, "x", NULL), 0);
    for (int i = 0; i < 3; i++) assert_int_equal(in_child(die_while_reading, *state), -SIGKILL);
    journal_tick(journal);
    char *large = memory_new(100001);
    memset(large, 'x', 100000);
    struct journal_state_write write = {bytes_of("key"), {large, 100000}};
    struct journal_batch batch = {.state_writes = &write, .state_write_count = 1};
    for (int i = 0; i < 200; i++) must_commit(journal, &batch); /* 20 MB in all */
    assert_true(file_size(path_in(*state, "journal.mdb")) < 8000000);
    memory_free(large);
    journal_close(journal);
}

/* A program that is started must not keep the journal's files or its lock. */
static void no_descriptor_is_handed_on_to_programs(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    int found = 0;
    for (int descriptor = 3; descriptor < 64; descriptor++) {
        char link[64], target[512] = "";
        snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
        if (readlink(link, target, sizeof target - 1) < 0 || !strstr(target, *state)) continue;
        found++;
        if (!(fcntl(descriptor, F_GETFD) & FD_CLOEXEC)) fail_msg("%s is handed on", target);
    }
    assert_true(found >= 4);
    journal_close(journal);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        HOME_TEST(a_second_owner_is_refused_with_the_pid_of_the_first),
        HOME_TEST(a_second_opening_in_the_same_process_is_refused),
        HOME_TEST(kill_9_releases_the_journal),
        HOME_TEST(each_owner_has_a_larger_fence),
        HOME_TEST(a_client_that_asks_never_stands_in_the_way_of_an_owner),
        HOME_TEST(a_client_may_not_commit),
        HOME_TEST(a_client_reads_whole_commits_while_the_owner_writes),
        HOME_TEST(readers_that_died_do_not_make_the_file_grow),
        HOME_TEST(no_descriptor_is_handed_on_to_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
