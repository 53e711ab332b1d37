/* Backups. A backup is a home's two files in a folder of their own, compacted, and their checksums;
 * it can be read as a home. The inbox is copied before the journal: what was taken out of it in
 * between is known by its number in the journal, and nothing that lay in it can be missed.
 *
 * Both ways everything is complete and durable under another name first; a name that is there holds
 * something whole. LMDB's copy is an ordinary file write: syncing is ours. */
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

#include "base/id.h"
#include "journal/lmdb.h"
#include "journal/owner.h"

static const char journal_name[] = "journal.mdb", inbox_name[] = "inbox.mdb",
                  sums_name[] = "checksums", partial_name[] = "restore.partial";

/* Larger than any number of owners that can have come since the backup. */
static const uint64_t fence_leap = 1000000;

static int failed(const char *doing, const char *folder, const char *name, struct error *err) {
    int status = errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? TEND_ESPACE
                 : errno == ENOENT                                    ? TEND_ENOENT
                                                                      : TEND_EIO;
    return error_set(err, status, "%s %s/%s: %s", doing, folder, name, strerror(errno));
}

/* ---- files ---- */

static int create_file(const struct home *folder, const char *name, int *ret, struct error *err) {
    *ret = openat(folder->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return *ret < 0 ? failed("creating", folder->path, name, err) : 0;
}

/* Makes a file durable and closes it. */
static int finish_file(const struct home *folder, const char *name, int file, int status,
                       struct error *err) {
    if (!status && fsync(file) != 0) status = failed("syncing", folder->path, name, err);
    if (close(file) != 0 && !status) status = failed("writing", folder->path, name, err);
    return status;
}

static int write_all(int file, const char *data, size_t size_bytes) {
    while (size_bytes) {
        ssize_t count = write(file, data, size_bytes);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return -1;
        data += count;
        size_bytes -= (size_t)count;
    }
    return 0;
}

/* The file's hash and size; its contents pass through memory once. */
static int sum_file(const struct home *folder, const char *name, char hash[ID_HASH_TEXT],
                    uint64_t *size_bytes, struct error *err) {
    struct stat stat_now;
    void *contents = NULL;
    int file = openat(folder->folder, name, O_RDONLY | O_CLOEXEC), status = 0;
    if (file < 0 || fstat(file, &stat_now) != 0)
        status = failed("reading", folder->path, name, err);
    size_t size = status ? 0 : (size_t)stat_now.st_size;
    if (size) contents = mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0);
    if (contents == MAP_FAILED) status = failed("reading", folder->path, name, err);
    if (!status) {
        struct bytes part = {contents, size};
        id_hash(&part, 1, hash);
        *size_bytes = size;
    }
    if (contents && contents != MAP_FAILED) munmap(contents, size);
    if (file >= 0) close(file);
    return status;
}

/* ---- folders ---- */

