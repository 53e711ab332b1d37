/* tend retry RUN: a failed run goes on from the step that failed. */
#include <stdio.h>

#include "cli/command.h"
#include "engine/inbox.h"

static const char help[] =
    "usage: tend retry RUN\n\n"
    "Makes a failed run ready again: the step whose error ended it gets its "
    "attempts anew, what was\n"
    "recorded before it stays, what came later is set aside. Of a blocked or "
    "stuck run nothing is\n"
    "set aside. Prints the "
    "run's id; an engine goes on\n"
    "with it (`tend serve`, or `tend resume RUN`).\n\n"
    "exit: 0 asked for, 2 no such run, or it is neither failed, blocked nor stuck\n";

static int retry(const struct place *place, const char *id) {
    struct journal *journal;
    struct error err;
    int code = open_client(place, &journal);
    if (code) return code;
    if (inbox_ask_retry(journal, id, &err)) {
        code = complain(exit_code_of(&err), "%s", err.message);
    } else {
        puts(id);
        if (!place->is_quiet && journal_owner(journal) == 0)
            fprintf(stderr, "tend: no engine runs now: `tend resume %s` goes on\n", id);
    }
    journal_close(journal);
    return code;
}

static int run(int argc, char **argv) {
    struct place place;
    int code = place_options(&place, &command_retry, argc, argv);
    if (code) return code < 0 ? 0 : code;
    if (optind + 1 != argc) return misuse(&command_retry, "give one RUN");
    return retry(&place, argv[optind]);
}

const struct command command_retry = {"retry", "go on with a failed run from the failed step", run,
                                      help};
