/* tend upgrade RUN: moves a run to the sources as they are now. */
#include <stdio.h>

#include "cli/command.h"
#include "engine/dry_replay.h"
#include "engine/inbox.h"

static int ask(const struct place *place, const char *id, bool allows_added,
               struct journal *journal, struct error *err) {
    struct sources sources = place_sources(place);
    struct bundle bundle = {0};
    struct record record;
    int status = record_load_by_id(journal, id, &record, err);
    if (!status) status = bundle_current(&sources, journal, &record, &bundle, err);
    struct dry_replay how = {record.number, &bundle, 0, allows_added};
    if (!status) status = dry_replay_client(journal, &how, err);
    if (!status) status = inbox_ask_upgrade(journal, id, &bundle, allows_added, err);
    bundle_done(&bundle);
    return status;
}

static int run(int argc, char **argv) {
    struct place place;
    struct journal *journal;
    struct error err;
    bool allows_added = false;
    char id[JOURNAL_ID_MAX + 1];
    int code =
        command_options(&command_upgrade, &place, argc, argv, command_take_flag, &allows_added);
    if (code) return code < 0 ? 0 : code;
    if (optind + 1 != argc) return misuse(&command_upgrade, "give one RUN");
    place_settle(&place);
    code = open_run(&place, argv[optind], &journal, id);
    if (code) return place_done(&place), code;
    if (ask(&place, id, allows_added, journal, &err))
        code = complain(exit_code_of(&err), "%s", err.message);
    finish(&place, journal, id, code);
    place_done(&place);
    return code;
}

static const struct command_option options[] = {
    {'a', "allow-added", NULL,
     "Steps may have been added before recorded ones: they run when they are reached."},
    {0}};

const struct command command_upgrade = {
    .name = "upgrade",
    .summary = "move a run to the sources as they are now",
    .run = run,
    .help =
        "Moves a run to its workflow's sources as they are now, if what it recorded fits them: it "
        "is played from the top, with nothing executed, and must ask for all that is recorded. A "
        "blocked or stuck run becomes ready. A run that is in memory moves when it is next taken "
        "up. Prints the run's id.",
    .options = options,
    .arguments = "RUN",
    .exits = "0 asked for, 2 no such run, it has ended, or it doesn't fit"};
