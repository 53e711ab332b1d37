/* What the engine's tests share: packed values from JSON, a journal in a folder of its own, files.
 */
#ifndef TEND_TEST_ENGINE_SUPPORT_H
#define TEND_TEST_ENGINE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/memory.h"
#include "journal/journal.h"

#define UNUSED __attribute__((unused))

/* Packs a JSON text; the caller releases it. */
UNUSED static struct buffer packed(const char *json) {
    struct buffer out = BUFFER_EMPTY;
    struct error err;
    if (json_read(bytes_of(json), &out, &err)) fail_msg("%s: %s", json, err.message);
    return out;
}

UNUSED static void assert_json(struct bytes got, const char *wanted) {
    struct buffer text = BUFFER_EMPTY;
    struct error err;
    if (json_write_packed(got, &text, &err)) fail_msg("no JSON: %s", err.message);
    assert_string_equal(text.data, wanted);
    buffer_done(&text);
}

UNUSED static void assert_holds(const char *text, const char *part) {
    if (!strstr(text, part)) fail_msg("'%s' isn't in: %s", part, text);
}

UNUSED static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *ftw) {
    (void)stat, (void)kind, (void)ftw;
    return remove(path);
}

/* *state is the path of a new folder. */
UNUSED static int setup_folder(void **state) {
    char *folder = memory_copy_text("/tmp/tend-engine-XXXXXX");
    if (!folder || !mkdtemp(folder)) return -1;
    *state = folder;
    return 0;
}

UNUSED static int teardown_folder(void **state) {
    nftw(*state, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    memory_free(*state);
    return 0;
}

#define FOLDER_TEST(function)                                                                      \
    cmocka_unit_test_setup_teardown(function, setup_folder, teardown_folder)

UNUSED static struct journal *open_journal(const char *folder) {
    struct journal *journal = NULL;
    struct error err;
    char home[4096];
    snprintf(home, sizeof home, "%s/home", folder);
    if (journal_open(home, JOURNAL_OWNER, &journal, &err)) fail_msg("opening: %s", err.message);
    return journal;
}

/* Writes FOLDER/NAME, with the folder that NAME may have; gives its path, until the next call. */
UNUSED static const char *write_file(const char *folder, const char *name, const char *text) {
    static char path[4096];
    const char *slash = strchr(name, '/');
    if (slash) {
        snprintf(path, sizeof path, "%s/%.*s", folder, (int)(slash - name), name);
        (void)mkdir(path, 0700);
    }
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    if (!file) fail_msg("%s can't be written", path);
    fputs(text, file);
    fclose(file);
    return path;
}

#endif
