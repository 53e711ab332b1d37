/* Leftovers; see leftover.h.
 *
 * A process id alone is no name: between a look at /proc and a signal the process may have ended
 * and its number been given away. So each is held by a descriptor (pidfd) that is opened before its
 * environment is read: a signal through that reaches the one that was read, or nobody. The group is
 * signalled by its leader's number, and only while the leader, or the process itself where there is
 * no leader any more, carries the entry. */
#include "io/leftover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"

enum { LOOK_MS = 20, TERM_GRACE_MS = 2000, GIVE_UP_MS = 10000 };

static void read_all(int file, struct buffer *out) {
    char chunk[4096];
    for (ssize_t size; (size = read(file, chunk, sizeof chunk)) > 0;)
        buffer_add(out, chunk, (size_t)size);
}

static bool holds(struct bytes environment, const char *entry) {
    size_t size = strlen(entry) + 1; /* with the zero at its end */
    for (const char *at = environment.data, *end = at + environment.size; at && at < end;) {
        const char *next = memchr(at, '\0', (size_t)(end - at));
        if (!next) return false;
        if ((size_t)(next + 1 - at) == size && memcmp(at, entry, size) == 0) return true;
        at = next + 1;
    }
    return false;
}

/* Not those of other users: what we started under our name we may read. */
static bool is_marked(pid_t pid, const char *entry) {
    char path[40];
    struct buffer environment = BUFFER_EMPTY;
    snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    read_all(file, &environment);
    close(file);
    bool is_found = !environment.is_failed && holds(buffer_bytes(&environment), entry);
    buffer_done(&environment);
    return is_found;
}

static bool is_there(pid_t pid) { return kill(pid, 0) == 0 || errno == EPERM; }

static void end_group(pid_t pid, const char *entry, int signal) {
    pid_t group = getpgid(pid);
    if (group <= 1 || group == getpgrp()) return;
    if (group == pid || !is_there(group) || is_marked(group, entry)) kill(-group, signal);
}

/* True if it carries the entry (and was signalled). */
static bool end_one(pid_t pid, const char *entry, int signal) {
    int held = (int)syscall(SYS_pidfd_open, pid, 0); /* kernels before 5.3: by its number then */
    bool is_found = is_marked(pid, entry);
    if (is_found) end_group(pid, entry, signal);
    if (is_found && held >= 0) (void)syscall(SYS_pidfd_send_signal, held, signal, NULL, 0);
    else if (is_found) kill(pid, signal);
    if (held >= 0) close(held);
    return is_found;
}

/* *last: one that was there, or 0. */
static int sweep(const char *entry, int signal, size_t *count, pid_t *last, struct error *err) {
    DIR *folder = opendir("/proc");
    *count = 0;
    if (!folder)
        return error_set(err, TEND_EIO,
                         "/proc can't be read (%s): it is where the child processes of a tend that "
                         "was killed are looked for",
                         strerror(errno));
    for (const struct dirent *item; (item = readdir(folder));) {
        pid_t pid = (pid_t)strtol(item->d_name, NULL, 10);
        if (pid <= 1 || pid == getpid() || !end_one(pid, entry, signal)) continue;
        *last = pid;
        ++*count;
    }
    closedir(folder);
    return 0;
}

static int64_t now_ms(void) { return clock_monotonic_us(clock_system()) / 1000; }

int leftover_end(const char *entry, size_t *ended, struct error *err) {
    int64_t began_ms = now_ms(), passed_ms = 0;
    size_t count = 0;
    pid_t last = 0;
    int status = sweep(entry, SIGTERM, &count, &last, err);
    *ended = count;
    while (!status && count && passed_ms < GIVE_UP_MS) {
        nanosleep(&(struct timespec){0, LOOK_MS * 1000000L}, NULL);
        passed_ms = now_ms() - began_ms;
        status = sweep(entry, passed_ms < TERM_GRACE_MS ? 0 : SIGKILL, &count, &last, err);
        if (count > *ended) *ended = count;
    }
    if (status || !count) return status;
    return error_set(err, TEND_EIO,
                     "process %d, started by a tend that was killed, doesn't end: end it by hand, "
                     "then start again",
                     (int)last);
}
