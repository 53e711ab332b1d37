/* tend fork RUN --at STEP: a new run with what another recorded before a step. */
#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "cli/command.h"
#include "engine/dry_replay.h"
#include "engine/inbox.h"

static const char help[] =
    "usage: tend fork RUN --at STEP [--source recorded|current] [--id ID]\n\n"
    "Makes a new run that has what RUN recorded before STEP (a key, as `tend show` lists them), "
    "and "
    "goes\n"
    "its own way from there: STEP and what follows are done anew. Prints its id; an engine goes on "
    "with it\n"
    "(`tend serve`, or `tend resume ID`).\n\n"
    "  --at STEP        the step before which it begins\n"
    "  --source SOURCE  recorded: the sources that RUN has (default); current: as they are now,\n"
    "                   if what was recorded before STEP fits them\n"
    "  --id ID          its id (default: a new one)\n\n"
    "exit: 0 made, 2 no such run or step, the id is taken, or the sources don't fit\n";

struct asked {
    struct fork fork;
    bool wants_current;
};

static int read_source(struct asked *asked, const char *text) {
    asked->wants_current = strcmp(text, "current") == 0;
    if (asked->wants_current || strcmp(text, "recorded") == 0) return 0;
    return misuse(&command_fork, "--source is recorded or current, not '%s'", text);
}

static int read_options(int argc, char **argv, struct place *place, struct asked *asked) {
    static const struct option options[] = {{"at", required_argument, NULL, 'a'},
                                            {"source", required_argument, NULL, 's'},
                                            {"id", required_argument, NULL, 'i'},
                                            SHARED_OPTIONS};
    int option, code = 0;
    while (!code && (option = getopt_long(argc, argv, "hq", options, NULL)) != -1) {
        switch (option) {
        case 'a': asked->fork.at = optarg; break;
        case 's': code = read_source(asked, optarg); break;
        case 'i': asked->fork.id = optarg; break;
        case 'h': fputs(help, stdout); return -1;
        default:
            if (place_option(place, &command_fork, option)) return EXIT_USAGE;
        }
    }
    if (!code && optind + 1 != argc) code = misuse(&command_fork, "give one RUN");
    if (!code && !asked->fork.at) code = misuse(&command_fork, "say where: --at STEP");
    asked->fork.of = argv[optind];
    return code;
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
    place_init(&place);
    int code = read_options(argc, argv, &place, &asked);
    if (code) return code < 0 ? 0 : code;
    place_settle(&place);
    code = open_client(&place, &journal);
    if (code) return place_done(&place), code;
    id_uuid7(clock_wall_us(clock_system()), id);
    if (!asked.fork.id) asked.fork.id = id;
    if (ask(&place, &asked, journal, &err)) code = complain(exit_code_of(&err), "%s", err.message);
    finish(&place, journal, asked.fork.id, code);
    place_done(&place);
    return code;
}

const struct command command_fork = {
    .name = "fork", .summary = "begin a new run from a step of another", .run = run, .help = help};