static int sync_parent(const char *path, struct error *err) {
    char parent[PATH_MAX];
    snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    if (slash) slash[slash == parent] = '\0';
    int folder = open(slash ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int code = folder < 0 || fsync(folder) != 0 ? errno : 0;
    if (folder >= 0) close(folder);
    if (!code) return 0;
    return error_set(err, TEND_EIO, "syncing the folder of %s: %s", path, strerror(code));
}

/* 0: it isn't there, or is empty. */
static int check_empty(const char *path, struct error *err) {
    DIR *list = opendir(path);
    bool is_empty = true;
    if (!list && errno == ENOENT) return 0;
    if (!list) return error_set(err, TEND_EIO, "%s: %s", path, strerror(errno));
    for (const struct dirent *entry; is_empty && (entry = readdir(list));)
        is_empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    closedir(list);
    if (is_empty) return 0;
    return error_set(err, TEND_ECONFLICT, "%s is not empty: name a new folder for the backup",
                     path);
}

/* Removes what a backup or a restore has begun. */
static void remove_folder(const struct home *folder) {
    static const char *const names[] = {"journal.mdb", "journal.mdb-lock", "inbox.mdb",
                                        "inbox.mdb-lock", "checksums"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) unlinkat(folder->folder, names[i], 0);
    rmdir(folder->path);
}

/* ---- backup ---- */

static int copy_environment(struct lmdb_file *file, const struct home *to, struct buffer *sums,
                            uint64_t *size_bytes, struct error *err) {
    const char *name = file->layout->name;
    char hash[ID_HASH_TEXT];
    uint64_t size = 0;
    int target;
    int status = create_file(to, name, &target, err);
    if (status) return status;
    status = lmdb_file_copy(file, target, err);
    status = finish_file(to, name, target, status, err);
    if (!status) status = sum_file(to, name, hash, &size, err);
    if (status) return status;
    buffer_add_format(sums, "%s %llu %s\n", hash, (unsigned long long)size, name);
    *size_bytes += size;
    return buffer_check(sums, err);
}

static int write_sums(const struct home *to, const struct buffer *sums, struct error *err) {
    int target;
    int status = create_file(to, sums_name, &target, err);
    if (status) return status;
    if (write_all(target, sums->data, sums->size))
        status = failed("writing", to->path, sums_name, err);
    return finish_file(to, sums_name, target, status, err);
}

static int fill_backup(struct lmdb_journal *journal, const struct home *to, uint64_t *size_bytes,
                       struct error *err) {
    struct buffer sums = BUFFER_EMPTY;
    int status = copy_environment(&journal->inbox, to, &sums, size_bytes, err);
    if (!status) status = copy_environment(&journal->file, to, &sums, size_bytes, err);
    if (!status) status = write_sums(to, &sums, err);
    if (!status) status = home_sync(to, err);
    buffer_done(&sums);
    return status;
}

static int place_backup(const char *partial, const char *folder, struct error *err) {
    if (rename(partial, folder) == 0) return sync_parent(folder, err);
    if (errno == ENOTEMPTY || errno == EEXIST) return check_empty(folder, err);
    return error_set(err, TEND_EIO, "renaming %s to %s: %s", partial, folder, strerror(errno));
}

int lmdb_backup(struct journal *base, const char *folder, uint64_t *size_bytes, struct error *err) {
    char target[PATH_MAX], partial[PATH_MAX + 16];
    struct home to = {NULL, -1};
    uint64_t size = 0;
    size_t length = strlen(folder);
    while (length > 1 && folder[length - 1] == '/') length--;
    if (length == 0 || length >= sizeof target)
        return error_set(err, TEND_EINPUT, "a backup needs the name of a folder");
    snprintf(target, sizeof target, "%.*s", (int)length, folder);
    int status = check_empty(target, err);
    if (status) return status;
    snprintf(partial, sizeof partial, "%s.partial-XXXXXX", target);
    if (!mkdtemp(partial))
        return error_set(err, errno == ENOENT ? TEND_ENOENT : TEND_EIO, "making %s: %s", partial,
                         strerror(errno));
    status = home_open(&to, partial, false, err);
    if (!status) status = fill_backup(lmdb_journal_of(base), &to, &size, err);
    if (!status) status = place_backup(partial, target, err);
    if (status && to.path) remove_folder(&to);
    home_done(&to);
    if (!status) *size_bytes = size;
    return status;
}

/* ---- restore ---- */

static int copy_file(const struct home *from, const struct home *to, const char *name,
                     struct error *err) {
    static const size_t block_bytes = (size_t)1 << 20;
    int target = -1, source = openat(from->folder, name, O_RDONLY | O_CLOEXEC), status = 0;
    struct buffer block = BUFFER_EMPTY;
    ssize_t count = 0;
    if (source < 0) return failed("reading", from->path, name, err);
    char *place = buffer_grow(&block, block_bytes);
    status = place ? create_file(to, name, &target, err) : error_no_memory(err);
    while (!status && (count = read(source, place, block_bytes)) > 0)
        if (write_all(target, place, (size_t)count))
            status = failed("writing", to->path, name, err);
    if (!status && count < 0) status = failed("reading", from->path, name, err);
    if (target >= 0) status = finish_file(to, name, target, status, err);
    buffer_done(&block);
    close(source);
    return status;
}

/* One line of the backup's checksums against the copy that was made. */
static int check_sum(const struct home *copy, const char *line, struct error *err) {
    char wanted[ID_HASH_TEXT], name[64], hash[ID_HASH_TEXT];
    unsigned long long wanted_size;
    uint64_t size;
    if (sscanf(line, "%64s %llu %63s", wanted, &wanted_size, name) != 3 ||
        (strcmp(name, journal_name) != 0 && strcmp(name, inbox_name) != 0))
        return error_set(err, TEND_EFORMAT, "the backup's checksums are damaged");
    int status = sum_file(copy, name, hash, &size, err);
    if (status || (size == wanted_size && strcmp(hash, wanted) == 0)) return status;
    return error_set(err, TEND_EFORMAT,
                     "the backup is damaged: its %s is not what was written (%llu bytes then, %llu "
                     "now)",
                     name, wanted_size, (unsigned long long)size);
}

/* A plain copy of a home has none. */
static int check_sums(const struct home *from, const struct home *copy, struct error *err) {
    char text[1024] = "", *rest = text;
    int file = openat(from->folder, sums_name, O_RDONLY | O_CLOEXEC), status = 0;
    if (file < 0) return errno == ENOENT ? 0 : failed("reading", from->path, sums_name, err);
    ssize_t size = read(file, text, sizeof text - 1);
    if (size < 0) status = failed("reading", from->path, sums_name, err);
    close(file);
    for (char *line; !status && (line = strsep(&rest, "\n"));)
        if (*line) status = check_sum(copy, line, err);
    return status;
}

/* Opens the copy as a journal: its format, its size. Its next owner's number is a new one. */
static int check_copy(const struct home *copy, struct error *err) {
    struct lmdb_file file = {.env = NULL}, inbox = {.env = NULL};
    MDB_dbi dbis[TABLE_COUNT];
    MDB_txn *txn;
    uint64_t fence = 0;
    int status = lmdb_file_create(copy, &lmdb_inbox_layout, err); /* where a plain copy lacks it */
    if (!status) status = lmdb_file_open(&inbox, copy, &lmdb_inbox_layout, false, dbis, err);
    lmdb_file_close(&inbox);
    if (!status) status = lmdb_file_open(&file, copy, &lmdb_layout, false, dbis, err);
    if (status) return status;
    status = lmdb_file_begin(&file, 0, &txn, err);
    if (!status) {
        int code = lmdb_meta_get(txn, dbis[TABLE_META], "fence", &fence);
        if (!code) code = lmdb_meta_put(txn, dbis[TABLE_META], "fence", fence + fence_leap);
        if (code) lmdb_file_abort(&file, txn);
        status = code ? lmdb_file_error(&file, code, "raising the fence", err)
                      : lmdb_file_commit(&file, txn, err);
    }
    lmdb_file_close(&file);
    return status;
}

static int make_copy(const struct home *from, const struct home *home, struct home *copy,
                     struct error *err) {
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", home->path, partial_name);
    if (home_open(copy, path, false, NULL) == 0) remove_folder(copy); /* of one that was killed */
    home_done(copy);
    int status = home_open(copy, path, true, err);
    if (!status) status = copy_file(from, copy, journal_name, err);
    if (!status && faccessat(from->folder, inbox_name, F_OK, 0) == 0)
        status = copy_file(from, copy, inbox_name, err);
    if (!status) status = check_sums(from, copy, err);
    if (!status) status = check_copy(copy, err);
    if (!status) status = home_sync(copy, err);
    return status;
}

static int move_file(const struct home *from, const struct home *to, const char *name,
                     const char *suffix, bool is_needed, struct error *err) {
    char file[NAME_MAX];
    snprintf(file, sizeof file, "%s%s", name, suffix);
    if (renameat(from->folder, file, to->folder, file) == 0) return 0;
    return errno == ENOENT && !is_needed ? 0 : failed("moving", from->path, file, err);
}

/* A new folder in the home, named after the time. */
static int make_aside(const struct home *home, char *path, size_t size, struct home *ret,
                      struct error *err) {
    char name[64];
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    (void)strftime(name, sizeof name, "old-%Y%m%dT%H%M%SZ", &tm);
    int count = 1, code;
    do {
        snprintf(path, size, "%s/%s", home->path, name);
        if (count > 1) snprintf(path, size, "%s/%s-%d", home->path, name, count);
        code = mkdir(path, 0700) == 0 ? 0 : errno;
    } while (code == EEXIST && count++ < 1000);
    if (code) return error_set(err, TEND_EIO, "making %s: %s", path, strerror(code));
    return home_open(ret, path, false, err);
}

/* With the lock files: who still reads the old journal goes on with its own. The journal goes
 * first, for without it the home has none. */
static int move_aside(const struct home *home, struct journal_restored *ret, struct error *err) {
    struct home old = {NULL, -1};
    int status = make_aside(home, ret->moved_to, sizeof ret->moved_to, &old, err);
    if (!status) status = move_file(home, &old, journal_name, "", true, err);
    if (!status) status = move_file(home, &old, journal_name, "-lock", false, err);
    if (!status) status = move_file(home, &old, inbox_name, "", false, err);
    if (!status) status = move_file(home, &old, inbox_name, "-lock", false, err);
    if (!status) status = home_sync(&old, err);
    home_done(&old);
    return status;
}

/* The inbox first: whoever sees a journal sees its inbox. */
static int place_copy(const struct home *copy, const struct home *home, struct error *err) {
    int status = move_file(copy, home, inbox_name, "", true, err);
    if (!status) status = move_file(copy, home, journal_name, "", true, err);
    return status ? status : home_sync(home, err);
}

static int check_source(const struct home *from, const char *backup, const struct home *home,
                        struct error *err) {
    if (strcmp(from->path, home->path) == 0)
        return error_set(err, TEND_EINPUT, "%s is the home itself", backup);
    if (faccessat(from->folder, journal_name, F_OK, 0) != 0)
        return error_set(err, TEND_ENOENT, "no backup in %s: there is no %s/%s", backup, backup,
                         journal_name);
    int64_t pid = owner_pid(from->folder);
    if (!pid) return 0;
    return error_set(err, TEND_EBUSY,
                     "%s is the home of process %lld, which writes to it: `tend backup` makes a "
                     "copy that can be restored",
                     backup, (long long)pid);
}

static int restore_locked(const struct home *from, const struct home *home, bool is_forced,
                          struct journal_restored *ret, struct error *err) {
    struct home copy = {NULL, -1};
    struct stat stat_now;
    bool has_journal = faccessat(home->folder, journal_name, F_OK, 0) == 0;
    if (has_journal && !is_forced)
        return error_set(err, TEND_ECONFLICT,
                         "%s has a journal already; --force moves it aside, into a folder there",
                         home->path);
    int status = make_copy(from, home, &copy, err);
    if (!status && fstatat(copy.folder, journal_name, &stat_now, 0) == 0)
        ret->size_bytes = (uint64_t)stat_now.st_size;
    if (!status && has_journal) status = move_aside(home, ret, err);
    if (!status) status = place_copy(&copy, home, err);
    if (copy.path) remove_folder(&copy);
    home_done(&copy);
    return status;
}

int lmdb_journal_restore(const char *backup, const char *home_path, bool is_forced,
                         struct journal_restored *ret, struct error *err) {
    struct journal_restored restored = {.moved_to = ""};
    struct home from = {NULL, -1}, home = {NULL, -1};
    int owner = -1;
    int status = home_open(&from, backup, false, err);
    if (status == TEND_ENOENT)
        status = error_set(err, TEND_ENOENT, "no backup: %s isn't there", backup);
    if (!status) status = home_open(&home, home_path, true, err);
    if (!status) status = check_source(&from, backup, &home, err);
    if (!status) status = owner_take(home.folder, home_path, &owner, err);
    if (!status) status = restore_locked(&from, &home, is_forced, &restored, err);
    owner_release(owner);
    home_done(&home);
    home_done(&from);
    if (!status) *ret = restored;
    return status;
}
