/* One LMDB file; see lmdb_file.h. Why each precaution is here was measured (liblmdb 0.9.24):
 *
 * - A new file isn't synced by mdb_env_open, and the folder never: power loss in its first moments
 *   left MDB_INVALID. So it is made under another name, committed, renamed, the folder synced.
 * - A file of 0 bytes is taken as new, and one that was cut kills the reader with SIGBUS: both are
 *   looked for. No room for the lock file is SIGBUS too: it is allocated first.
 * - A full disk during a commit shows as EIO by chance: room is allocated before, so that want of
 *   space shows there, where nothing has happened yet.
 * - Growing the map while a reader is open unmaps it under the reader: hence map_lock. */
#include "journal/lmdb_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"

enum {
    READERS = 510,                 /* slots, for all processes together */
    LOCK_FILE_BYTES = 32 * 1024,   /* 64 a reader and 128; its size sets the number */
    RESERVE_AHEAD_BYTES = 1 << 20, /* so that not every commit has to allocate */
    LEAST_MAP_BYTES = 1 << 20,
    BEGIN_ATTEMPTS = 3
};

/* ---- errors ---- */

static int status_of(int code) {
    switch (code) {
    case ENOMEM: return TEND_ENOMEM;
    case ENOENT: return TEND_ENOENT;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case MDB_MAP_FULL: return TEND_ESPACE;
    case MDB_READERS_FULL: return TEND_EBUSY;
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INCOMPATIBLE:
    case MDB_BAD_VALSIZE:
    case MDB_TXN_FULL: return TEND_EFORMAT;
    default: return TEND_EIO;
    }
}

int lmdb_file_error(const struct lmdb_file *file, int code, const char *doing, struct error *err) {
    return error_set(err, status_of(code), "%s in %s: %s", doing, file->path, mdb_strerror(code));
}

static int not_ours(const struct lmdb_file *file, const char *why, struct error *err) {
    return error_set(err, TEND_EFORMAT,
                     "%s is not a usable %s: %s; restore it from a backup, or move it away",
                     file->path, file->layout->what, why);
}

/* ---- numbers by name ---- */

int lmdb_meta_get(MDB_txn *txn, MDB_dbi meta, const char *name, uint64_t *ret) {
    MDB_val key = lmdb_val(name, strlen(name)), value;
    int code = mdb_get(txn, meta, &key, &value);
    if (code && code != MDB_NOTFOUND) return code;
    uint64_t number = 0;
    if (!code) {
        if (value.mv_size != sizeof number) return MDB_CORRUPTED;
        memcpy(&number, value.mv_data, sizeof number);
    }
    *ret = number;
    return 0;
}

int lmdb_meta_put(MDB_txn *txn, MDB_dbi meta, const char *name, uint64_t value) {
    MDB_val key = lmdb_val(name, strlen(name)), data = lmdb_val(&value, sizeof value);
    return mdb_put(txn, meta, &key, &data, 0);
}

/* ---- opening ---- */

/* Allocates the lock file. Its descriptor is closed before LMDB opens it, since closing it later
 * would drop LMDB's locks. */
static int reserve_lock_file(const struct lmdb_file *file, struct error *err) {
    char path[PATH_MAX + 8];
    snprintf(path, sizeof path, "%s-lock", file->path);
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0) return 0; /* a read-only disk: LMDB decides what that means */
    int code = fallocate(lock, 0, 0, LOCK_FILE_BYTES) != 0 ? errno : 0;
    close(lock);
    if (code == ENOSPC || code == EDQUOT)
        return lmdb_file_error(file, code, "reserving locks", err);
    return 0;
}

/* What of the wished address space can be had. Where it is limited, half of the rest is left to
 * the program. */
static size_t affordable_map(size_t wish_bytes) {
    size_t size = wish_bytes;
    for (; size > LEAST_MAP_BYTES; size /= 2) {
        void *probe =
            mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (probe == MAP_FAILED) continue;
        munmap(probe, size);
        break;
    }
    return size == wish_bytes ? size : size / 2;
}

