/* Child processes; see process.h.
 *
 * A child is over when three things have happened: it was reaped (on_exit) and both its streams
 * came to their end (on_read). What goes wrong meanwhile (the clock, too much output, an abort) is
 * noted in `fault`, its group is asked to end and, after a grace, killed; the way out stays the
 * same one. libuv gives the child default signal dispositions and an empty mask. */
#include "io/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

enum {
    OUTPUT_MAX_MIB = 16,
    TERM_GRACE_MS = 2000,
    STREAM_GRACE_MS = 1000,
    CHUNK_BYTES = 64 * 1024 /* what libuv asks for, too */
};

enum fault { FAULT_NONE, FAULT_TIMEOUT, FAULT_OUTPUT, FAULT_ERRORS, FAULT_ABORTED };

enum { STREAM_INPUT, STREAM_OUTPUT, STREAM_ERRORS, STREAMS };

struct process {
    uv_loop_t *loop;
    uv_process_t child;
    uv_pipe_t streams[STREAMS];
    uv_timer_t clock; /* the caller's timeout */
    uv_timer_t grace; /* until SIGKILL, or until a stream that stays open is given up */
    uv_write_t write;
    int handles; /* open libuv handles in here: the memory goes with the last */
    char *program;
    char *input;
    size_t input_size;
    int64_t timeout_us;
    size_t max_bytes;
    atomic_uint *alive;
    process_done *done;
    void *context;
    enum fault fault;
    bool has_exited, is_finished;
    int open_streams; /* of stdout and stderr */
    struct process_result result;
    char chunk[CHUNK_BYTES];
};

/* ---- the end ----------------------------------------------------------------------------------
 */

static void process_free(struct process *process) {
    buffer_done(&process->result.output);
    buffer_done(&process->result.errors);
    if (process->input) sodium_memzero(process->input, process->input_size);
    memory_free(process->input);
    memory_free(process->program);
    memory_free(process);
}

static void on_closed(uv_handle_t *handle) {
    struct process *process = handle->data;
    if (--process->handles == 0) process_free(process);
}

static void close_handle(void *handle) {
    if (!uv_is_closing(handle)) uv_close(handle, on_closed);
}

static void close_all(struct process *process) {
    close_handle(&process->child);
    for (int i = 0; i < STREAMS; i++) close_handle(&process->streams[i]);
    close_handle(&process->clock);
    close_handle(&process->grace);
}

/* Counted from before it is there until it is gone: whoever reads the number after a crash may see
 * one too many, never one too few. */
static void count(struct process *process, int by) {
    if (process->alive) atomic_fetch_add(process->alive, (unsigned)by);
}

static void tell_fault(struct process *process, struct error *err) {
    switch (process->fault) {
    case FAULT_TIMEOUT:
        error_set_kind(err, TEND_EIO, "timeout", "%s was ended: it took longer than %.10g s",
                       process->program, (double)process->timeout_us / 1e6);
        break;
    case FAULT_OUTPUT:
    case FAULT_ERRORS:
        error_set_kind(err, TEND_EIO, "exec", "%s was ended: %s larger than max_bytes (%zu)",
                       process->program, process->fault == FAULT_OUTPUT ? "stdout" : "stderr",
                       process->max_bytes);
        break;
    default: error_no_memory(err); break; /* the only one left: a buffer that failed */
    }
}

static void finish(struct process *process) {
    if (process->is_finished) return;
    process->is_finished = true;
    count(process, -1);
    struct process_result *result = &process->result;
    bool is_failed = result->output.is_failed || result->errors.is_failed;
    struct error err;
    if (process->fault == FAULT_ABORTED) {
        /* nobody waits for it any more */
    } else if (process->fault != FAULT_NONE || is_failed) {
        tell_fault(process, &err);
        process->done(process->context, NULL, &err);
    } else {
        process->done(process->context, result, NULL);
    }
    close_all(process);
}

static void finish_if_over(struct process *process) {
    if (process->has_exited && process->open_streams == 0) finish(process);
}

/* ---- ending it early
 * ----------------------------------------------------------------------------- */

