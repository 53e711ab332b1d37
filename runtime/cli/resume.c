/* tend resume [RUN | --all]: goes on with what didn't end. */
#include <stdio.h>

#include "cli/command.h"

struct asked {
    struct place *place;
    const char *given;
    bool is_all, is_json;
};

static int resume_one(struct engine *engine, const struct asked *asked, struct live *live) {
    char id[JOURNAL_ID_MAX + 1];
    struct record record = {0};
    struct error err;
    uint64_t number;
    int code = find_run(engine_journal(engine), asked->given, id);
    if (code) return code;
    int status = record_load_by_id(engine_journal(engine), id, &record, &err);
    bool is_blocked = record.status == RUN_BLOCKED || record.status == RUN_STUCK;
    if (!status && (run_status_is_final(record.status) || is_blocked))
        return report_run(engine_journal(engine), id, asked->is_json);
    if (!status) status = engine_resume(engine, id, &number, &err);
    if (status) return complain(exit_code_of(&err), "%s", err.message);
    code = drive(engine, number, id, live);
    return code >= 0 ? code : report_run(engine_journal(engine), id, asked->is_json);
}

static int resume_all(struct engine *engine, struct live *live) {
    struct error err;
    size_t count;
    if (engine_resume_all(engine, &count, &err)) return complain(EXIT_FAILED, "%s", err.message);
    int code = drive(engine, UINT64_MAX, NULL, live);
    return code >= 0 ? code : 0;
}

static int take(void *context, int option, const char *argument) {
    struct asked *asked = context;
    if (option == 'a') asked->is_all = true;
    else if (option == 'j') asked->is_json = true;
    else return place_limit(asked->place, &command_resume, argument);
    return 0;
}

static int read_options(int argc, char **argv, struct place *place, struct asked *asked) {
    asked->place = place;
    int code = command_options(&command_resume, place, argc, argv, take, asked);
    if (code) return code;
    if (asked->is_all ? optind != argc : optind + 1 != argc)
        return misuse(&command_resume, "give one RUN, or --all");
    asked->given = argv[optind];
    return 0;
}

static int run(int argc, char **argv) {
    struct asked asked = {0};
    struct place place;
    struct engine *engine;
    struct error err;
    int code = read_options(argc, argv, &place, &asked);
    if (code) return code < 0 ? 0 : code;
    place_settle(&place);
    struct live *live = live_new(&place);
    struct engine_options settings = {.home = place.home,
                                      .config = place.config,
                                      .sources = place_sources(&place),
                                      .observer = live_observer(live, &place),
                                      .limits = place.limits};
    if (engine_new(&settings, &engine, &err)) {
        code =
            complain(exit_code_of(&err), "%s%s", err.message,
                     err.status == TEND_EBUSY ? " (it resumes what is unfinished by itself)" : "");
    } else {
        code = asked.is_all ? resume_all(engine, live) : resume_one(engine, &asked, live);
        engine_free(engine);
    }
    live_free(live);
    place_done(&place);
    return code;
}

static const struct command_option options[] = {
    {'a', "all", NULL, "All runs that didn't end, until none can go on by itself."},
    {'j', "json", NULL, "The result in one line, nothing else on standard output."},
    LIMIT_OPTION,
    {0}};

const struct command command_resume = {
    "resume",
    "go on with a run that didn't end",
    run,
    "Goes on with a run that didn't end (after an interruption, a crash, a reboot) and prints its "
    "result. RUN is an id, or the beginning or the end of one.",
    options,
    "RUN",
    "as `tend run`; --all: 0"};
