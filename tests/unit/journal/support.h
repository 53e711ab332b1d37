/* What the journal's tests share: a home of one's own, and short ways to write and to ask. All of
 * it fails the test that uses it when something isn't right. A child process reports with _exit():
 * cmocka's assertions belong to the parent. */
#ifndef TEND_TEST_JOURNAL_SUPPORT_H
#define TEND_TEST_JOURNAL_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "journal/journal.h"

#define UNUSED __attribute__((unused))

/* ---- a home ---- */

UNUSED static int setup_home(void **state) {
    char *home = memory_copy_text("/tmp/tend-journal-XXXXXX");
    if (!home || !mkdtemp(home)) return -1;
    *state = home;
    return 0;
}

UNUSED static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *ftw) {
    (void)stat, (void)kind, (void)ftw;
    return remove(path);
}

UNUSED static int teardown_home(void **state) {
    nftw(*state, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    memory_free(*state);
    return 0;
}

#define HOME_TEST(function) cmocka_unit_test_setup_teardown(function, setup_home, teardown_home)

UNUSED static struct journal *open_journal(const char *home, enum journal_mode mode) {
    struct journal *journal = NULL;
    struct error err;
    if (journal_open(home, mode, &journal, &err)) fail_msg("opening: %s", err.message);
    return journal;
}

UNUSED static char *path_in(const char *home, const char *name) {
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", home, name);
    return path;
}

UNUSED static long long file_size(const char *path) {
    struct stat stat_now;
    return stat(path, &stat_now) == 0 ? (long long)stat_now.st_size : -1;
}

/* ---- chance, the same each time ---- */

UNUSED static uint64_t draw(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

UNUSED static uint64_t draw_below(uint64_t *seed, uint64_t limit) { return draw(seed) % limit; }

/* Bytes that no compression makes smaller. */
UNUSED static void fill_by_chance(char *data, size_t size_bytes) {
    uint64_t seed = 88172645463325252u;
    for (size_t i = 0; i < size_bytes; i++) data[i] = (char)(draw(&seed) >> 32);
}

/* ---- runs ---- */

/* A record for run `number`, with the id "run-N". `id` is where that text is kept. */
UNUSED static struct journal_run make_run(uint64_t number, uint8_t status, char id[32]) {
    snprintf(id, 32, "run-%llu", (unsigned long long)number);
    return (struct journal_run){.number = number,
                                .id = bytes_of(id),
                                .workflow = bytes_of("flow"),
                                .status = status,
                                .owner = 7,
                                .body = bytes_of("body")};
}

UNUSED static int commit_one(struct journal *journal, const struct journal_transition *transition,
                             struct error *err) {
    struct journal_batch batch = {.transitions = transition, .transition_count = 1};
    return journal_commit(journal, &batch, err);
}

UNUSED static void must_commit(struct journal *journal, const struct journal_batch *batch) {
    struct error err;
    if (journal_commit(journal, batch, &err)) fail_msg("commit: %s", err.message);
}

UNUSED static void create_run(struct journal *journal, uint64_t number, uint8_t status) {
    char id[32];
    struct journal_run run = make_run(number, status, id);
    struct journal_transition transition = {.number = number, .record = &run};
    struct error err;
    if (commit_one(journal, &transition, &err)) fail_msg("creating: %s", err.message);
}

/* One entry that is a text. */
UNUSED static int add_text(struct journal *journal, uint64_t number, uint32_t sequence,
                           const char *text, struct error *err) {
    struct bytes entry = bytes_of(text);
    struct journal_transition transition = {
        .number = number, .first_sequence = sequence, .entries = &entry, .entry_count = 1};
    return commit_one(journal, &transition, err);
}

/* What a visitor saw of a run. */
struct run_seen {
    uint64_t number;
    char id[JOURNAL_ID_MAX + 1];
    char workflow[64];
    char body[64];
    uint8_t status;
    int64_t due_at_us;
    uint64_t owner;
    uint32_t next_sequence;
    int calls;
};

UNUSED static bool see_run(void *context, const struct journal_run *run) {
    struct run_seen *seen = context;
    seen->number = run->number;
    snprintf(seen->id, sizeof seen->id, "%.*s", (int)run->id.size, run->id.data);
    snprintf(seen->workflow, sizeof seen->workflow, "%.*s", (int)run->workflow.size,
             run->workflow.data);
    snprintf(seen->body, sizeof seen->body, "%.*s", (int)run->body.size, run->body.data);
    seen->status = run->status;
    seen->due_at_us = run->due_at_us;
    seen->owner = run->owner;
    seen->next_sequence = run->next_sequence;
    seen->calls++;
    return true;
}

UNUSED static bool count_entry(void *context, uint32_t sequence, struct bytes entry) {
    (void)sequence, (void)entry;
    ++*(size_t *)context;
    return true;
}

UNUSED static size_t entry_count(struct journal *journal, uint64_t number) {
    struct error err;
    size_t count = 0;
    if (journal_entries(journal, number, count_entry, &count, &err))
        fail_msg("entries: %s", err.message);
    return count;
}

/* A row of numbers that a visitor gathers; stops when `limit` are there (0: never). */
struct numbers {
    uint64_t list[4096];
    size_t count;
    size_t limit;
};

UNUSED static bool gather_run(void *context, const struct journal_run *run) {
    struct numbers *numbers = context;
    numbers->list[numbers->count++] = run->number;
    return numbers->count != numbers->limit;
}

/* ---- other processes ---- */

/* Runs `body` in a child that has none of our environments, and returns its exit code. */
UNUSED static int in_child(int (*body)(const char *home), const char *home) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) _exit(body(home));
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

#endif
