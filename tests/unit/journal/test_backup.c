/* Backups: made while the journal is written, whole or not there, and brought back. */
#include "support.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>

static char *folder_in(const char *home, const char *name) {
    return memory_copy_text(path_in(home, name));
}

static void fill(struct journal *journal, uint64_t first, uint64_t last) {
    struct error err;
    for (uint64_t number = first; number <= last; number++) {
        create_run(journal, number, 2);
        assert_int_equal(add_text(journal, number, 0, "entry", &err), 0);
    }
}

static size_t run_count(const char *home) {
    struct journal *journal = open_journal(home, JOURNAL_CLIENT);
    struct numbers numbers = {.count = 0};
    struct journal_filter all = {.statuses = 0};
    struct error err;
    assert_int_equal(journal_runs(journal, &all, gather_run, &numbers, &err), 0);
    journal_close(journal);
    return numbers.count;
}

static size_t file_count(const char *path) {
    DIR *list = opendir(path);
    size_t count = 0;
    assert_non_null(list);
    while (readdir(list)) count++;
    closedir(list);
    return count - 2;
}

struct writing {
    struct journal *journal;
    pthread_t thread;
    volatile bool is_over;
    uint64_t last;
};

/* Two runs a commit: a copy has both or none. */
static void *write_on(void *context) {
    struct writing *writing = context;
    while (!writing->is_over && writing->last < 4000) {
        char ids[2][32];
        struct bytes entry = bytes_of("entry");
        struct journal_run runs[2];
        struct journal_transition transitions[2];
        for (uint64_t i = 0; i < 2; i++) {
            runs[i] = make_run(writing->last + i + 1, 2, ids[i]);
            transitions[i] = (struct journal_transition){
                .number = runs[i].number, .record = &runs[i], .entries = &entry, .entry_count = 1};
        }
        struct journal_batch batch = {.transitions = transitions, .transition_count = 2};
        must_commit(writing->journal, &batch);
        writing->last += 2;
    }
    return NULL;
}

static void a_backup_is_made_while_runs_are_written(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct writing writing = {.journal = journal};
    struct error err;
    uint64_t size = 0;
    pthread_create(&writing.thread, NULL, write_on, &writing);
    while (*(volatile uint64_t *)&writing.last < 20) usleep(1000);
    for (int i = 0; i < 3; i++) {
        char name[32];
        snprintf(name, sizeof name, "copy-%d/", i);
        char *copy = folder_in(*state, name);
        assert_int_equal(journal_backup(journal, copy, &size, &err), 0);
        assert_true(size > 8192);
        memory_free(copy);
    }
    writing.is_over = true;
    pthread_join(writing.thread, NULL);
    journal_close(journal);
    for (int i = 0; i < 3; i++) {
        char name[32];
        snprintf(name, sizeof name, "copy-%d", i);
        char *copy = folder_in(*state, name);
        assert_int_equal(file_count(copy), 3);
        size_t count = run_count(copy);
        assert_true(count >= 20 && count % 2 == 0);
        struct journal *opened = open_journal(copy, JOURNAL_OWNER); /* and it runs on */
        fill(opened, 5000, 5000);
        journal_close(opened);
        memory_free(copy);
    }
}

static bool count_item(void *context, uint64_t item, struct bytes contents) {
    (void)item, (void)contents;
    ++*(size_t *)context;
    return true;
}

static void what_lies_in_the_inbox_comes_along(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct error err;
    uint64_t size;
    size_t count = 0;
    for (int i = 0; i < 3; i++)
        assert_int_equal(journal_inbox_add(journal, bytes_of("item"), &err), 0);
    struct journal_batch taken = {.inbox_taken = 1};
    must_commit(journal, &taken);
    char *copy = folder_in(*state, "copy");
    assert_int_equal(journal_backup(journal, copy, &size, &err), 0);
    journal_close(journal);
    journal = open_journal(copy, JOURNAL_OWNER);
    assert_int_equal(journal_inbox(journal, count_item, &count, &err), 0);
    assert_int_equal(count, 2);
    journal_close(journal);
    memory_free(copy);
}

static void a_folder_that_holds_something_is_refused(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct error err;
    uint64_t size;
    char *copy = folder_in(*state, "copy");
    assert_int_equal(mkdir(copy, 0700), 0); /* an empty one is taken */
    assert_int_equal(journal_backup(journal, copy, &size, &err), 0);
    assert_int_equal(journal_backup(journal, copy, &size, &err), TEND_ECONFLICT);
    assert_non_null(strstr(err.message, "not empty"));
    assert_int_equal(journal_backup(journal, path_in(*state, "none/copy"), &size, &err),
                     TEND_ENOENT);
    journal_close(journal);
    memory_free(copy);
}

/* A limit on the file's size is a disk that is full at that size. */
static int back_up_to_a_full_disk(const char *home) {
    struct journal *journal = NULL;
    struct error err;
    uint64_t size;
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    if (journal_open(home, JOURNAL_CLIENT, &journal, &err)) return 1;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = 30000;
    if (setrlimit(RLIMIT_FSIZE, &limit)) return 2;
    int status = journal_backup(journal, path_in(home, "copy"), &size, &err);
    journal_close(journal);
    return status == TEND_ESPACE ? 0 : 3;
}

static void a_full_disk_leaves_nothing_behind(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    fill(journal, 1, 500);
    journal_close(journal);
    size_t before = file_count(*state);
    assert_int_equal(in_child(back_up_to_a_full_disk, *state), 0);
    assert_int_equal(file_count(*state), before);
}

