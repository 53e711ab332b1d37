/* tend prune: deletes finished runs. An engine that owns the home is asked to; otherwise this
 * process owns it meanwhile. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "cli/command.h"
#include "engine/retention.h"
#include "engine/settings.h"

enum { POLL_US = 20000 };

struct asked {
    int64_t older_us; /* -1: as retention says */
    uint32_t statuses;
    const char *workflow;
    bool is_dry, is_json;
    struct prune_rule rule;
};

/* ---- the rule ---- */

static int read_retention(const struct place *place, int64_t keep_us[RUN_STATUSES],
                          struct error *err) {
    struct buffer settings = BUFFER_EMPTY;
    struct value_tree tree = {0};
    int status = settings_read(place->config, place->home, &settings, err);
    if (!status) status = value_read(buffer_bytes(&settings), &tree, err);
    if (!status) status = retention_read(&tree.root, keep_us, err);
    value_tree_done(&tree);
    buffer_done(&settings);
    return status;
}

static int make_rule(const struct place *place, struct asked *asked) {
    int64_t keep_us[RUN_STATUSES];
    struct error err;
    if (read_retention(place, keep_us, &err))
        return complain(exit_code_of(&err), "%s", err.message);
    for (int i = 0; i < RUN_STATUSES; i++) {
        bool is_final = run_status_is_final((enum run_status)i);
        if (is_final && asked->older_us >= 0) keep_us[i] = asked->older_us;
        if (!is_final || (asked->statuses && !(asked->statuses >> i & 1))) keep_us[i] = INT64_MAX;
    }
    prune_rule_of(keep_us, clock_wall_us(clock_system()), &asked->rule);
    if (asked->workflow)
        snprintf(asked->rule.workflow, sizeof asked->rule.workflow, "%s", asked->workflow);
    return 0;
}

/* ---- doing it ---- */

static int print_count(const struct asked *asked, const struct prune_count *count) {
    struct buffer out = BUFFER_EMPTY;
    if (!asked->is_json) {
        printf("%s %llu run%s with %llu entries", asked->is_dry ? "would delete" : "deleted",
               (unsigned long long)count->runs, count->runs == 1 ? "" : "s",
               (unsigned long long)count->entries);
        if (count->bundles)
            printf(", %llu bundle%s", (unsigned long long)count->bundles,
                   count->bundles == 1 ? "" : "s");
        return puts("") < 0 ? EXIT_FAILED : 0;
    }
    pack_map(&out, 4);
    pack_member_integer(&out, "runs", (int64_t)count->runs);
    pack_member_integer(&out, "entries", (int64_t)count->entries);
    pack_member_integer(&out, "bundles", (int64_t)count->bundles);
    pack_member_boolean(&out, "dry_run", asked->is_dry);
    int code = print_json(buffer_bytes(&out), 0);
    buffer_done(&out);
    return code;
}

/* What other commands handed over comes first: a run that is to be retried is none to delete. */
static int take_inbox(const struct place *place, struct error *err) {
    struct engine_options options = {.home = place->home,
                                     .config = place->config,
                                     .sources = place_sources(place),
                                     .observer = progress_observer(place),
                                     .workers = 1};
    struct engine *engine;
    int status = engine_new(&options, &engine, err);
    if (!status) engine_free(engine);
    return status;
}

/* TEND_EBUSY: somebody was quicker. */
static int prune_here(const struct place *place, const struct asked *asked,
                      struct prune_count *count, struct error *err) {
    struct journal *journal = NULL;
    int status = take_inbox(place, err);
    if (!status) status = journal_open(place->home, JOURNAL_OWNER, &journal, err);
    if (!status) status = prune_alone(journal, &asked->rule, count, err);
    journal_close(journal);
    return status;
}

/* TEND_EBUSY: the engine ended before it was done. */
static int await_engine(struct journal *journal, const char *id, struct prune_count *count,
                        struct error *err) {
    bool is_done = false, is_there = true;
    while (is_there && !is_done) {
        is_there = journal_owner(journal) != 0; /* before the look: its last word counts */
        int status = retention_asked(journal, id, &is_done, count, err);
        if (status) return status;
        if (!is_done && is_there) usleep(POLL_US);
    }
    return is_done ? 0 : TEND_EBUSY;
}

