/* Power loss, for a program that doesn't know: a library to preload. What LMDB writes lands in the
 * page cache, and would survive a kill; here it doesn't, unless it was synced.
 *
 * Each write to an .mdb file first saves what it overwrites. A sync of the file drops what was
 * saved of it; a write through a descriptor with O_DSYNC is synced by itself. At the Nth write or
 * sync (TEND_POWER=N:SEED) the power fails: per 512-byte sector some version between the last
 * synced one and the newest stays, by chance; what made the file longer is cut by chance; a rename
 * whose folder wasn't synced may not have been; the process ends with 77. A sync at event N never
 * happens.
 *
 * TEND_POWER_LOG=FILE: the number of events of a process that ended by itself is appended there. No
 * real sync is made: who loses power is simulated anyway. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SECTOR = 512, FILES_MAX = 16, POWER_EXIT = 77 };

struct saved {          /* what a write overwrote */
    struct saved *next; /* older */
    off_t offset;
    size_t size;
    unsigned char bytes[]; /* zeros, where there was nothing */
};

struct file {
    dev_t device;
    ino_t inode;
    int descriptor; /* of our own, for putting back */
    off_t synced_size;
    struct saved *saved;
};

static struct {
    pthread_mutex_t mutex;
    bool is_ready;
    long events, fails_at;
    uint64_t chance;
    struct file files[FILES_MAX];
    size_t file_count;
    char renamed_from[4096], renamed_to[4096]; /* "": none that a folder's sync is due for */
    ssize_t (*pwrite)(int, const void *, size_t, off_t);
    ssize_t (*pwritev)(int, const struct iovec *, int, off_t);
    ssize_t (*writev)(int, const struct iovec *, int);
    int (*fsync)(int);
    int (*renameat)(int, const char *, int, const char *);
} power = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static uint64_t draw(void) {
    power.chance ^= power.chance << 13;
    power.chance ^= power.chance >> 7;
    power.chance ^= power.chance << 17;
    return power.chance;
}

static bool draws_below(double limit) {
    return (double)(draw() >> 11) / 9007199254740992.0 < limit;
}

static void make_ready(void) {
    unsigned long long seed = 1;
    if (power.is_ready) return;
    power.is_ready = true;
    power.pwrite = (ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite");
    power.pwritev = (ssize_t(*)(int, const struct iovec *, int, off_t))dlsym(RTLD_NEXT, "pwritev");
    power.writev = (ssize_t(*)(int, const struct iovec *, int))dlsym(RTLD_NEXT, "writev");
    power.fsync = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    power.renameat = (int (*)(int, const char *, int, const char *))dlsym(RTLD_NEXT, "renameat");
    const char *text = getenv("TEND_POWER");
    if (text) sscanf(text, "%ld:%llu", &power.fails_at, &seed);
    power.chance = (seed + 1) * 0x9e3779b97f4a7c15ULL;
    for (int i = 0; i < 8; i++) draw();
}

/* ---- whose descriptor is it ---- */

static bool path_of(int descriptor, char *path, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, size - 1);
    if (length < 0) return false;
    path[length] = '\0';
    return true;
}

