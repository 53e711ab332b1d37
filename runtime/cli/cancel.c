/* tend cancel RUN: ends a run, with its cleanup. */
#include <stdio.h>

#include "cli/command.h"
#include "engine/inbox.h"

static int cancel(const struct place *place, const char *given, bool is_json) {
    char id[JOURNAL_ID_MAX + 1];
    struct journal *journal;
    struct error err;
    int code = open_run(place, given, &journal, id);
    if (code) return code;
    bool has_engine = journal_owner(journal) != 0;
    const struct asked_of_run asked = {is_json, false, "asked for; ", "carries it out"};
    if (inbox_ask_cancel(journal, id, &err)) code = complain(exit_code_of(&err), "%s", err.message);
    else code = tell_asked(place, id, has_engine, &asked);
    journal_close(journal);
    return code;
}

static int run(int argc, char **argv) {
    struct place place;
    bool is_json = false;
    int code = command_options(&command_cancel, &place, argc, argv, command_take_flag, &is_json);
    if (code) return code < 0 ? 0 : code;
    if (optind + 1 != argc) return misuse(&command_cancel, "give one RUN");
    return cancel(&place, argv[optind], is_json);
}

static const struct command_option options[] = {
    {'j', "json", NULL, "One object: run, and is_waiting (no engine owns the home now)."}, {0}};

const struct command command_cancel = {
    "cancel",
    "end a run, with its cleanup",
    run,
    "Asks a run to end: `cancelled` is raised at the primitive where it waits, what is under way "
    "is "
    "ended, its <close> variables and error handlers run (for at most limits.cancel_grace, 60 s), "
    "and its state becomes `cancelled`. Runs that it invoked are cancelled too. Without an engine "
    "the request waits until one owns the home.",
    options,
    "RUN",
    "0 asked for, 2 no such run, or it has ended"};
