/* tend restore DIR: a backup becomes the home's journal. */
#include <stdio.h>

#include "cli/command.h"

static const char help[] =
    "usage: tend restore DIR [--force] [--json]\n\n"
    "Makes a backup (DIR) the journal of the home, which nobody may own meanwhile. The backup "
    "stays\n"
    "as it is. Its checksums and its format are looked at first. Unfinished runs go on from where\n"
    "the backup has them: what they did since then outside is done again.\n\n"
    "  --force  a journal that is there is moved aside, into a folder of the home\n"
    "  --json   one object: home, bytes, moved_to\n\n"
    "exit: 0 done, 1 damaged, of a newer format, or the disk refused, 2 usage, no backup, the "
    "home\n"
    "has a journal or is in use\n";

static int print_restored(const struct place *place, const struct journal_restored *restored,
                          bool is_json) {
    struct buffer out = BUFFER_EMPTY;
    if (!is_json) {
        printf("%s: %llu bytes restored\n", place->home, (unsigned long long)restored->size_bytes);
        if (restored->moved_to[0]) printf("its journal before: %s\n", restored->moved_to);
        return fflush(stdout) ? complain(EXIT_FAILED, "standard output: could not be written") : 0;
    }
    pack_map(&out, 3);
    pack_member_text(&out, "home", place->home);
    pack_member_integer(&out, "bytes", (int64_t)restored->size_bytes);
    pack_text(&out, "moved_to");
    if (restored->moved_to[0]) pack_text(&out, restored->moved_to);
    else pack_null(&out);
    int code = print_json(buffer_bytes(&out), 0);
    buffer_done(&out);
    return code;
}

static int run(int argc, char **argv) {
    static const struct option options[] = {
        {"force", no_argument, NULL, 'f'}, {"json", no_argument, NULL, 'j'}, SHARED_OPTIONS};
    struct journal_restored restored;
    struct place place;
    struct error err;
    bool is_json = false, is_forced = false;
    int option;
    place_init(&place);
    while ((option = getopt_long(argc, argv, "hq", options, NULL)) != -1) {
        if (option == 'h') return fputs(help, stdout), 0;
        if (option == 'j') is_json = true;
        else if (option == 'f') is_forced = true;
        else if (place_option(&place, &command_restore, option)) return EXIT_USAGE;
    }
    if (optind + 1 != argc) return misuse(&command_restore, "give one DIR");
    if (journal_restore(argv[optind], place.home, is_forced, &restored, &err))
        return complain(exit_code_of(&err), "%s", err.message);
    return print_restored(&place, &restored, is_json);
}

const struct command command_restore = {
    .name = "restore", .summary = "bring a backup back", .run = run, .help = help};
