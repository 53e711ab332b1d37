/* The crash mark; see crash_mark.h. */
#include "engine/crash_mark.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/id.h"
#include "base/memory.h"

static const char magic[8] = {'t', 'e', 'n', 'd', 'm', 'a', 'r', 'k'};
enum { VERSION = 1 };

struct contents { /* of the file */
    char magic[8];
    uint32_t version;
    uint32_t slots;
    char life[CRASH_MARK_LIFE + 7]; /* hex digits, zeros behind */
    atomic_uint children;
    atomic_uint is_ending;
    crash_slot runs[CRASH_MARK_SLOTS];
};

struct crash_mark {
    struct contents *contents;
    size_t slots_taken;
    bool has_begun;
};

static int trouble(const char *path, const char *doing, struct error *err) {
    int status = errno == ENOSPC || errno == EDQUOT ? TEND_ESPACE : TEND_EIO;
    return error_set(err, status, "%s %s: %s", doing, path, strerror(errno));
}

static bool is_ours(const struct contents *contents) {
    if (memcmp(contents->magic, magic, sizeof magic) != 0 || contents->version != VERSION ||
        contents->slots != CRASH_MARK_SLOTS)
        return false;
    return strspn(contents->life, "0123456789abcdef") == CRASH_MARK_LIFE - 1 &&
           contents->life[CRASH_MARK_LIFE - 1] == '\0';
}

/* Every byte is written, not only reserved: a page of a mapped file that finds no room when it is
 * stored to ends the process. */
static int make_anew(int file, const char *path, struct error *err) {
    char zeros[sizeof(struct contents)] = {0};
    ssize_t written = 0;
    if (ftruncate(file, 0) != 0 || (written = pwrite(file, zeros, sizeof zeros, 0)) < 0)
        return trouble(path, "writing", err);
    errno = ENOSPC; /* a write that stops short */
    return written == (ssize_t)sizeof zeros ? 0 : trouble(path, "writing", err);
}

static int check_size(int file, const char *path, struct error *err) {
    struct stat stat;
    if (fstat(file, &stat) != 0) return trouble(path, "reading", err);
    return stat.st_size == (off_t)sizeof(struct contents) ? 0 : make_anew(file, path, err);
}

static int map(int file, const char *path, struct contents **ret, struct error *err) {
    int status = check_size(file, path, err);
    if (status) return status;
    void *contents =
        mmap(NULL, sizeof(struct contents), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (contents == MAP_FAILED) return trouble(path, "mapping", err);
    *ret = contents;
    return 0;
}

static void read_left(struct contents *contents, struct crash_left *left) {
    *left = (struct crash_left){.life = ""};
    if (!is_ours(contents)) return;
    left->had_children = atomic_load(&contents->children) != 0;
    for (size_t i = 0; i < CRASH_MARK_SLOTS && !atomic_load(&contents->is_ending); i++) {
        uint64_t number = atomic_load(&contents->runs[i]);
        if (number) left->runs[left->run_count++] = number;
    }
    if (left->had_children || left->run_count) memcpy(left->life, contents->life, CRASH_MARK_LIFE);
}

int crash_mark_open(const char *home, struct crash_mark **ret, struct crash_left *left,
                    struct error *err) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/marks", home);
    struct crash_mark *mark = memory_new(sizeof *mark);
    if (!mark) return error_no_memory(err);
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    int status = file < 0 ? trouble(path, "opening", err) : map(file, path, &mark->contents, err);
    if (file >= 0) close(file);
    if (status) {
        memory_free(mark);
        return status;
    }
    read_left(mark->contents, left);
    *ret = mark;
    return 0;
}

void crash_mark_begin(struct crash_mark *mark) {
    struct contents *contents = mark->contents;
    unsigned char random[(CRASH_MARK_LIFE - 1) / 2];
    id_random(random, sizeof random);
    memset(contents, 0, sizeof *contents);
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(contents->life + 2 * i, 3, "%02x", random[i]);
    contents->version = VERSION;
    contents->slots = CRASH_MARK_SLOTS;
    memcpy(contents->magic, magic, sizeof magic);
    mark->has_begun = true;
}

void crash_mark_end(struct crash_mark *mark) {
    if (mark->has_begun) atomic_store(&mark->contents->is_ending, 1);
}

struct crash_mark *crash_mark_close(struct crash_mark *mark) {
    if (!mark) return NULL;
    if (mark->has_begun) memset(mark->contents, 0, sizeof *mark->contents);
    munmap(mark->contents, sizeof *mark->contents);
    memory_free(mark);
    return NULL;
}

const char *crash_mark_life(const struct crash_mark *mark) { return mark->contents->life; }

crash_slot *crash_mark_slot(struct crash_mark *mark) {
    if (mark->slots_taken == CRASH_MARK_SLOTS) return NULL;
    return &mark->contents->runs[mark->slots_taken++];
}

atomic_uint *crash_mark_children(struct crash_mark *mark) { return &mark->contents->children; }
