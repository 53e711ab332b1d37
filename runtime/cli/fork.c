/* tend fork RUN --at STEP: a new run with what another recorded before a step. */
#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "cli/command.h"
#include "engine/dry_replay.h"
#include "engine/inbox.h"

struct asked {
    struct fork fork;
    bool wants_current;
};

static int read_source(struct asked *asked, const char *text) {
    asked->wants_current = strcmp(text, "current") == 0;
    if (asked->wants_current || strcmp(text, "recorded") == 0) return 0;
    return misuse(&command_fork, "--source is recorded or current, not '%s'", text);
}

static int take(void *context, int option, const char *argument) {
    struct asked *asked = context;
    if (option == 's') return read_source(asked, argument);
    if (option == 'a') asked->fork.at = argument;
    else asked->fork.id = argument;
    return 0;
}

static int ask(const struct place *place, struct asked *asked, struct journal *journal,
               struct error *err) {
    struct sources sources = place_sources(place);
    struct bundle bundle = {0};
    struct record of;
    uint32_t upto;
    int status = fork_find(journal, &asked->fork, &of, &upto, err);
    if (!status && asked->wants_current)
        status = bundle_current(&sources, journal, &of, &bundle, err);
    struct dry_replay how = {of.number, &bundle, upto, false};
    if (!status && asked->wants_current) status = dry_replay_client(journal, &how, err);
    if (!status)
        status = inbox_ask_fork(journal, &asked->fork, asked->wants_current ? &bundle : NULL, err);
    bundle_done(&bundle);
    return status;
}

static int run(int argc, char **argv) {
    struct asked asked = {.fork = {0}};
    struct place place;
    struct journal *journal;
    struct error err;
    char id[ID_UUID_TEXT];
    char of[JOURNAL_ID_MAX + 1];
    int code = command_options(&command_fork, &place, argc, argv, take, &asked);
    if (code) return code < 0 ? 0 : code;
    if (optind + 1 != argc) return misuse(&command_fork, "give one RUN");
    if (!asked.fork.at) return misuse(&command_fork, "say where: --at STEP");
    place_settle(&place);
    code = open_run(&place, argv[optind], &journal, of);
    if (code) return place_done(&place), code;
    asked.fork.of = of;
    id_uuid7(clock_wall_us(clock_system()), id);
    if (!asked.fork.id) asked.fork.id = id;
    if (ask(&place, &asked, journal, &err)) code = complain(exit_code_of(&err), "%s", err.message);
    finish(&place, journal, asked.fork.id, code);
    place_done(&place);
    return code;
}

static const struct command_option options[] = {
    {'a', "at", "STEP", "The step before which it begins."},
    {'s', "source", "SOURCE",
     "recorded: the sources that RUN has (default); current: as they are now, if what was recorded "
     "before STEP fits them."},
    {'i', "id", "ID", "Its id (default: a new one)."},
    {0}};

const struct command command_fork = {
    .name = "fork",
    .summary = "begin a new run from a step of another",
    .run = run,
    .help =
        "Makes a new run that has what RUN recorded before STEP (a key, as `tend show` lists "
        "them), and goes its own way from there: STEP and what follows are done anew. Prints its "
        "id; an engine goes on with it (`tend serve`, or `tend resume ID`).",
    .options = options,
    .arguments = "RUN",
    .exits = "0 made, 2 no such run or step, the id is taken, or the sources don't fit"};
