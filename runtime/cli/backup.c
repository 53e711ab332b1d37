/* tend backup DIR: a copy of the journal, also while an engine writes it. */
#include <stdio.h>

#include "cli/command.h"

static const char help[] =
    "usage: tend backup DIR [--json]\n\n"
    "Copies the journal and its inbox into DIR, a new or an empty folder; an engine may run on\n"
    "meanwhile. The copy is compact and holds one moment. It is written beside DIR and renamed: "
    "what\n"
    "is called DIR is whole and on disk. `tend --home DIR` reads it, `tend restore` brings it "
    "back.\n\n"
    "  --json  one object: folder, bytes\n\n"
    "exit: 0 done, 1 the disk refused, 2 usage, no journal, DIR isn't empty\n";

static int print_made(const char *folder, uint64_t size_bytes, bool is_json) {
    struct buffer out = BUFFER_EMPTY;
    if (!is_json) {
        printf("%s: %llu bytes\n", folder, (unsigned long long)size_bytes);
        return fflush(stdout) ? complain(EXIT_FAILED, "standard output: could not be written") : 0;
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
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, SHARED_OPTIONS};
    struct place place;
    bool is_json = false;
    int option;
    place_init(&place);
    while ((option = getopt_long(argc, argv, "hq", options, NULL)) != -1) {
        if (option == 'h') return fputs(help, stdout), 0;
        if (option == 'j') is_json = true;
        else if (place_option(&place, &command_backup, option)) return EXIT_USAGE;
    }
    if (optind + 1 != argc) return misuse(&command_backup, "give one DIR");
    return back_up(&place, argv[optind], is_json);
}

const struct command command_backup = {
    .name = "backup", .summary = "copy the journal while it is in use", .run = run, .help = help};