static void kill_group(struct process *process, int signal) {
    if (process->child.pid > 0) kill(-process->child.pid, signal);
}

static void on_streams_given_up(uv_timer_t *timer) {
    struct process *process = timer->data;
    kill_group(process, SIGKILL);
    finish(process);
}

static void give_streams_a_moment(struct process *process) {
    if (process->open_streams > 0)
        uv_timer_start(&process->grace, on_streams_given_up, STREAM_GRACE_MS, 0);
}

static void on_term_ignored(uv_timer_t *timer) { kill_group(timer->data, SIGKILL); }

static void end_early(struct process *process, enum fault fault) {
    if (process->fault != FAULT_NONE && fault != FAULT_ABORTED) return;
    bool is_first = process->fault == FAULT_NONE;
    process->fault = fault;
    if (!is_first) return;
    kill_group(process, SIGTERM);
    if (!process->has_exited) uv_timer_start(&process->grace, on_term_ignored, TERM_GRACE_MS, 0);
}

static void on_clock(uv_timer_t *timer) { end_early(timer->data, FAULT_TIMEOUT); }

void process_abort(struct process *process) {
    if (process && !process->is_finished) end_early(process, FAULT_ABORTED);
}

/* ---- while it runs
 * ---------------------------------------------------------------------------------- */

static void on_exit_of_child(uv_process_t *child, int64_t code, int signal) {
    struct process *process = child->data;
    process->has_exited = true;
    process->result.code = signal ? -1 : (int)code;
    process->result.signal = signal;
    uv_timer_stop(&process->clock);
    uv_timer_stop(&process->grace);
    /* Its group may live on without it (a shell that was ended before what it had started). */
    if (process->fault != FAULT_NONE) kill_group(process, SIGKILL);
    give_streams_a_moment(process);
    finish_if_over(process);
}

static void on_chunk_wanted(uv_handle_t *handle, size_t suggested, uv_buf_t *chunk) {
    struct process *process = handle->data;
    (void)suggested;
    *chunk = uv_buf_init(process->chunk, CHUNK_BYTES); /* free again when on_read returns */
}

static void take(struct process *process, bool is_output, size_t size) {
    struct buffer *buffer = is_output ? &process->result.output : &process->result.errors;
    if (process->fault != FAULT_NONE) return; /* read on, so that it can end; keep nothing */
    if (size > process->max_bytes - buffer->size) {
        end_early(process, is_output ? FAULT_OUTPUT : FAULT_ERRORS);
        return;
    }
    buffer_add(buffer, process->chunk, size);
    if (buffer->is_failed) kill_group(process, SIGKILL);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *chunk) {
    struct process *process = stream->data;
    (void)chunk; /* process->chunk */
    if (size > 0) take(process, stream == (void *)&process->streams[STREAM_OUTPUT], (size_t)size);
    if (size >= 0) return;
    close_handle(stream);
    process->open_streams--;
    finish_if_over(process);
}

/* A child that doesn't read its input is no error: it is written as far as it is wanted. */
static void on_written(uv_write_t *write, int status) {
    struct process *process = write->data;
    (void)status;
    close_handle(&process->streams[STREAM_INPUT]);
}

static void write_input(struct process *process) {
    uv_buf_t chunk = uv_buf_init(process->input, (unsigned)process->input_size);
    uv_stream_t *stream = (uv_stream_t *)&process->streams[STREAM_INPUT];
    process->write.data = process;
    if (process->input_size == 0 || uv_write(&process->write, stream, &chunk, 1, on_written))
        close_handle(stream);
}

/* ---- the start
 * ------------------------------------------------------------------------------------- */

