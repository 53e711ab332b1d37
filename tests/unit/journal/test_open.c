/* Opening: everything is there again, and what isn't a sound journal is refused in clear words. */
#include "support.h"

#include <fcntl.h>
#include <lmdb.h>
#include <sys/resource.h>

static void fill_a_little(const char *home) {
    struct journal *journal = open_journal(home, JOURNAL_OWNER);
    char *large = memory_new(300001);
    fill_by_chance(large, 300000);
    create_run(journal, 1, 2);
    struct bytes entry = {large, 300000};
    struct journal_transition transition = {.number = 1, .entries = &entry, .entry_count = 1};
    struct journal_state_write write = {bytes_of("key"), bytes_of("value")};
    struct journal_bundle bundle = {bytes_of("hash"), bytes_of("contents")};
    struct journal_batch batch = {.transitions = &transition,
                                  .transition_count = 1,
                                  .state_writes = &write,
                                  .state_write_count = 1,
                                  .bundles = &bundle,
                                  .bundle_count = 1};
    must_commit(journal, &batch);
    memory_free(large);
    journal_close(journal);
}

static void check_little(struct journal *journal) {
    struct buffer out = BUFFER_EMPTY;
    struct run_seen seen = {.calls = 0};
    assert_int_equal(journal_run_by_id(journal, bytes_of("run-1"), see_run, &seen, NULL), 0);
    assert_int_equal(seen.status, 2);
    assert_int_equal(entry_count(journal, 1), 1);
    assert_int_equal(journal_state(journal, bytes_of("key"), &out, NULL, NULL), 0);
    assert_int_equal(journal_bundle(journal, bytes_of("hash"), &out, NULL), 0);
    assert_true(bytes_are(buffer_bytes(&out), "valuecontents"));
    buffer_done(&out);
}

static void what_was_committed_is_there_again(void **state) {
    fill_a_little(*state);
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    check_little(journal);
    journal_close(journal);
    journal = open_journal(*state, JOURNAL_CLIENT);
    check_little(journal);
    journal_close(journal);
}

static void a_home_is_made_with_the_folders_above_it(void **state) {
    char home[256];
    snprintf(home, sizeof home, "%s/a/b//home/", (char *)*state);
    journal_close(open_journal(home, JOURNAL_OWNER));
    struct stat stat_now;
    assert_int_equal(stat(home, &stat_now), 0);
    assert_int_equal(stat_now.st_mode & 07777, 0700);
    assert_int_equal(stat(path_in(home, "journal.mdb"), &stat_now), 0);
    assert_int_equal(stat_now.st_mode & 07777, 0600);
    assert_int_equal(file_size(path_in(home, "journal.mdb.new")), -1);
    assert_int_equal(file_size(path_in(home, "journal.mdb.new-lock")), -1);
}

static void a_client_without_a_journal_is_told_what_to_do(void **state) {
    struct journal *journal = NULL;
    struct error err;
    for (int is_there = 0; is_there < 2; is_there++) {
        const char *home = is_there ? *state : path_in(*state, "absent");
        assert_int_equal(journal_open(home, JOURNAL_CLIENT, &journal, &err), TEND_ENOENT);
        assert_non_null(strstr(err.message, home));
        assert_non_null(strstr(err.message, "tend run"));
        assert_null(journal);
    }
    assert_int_equal(file_size(path_in(*state, "absent")), -1);
    assert_int_equal(file_size(path_in(*state, "journal.mdb")), -1);
}

static void what_a_killed_creator_left_is_no_hindrance(void **state) {
    FILE *file = fopen(path_in(*state, "journal.mdb.new"), "w");
    fputs("half a journal", file);
    fclose(file);
    journal_close(open_journal(*state, JOURNAL_OWNER));
}

/* Both modes refuse it, with the path and a word of what is wrong. */
static void check_refused(const char *home, const char *word) {
    for (enum journal_mode mode = JOURNAL_OWNER; mode <= JOURNAL_CLIENT; mode++) {
        struct journal *journal = NULL;
        struct error err = {.status = 0};
        assert_int_equal(journal_open(home, mode, &journal, &err), TEND_EFORMAT);
        assert_null(journal);
        if (!strstr(err.message, "journal.mdb") || !strstr(err.message, word))
            fail_msg("unclear: %s", err.message);
    }
}

