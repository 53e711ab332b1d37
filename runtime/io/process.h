/* Child processes on a libuv loop: own process group, pipes for all three streams, a clock and an
 * output cap. May use: base/; libuv. May not use: Lua, the journal. */
#ifndef TEND_IO_PROCESS_H
#define TEND_IO_PROCESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/buffer.h"
#include "base/error.h"

struct process;

struct process_request {
    const char *const *argv; /* NULL-terminated; argv[0] is looked up in PATH */
    const char *cwd;         /* NULL: ours */
    const char *const *env;  /* "NAME=value", NULL-terminated: the whole environment; NULL: empty */
    struct bytes input;      /* for standard input, then end of file */
    int64_t timeout_us;      /* 0: none */
    size_t max_bytes;        /* of each of stdout and stderr; 0: 16 MiB; more ends the process */
    atomic_uint *alive;      /* counts the children that are alive; borrowed; NULL: nobody counts */
};

struct process_result {
    int code;             /* exit code; -1 if a signal ended it */
    int signal;           /* 0: none */
    struct buffer output; /* stdout */
    struct buffer errors; /* stderr */
};

/* Called once, on the loop, unless aborted: after the child has ended and its streams are read (a
 * grandchild that keeps a stream open is given 1 s, then its group is killed). Exactly one of both
 * is set. err->kind: "timeout", or "exec" ("could not start git: no such file", "stdout larger than
 * max_bytes (…)"). */
typedef void process_done(void *context, struct process_result *result, const struct error *err);

/* Starts a child; *request is copied. A program that isn't there is TEND_ENOENT, kind "exec". */
int process_start(uv_loop_t *loop, const struct process_request *request, process_done *done,
                  void *context, struct process **ret, struct error *err);
/* SIGTERM to the group, SIGKILL after 2 s; no callback. NULL allowed. */
void process_abort(struct process *process);

#endif
