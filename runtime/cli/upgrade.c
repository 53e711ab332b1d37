/* tend upgrade RUN: moves a run to the sources as they are now. */
#include <stdio.h>

#include "cli/command.h"
#include "engine/dry_replay.h"
#include "engine/inbox.h"

static const char help[] =
    "usage: tend upgrade RUN [--allow-added]\n\n"
    "Moves a run to its workflow's sources as they are now, if what it recorded fits them: it is "
    "played\n"
    "from the top, with nothing executed, and must ask for all that is recorded. A blocked or "
    "stuck "
    "run\n"
    "becomes ready. A run that is in memory moves when it is next taken up. Prints the run's "
    "id.\n\n"
    "  --allow-added  steps may have been added before recorded ones: they run when they are "
    "reached\n\n"
    "exit: 0 asked for, 2 no such run, it has ended, or it doesn't fit\n";

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

static int read_options(int argc, char **argv, struct place *place, bool *allows_added) {
    static const struct option options[] = {{"allow-added", no_argument, NULL, 'a'},
                                            SHARED_OPTIONS};
    int option;
    while ((option = getopt_long(argc, argv, "hq", options, NULL)) != -1) {
        if (option == 'h') return fputs(help, stdout), -1;
        if (option == 'a') *allows_added = true;
        else if (place_option(place, &command_upgrade, option)) return EXIT_USAGE;
    }
    return optind + 1 == argc ? 0 : misuse(&command_upgrade, "give one RUN");
}

static int run(int argc, char **argv) {
    struct place place;
    struct journal *journal;
    struct error err;
    bool allows_added = false;
    place_init(&place);
    int code = read_options(argc, argv, &place, &allows_added);
    if (code) return code < 0 ? 0 : code;
    place_settle(&place);
    code = open_client(&place, &journal);
    if (code) return place_done(&place), code;
    if (ask(&place, argv[optind], allows_added, journal, &err))
        code = complain(exit_code_of(&err), "%s", err.message);
    finish(&place, journal, argv[optind], code);
    place_done(&place);
    return code;
}

const struct command command_upgrade = {.name = "upgrade",
                                        .summary = "move a run to the sources as they are now",
                                        .run = run,
                                        .help = help};