static void a_truncated_journal_is_refused(void **state) {
    fill_a_little(*state);
    const long long sizes[] = {200000, 5000, 8192, 12288, 4096, 4097, 100, 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal(truncate(path_in(*state, "journal.mdb"), sizes[i]), 0);
        check_refused(*state, "not a usable journal");
    }
    assert_int_equal(truncate(path_in(*state, "journal.mdb"), 0), 0);
    check_refused(*state, "0 bytes");
}

static void a_truncated_inbox_is_refused(void **state) {
    fill_a_little(*state);
    assert_int_equal(truncate(path_in(*state, "inbox.mdb"), 0), 0);
    struct journal *journal = NULL;
    struct error err;
    assert_int_equal(journal_open(*state, JOURNAL_OWNER, &journal, &err), TEND_EFORMAT);
    assert_non_null(strstr(err.message, "inbox.mdb"));
}

static void overwrite(const char *path, long offset, size_t size, bool is_zero) {
    uint64_t seed = 99;
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    fseek(file, offset, SEEK_SET);
    for (size_t i = 0; i < size; i++) fputc(is_zero ? 0 : (int)(draw(&seed) & 0xff), file);
    fclose(file);
}

static void garbage_and_zeros_are_refused(void **state) {
    fill_a_little(*state);
    overwrite(path_in(*state, "journal.mdb"), 0, 500000, true);
    check_refused(*state, "not a usable journal");
    overwrite(path_in(*state, "journal.mdb"), 0, 500000, false);
    check_refused(*state, "not a usable journal");
}

static bool any_entry(void *context, uint32_t sequence, struct bytes entry) {
    (void)context, (void)sequence, (void)entry;
    return true;
}

/* The first two pages are sound, the rest is not: found while opening or reading, never a crash. */
static int read_damaged(const char *home) {
    struct journal *journal = NULL;
    struct error err;
    int status = journal_open(home, JOURNAL_CLIENT, &journal, &err);
    if (!status) status = journal_entries(journal, 1, any_entry, NULL, &err);
    return -status;
}

static void garbage_in_pages_is_an_error_and_no_crash(void **state) {
    fill_a_little(*state);
    overwrite(path_in(*state, "journal.mdb"), 8192, 500000, false);
    assert_int_equal(in_child(read_damaged, *state), -TEND_EFORMAT);
}

/* Writes a number into `meta` behind the journal's back, or makes a file that isn't ours. */
static int change_meta(const char *home, const char *table, uint64_t format) {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_val key = {6, (char[]){"format"}}, value = {sizeof format, &format};
    if (mdb_env_create(&env) || mdb_env_set_maxdbs(env, 16) ||
        mdb_env_open(env, path_in(home, "journal.mdb"), MDB_NOSUBDIR, 0600) ||
        mdb_txn_begin(env, NULL, 0, &txn) || mdb_dbi_open(txn, table, MDB_CREATE, &dbi) ||
        mdb_put(txn, dbi, &key, &value, 0) || mdb_txn_commit(txn))
        return 1;
    mdb_env_close(env);
    return 0;
}

static void a_newer_format_is_refused_in_clear_words(void **state) {
    fill_a_little(*state);
    assert_int_equal(change_meta(*state, "meta", 3), 0);
    check_refused(*state, "newer tend");
    assert_int_equal(change_meta(*state, "meta", 1), 0);
    journal_close(open_journal(*state, JOURNAL_OWNER));
}

static void a_database_of_somebody_else_is_refused(void **state) {
    assert_int_equal(change_meta(*state, "theirs", 1), 0);
    check_refused(*state, "tend did not make it");
}