/* Whatever another library opened without O_CLOEXEC doesn't reach the child. */
static void close_on_exec(void) {
    if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
    DIR *folder = opendir("/proc/self/fd"); /* kernels before 5.11 */
    if (!folder) return;
    for (struct dirent *entry; (entry = readdir(folder));) {
        int fd = atoi(entry->d_name);
        if (fd > 2) fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    closedir(folder);
}

/* A child that ended while we write must be an error code, not a signal. */
static void block_sigpipe(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static int tell_not_started(const struct process_request *request, int code, struct error *err) {
    const char *program = request->argv[0];
    if (request->cwd && access(request->cwd, X_OK) != 0)
        return error_set_kind(err, TEND_ENOENT, "exec", "could not start %.200s in %.300s: %s",
                              program, request->cwd, strerror(errno));
    if (code == UV_ENOENT)
        return error_set_kind(err, TEND_ENOENT, "exec", "could not start %.200s: no such file",
                              program);
    if (code == UV_ENOMEM) return error_no_memory(err);
    return error_set_kind(err, TEND_EIO, "exec", "could not start %.200s: %s", program,
                          uv_strerror(code));
}

static void init_handles(struct process *process) {
    uv_timer_init(process->loop, &process->clock);
    uv_timer_init(process->loop, &process->grace);
    process->clock.data = process->grace.data = process;
    for (int i = 0; i < STREAMS; i++) {
        uv_pipe_init(process->loop, &process->streams[i], 0);
        process->streams[i].data = process;
    }
    process->child.data = process;
    process->handles = STREAMS + 3;
}

static int spawn(struct process *process, const struct process_request *request) {
    static char *const nothing[] = {NULL}; /* libuv reads "no environment" as "ours" */
    uv_stdio_container_t stdio[STREAMS];
    for (int i = 0; i < STREAMS; i++) {
        int way =
            i == STREAM_INPUT ? UV_READABLE_PIPE : UV_WRITABLE_PIPE; /* as the child sees it */
        stdio[i].flags = UV_CREATE_PIPE | (uv_stdio_flags)way;
        stdio[i].data.stream = (uv_stream_t *)&process->streams[i];
    }
    uv_process_options_t options = {
        .exit_cb = on_exit_of_child,
        .file = request->argv[0],
        .args = (char **)request->argv, /* libuv only reads them */
        .env = (char **)(request->env ? request->env : (const char *const *)nothing),
        .cwd = request->cwd,
        .flags = UV_PROCESS_DETACHED, /* setsid: a group of its own */
        .stdio_count = STREAMS,
        .stdio = stdio,
    };
    close_on_exec();
    block_sigpipe();
    return uv_spawn(process->loop, &process->child, &options);
}

static struct process *process_new(const struct process_request *request, struct error *err) {
    struct process *process = memory_new(sizeof *process);
    if (!process) {
        error_no_memory(err);
        return NULL;
    }
    process->program = memory_copy_text(request->argv[0]);
    process->input = memory_copy(request->input.data, request->input.size);
    process->input_size = process->input ? request->input.size : 0;
    process->timeout_us = request->timeout_us;
    process->alive = request->alive;
    process->max_bytes = request->max_bytes ? request->max_bytes : (size_t)OUTPUT_MAX_MIB << 20;
    if (process->program && process->input) return process;
    process_free(process);
    error_no_memory(err);
    return NULL;
}

static void run(struct process *process) {
    process->open_streams = 2;
    for (int i = STREAM_OUTPUT; i < STREAMS; i++)
        uv_read_start((uv_stream_t *)&process->streams[i], on_chunk_wanted, on_read);
    write_input(process);
    if (process->timeout_us <= 0) return;
    uv_update_time(process->loop);
    uv_timer_start(&process->clock, on_clock, (uint64_t)((process->timeout_us + 999) / 1000), 0);
}

int process_start(uv_loop_t *loop, const struct process_request *request, process_done *done,
                  void *context, struct process **ret, struct error *err) {
    if (!request->argv || !request->argv[0] || !request->argv[0][0])
        return error_set_kind(err, TEND_EINPUT, "exec", "no program to start");
    struct process *process = process_new(request, err);
    if (!process) return TEND_ENOMEM;
    process->loop = loop;
    process->done = done;
    process->context = context;
    init_handles(process);
    count(process, 1);
    int code = spawn(process, request);
    if (code) {
        count(process, -1);
        process->is_finished = true;
        close_all(process);
        return tell_not_started(request, code, err);
    }
    run(process);
    *ret = process;
    return 0;
}
