/* tend restore DIR: a backup becomes the home's journal. */
#include <stdio.h>

#include "cli/command.h"

static int print_restored(const struct place *place, const struct journal_restored *restored,
                          bool is_json) {
    struct buffer out = BUFFER_EMPTY;
    if (!is_json) {
        printf("%s: %llu bytes restored\n", place->home, (unsigned long long)restored->size_bytes);
        if (restored->moved_to[0]) printf("its journal before: %s\n", restored->moved_to);
        return print_end();
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

struct asked {
    bool is_json, is_forced;
};

static int take(void *context, int option, const char *argument) {
    struct asked *asked = context;
    (void)argument;
    if (option == 'j') asked->is_json = true;
    else asked->is_forced = true;
    return 0;
}

static int run(int argc, char **argv) {
    struct journal_restored restored;
    struct place place;
    struct error err;
    struct asked asked = {false, false};
    int code = command_options(&command_restore, &place, argc, argv, take, &asked);
    if (code) return code < 0 ? 0 : code;
    if (optind + 1 != argc) return misuse(&command_restore, "give one DIR");
    if (journal_restore(argv[optind], place.home, asked.is_forced, &restored, &err))
        return complain(exit_code_of(&err), "%s", err.message);
    return print_restored(&place, &restored, asked.is_json);
}

static const struct command_option options[] = {
    {'f', "force", NULL, "A journal that is there is moved aside, into a folder of the home."},
    {'j', "json", NULL, "One object: home, bytes, moved_to."},
    {0}};

const struct command command_restore = {
    .name = "restore",
    .summary = "bring a backup back",
    .run = run,
    .help =
        "Makes a backup (DIR) the journal of the home, which nobody may own meanwhile. The backup "
        "stays as it is. Its checksums and its format are looked at first. Unfinished runs go on "
        "from where the backup has them: what they did since then outside is done again.",
    .options = options,
    .arguments = "DIR",
    .exits =
        "0 done, 1 damaged, of a newer format, or the disk refused, 2 usage, no backup, the home "
        "has a journal or is in use"};
