/* tend schedules: what is scheduled, when it ticks next, and what became of its ticks; pausing,
 * resuming, running now, and backfilling. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/command.h"
#include "engine/schedule_record.h"
#include "engine/schedule_set.h"
#include "engine/settings.h"

enum { NEXT_TICKS = 10 };

struct asked {
    const char *action, *name, *from, *to;
    bool is_json;
};

/* What the command works with. */
struct view {
    const struct place *place;
    struct sources sources;
    struct buffer settings;
    struct value_tree settings_tree;
    struct schedule_set *set;
    struct schedule_record *record; /* of the schedule at hand */
};

static void on_tell(void *context, const char *message) {
    (void)context;
    complain(0, "%s", message);
}

static int open_view(struct view *view, struct error *err) {
    char *home = realpath(view->place->home, NULL);
    view->sources = place_sources(view->place);
    view->record = memory_new(sizeof *view->record);
    int status = view->record ? 0 : error_no_memory(err);
    if (!status)
        status = settings_read(view->place->config, home ? home : view->place->home,
                               &view->settings, err);
    free(home);
    if (!status) status = value_read(buffer_bytes(&view->settings), &view->settings_tree, err);
    if (status) return status;
    return schedule_set_new(&view->sources, &view->settings_tree.root, clock_system(), on_tell,
                            NULL, &view->set, err);
}

static void close_view(struct view *view) {
    schedule_set_free(view->set);
    value_tree_done(&view->settings_tree);
    buffer_done(&view->settings);
    memory_free(view->record);
}

/* ---- listing ---- */

static void format_local(const struct schedule *schedule, int64_t tick_us, char *text,
                         size_t size) {
    int64_t seconds = tick_us / 1000000, offset_s = zone_offset(schedule->plan.zone, seconds);
    int64_t minutes = (offset_s < 0 ? -offset_s : offset_s) / 60;
    time_t local = (time_t)(seconds + offset_s);
    struct tm tm;
    char when[32];
    gmtime_r(&local, &tm);
    (void)strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &tm);
    if (offset_s == 0) snprintf(text, size, "%s Z", when);
    else
        snprintf(text, size, "%s %c%02d:%02d", when, offset_s < 0 ? '-' : '+',
                 (int)(minutes / 60 % 100), (int)(minutes % 60));
}

static const char *last_status(struct journal *journal, const struct schedule_record *record,
                               struct record *run) {
    if (!journal || !record->last_run[0]) return NULL;
    return record_load_by_id(journal, record->last_run, run, NULL) ? NULL
                                                                   : run_status_name(run->status);
}

static void print_plain(const struct schedule *schedule, struct journal *journal,
                        const struct schedule_record *record) {
    struct record run;
    const char *status = last_status(journal, record, &run);
    char when[48];
    int64_t tick_us = clock_wall_us(clock_system());
    printf("%s  %s%s  overlap %s, missed %s", schedule->name, schedule->plan.timing,
           record->is_paused ? "  PAUSED" : "", schedule_overlap_name(schedule->plan.overlap),
           schedule_missed_name(schedule->plan.missed));
    if (schedule->plan.jitter_us)
        printf(", starts %.3f s after each tick", (double)schedule->delay_us / 1e6);
    printf("\n  runs %lld, skipped %lld, missed %lld, waiting %zu\n", (long long)record->runs,
           (long long)record->skipped, (long long)record->missed, record->queue_count);
    if (record->last_run[0])
        printf("  last %s%s%s\n", record->last_run, status ? "  " : "", status ? status : "");
    for (int i = 0; i < NEXT_TICKS && schedule_plan_next(&schedule->plan, tick_us, &tick_us); i++) {
        format_local(schedule, tick_us, when, sizeof when);
        printf("  %s %s\n", i ? "    " : "next", when);
    }
}

static void pack_time(struct buffer *out, int64_t at_us) {
    char text[CLOCK_TEXT_MAX];
    clock_format(at_us, text);
    pack_text(out, text);
}

static void pack_next(const struct schedule *schedule, struct buffer *out) {
    int64_t tick_us = clock_wall_us(clock_system());
    size_t opened = pack_list_open(out), count = 0;
    while (count < NEXT_TICKS && schedule_plan_next(&schedule->plan, tick_us, &tick_us)) {
        pack_time(out, tick_us);
        count++;
    }
    pack_close(out, opened, count);
}

