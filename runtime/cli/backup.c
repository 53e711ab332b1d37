/* tend backup DIR: a copy of the journal, also while an engine writes it. */
#include <stdio.h>

#include "cli/command.h"

static int print_made(const char *folder, uint64_t size_bytes, bool is_json) {
    struct buffer out = BUFFER_EMPTY;
    if (!is_json) {
        printf("%s: %llu bytes\n", folder, (unsigned long long)size_bytes);
        return print_end();
    }
    pack_map(&out, 2);
    pack_member_text(&out, "folder", folder);
    pack_member_integer(&out, "bytes", (int64_t)size_bytes);
    int code = print_json(buffer_bytes(&out), 0);
    buffer_done(&out);
    return code;
}

static int back_up(const struct place *place, const char *folder, bool is_json) {
    struct journal *journal;
    struct error err;
    uint64_t size_bytes;
    int code = open_client(place, &journal);
    if (code) return code;
    if (journal_backup(journal, folder, &size_bytes, &err))
        code = complain(exit_code_of(&err), "%s", err.message);
    else code = print_made(folder, size_bytes, is_json);
    journal_close(journal);
    return code;
}

static int run(int argc, char **argv) {
    struct place place;
    bool is_json = false;
    int code = command_options(&command_backup, &place, argc, argv, command_take_flag, &is_json);
    if (code) return code < 0 ? 0 : code;
    if (optind + 1 != argc) return misuse(&command_backup, "give one DIR");
    return back_up(&place, argv[optind], is_json);
}

static const struct command_option options[] = {{'j', "json", NULL, "One object: folder, bytes."},
                                                {0}};

const struct command command_backup = {
    .name = "backup",
    .summary = "copy the journal while it is in use",
    .run = run,
    .help =
        "Copies the journal and its inbox into DIR, a new or an empty folder; an engine may run "
        "on meanwhile. The copy is compact and holds one moment. It is written beside DIR and "
        "renamed: what is called DIR is whole and on disk. `tend --home DIR` reads it, `tend "
        "restore` brings it back.",
    .options = options,
    .arguments = "DIR",
    .exits = "0 done, 1 the disk refused, 2 usage, no journal, DIR isn't empty"};