/* A limit on the file's size is a disk that is full at that size. */
static int fill_the_disk(const char *home) {
    struct journal *journal = NULL;
    struct error err = {.status = 0};
    struct rlimit small, before;
    getrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_IGN);
    if (journal_open(home, JOURNAL_OWNER, &journal, &err)) return 1;
    small = before;
    small.rlim_cur = 8000000;
    if (setrlimit(RLIMIT_FSIZE, &small)) return 2;

    static char large[300000];
    fill_by_chance(large, sizeof large);
    struct bytes entry = {large, sizeof large};
    struct journal_transition transition = {.number = 1, .entries = &entry, .entry_count = 1};
    int status = 0;
    for (transition.first_sequence = 1; !status && transition.first_sequence < 100;)
        if (!(status = commit_one(journal, &transition, &err))) transition.first_sequence++;
    if (status != TEND_ESPACE || !strstr(err.message, "no room")) return 3;
    size_t count = 0; /* it can still be read, and nothing of the batch happened */
    if (journal_entries(journal, 1, count_entry, &count, &err)) return 4;
    if (count != transition.first_sequence) return 5;

    if (setrlimit(RLIMIT_FSIZE, &before)) return 6; /* there is room again: it goes on */
    if (commit_one(journal, &transition, &err)) return 7;
    journal_close(journal);
    return 0;
}

static void want_of_space_is_told_before_anything_happened(void **state) {
    fill_a_little(*state);
    assert_int_equal(in_child(fill_the_disk, *state), 0);
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    assert_true(entry_count(journal, 1) > 10);
    journal_close(journal);
}

static size_t mapped_bytes(void) {
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%lu", &pages) != 1) pages = 0;
    if (file) fclose(file);
    return pages * 4096;
}

/* Opens with little address space, so with a small map; the owner then outgrows it. */
static int read_beyond_the_map(const char *home) {
    struct journal *client = NULL;
    struct error err;
    struct rlimit before, small;
    char byte = 0;
    getrlimit(RLIMIT_AS, &before);
    small = before;
    small.rlim_cur = mapped_bytes() + (48 << 20);
    if (setrlimit(RLIMIT_AS, &small)) return 1;
    if (journal_open(home, JOURNAL_CLIENT, &client, &err)) return 2;
    if (setrlimit(RLIMIT_AS, &before)) return 3;
    if (write(4, &byte, 1) != 1 || read(5, &byte, 1) != 1) return 4; /* the owner fills it */
    size_t count = 0;
    if (journal_entries(client, 1, count_entry, &count, &err)) return 5;
    journal_close(client);
    return count == 61 ? 0 : 6;
}

static void a_client_takes_over_a_map_that_the_owner_outgrew(void **state) {
    fill_a_little(*state);
    int to_owner[2], to_client[2];
    assert_int_equal(pipe(to_owner), 0);
    assert_int_equal(pipe(to_client), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int in = fcntl(to_client[0], F_DUPFD, 20), out = fcntl(to_owner[1], F_DUPFD, 20);
        dup2(out, 4);
        dup2(in, 5);
        _exit(read_beyond_the_map(*state));
    }
    char byte;
    assert_int_equal(read(to_owner[0], &byte, 1), 1);
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    char *large = memory_new(1000000);
    struct bytes entry = {large, 1000000};
    for (uint32_t i = 1; i <= 60; i++) {
        struct journal_transition transition = {
            .number = 1, .first_sequence = i, .entries = &entry, .entry_count = 1};
        assert_int_equal(commit_one(journal, &transition, NULL), 0);
    }
    memory_free(large);
    assert_int_equal(write(to_client[1], &byte, 1), 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    journal_close(journal);
    close(to_owner[0]), close(to_owner[1]), close(to_client[0]), close(to_client[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        HOME_TEST(what_was_committed_is_there_again),
        HOME_TEST(a_home_is_made_with_the_folders_above_it),
        HOME_TEST(a_client_without_a_journal_is_told_what_to_do),
        HOME_TEST(what_a_killed_creator_left_is_no_hindrance),
        HOME_TEST(a_truncated_journal_is_refused),
        HOME_TEST(a_truncated_inbox_is_refused),
        HOME_TEST(garbage_and_zeros_are_refused),
        HOME_TEST(garbage_in_pages_is_an_error_and_no_crash),
        HOME_TEST(a_newer_format_is_refused_in_clear_words),
        HOME_TEST(a_database_of_somebody_else_is_refused),
        HOME_TEST(want_of_space_is_told_before_anything_happened),
        HOME_TEST(a_client_takes_over_a_map_that_the_owner_outgrew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
