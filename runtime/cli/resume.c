/* tend resume [RUN | --all]: goes on with what didn't end. */
#include <stdio.h>

#include "cli/command.h"

static const char help[] =
    "usage: tend resume RUN [--json]\n       tend resume --all\n\n"
    "Goes on with a run that didn't end (after an interruption, a crash, a reboot) and prints its\n"
    "result; --all goes on with every such run, until none can go on by itself.\n\n"
    "exit: as `tend run`; --all: 0\n";

struct asked {
    const char *id;
    bool is_all, is_json;
};

static int resume_one(struct engine *engine, const struct asked *asked) {
    struct record record = {0};
    struct error err;
    uint64_t number;
    int status = record_load_by_id(engine_journal(engine), asked->id, &record, &err);
    bool is_blocked = record.status == RUN_BLOCKED || record.status == RUN_STUCK;
    if (!status && (run_status_is_final(record.status) || is_blocked))
        return report_run(engine_journal(engine), asked->id, asked->is_json);
    if (!status) status = engine_resume(engine, asked->id, &number, &err);
    if (status) return complain(exit_code_of(&err), "%s", err.message);
    int code = drive(engine, number, asked->id);
    return code >= 0 ? code : report_run(engine_journal(engine), asked->id, asked->is_json);
}

static int resume_all(struct engine *engine) {
    struct error err;
    size_t count;
    if (engine_resume_all(engine, &count, &err)) return complain(EXIT_FAILED, "%s", err.message);
    int code = drive(engine, UINT64_MAX, NULL);
    return code >= 0 ? code : 0;
}

static int read_options(int argc, char **argv, struct place *place, struct asked *asked) {
    static const struct option options[] = {
        {"all", no_argument, NULL, 'a'}, {"json", no_argument, NULL, 'j'}, SHARED_OPTIONS};
    int option;
    while ((option = getopt_long(argc, argv, "hq", options, NULL)) != -1) {
        switch (option) {
        case 'a': asked->is_all = true; break;
        case 'j': asked->is_json = true; break;
        case 'h': fputs(help, stdout); return -1;
        default:
            if (place_option(place, &command_resume, option)) return EXIT_USAGE;
        }
    }
    if (asked->is_all ? optind != argc : optind + 1 != argc)
        return misuse(&command_resume, "give one RUN, or --all");
    asked->id = argv[optind];
    return 0;
}

static int run(int argc, char **argv) {
    struct asked asked = {0};
    struct place place;
    struct engine *engine;
    struct error err;
    place_init(&place);
    int code = read_options(argc, argv, &place, &asked);
    if (code) return code < 0 ? 0 : code;
    place_settle(&place);
    struct engine_options options = {.home = place.home,
                                     .config = place.config,
                                     .sources = place_sources(&place),
                                     .observer = progress_observer(&place)};
    if (engine_new(&options, &engine, &err)) {
        code =
            complain(exit_code_of(&err), "%s%s", err.message,
                     err.status == TEND_EBUSY ? " (it resumes what is unfinished by itself)" : "");
    } else {
        code = asked.is_all ? resume_all(engine) : resume_one(engine, &asked);
        engine_free(engine);
    }
    place_done(&place);
    return code;
}

const struct command command_resume = {"resume", "go on with a run that didn't end", run, help};
