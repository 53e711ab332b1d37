/* tend: finds the command and calls it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "cli/command.h"
#include "engine/point.h"

static const struct command *const commands[] = {&command_run,
                                                 &command_resume,
                                                 &command_runs,
                                                 &command_show,
                                                 &command_signal,
                                                 &command_cancel,
                                                 &command_retry,
                                                 &command_fork,
                                                 &command_upgrade,
                                                 &command_serve,
                                                 &command_schedules,
                                                 &command_prune,
                                                 &command_backup,
                                                 &command_restore,
                                                 &command_export,
                                                 &command_import,
                                                 &command_init,
                                                 &command_check,
                                                 &command_test,
                                                 &command_doctor,
                                                 &command_completion,
                                                 &command_version,
                                                 NULL};
static const struct command *const hidden[] = {&command_complete, &command_man, NULL};

const struct command *const *command_list(void) { return commands; }

static void print_help(FILE *out) {
    struct buffer text = BUFFER_EMPTY;
    buffer_add_text(&text,
                    "tend: durable workflows in Lua, and infrastructure that fixes itself\n\n"
                    "usage: tend COMMAND [OPTION]… …\n\ncommands:\n");
    for (size_t i = 0; commands[i]; i++)
        buffer_add_format(&text, "  %-12s %s\n", commands[i]->name, commands[i]->summary);
    buffer_add_text(&text, "\noptions of every command:\n");
    command_add_options(&text, command_shared());
    buffer_add_text(&text, "\n`tend COMMAND --help` tells more.\n");
    if (!text.is_failed) fputs(text.data, out);
    buffer_done(&text);
}

static const struct command *find(const struct command *const *list, const char *name) {
    for (; *list; list++)
        if (strcmp((*list)->name, name) == 0) return *list;
    return NULL;
}

static int complain_of(const char *name) {
    struct nearest nearest;
    nearest_init(&nearest, name);
    for (size_t i = 0; commands[i]; i++) nearest_try(&nearest, commands[i]->name);
    const char *best = nearest_best(&nearest);
    if (best) return complain(EXIT_USAGE, "no command '%s'; did you mean `tend %s`?", name, best);
    return complain(EXIT_USAGE, "no command '%s'; `tend --help` lists them", name);
}

/* `tend help NAME` is `tend NAME --help`. */
static int help(int argc, char **argv) {
    const struct command *command = argc > 2 ? find(commands, argv[2]) : NULL;
    if (argc > 2 && !command) return complain_of(argv[2]);
    if (command) command_print_help(command);
    else print_help(stdout);
    return 0;
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN);
    points_arm();
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
        return help(argc, argv);
    if (strcmp(name, "--version") == 0) name = "version";
    const struct command *command = find(commands, name);
    if (!command) command = find(hidden, name);
    return command ? command->run(argc - 1, argv + 1) : complain_of(name);
}