static bool ends_in(const char *text, const char *end) {
    size_t size = strlen(text), end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

/* NULL: no file of LMDB's. */
static struct file *file_of(int descriptor) {
    char path[4096];
    struct stat now;
    if (!path_of(descriptor, path, sizeof path)) return NULL;
    if (!ends_in(path, ".mdb") && !ends_in(path, ".mdb.new")) return NULL;
    if (fstat(descriptor, &now) != 0) return NULL;
    for (size_t i = 0; i < power.file_count; i++)
        if (power.files[i].inode == now.st_ino && power.files[i].device == now.st_dev)
            return &power.files[i];
    if (power.file_count == FILES_MAX) abort();
    struct file *file = &power.files[power.file_count++];
    *file =
        (struct file){now.st_dev, now.st_ino, open(path, O_RDWR | O_CLOEXEC), now.st_size, NULL};
    return file;
}

/* ---- the failure ---- */

static void put_back(struct file *file, const struct saved *saved, unsigned char *stays, double p) {
    for (size_t at = 0; at < saved->size;) {
        off_t where = saved->offset + (off_t)at;
        size_t sector = (size_t)(where / SECTOR), size = SECTOR - (size_t)(where % SECTOR);
        if (size > saved->size - at) size = saved->size - at;
        if (!stays[sector] && draws_below(p)) stays[sector] = 1;
        if (!stays[sector]) (void)!power.pwrite(file->descriptor, saved->bytes + at, size, where);
        at += size;
    }
}

static void lose(struct file *file) {
    static const double chances[] = {0, .1, .5, .9, 1};
    double p = chances[draw() % 5];
    struct stat now;
    if (fstat(file->descriptor, &now) != 0) return;
    off_t end = now.st_size;
    for (struct saved *saved = file->saved; saved; saved = saved->next)
        if (saved->offset + (off_t)saved->size > end) end = saved->offset + (off_t)saved->size;
    unsigned char *stays = calloc((size_t)(end / SECTOR) + 2, 1);
    for (struct saved *saved = file->saved; stays && saved; saved = saved->next)
        put_back(file, saved, stays, p);
    if (now.st_size > file->synced_size && draws_below(.5))
        (void)!ftruncate(file->descriptor,
                         file->synced_size +
                             (off_t)(draw() % (uint64_t)(now.st_size - file->synced_size + 1)));
}

static void fail(void) {
    for (size_t i = 0; i < power.file_count; i++) lose(&power.files[i]);
    if (power.renamed_to[0] && draws_below(.5))
        power.renameat(AT_FDCWD, power.renamed_to, AT_FDCWD, power.renamed_from);
    fprintf(stderr, "power fails at event %ld\n", power.events);
    _exit(POWER_EXIT);
}

static void count_event(void) {
    if (++power.events == power.fails_at) fail();
}

/* ---- writes and syncs ---- */

static void save(struct file *file, off_t offset, size_t size) {
    struct saved *saved = calloc(1, sizeof *saved + size);
    if (!saved) abort();
    (void)!pread(file->descriptor, saved->bytes, size, offset);
    saved->next = file->saved;
    saved->offset = offset;
    saved->size = size;
    file->saved = saved;
}

/* Before a write; returns with the lock held where the file is ours. */
static struct file *begin_write(int descriptor, off_t offset, size_t size) {
    pthread_mutex_lock(&power.mutex);
    make_ready();
    struct file *file = file_of(descriptor);
    if (file) save(file, offset, size);
    else pthread_mutex_unlock(&power.mutex);
    return file;
}

/* The write has happened; at the failure it may be lost with the rest. */
static void end_write(struct file *file, int descriptor) {
    if (!file) return;
    count_event();
    if (fcntl(descriptor, F_GETFL) & O_DSYNC) { /* this one only */
        struct saved *own = file->saved;
        file->saved = own->next;
        if (own->offset + (off_t)own->size > file->synced_size)
            file->synced_size = own->offset + (off_t)own->size;
        free(own);
    }
    pthread_mutex_unlock(&power.mutex);
}

ssize_t pwrite(int descriptor, const void *data, size_t size, off_t offset) {
    struct file *file = begin_write(descriptor, offset, size);
    ssize_t written = power.pwrite(descriptor, data, size, offset);
    end_write(file, descriptor);
    return written;
}

ssize_t pwrite64(int descriptor, const void *data, size_t size, off_t offset) {
    return pwrite(descriptor, data, size, offset);
}

static size_t size_of(const struct iovec *parts, int count) {
    size_t size = 0;
    for (int i = 0; i < count; i++) size += parts[i].iov_len;
    return size;
}

ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t offset) {
    struct file *file = begin_write(descriptor, offset, size_of(parts, count));
    ssize_t written = power.pwritev(descriptor, parts, count, offset);
    end_write(file, descriptor);
    return written;
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    struct file *file =
        begin_write(descriptor, lseek(descriptor, 0, SEEK_CUR), size_of(parts, count));
    ssize_t written = power.writev(descriptor, parts, count);
    end_write(file, descriptor);
    return written;
}

static void drop(struct file *file, int descriptor) {
    struct stat now;
    if (fstat(descriptor, &now) == 0) file->synced_size = now.st_size;
    while (file->saved) {
        struct saved *next = file->saved->next;
        free(file->saved);
        file->saved = next;
    }
}

static int sync_file(int descriptor) {
    struct stat now;
    pthread_mutex_lock(&power.mutex);
    make_ready();
    struct file *file = file_of(descriptor);
    bool is_folder = fstat(descriptor, &now) == 0 && S_ISDIR(now.st_mode);
    if (file || is_folder) count_event();
    if (file) drop(file, descriptor);
    if (is_folder) power.renamed_to[0] = '\0';
    pthread_mutex_unlock(&power.mutex);
    return 0;
}

int fdatasync(int descriptor) { return sync_file(descriptor); }
int fsync(int descriptor) { return sync_file(descriptor); }

static void full_path(int folder, const char *name, char *path, size_t size) {
    char folder_path[3000];
    if (folder != AT_FDCWD && path_of(folder, folder_path, sizeof folder_path))
        snprintf(path, size, "%s/%s", folder_path, name);
    else snprintf(path, size, "%s", name);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    pthread_mutex_lock(&power.mutex);
    make_ready();
    int status = power.renameat(from_folder, from, to_folder, to);
    if (status == 0 && ends_in(to, ".mdb")) {
        full_path(from_folder, from, power.renamed_from, sizeof power.renamed_from);
        full_path(to_folder, to, power.renamed_to, sizeof power.renamed_to);
        count_event();
    }
    pthread_mutex_unlock(&power.mutex);
    return status;
}

__attribute__((destructor)) static void tell(void) {
    const char *path = getenv("TEND_POWER_LOG");
    FILE *log = path ? fopen(path, "a") : NULL;
    if (!log) return;
    fprintf(log, "%ld\n", power.events);
    fclose(log);
}