/* One try. LMDB wants an environment that failed to open closed. */
static int open_environment(struct lmdb_file *file, unsigned flags, size_t map_bytes) {
    MDB_env *env = NULL;
    int code = mdb_env_create(&env);
    if (code) return code;
    code = mdb_env_set_mapsize(env, map_bytes);
    if (!code) code = mdb_env_set_maxreaders(env, READERS);
    if (!code) code = mdb_env_set_maxdbs(env, (MDB_dbi)file->layout->table_count);
    if (!code) code = mdb_env_open(env, file->path, MDB_NOSUBDIR | MDB_NOTLS | flags, 0600);
    if (code) {
        mdb_env_close(env);
        return code;
    }
    file->env = env;
    return 0;
}

/* LMDB has the data file open twice, neither time with O_CLOEXEC, and tells about one of them. A
 * program that we start must not be handed a way to write to the journal. */
static void close_on_exec(const struct lmdb_file *file) {
    mdb_filehandle_t descriptor;
    struct stat ours, other;
    mdb_env_get_fd(file->env, &descriptor);
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    DIR *list = opendir("/proc/self/fd");
    if (!list || fstat(descriptor, &ours) != 0) goto done;
    for (const struct dirent *entry; (entry = readdir(list));) {
        int number = (int)strtol(entry->d_name, NULL, 10); /* "." and ".." are 0: harmless */
        if (fstat(number, &other) == 0 && other.st_dev == ours.st_dev &&
            other.st_ino == ours.st_ino)
            fcntl(number, F_SETFD, FD_CLOEXEC);
    }
done:
    if (list) closedir(list);
}

static int map_environment(struct lmdb_file *file, unsigned flags, struct error *err) {
    int status = reserve_lock_file(file, err);
    if (status) return status;
    size_t map_bytes = affordable_map(file->layout->map_bytes);
    int code = open_environment(file, flags, map_bytes);
    while (code == ENOMEM && map_bytes > LEAST_MAP_BYTES)
        code = open_environment(file, flags, map_bytes /= 2);
    if (code == MDB_INVALID) return not_ours(file, "its first pages are damaged", err);
    if (code == MDB_VERSION_MISMATCH) return not_ours(file, "another version of LMDB made it", err);
    if (code) return lmdb_file_error(file, code, "opening", err);
    close_on_exec(file);
    MDB_stat stat;
    mdb_env_stat(file->env, &stat);
    file->page_bytes = stat.ms_psize;
    return 0;
}

static int check_before(const struct lmdb_file *file, struct error *err) {
    struct stat stat_now;
    if (stat(file->path, &stat_now) != 0) return lmdb_file_error(file, errno, "opening", err);
    if (!S_ISREG(stat_now.st_mode)) return not_ours(file, "it is not a file", err);
    if (stat_now.st_size == 0) return not_ours(file, "it is empty (0 bytes)", err);
    return 0;
}

/* The file must reach as far as its last page, or reading it is SIGBUS. */
static int check_size(struct lmdb_file *file, struct error *err) {
    uint64_t used = lmdb_file_used(file);
    mdb_filehandle_t descriptor;
    struct stat stat_now;
    mdb_env_get_fd(file->env, &descriptor);
    if (fstat(descriptor, &stat_now) != 0) return lmdb_file_error(file, errno, "opening", err);
    if ((uint64_t)stat_now.st_size >= used) return 0;
    char why[96];
    snprintf(why, sizeof why, "it was cut to %lld of %llu bytes", (long long)stat_now.st_size,
             (unsigned long long)used);
    return not_ours(file, why, err);
}

static int check_format(const struct lmdb_file *file, MDB_txn *txn, MDB_dbi meta,
                        struct error *err) {
    uint64_t format;
    int code = lmdb_meta_get(txn, meta, "format", &format);
    if (code) return lmdb_file_error(file, code, "reading the format", err);
    if (format == 0) return not_ours(file, "tend did not make it", err);
    if (format <= file->layout->format) return 0;
    return error_set(err, TEND_EFORMAT,
                     "%s has format %llu and this tend knows formats up to %llu: use a newer tend",
                     file->path, (unsigned long long)format,
                     (unsigned long long)file->layout->format);
}

/* `meta` first: a newer format may have other tables. */
static int open_tables(struct lmdb_file *file, MDB_dbi *dbis, struct error *err) {
    const struct lmdb_layout *layout = file->layout;
    MDB_txn *txn;
    int status = lmdb_file_begin(file, MDB_RDONLY, &txn, err);
    if (status) return status;
    for (size_t i = 0; i < layout->table_count && !status; i++) {
        int code = mdb_dbi_open(txn, layout->tables[i].name, layout->tables[i].flags, &dbis[i]);
        if (code == MDB_NOTFOUND || code == MDB_INCOMPATIBLE)
            status = not_ours(file, "tend did not make it", err);
        else if (code) status = lmdb_file_error(file, code, "opening", err);
        else if (i == 0) status = check_format(file, txn, dbis[0], err);
    }
    if (!status) return lmdb_file_commit(file, txn, err); /* keeps the handles */
    lmdb_file_abort(file, txn);
    return status;
}

