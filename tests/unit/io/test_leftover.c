/* What io/leftover.h promises, with real processes. */
#include "support.h"

#include "io/leftover.h"

/* A shell's script in a session of its own, with this in its environment; its pid. */
static pid_t start(const char *entry, const char *script) {
    posix_spawnattr_t attributes;
    const char *argv[] = {"sh", "-c", script, NULL}, *env[] = {"PATH=/usr/bin:/bin", entry, NULL};
    pid_t pid = 0;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    assert_int_equal(
        posix_spawn(&pid, "/bin/sh", NULL, &attributes, (char *const *)argv, (char *const *)env),
        0);
    posix_spawnattr_destroy(&attributes);
    return pid;
}

static int signal_that_ended(pid_t pid) {
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static char *mark_of(char text[64], const char *kind) {
    snprintf(text, 64, "TEND_MARK=%s-%d", kind, (int)getpid());
    return text;
}

static void none_is_no_error(void **state) {
    (void)state;
    char mark[64];
    struct error err;
    size_t ended = 9;
    assert_int_equal(leftover_end(mark_of(mark, "none"), &ended, &err), 0);
    assert_int_equal(ended, 0);
}

static void what_carries_the_mark_is_ended_and_nothing_else(void **state) {
    (void)state;
    char mark[64], longer[80], inner[80];
    struct error err;
    size_t ended = 0;
    snprintf(longer, sizeof longer, "%s0", mark_of(mark, "some"));
    snprintf(inner, sizeof inner, "OTHER%s", mark);
    pid_t marked = start(mark, "exec sleep 60"), other = start(longer, "exec sleep 60"),
          third = start(inner, "exec sleep 60");
    usleep(100000); /* until they are what they will be */
    assert_int_equal(leftover_end(mark, &ended, &err), 0);
    assert_int_equal(ended, 1);
    assert_int_equal(signal_that_ended(marked), SIGTERM);
    assert_int_equal(kill(other, SIGINT), 0);
    assert_int_equal(signal_that_ended(other), SIGINT);
    assert_int_equal(kill(third, SIGINT), 0);
    assert_int_equal(signal_that_ended(third), SIGINT);
}

/* A child without the mark is reached through the group of one that has it. */
static void the_group_goes_too(void **state) {
    (void)state;
    char mark[64];
    int ends[2];
    struct error err;
    size_t ended = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t marked = start(mark_of(mark, "group"), "env -i sleep 60 & wait");
    close(ends[1]); /* the sleeper holds the other copy until it ends */
    usleep(200000);
    assert_int_equal(leftover_end(mark, &ended, &err), 0);
    assert_int_equal(signal_that_ended(marked), SIGTERM);
    char byte;
    assert_int_equal(read(ends[0], &byte, 1), 0);
    close(ends[0]);
}

static void what_ignores_being_asked_is_killed(void **state) {
    (void)state;
    char mark[64];
    struct error err;
    size_t ended = 0;
    pid_t marked = start(mark_of(mark, "deaf"), "trap '' TERM; sleep 60; sleep 60");
    usleep(100000);
    assert_int_equal(leftover_end(mark, &ended, &err), 0);
    assert_int_equal(signal_that_ended(marked), SIGKILL);
    assert_int_equal(ended, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_is_no_error),
        cmocka_unit_test(what_carries_the_mark_is_ended_and_nothing_else),
        cmocka_unit_test(the_group_goes_too),
        cmocka_unit_test(what_ignores_being_asked_is_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