static void pack_counts(const struct schedule_record *record, struct buffer *out) {
    pack_member_integer(out, "runs", record->runs);
    pack_member_integer(out, "skipped", record->skipped);
    pack_member_integer(out, "missed", record->missed);
    pack_member_integer(out, "queued", (int64_t)record->queue_count);
}

static void pack_last(struct journal *journal, const struct schedule_record *record,
                      struct buffer *out) {
    struct record run;
    const char *status = last_status(journal, record, &run);
    bool has_run = record->last_run[0] != '\0';
    pack_text(out, "last_run");
    if (has_run) pack_text(out, record->last_run);
    else pack_null(out);
    pack_text(out, "last_status");
    if (status) pack_text(out, status);
    else pack_null(out);
    pack_text(out, "last_tick");
    if (has_run) pack_time(out, record->last_tick_us);
    else pack_null(out);
}

static int print_object(const struct schedule *schedule, struct journal *journal,
                        const struct schedule_record *record) {
    const struct schedule_plan *plan = &schedule->plan;
    struct buffer out = BUFFER_EMPTY;
    pack_map(&out, 18);
    pack_member_text(&out, "name", schedule->name);
    pack_member_text(&out, "workflow", schedule->file->bundle.name);
    pack_text(&out, "project");
    if (schedule->project[0]) pack_text(&out, schedule->project);
    else pack_null(&out);
    pack_member_text(&out, "timing", plan->timing);
    pack_member_text(&out, "timezone", plan->timezone);
    pack_member_integer(&out, "jitter_ms", plan->jitter_us / 1000);
    pack_member_integer(&out, "delay_ms", schedule->delay_us / 1000);
    pack_member_text(&out, "overlap", schedule_overlap_name(plan->overlap));
    pack_member_text(&out, "on_missed", schedule_missed_name(plan->missed));
    pack_member_boolean(&out, "is_paused", record->is_paused);
    pack_counts(record, &out);
    pack_last(journal, record, &out);
    pack_text(&out, "next");
    pack_next(schedule, &out);
    int code = buffer_check(&out, NULL) ? complain(EXIT_FAILED, "no memory")
                                        : print_json(buffer_bytes(&out), 0);
    buffer_done(&out);
    return code;
}

static int list(const struct view *view, bool is_json) {
    struct journal *journal = NULL;
    struct error err;
    int code = 0, status = journal_open(view->place->home, JOURNAL_CLIENT, &journal, &err);
    if (status && status != TEND_ENOENT) return complain(exit_code_of(&err), "%s", err.message);
    if (status) journal = NULL; /* nothing ran yet */
    for (struct schedule *schedule = schedule_set_first(view->set); schedule && !code;
         schedule = schedule_set_next(schedule)) {
        memset(view->record, 0, sizeof *view->record);
        if (journal && schedule_record_load(journal, schedule->name, view->record, &err))
            code = complain(exit_code_of(&err), "%s", err.message);
        else if (is_json) code = print_object(schedule, journal, view->record);
        else print_plain(schedule, journal, view->record);
    }
    journal_close(journal);
    return code;
}

/* ---- changing ---- */

/* Until the engine did it, or for two seconds: it is durable in any case. */
static void await_pause(const struct view *view, struct journal *journal, const char *name,
                        bool is_paused) {
    for (int i = 0; i < 100; i++) {
        if (schedule_record_load(journal, name, view->record, NULL)) return;
        if (view->record->is_paused == is_paused) return;
        usleep(20000);
    }
}

/* Asks the engine that owns the home, or does it where there is none. */
static int give_order(const struct view *view, const struct schedule_order *order) {
    struct journal *journal = NULL;
    struct error err;
    int status = journal_open(view->place->home, JOURNAL_OWNER, &journal, &err);
    if (!status) {
        status = schedule_order_do(journal, order, &err);
    } else if (status == TEND_EBUSY) {
        status = journal_open(view->place->home, JOURNAL_CLIENT, &journal, &err);
        if (!status) status = schedule_order_ask(journal, order, &err);
        if (!status && !order->tick_count)
            await_pause(view, journal, order->name, strcmp(order->action, "pause") == 0);
    }
    journal_close(journal);
    return status ? complain(exit_code_of(&err), "%s", err.message) : 0;
}