static int file_begin(struct lmdb_file *file, const struct home *home,
                      const struct lmdb_layout *layout, const char *suffix, struct error *err) {
    char path[PATH_MAX];
    int size = snprintf(path, sizeof path, "%s/%s%s", home->path, layout->name, suffix);
    if (size < 0 || (size_t)size >= sizeof path)
        return error_set(err, TEND_EIO, "%s: the path is too long", home->path);
    char *copy = memory_copy_text(path);
    if (!copy) return error_no_memory(err);
    *file = (struct lmdb_file){.layout = layout, .path = copy};
    pthread_rwlock_init(&file->map_lock, NULL); /* never fails with default attributes */
    return 0;
}

static void file_done(struct lmdb_file *file) {
    if (file->env) mdb_env_close(file->env);
    file->env = NULL;
    pthread_rwlock_destroy(&file->map_lock);
    memory_free(file->path);
    file->path = NULL;
}

int lmdb_file_open(struct lmdb_file *file, const struct home *home,
                   const struct lmdb_layout *layout, bool is_read_only, MDB_dbi *dbis,
                   struct error *err) {
    int status = file_begin(file, home, layout, "", err);
    if (status) return status;
    status = check_before(file, err);
    if (!status) status = map_environment(file, is_read_only ? MDB_RDONLY : 0, err);
    if (!status) status = check_size(file, err);
    if (!status) status = open_tables(file, dbis, err);
    if (status) {
        file_done(file);
        return status;
    }
    lmdb_file_clear_readers(file);
    return 0;
}

void lmdb_file_close(struct lmdb_file *file) {
    if (file->env) file_done(file);
}

/* ---- creating ---- */

static int make_tables(struct lmdb_file *file, struct error *err) {
    MDB_txn *txn;
    int status = lmdb_file_begin(file, 0, &txn, err);
    if (status) return status;
    MDB_dbi dbi, meta = 0;
    int code = 0;
    for (size_t i = 0; i < file->layout->table_count && !code; i++) {
        const struct lmdb_table *table = &file->layout->tables[i];
        code = mdb_dbi_open(txn, table->name, table->flags | MDB_CREATE, &dbi);
        if (i == 0) meta = dbi;
    }
    if (!code) code = lmdb_meta_put(txn, meta, "format", file->layout->format);
    if (code) status = lmdb_file_error(file, code, "creating", err);
    if (!status) status = lmdb_file_reserve(file, LEAST_MAP_BYTES, err);
    if (!status) return lmdb_file_commit(file, txn, err);
    lmdb_file_abort(file, txn);
    return status;
}

static void remove_lock_file(const struct home *home, const char *name) {
    char lock_name[NAME_MAX + 8];
    snprintf(lock_name, sizeof lock_name, "%s-lock", name);
    unlinkat(home->folder, lock_name, 0);
}

int lmdb_file_create(const struct home *home, const struct lmdb_layout *layout, struct error *err) {
    if (faccessat(home->folder, layout->name, F_OK, 0) == 0) return 0;
    char name[NAME_MAX];
    snprintf(name, sizeof name, "%s.new", layout->name);
    unlinkat(home->folder, name, 0); /* of somebody who was killed here */
    remove_lock_file(home, name);

    struct lmdb_file file;
    int status = file_begin(&file, home, layout, ".new", err);
    if (status) return status;
    status = map_environment(&file, 0, err);
    if (!status) status = make_tables(&file, err);
    file_done(&file);
    remove_lock_file(home, name);
    if (!status && renameat(home->folder, name, home->folder, layout->name) != 0)
        status = error_set(err, TEND_EIO, "renaming %s/%s: %s", home->path, name, strerror(errno));
    if (status) {
        unlinkat(home->folder, name, 0);
        return status;
    }
    return home_sync(home, err);
}

/* ---- transactions ---- */

