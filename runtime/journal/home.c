/* The folder of a journal. A folder that was made is worth nothing before its parent is synced:
 * after a power failure it would be gone, and an acknowledged run with it. */
#include "journal/home.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

static int sync_folder(const char *path, struct error *err) {
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int code = folder < 0 || fsync(folder) != 0 ? errno : 0;
    if (folder >= 0) close(folder);
    if (code) return error_set(err, TEND_EIO, "syncing folder %s: %s", path, strerror(code));
    return 0;
}

/* Makes one folder, and its entry in the folder above durable. */
static int make_one(const char *path, mode_t mode, struct error *err) {
    if (mkdir(path, mode) != 0) {
        if (errno == EEXIST) return 0;
        return error_set(err, TEND_EIO, "making folder %s: %s", path, strerror(errno));
    }
    char parent[PATH_MAX];
    size_t size = strlen(path);
    memcpy(parent, path, size + 1);
    char *slash = strrchr(parent, '/');
    if (!slash) return sync_folder(".", err);
    slash[slash == parent] = '\0';
    return sync_folder(parent, err);
}

static int make_all(const char *path, struct error *err) {
    char part[PATH_MAX];
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/') size--;
    memcpy(part, path, size);
    part[size] = '\0';
    for (size_t i = 1; i < size; i++) {
        if (part[i] != '/' || part[i - 1] == '/') continue;
        part[i] = '\0';
        int status = make_one(part, 0777, err);
        if (status) return status;
        part[i] = '/';
    }
    return make_one(part, 0700, err);
}

int home_open(struct home *home, const char *path, bool is_made, struct error *err) {
    size_t size = strlen(path);
    if (size == 0 || size >= PATH_MAX)
        return error_set(err, TEND_EIO, "home folder: a path of %zu bytes", size);
    int status = is_made ? make_all(path, err) : 0;
    if (status) return status;
    char absolute[PATH_MAX];
    if (!realpath(path, absolute))
        return error_set(err, errno == ENOENT ? TEND_ENOENT : TEND_EIO, "home folder %s: %s", path,
                         strerror(errno));
    int folder = open(absolute, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return error_set(err, TEND_EIO, "opening home folder %s: %s", path, strerror(errno));
    char *copy = memory_copy_text(absolute);
    if (!copy) {
        close(folder);
        return error_no_memory(err);
    }
    *home = (struct home){copy, folder};
    return 0;
}

void home_done(struct home *home) {
    memory_free(home->path);
    if (home->folder >= 0) close(home->folder);
    *home = (struct home){NULL, -1};
}

int home_sync(const struct home *home, struct error *err) {
    if (fsync(home->folder) == 0) return 0;
    return error_set(err, TEND_EIO, "syncing folder %s: %s", home->path, strerror(errno));
}
