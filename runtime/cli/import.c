/* tend import: brings exported runs into a home. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/command.h"
#include "engine/archive.h"

static const size_t block_bytes = (size_t)1 << 20;

/* By its descriptor: /dev/stdin can't be opened where it is a socket. */
static int read_standard_input(struct buffer *text, struct error *err) {
    ssize_t count;
    do {
        char *place = buffer_grow(text, block_bytes);
        if (!place) return error_no_memory(err);
        do count = read(STDIN_FILENO, place, block_bytes);
        while (count < 0 && errno == EINTR);
        text->size -= block_bytes - (size_t)(count > 0 ? count : 0);
    } while (count > 0);
    if (count == 0) return 0;
    return error_set(err, TEND_EIO, "standard input: %s", strerror(errno));
}

static int print_counts(const struct archive_counts *counts, bool is_json) {
    struct buffer out = BUFFER_EMPTY;
    if (!is_json) {
        printf("imported %zu run%s", counts->imported, counts->imported == 1 ? "" : "s");
        if (counts->present)
            printf("; %zu %s there already", counts->present,
                   counts->present == 1 ? "was" : "were");
        puts("");
        return print_end();
    }
    pack_map(&out, 3);
    pack_member_integer(&out, "imported", (int64_t)counts->imported);
    pack_member_integer(&out, "present", (int64_t)counts->present);
    pack_member_integer(&out, "bundles", (int64_t)counts->bundles);
    int code = print_json(buffer_bytes(&out), 0);
    buffer_done(&out);
    return code;
}

static int import(const struct place *place, const char *file, bool is_json) {
    struct buffer text = BUFFER_EMPTY;
    struct archive_counts counts;
    struct journal *journal = NULL;
    struct error err;
    int status = strcmp(file, "-") == 0 ? read_standard_input(&text, &err)
                                        : text_read_file(file, SIZE_MAX / 2, &text, &err);
    if (!status) status = journal_open(place->home, JOURNAL_OWNER, &journal, &err);
    if (!status) {
        status = archive_import(journal, buffer_bytes(&text), &counts, &err);
        if (status) error_context(&err, "%s", strcmp(file, "-") ? file : "standard input");
    }
    int code =
        status ? complain(exit_code_of(&err), "%s", err.message) : print_counts(&counts, is_json);
    journal_close(journal);
    buffer_done(&text);
    return code;
}

static int run(int argc, char **argv) {
    struct place place;
    bool is_json = false;
    int code = command_options(&command_import, &place, argc, argv, command_take_flag, &is_json);
    if (code) return code < 0 ? 0 : code;
    if (optind + 1 != argc) return misuse(&command_import, "give one FILE, or -");
    return import(&place, argv[optind], is_json);
}

static const struct command_option options[] = {
    {'j', "json", NULL, "One object: imported, present, bundles."}, {0}};

const struct command command_import = {
    .name = "import",
    .summary = "bring exported runs into a home",
    .run = run,
    .help =
        "Brings the runs of `tend export` into the home (made if it must be), which no engine may "
        "own meanwhile: all of them, or none. Runs get new numbers and keep their ids; one that "
        "is there already is passed over if it is the same, and an error otherwise. Unfinished "
        "ones go on here with `tend resume` or `tend serve`: see to it that they don't go on "
        "where they came from too.",
    .options = options,
    .arguments = "FILE|-",
    .exits =
        "0 done, 1 no archive, damaged or cut, or the disk refused, 2 usage, no such file, the "
        "home is in use, a run is there with other contents"};