/* Another process has a larger map, and has filled it beyond ours. */
static int adopt_map(struct lmdb_file *file, struct error *err) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 2; /* no snapshot of ours should live that long */
    if (pthread_rwlock_timedwrlock(&file->map_lock, &until) != 0)
        return error_set(err, TEND_EBUSY, "%s has grown while it was being read; try again",
                         file->path);
    int code = file->is_lost ? ENOMEM : mdb_env_set_mapsize(file->env, 0);
    if (code) file->is_lost = true;
    pthread_rwlock_unlock(&file->map_lock);
    return code ? lmdb_file_error(file, code, "taking over its new size", err) : 0;
}

static int begin_once(struct lmdb_file *file, unsigned flags, MDB_txn **ret) {
    pthread_rwlock_rdlock(&file->map_lock);
    int code = file->is_lost ? ENOMEM : mdb_txn_begin(file->env, NULL, flags, ret);
    if (code) pthread_rwlock_unlock(&file->map_lock);
    return code;
}

int lmdb_file_begin(struct lmdb_file *file, unsigned flags, MDB_txn **ret, struct error *err) {
    int code = 0;
    for (int i = 0; i < BEGIN_ATTEMPTS; i++) {
        code = begin_once(file, flags, ret);
        if (code == 0) return 0;
        if (code == MDB_MAP_RESIZED) {
            int status = adopt_map(file, err);
            if (status) return status;
        } else if (code == MDB_READERS_FULL) {
            lmdb_file_clear_readers(file);
        } else {
            break;
        }
    }
    return lmdb_file_error(file, code, "beginning a transaction", err);
}

void lmdb_file_abort(struct lmdb_file *file, MDB_txn *txn) {
    mdb_txn_abort(txn);
    pthread_rwlock_unlock(&file->map_lock);
}

int lmdb_file_commit(struct lmdb_file *file, MDB_txn *txn, struct error *err) {
    int code = mdb_txn_commit(txn);
    pthread_rwlock_unlock(&file->map_lock);
    if (code == 0) return 0;
    int status = code == MDB_MAP_FULL ? TEND_ESPACE : TEND_EIO;
    return error_set(err, status, "committing to %s: %s", file->path, mdb_strerror(code));
}

/* LMDB begins a transaction of its own for it. */
int lmdb_file_copy(struct lmdb_file *file, int target, struct error *err) {
    MDB_txn *txn;
    int status = lmdb_file_begin(file, MDB_RDONLY, &txn, err); /* adopts a map that grew */
    if (status) return status;
    lmdb_file_abort(file, txn);
    pthread_rwlock_rdlock(&file->map_lock);
    int code = file->is_lost ? ENOMEM : mdb_env_copyfd2(file->env, target, MDB_CP_COMPACT);
    pthread_rwlock_unlock(&file->map_lock);
    return code ? lmdb_file_error(file, code, "copying", err) : 0;
}

void lmdb_file_clear_readers(struct lmdb_file *file) { mdb_reader_check(file->env, NULL); }

/* ---- room on the disk ---- */

uint64_t lmdb_file_used(struct lmdb_file *file) {
    MDB_envinfo info;
    mdb_env_info(file->env, &info);
    return (uint64_t)(info.me_last_pgno + 1) * file->page_bytes;
}

static int allocate(int descriptor, uint64_t size_bytes) {
    for (;;) {
        if (fallocate(descriptor, 0, 0, (off_t)size_bytes) == 0) return 0;
        if (errno == EOPNOTSUPP || errno == ENOSYS) return 0; /* then the commit has to find out */
        if (errno != EINTR) return errno;
    }
}

int lmdb_file_reserve(struct lmdb_file *file, uint64_t need_bytes, struct error *err) {
    uint64_t used = lmdb_file_used(file);
    mdb_filehandle_t descriptor;
    struct stat stat_now;
    mdb_env_get_fd(file->env, &descriptor);
    if (fstat(descriptor, &stat_now) != 0) return lmdb_file_error(file, errno, "writing", err);
    if ((uint64_t)stat_now.st_size >= used + need_bytes) return 0;
    uint64_t size_bytes = used + need_bytes + RESERVE_AHEAD_BYTES;
    size_bytes += file->page_bytes - size_bytes % file->page_bytes;
    int code = allocate(descriptor, size_bytes);
    if (code == 0) return 0;
    return error_set(
        err, status_of(code), "no room for %llu kB more in %s: %s; make room and it goes on",
        (unsigned long long)(need_bytes + RESERVE_AHEAD_BYTES) / 1024, file->path, strerror(code));
}