/* As `tend run` does it, wherever the home's owner is. */
static int run_now(const struct view *view, const struct schedule *schedule, bool is_json) {
    const struct place *place = view->place;
    const char *arguments[12 + 2 * FOLDERS_MAX];
    char id[SCHEDULE_ID_MAX], when[CLOCK_TEXT_MAX], now[CLOCK_TEXT_MAX];
    struct buffer input = BUFFER_EMPTY;
    struct error err;
    int count = 0;
    char *to = now;
    if (json_write_packed(buffer_bytes(&schedule->input), &input, &err))
        return complain(EXIT_USAGE, "%s: input: %s", schedule->name, err.message);
    clock_format(clock_wall_us(clock_system()), when);
    for (const char *c = when; *c; c++)
        if (*c != '-' && *c != ':') *to++ = *c;
    *to = '\0';
    snprintf(id, sizeof id, "%.90snow.%.24s", schedule->prefix, now);
    const char *const fixed[] = {"run",    schedule->file->path, "--input", input.data, "--id", id,
                                 "--home", place->home};
    for (; count < 8; count++) arguments[count] = fixed[count];
    if (place->config) arguments[count++] = "--config", arguments[count++] = place->config;
    for (size_t i = 0; i < place->folder_count; i++)
        arguments[count++] = "--workflows", arguments[count++] = place->folders[i];
    if (is_json) arguments[count++] = "--json";
    if (place->is_quiet) arguments[count++] = "--quiet";
    arguments[count] = NULL;
    optind = 0; /* getopt begins anew */
    int code = command_run.run(count, (char **)arguments);
    buffer_done(&input);
    return code;
}

static int read_time(const char *option, const char *text, int64_t *us) {
    char whole[64];
    snprintf(whole, sizeof whole, "%.40s%s", text, strlen(text) == 10 ? "T00:00:00Z" : "");
    if (clock_parse(whole, us) == 0) return 0;
    return misuse(&command_schedules, "%s wants a time such as 2026-11-25T02:00:00Z, not '%s'",
                  option, text);
}

/* The ticks of a time, both ends included; -1: more than *ret has room for. */
static int collect_ticks(const struct schedule *schedule, int64_t from_us, int64_t to_us,
                         int64_t ret[SCHEDULE_QUEUE_MAX]) {
    int count = 0;
    for (int64_t tick_us = from_us - 1000000;
         schedule_plan_next(&schedule->plan, tick_us, &tick_us) && tick_us <= to_us;) {
        if (tick_us < from_us) continue;
        if (count == SCHEDULE_QUEUE_MAX) return -1;
        ret[count++] = tick_us;
    }
    return count;
}

static int backfill(const struct view *view, const struct schedule *schedule, int64_t from_us,
                    int64_t to_us) {
    int64_t *ticks = view->record->queue;
    if (schedule->plan.overlap == OVERLAP_CANCEL_RUNNING)
        return complain(EXIT_USAGE,
                        "%s: overlap is cancel_running, so backfilled runs would be "
                        "cancelled by the next tick",
                        schedule->name);
    int count = collect_ticks(schedule, from_us, to_us, ticks);
    if (count < 0)
        return complain(EXIT_USAGE, "%s: more than %d ticks; take a shorter time", schedule->name,
                        SCHEDULE_QUEUE_MAX);
    struct schedule_order order = {schedule->name, "backfill", 0, ticks, (size_t)count};
    int code = count ? give_order(view, &order) : 0;
    if (!code && !view->place->is_quiet)
        fprintf(stderr, "tend: %s: %d tick%s queued; `tend serve` runs them in order\n",
                schedule->name, count, count == 1 ? "" : "s");
    return code;
}

static int backfill_asked(const struct view *view, const struct schedule *schedule,
                          const struct asked *asked) {
    int64_t from_us, to_us, now_us = clock_wall_us(clock_system());
    if (!asked->from) return misuse(&command_schedules, "backfill wants --from TIME");
    if (read_time("--from", asked->from, &from_us)) return EXIT_USAGE;
    to_us = now_us;
    if (asked->to && read_time("--to", asked->to, &to_us)) return EXIT_USAGE;
    if (to_us > now_us) return misuse(&command_schedules, "--to lies in the future");
    if (from_us > to_us || from_us < 1000000)
        return misuse(&command_schedules, "--from must lie before --to, and after 1970");
    return backfill(view, schedule, from_us, to_us);
}

