/* tend: finds the command and calls it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "engine/point.h"

static const struct command *const commands[] = {
    &command_run,       &command_resume, &command_runs,   &command_show,    &command_signal,
    &command_cancel,    &command_retry,  &command_fork,   &command_upgrade, &command_serve,
    &command_schedules, &command_prune,  &command_backup, &command_restore, &command_export,
    &command_import,    &command_init,   &command_check,  &command_test,    &command_version};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static void print_help(FILE *out) {
    fputs("tend: durable workflows in Lua, and infrastructure that fixes itself\n\n"
          "usage: tend COMMAND [OPTIONS] …\n\ncommands:\n",
          out);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fputs(
        "\n`tend COMMAND --help` tells more. Shared options: --home DIR (default .tend), --config "
        "FILE\n(default tend.lua beside the workflows), --workflows DIR (repeatable), --quiet,\n"
        "--log-level debug|info|warn|error.\n",
        out);
}

static const struct command *find(const char *name) {
    if (strcmp(name, "--version") == 0) return &command_version;
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i]->name, name) == 0) return commands[i];
    return NULL;
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN);
    points_arm();
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return 0;
    }
    const struct command *command = find(argv[1]);
    if (!command) return complain(EXIT_USAGE, "no command '%s'; `tend --help` lists them", argv[1]);
    return command->run(argc - 1, argv + 1);
}
