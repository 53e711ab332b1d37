/* tend retry RUN: a failed run goes on from the step that failed. */
#include <stdio.h>

#include "cli/command.h"
#include "engine/inbox.h"

static int retry(const struct place *place, const char *given, bool is_json) {
    char id[JOURNAL_ID_MAX + 1];
    struct journal *journal;
    struct error err;
    int code = open_run(place, given, &journal, id);
    if (code) return code;
    bool has_engine = journal_owner(journal) != 0;
    const struct asked_of_run asked = {is_json, true, "", "goes on"};
    if (inbox_ask_retry(journal, id, &err)) code = complain(exit_code_of(&err), "%s", err.message);
    else code = tell_asked(place, id, has_engine, &asked);
    journal_close(journal);
    return code;
}

static int run(int argc, char **argv) {
    struct place place;
    bool is_json = false;
    int code = command_options(&command_retry, &place, argc, argv, command_take_flag, &is_json);
    if (code) return code < 0 ? 0 : code;
    if (optind + 1 != argc) return misuse(&command_retry, "give one RUN");
    return retry(&place, argv[optind], is_json);
}

static const struct command_option options[] = {
    {'j', "json", NULL, "One object: run, and is_waiting (no engine owns the home now)."}, {0}};

const struct command command_retry = {
    "retry",
    "go on with a failed run from the failed step",
    run,
    "Makes a failed run ready again: the step whose error ended "
    "it gets its attempts anew, what was "
    "recorded before it stays, what came later is set aside. "
    "Of a blocked or stuck run nothing is set aside. Prints the run's id; an engine goes on "
    "with it (`tend serve`, or `tend resume RUN`).",
    options,
    "RUN",
    "0 asked for, 2 no such run, or it is neither failed, blocked nor stuck"};