static int act_on(const struct view *view, const struct schedule *schedule,
                  const struct asked *asked) {
    struct schedule_order order = {schedule->name, asked->action, clock_wall_us(clock_system()),
                                   NULL, 0};
    if (strcmp(asked->action, "run") == 0) return run_now(view, schedule, asked->is_json);
    if (strcmp(asked->action, "backfill") == 0) return backfill_asked(view, schedule, asked);
    int code = give_order(view, &order);
    if (!code && !view->place->is_quiet)
        fprintf(stderr, "tend: %s: %sd\n", schedule->name, asked->action);
    return code;
}

static bool is_meant(const struct schedule *schedule, const char *name) {
    return strcmp(schedule->name, name) == 0 || strcmp(schedule->file->bundle.name, name) == 0;
}

static int complain_of_name(const struct view *view, const struct asked *asked, size_t count) {
    struct buffer names = BUFFER_EMPTY;
    for (struct schedule *s = schedule_set_first(view->set); s; s = schedule_set_next(s))
        if (!count || is_meant(s, asked->name)) buffer_add_format(&names, " %s", s->name);
    int code = complain(EXIT_USAGE,
                        count ? "'%s' has several schedules, give one of:%s"
                              : "no schedule '%s'; there are:%s",
                        asked->name, names.size ? names.data : " none");
    buffer_done(&names);
    return code;
}

static int act(const struct view *view, const struct asked *asked) {
    size_t count = 0;
    int code = 0;
    for (struct schedule *s = schedule_set_first(view->set); s; s = schedule_set_next(s))
        count += is_meant(s, asked->name);
    bool is_one = strcmp(asked->action, "run") == 0;
    if (count == 0 || (is_one && count > 1)) return complain_of_name(view, asked, count);
    for (struct schedule *s = schedule_set_first(view->set); s && !code; s = schedule_set_next(s))
        if (is_meant(s, asked->name)) code = act_on(view, s, asked);
    return code;
}

/* ---- the command ---- */

static int read_words(int argc, char **argv, struct asked *asked) {
    static const char *const actions[] = {"pause", "resume", "run", "backfill", NULL};
    if (optind == argc)
        return asked->from || asked->to
                   ? misuse(&command_schedules, "--from and --to go with backfill")
                   : 0;
    asked->action = argv[optind];
    size_t at = 0;
    while (actions[at] && strcmp(actions[at], asked->action) != 0) at++;
    if (!actions[at])
        return misuse(&command_schedules, "'%s' is none of pause, resume, run, backfill",
                      asked->action);
    if (argc - optind != 2) return misuse(&command_schedules, "%s wants one NAME", asked->action);
    asked->name = argv[optind + 1];
    return 0;
}

static int take(void *context, int option, const char *argument) {
    struct asked *asked = context;
    if (option == 'j') asked->is_json = true;
    else if (option == 'f') asked->from = argument;
    else asked->to = argument;
    return 0;
}

static int run(int argc, char **argv) {
    struct asked asked = {0};
    struct place place;
    struct error err;
    int code = command_options(&command_schedules, &place, argc, argv, take, &asked);
    if (!code) code = read_words(argc, argv, &asked);
    if (code) return code < 0 ? 0 : code;
    place_settle(&place);
    struct view view = {.place = &place};
    if (open_view(&view, &err)) code = complain(exit_code_of(&err), "%s", err.message);
    else code = asked.action ? act(&view, &asked) : list(&view, asked.is_json);
    close_view(&view);
    place_done(&place);
    return code;
}

static const struct command_option options[] = {
    {'f', "from", "TIME", "Of backfill: the first tick, as 2026-11-25T02:00:00Z or 2026-11-25."},
    {'t', "to", "TIME", "Of backfill: the last tick (default now)."},
    {'j', "json", NULL,
     "One object a line: name workflow project timing timezone jitter_ms delay_ms overlap "
     "on_missed "
     "is_paused next[] last_run last_tick last_status runs skipped missed queued."},
    {0}};

const struct command command_schedules = {
    "schedules",
    "list, pause and run what is scheduled",
    run,
    "Lists what `tend serve` runs by the clock: the next ten ticks, the last run, and how many "
    "ticks "
    "were skipped (they met an unfinished run) or missed (nobody was there). SCHEDULE is a "
    "workflow, or "
    "WORKFLOW/PROJECT.\n\n"
    "pause: its ticks pass by until it is resumed\n"
    "resume: from the next tick on\n"
    "run: runs it now, with the schedule's input, as `tend run` does\n"
    "backfill: runs the ticks of a time that has passed, in order; those that ran are left out",
    options,
    "[pause|resume|run|backfill SCHEDULE]",
    "0 done, 2 no such schedule, or used wrongly"};
