/* tend serve: the engine as a service. */
#include <stdio.h>
#include <unistd.h>

#include "cli/command.h"

struct serving {
    const struct place *place;
    struct engine *engine;
    size_t count; /* of runs that were taken up */
    uv_timer_t ready;
};

/* The loop turns, and signals are listened to: said only now, so that who waits for it may stop it
 * at once. */
static void on_ready(uv_timer_t *timer) {
    const struct serving *serving = timer->data;
    size_t schedules = engine_schedule_count(serving->engine), count = serving->count;
    fprintf(stderr, "tend: serving %s (pid %d): %zu schedule%s, %zu unfinished run%s taken up\n",
            serving->place->home, (int)getpid(), schedules, schedules == 1 ? "" : "s", count,
            count == 1 ? "" : "s");
    notify("READY=1");
}

static int serve(const struct place *place) {
    struct engine_options options = {.home = place->home,
                                     .config = place->config,
                                     .sources = place_sources(place),
                                     .observer = progress_observer(place),
                                     .limits = place->limits,
                                     .is_server = true};
    struct engine *engine;
    struct error err;
    struct serving serving = {.place = place};
    if (engine_new(&options, &engine, &err)) return complain(exit_code_of(&err), "%s", err.message);
    int code = engine_resume_all(engine, &serving.count, &err)
                   ? complain(EXIT_FAILED, "%s", err.message)
                   : 0;
    if (!code) {
        serving.engine = engine;
        uv_timer_init(engine_loop(engine), &serving.ready);
        serving.ready.data = &serving;
        uv_timer_start(&serving.ready, on_ready, 0, 0);
        code = drive(engine, 0, NULL, NULL);
        notify("STOPPING=1");
    }
    engine_free(engine);
    if (code < 0) fputs("tend: stopped\n", stderr);
    return code < 0 ? 0 : code;
}

static int take(void *context, int option, const char *argument) {
    (void)option;
    return place_limit(context, &command_serve, argument);
}

static int run(int argc, char **argv) {
    struct place place;
    int code = command_options(&command_serve, &place, argc, argv, take, &place);
    if (code) return code < 0 ? 0 : code;
    if (optind != argc) return misuse(&command_serve, "it takes options only");
    place_settle(&place);
    code = serve(&place);
    place_done(&place);
    return code;
}

static const struct command_option options[] = {LIMIT_OPTION, {0}};

const struct command command_serve = {
    "serve",
    "run schedules and unfinished runs, as a service",
    run,
    "Owns the home: resumes what is unfinished, runs the schedules of the project's workflows (and "
    "of the shipped ones that tend.lua names), and takes over what other commands ask for. Ends on "
    "SIGTERM or Ctrl-C; what was under way goes on at the next start.",
    options,
    "",
    "0 stopped, 1 the journal broke, 2 usage or configuration"};
