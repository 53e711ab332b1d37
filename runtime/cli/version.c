/* tend version. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/libraries.h"

static int print_all(void) {
    struct library list[LIBRARIES_MAX];
    struct buffer packed = BUFFER_EMPTY;
    size_t count = libraries_list(list);
    pack_map(&packed, 2);
    pack_member_text(&packed, "version", TEND_VERSION);
    pack_text(&packed, "libraries");
    pack_map(&packed, count);
    for (size_t i = 0; i < count; i++)
        pack_member_text(&packed, list[i].name, list[i].version[0] ? list[i].version : NULL);
    int code = print_json(buffer_bytes(&packed), 0);
    buffer_done(&packed);
    return code;
}

static int run(int argc, char **argv) {
    struct place place;
    bool is_json = false;
    int code = command_options(&command_version, &place, argc, argv, command_take_flag, &is_json);
    if (code) return code < 0 ? 0 : code;
    if (optind != argc) return misuse(&command_version, "it takes options only");
    if (is_json) return print_all();
    puts("tend " TEND_VERSION);
    return 0;
}

static const struct command_option options[] = {
    {'j', "json", NULL, "One object: version, and libraries, a map of names and versions."}, {0}};

const struct command command_version = {
    "version", "print the version", run, "Prints the version.", options, "", "0 printed"};
