/* What the io tests share: a node program started and ended with the test, and a loop that is run
 * until something has happened. */
#ifndef TEND_TESTS_IO_SUPPORT_H
#define TEND_TESTS_IO_SUPPORT_H

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

extern char **environ;

/* ---- the server of server.js -------------------------------------------------------------- */

struct test_server {
    pid_t pid;
    int input; /* closing it ends the server */
    int port;
};

static inline void server_start(struct test_server *server) {
    char path[512], line[64] = "";
    int input[2], output[2];
    snprintf(path, sizeof path, "%.*sserver.js", (int)(strrchr(__FILE__, '/') - __FILE__ + 1),
             __FILE__);
    assert_int_equal(pipe2(input, O_CLOEXEC), 0);
    assert_int_equal(pipe2(output, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input[0], 0);
    posix_spawn_file_actions_adddup2(&actions, output[1], 1);
    char node[] = "node";
    char *argv[] = {node, path, NULL};
    assert_int_equal(posix_spawnp(&server->pid, node, &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(input[0]);
    close(output[1]);
    for (size_t i = 0; i + 1 < sizeof line && read(output[0], line + i, 1) == 1; i++)
        if (line[i] == '\n') break;
    close(output[0]);
    server->input = input[1];
    assert_int_equal(sscanf(line, "port %d", &server->port), 1);
}

static inline void server_stop(struct test_server *server) {
    close(server->input);
    waitpid(server->pid, NULL, 0);
}

/* ---- the loop ------------------------------------------------------------------------------- */

/* Runs the loop until *is_over, at most 60 s. */
static inline void run_until(uv_loop_t *loop, const int *is_over) {
    uint64_t start = uv_hrtime();
    while (!*is_over) {
        assert_true(uv_hrtime() - start < 60 * UINT64_C(1000000000));
        uv_run(loop, UV_RUN_ONCE);
    }
}

/* Runs out what is left (closing handles) and closes the loop, which shows that none was
 * forgotten. */
static inline void loop_done(uv_loop_t *loop) {
    uv_run(loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(loop), 0);
}

#endif