static int ask(const struct place *place, struct journal *journal, const struct asked *asked,
               struct prune_count *count, struct error *err) {
    char id[ID_UUID_TEXT];
    id_uuid7(clock_wall_us(clock_system()), id);
    int status = retention_ask(journal, id, &asked->rule, err);
    if (status) return status;
    if (!place->is_quiet)
        fprintf(stderr, "tend: asked process %lld, which owns %s\n",
                (long long)journal_owner(journal), place->home);
    return await_engine(journal, id, count, err);
}

/* TEND_EBUSY: nobody owns the home, or not any more. */
static int prune_as_client(const struct place *place, const struct asked *asked,
                           struct prune_count *count, struct error *err) {
    struct journal *journal;
    int status = journal_open(place->home, JOURNAL_CLIENT, &journal, err);
    if (status) return status;
    if (asked->is_dry) status = prune_look(journal, &asked->rule, count, err);
    else if (journal_owner(journal)) status = ask(place, journal, asked, count, err);
    else status = TEND_EBUSY;
    journal_close(journal);
    return status;
}

static int prune_somewhere(const struct place *place, const struct asked *asked,
                           struct prune_count *count, struct error *err) {
    int status = TEND_EBUSY;
    while (status == TEND_EBUSY) {
        status = prune_as_client(place, asked, count, err);
        if (status == TEND_EBUSY) status = prune_here(place, asked, count, err);
    }
    return status;
}

/* ---- options ---- */

static int read_status(struct asked *asked, const char *name) {
    int status = run_status_read(name);
    if (status < 0 || !run_status_is_final((enum run_status)status))
        return misuse(&command_prune, "--status is completed, failed or cancelled, not '%s'", name);
    asked->statuses |= 1u << status;
    return 0;
}

static int read_age(struct asked *asked, const char *text) {
    if (clock_parse_duration(text, strlen(text), &asked->older_us) == 0) return 0;
    return misuse(&command_prune, "--older-than wants a duration such as 30d or 12h, not '%s'",
                  text);
}

static int take(void *context, int option, const char *argument) {
    struct asked *asked = context;
    switch (option) {
    case 'o': return read_age(asked, argument);
    case 's': return read_status(asked, argument);
    case 'w': asked->workflow = argument; return 0;
    case 'd': asked->is_dry = true; return 0;
    default: asked->is_json = true; return 0;
    }
}

static int run(int argc, char **argv) {
    struct asked asked = {.older_us = -1};
    struct prune_count count = {0, 0, 0};
    struct place place;
    struct error err;
    int code = command_options(&command_prune, &place, argc, argv, take, &asked);
    if (code) return code < 0 ? 0 : code;
    if (optind != argc) return misuse(&command_prune, "it takes options only");
    place_settle(&place);
    code = make_rule(&place, &asked);
    if (!code && prune_somewhere(&place, &asked, &count, &err))
        code = complain(exit_code_of(&err), "%s", err.message);
    else if (!code) code = print_count(&asked, &count);
    place_done(&place);
    return code;
}

static const struct command_option options[] = {
    {'o', "older-than", "DURATION", "That ended longer ago than this: 30d, 12h, 0s."},
    {'s', "status", "STATUS", "completed, failed or cancelled; repeatable (default: all three)."},
    {'w', "workflow", "WORKFLOW", "Of this workflow only."},
    {'d', "dry-run", NULL, "Only count them."},
    {'j', "json", NULL, "One object: runs, entries, bundles, dry_run."},
    {0}};

const struct command command_prune = {
    .name = "prune",
    .summary = "delete runs that ended long ago",
    .run = run,
    .help =
        "Deletes runs that ended, with all that the journal has of them, and the sources that no "
        "other run has. Without --older-than as long ago as `retention` in tend.lua says (30 "
        "days; failed ones 90). A run stays while the one that invoked it may still ask for it. "
        "The room is used again; the file doesn't get smaller (`tend backup` writes a small "
        "one).",
    .options = options,
    .arguments = "",
    .exits = "0 done, 1 the journal could not be written, 2 usage, configuration, no journal"};