/* ---- restore ---- */

static char *make_backup(const char *home, uint64_t *fence) {
    struct journal *journal = open_journal(home, JOURNAL_OWNER);
    struct error err;
    uint64_t size;
    char *copy = folder_in(home, "copy");
    fill(journal, 1, 5);
    if (journal_backup(journal, copy, &size, &err)) fail_msg("%s", err.message);
    if (fence) *fence = journal_fence(journal);
    fill(journal, 6, 9);
    journal_close(journal);
    return copy;
}

static void a_backup_is_brought_back_and_the_old_journal_kept(void **state) {
    struct journal_restored restored;
    struct error err;
    uint64_t fence = 0;
    char *copy = make_backup(*state, &fence);
    assert_int_equal(journal_restore(copy, *state, false, &restored, &err), TEND_ECONFLICT);
    assert_non_null(strstr(err.message, "--force"));
    assert_int_equal(run_count(*state), 9);
    char kept[sizeof restored.moved_to];
    for (int i = 0; i < 2; i++) { /* in the same second: two folders */
        assert_int_equal(journal_restore(copy, *state, true, &restored, &err), 0);
        assert_int_equal(run_count(*state), 5);
        if (i == 0) memcpy(kept, restored.moved_to, sizeof kept);
    }
    assert_string_not_equal(kept, restored.moved_to);
    assert_int_equal(run_count(kept), 9);
    assert_int_equal(run_count(restored.moved_to), 5);
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    assert_true(journal_fence(journal) > fence + 100000);
    fill(journal, 6, 20);
    journal_close(journal);
    assert_int_equal(run_count(*state), 20);
    assert_int_equal(run_count(copy), 5);
    memory_free(copy);
}

static void a_backup_makes_a_new_home(void **state) {
    struct journal_restored restored;
    struct error err;
    char *copy = make_backup(*state, NULL);
    char *home = folder_in(*state, "a/b");
    assert_int_equal(journal_restore(copy, home, false, &restored, &err), 0);
    assert_string_equal(restored.moved_to, "");
    assert_int_equal(run_count(home), 5);
    assert_int_equal(file_size(path_in(home, "restore.partial")), -1);
    memory_free(home);
    memory_free(copy);
}

static int own(const char *home) {
    struct journal *journal;
    struct error err;
    if (journal_open(home, JOURNAL_OWNER, &journal, &err)) return 1;
    printf("owned\n");
    fflush(stdout);
    pause();
    return 0;
}

static void a_home_that_is_in_use_is_refused_on_either_side(void **state) {
    struct journal_restored restored;
    struct error err;
    char *copy = make_backup(*state, NULL);
    char *other = folder_in(*state, "other");
    pid_t child = fork();
    if (child == 0) _exit(own(*state));
    struct journal *journal = open_journal(*state, JOURNAL_CLIENT);
    while (journal_owner(journal) != child) usleep(1000);
    journal_close(journal);
    assert_int_equal(journal_restore(copy, *state, true, &restored, &err), TEND_EBUSY);
    assert_int_equal(journal_restore(*state, other, false, &restored, &err), TEND_EBUSY);
    assert_non_null(strstr(err.message, "tend backup"));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(journal_restore(*state, other, false, &restored, &err), 0);
    assert_int_equal(run_count(other), 9);
    assert_int_equal(journal_restore(*state, *state, true, &restored, &err), TEND_EINPUT);
    memory_free(other);
    memory_free(copy);
}

static void change_byte(const char *path, off_t at) {
    int file = open(path, O_RDWR);
    char byte = 0;
    assert_int_equal(pread(file, &byte, 1, at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(file, &byte, 1, at), 1);
    close(file);
}

static void a_damaged_backup_leaves_the_home_as_it_is(void **state) {
    struct journal_restored restored;
    struct error err;
    char *copy = make_backup(*state, NULL);
    size_t before = file_count(*state);
    change_byte(path_in(copy, "journal.mdb"), 9000);
    assert_int_equal(journal_restore(copy, *state, true, &restored, &err), TEND_EFORMAT);
    assert_non_null(strstr(err.message, "journal.mdb is not what was written"));
    change_byte(path_in(copy, "journal.mdb"), 9000);
    change_byte(path_in(copy, "checksums"), 3);
    assert_int_equal(journal_restore(copy, *state, true, &restored, &err), TEND_EFORMAT);
    unlink(path_in(copy, "checksums"));
    assert_int_equal(truncate(path_in(copy, "journal.mdb"), 9000), 0); /* without: its own checks */
    assert_int_equal(journal_restore(copy, *state, true, &restored, &err), TEND_EFORMAT);
    unlink(path_in(copy, "journal.mdb"));
    assert_int_equal(journal_restore(copy, *state, true, &restored, &err), TEND_ENOENT);
    assert_int_equal(run_count(*state), 9);
    assert_int_equal(file_count(*state), before);
    memory_free(copy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        HOME_TEST(a_backup_is_made_while_runs_are_written),
        HOME_TEST(what_lies_in_the_inbox_comes_along),
        HOME_TEST(a_folder_that_holds_something_is_refused),
        HOME_TEST(a_full_disk_leaves_nothing_behind),
        HOME_TEST(a_backup_is_brought_back_and_the_old_journal_kept),
        HOME_TEST(a_backup_makes_a_new_home),
        HOME_TEST(a_home_that_is_in_use_is_refused_on_either_side),
        HOME_TEST(a_damaged_backup_leaves_the_home_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
