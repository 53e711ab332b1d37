/* tend version. */
#include <stdio.h>

#include "cli/command.h"

static const char help[] = "usage: tend version\n\nPrints the version.\n";

static int run(int argc, char **argv) {
    static const struct option options[] = {SHARED_OPTIONS};
    int option = getopt_long(argc, argv, "h", options, NULL);
    if (option == 'h') return fputs(help, stdout), 0;
    if (option != -1 || optind != argc) return misuse(&command_version, "it takes nothing");
    puts("tend " TEND_VERSION);
    return 0;
}

const struct command command_version = {"version", "print the version", run, help};
