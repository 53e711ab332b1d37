/* The owner lock. An "open file description" lock, not flock(): it can be asked about without
 * being taken, so a client that looks who owns the journal never stands in the way of an engine
 * that starts at that moment. Not a classic POSIX lock either: any close() of the file in this
 * process would drop it. A child that was forked and hasn't called exec keeps it held. */
#include "journal/owner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct flock whole_file(void) {
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
}

/* The number in the file, or 0. */
static int64_t pid_written(int file) {
    char text[32];
    ssize_t size = pread(file, text, sizeof text - 1, 0);
    if (size <= 0) return 0;
    text[size] = '\0';
    return strtoll(text, NULL, 10);
}

/* The pid of whoever holds the lock. Between taking the lock and writing the pid lie microseconds;
 * waited for, but not for ever. */
static int64_t holder(int file) {
    for (int i = 0; i < 100; i++) {
        struct flock lock = whole_file();
        if (fcntl(file, F_OFD_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return 0;
        int64_t pid = pid_written(file);
        if (pid > 0) return pid;
        nanosleep(&(struct timespec){0, 200 * 1000}, NULL);
    }
    return -1;
}

static int busy(int file, const char *home, struct error *err) {
    int64_t pid = holder(file);
    if (pid > 0)
        return error_set(err, TEND_EBUSY, "the journal in %s is in use by process %lld", home,
                         (long long)pid);
    return error_set(err, TEND_EBUSY, "the journal in %s is in use by another process", home);
}

static int write_pid(int file) {
    char text[32];
    int size = snprintf(text, sizeof text, "%lld\n", (long long)getpid());
    if (ftruncate(file, 0) != 0 || pwrite(file, text, (size_t)size, 0) != size) return -1;
    return 0;
}

int owner_take(int folder, const char *home, int *ret, struct error *err) {
    int file = openat(folder, "owner", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return error_set(err, TEND_EIO, "opening %s/owner: %s", home, strerror(errno));
    struct flock lock = whole_file();
    int status = 0;
    if (fcntl(file, F_OFD_SETLK, &lock) != 0) {
        status = errno == EAGAIN || errno == EACCES
                     ? busy(file, home, err)
                     : error_set(err, TEND_EIO, "locking %s/owner: %s", home, strerror(errno));
    } else if (write_pid(file) != 0) {
        status = error_set(err, errno == ENOSPC ? TEND_ESPACE : TEND_EIO, "writing %s/owner: %s",
                           home, strerror(errno));
    }
    if (status) {
        close(file);
        return status;
    }
    *ret = file;
    return 0;
}

void owner_release(int lock) {
    if (lock < 0) return;
    (void)!ftruncate(lock, 0); /* an old pid does no harm: only the lock counts */
    close(lock);
}

int64_t owner_pid(int folder) {
    int file = openat(folder, "owner", O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    int64_t pid = holder(file);
    close(file);
    return pid;
}

/* The pid alone doesn't tell: in two containers that share a home, both may be process 1. So the
 * lock's file must be among our own descriptors too. */
bool owner_is_this_process(int folder) {
    struct stat owner, other;
    if (owner_pid(folder) != getpid() || fstatat(folder, "owner", &owner, 0) != 0) return false;
    DIR *list = opendir("/proc/self/fd");
    if (!list) return true;
    bool is_found = false;
    for (const struct dirent *entry; !is_found && (entry = readdir(list));) {
        int number = (int)strtol(entry->d_name, NULL, 10); /* "." and ".." are 0: harmless */
        is_found = fstat(number, &other) == 0 && other.st_dev == owner.st_dev &&
                   other.st_ino == owner.st_ino;
    }
    closedir(list);
    return is_found;
}
