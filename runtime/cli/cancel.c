/* tend cancel RUN: ends a run, with its cleanup. */
#include <stdio.h>

#include "cli/command.h"
#include "engine/inbox.h"

static const char help[] =
    "usage: tend cancel RUN\n\n"
    "Asks a run to end: `cancelled` is raised at the primitive where it waits, what is under way "
    "is\n"
    "ended, its <close> variables and error handlers run (for at most limits.cancel_grace, 60 s), "
    "and\n"
    "its state becomes `cancelled`. Runs that it invoked are cancelled too. Without an engine the\n"
    "request waits until one owns the home.\n\n"
    "exit: 0 asked for, 2 no such run, or it has ended\n";

static int cancel(const struct place *place, const char *id) {
    struct journal *journal;
    struct error err;
    int code = open_client(place, &journal);
    if (code) return code;
    if (inbox_ask_cancel(journal, id, &err)) code = complain(exit_code_of(&err), "%s", err.message);
    else if (!place->is_quiet && journal_owner(journal) == 0)
        fprintf(stderr, "tend: asked for; no engine runs now: `tend resume %s` carries it out\n",
                id);
    journal_close(journal);
    return code;
}

static int run(int argc, char **argv) {
    struct place place;
    int code = place_options(&place, &command_cancel, argc, argv);
    if (code) return code < 0 ? 0 : code;
    if (optind + 1 != argc) return misuse(&command_cancel, "give one RUN");
    return cancel(&place, argv[optind]);
}

const struct command command_cancel = {"cancel", "end a run, with its cleanup", run, help};
