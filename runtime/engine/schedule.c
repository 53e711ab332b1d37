/* Schedules; see schedule.h. */
#include "engine/schedule.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/option.h"

struct schedule {
    struct schedule *next;
    char workflow[256];
    char target[1200];
    char project[128]; /* "": the workflow takes none */
    struct buffer input;
    int64_t every_us;
    int64_t next_us;
};

struct schedules {
    struct services *services;
    struct schedule *first;
    size_t count;
};

static void trouble(struct schedules *schedules, const char *message) {
    const struct observer *observer = &schedules->services->observer;
    if (observer->on_trouble) observer->on_trouble(observer->context, message, false);
}

/* ---- reading ---- */

/* The schedule's own input, with the project. */
static int pack_input(const struct value *input, const char *project, struct buffer *out,
                      struct error *err) {
    size_t opened = pack_map_open(out), count = 0;
    for (size_t i = 0; input && i < input->map.count; i++, count++) {
        pack_bytes(out, input->map.members[i].key);
        pack_value(out, &input->map.members[i].value);
    }
    if (*project && !value_get(input, "project")) pack_member_text(out, "project", project), count++;
    pack_close(out, opened, count);
    return buffer_check(out, err);
}

static int add(struct schedules *schedules, const struct bundle *bundle, const char *target,
               const struct value *how, const char *project, struct error *err) {
    struct schedule *schedule = memory_new(sizeof *schedule);
    if (!schedule) return error_no_memory(err);
    schedule->next = schedules->first;
    schedules->first = schedule;
    schedules->count++;
    snprintf(schedule->workflow, sizeof schedule->workflow, "%s", bundle->name);
    snprintf(schedule->target, sizeof schedule->target, "%s", target);
    snprintf(schedule->project, sizeof schedule->project, "%s", project);
    int status = duration_read(how, "every", &schedule->every_us, err);
    if (!status && schedule->every_us < 1000000)
        status = error_set(err, TEND_EINPUT, "%s: schedule.every must be at least \"1s\"%s",
                           bundle->name, value_get(how, "cron") ? "; cron isn't known yet" : "");
    if (!status) status = pack_input(value_get_map(how, "input"), project, &schedule->input, err);
    int64_t now_us = clock_wall_us(schedules->services->clock);
    if (!status) schedule->next_us = (now_us / schedule->every_us + 1) * schedule->every_us;
    return status;
}

static int add_for_projects(struct schedules *schedules, const struct bundle *bundle,
                            const char *target, const struct value *how,
                            const struct value *definition, struct error *err) {
    const struct value *settings = &schedules->services->settings_tree.root;
    const struct value *projects = value_get_list(settings, "projects");
    const struct value *declared = value_get_map(definition, "input");
    bool takes_project = false;
    for (size_t i = 0; declared && i < declared->map.count; i++)
        takes_project = takes_project || bytes_are(declared->map.members[i].key, "project");
    if (!takes_project || !projects || !projects->list.count)
        return add(schedules, bundle, target, how, "", err);
    int status = 0;
    for (size_t i = 0; i < projects->list.count && !status; i++) {
        char name[128];
        struct bytes project = value_get_bytes(&projects->list.items[i], "project");
        snprintf(name, sizeof name, "%.*s", (int)project.size, project.data);
        status = add(schedules, bundle, target, how, name, err);
    }
    return status;
}

/* A workflow's schedule: what the settings say of it, else its own. */
static int add_workflow(struct schedules *schedules, const char *target, struct error *err) {
    const struct value *settings = &schedules->services->settings_tree.root;
    struct value_tree definition;
    struct bundle bundle;
    int status = bundle_load(&schedules->services->sources, target, &bundle, err);
    if (status) {
        trouble(schedules, err->message);
        return 0;
    }
    status = value_read(buffer_bytes(&bundle.definition), &definition, err);
    if (!status) {
        const struct value *how = value_get_map(value_get_map(settings, "schedules"), bundle.name);
        if (!how) how = value_get_map(&definition.root, "schedule");
        if (how) status = add_for_projects(schedules, &bundle, target, how, &definition.root, err);
        value_tree_done(&definition);
    }
    bundle_done(&bundle);
    return status;
}

static int add_folder(struct schedules *schedules, const char *folder, struct error *err) {
    DIR *open = opendir(folder);
    struct dirent *item;
    int status = 0;
    if (!open) return 0; /* a project without a workflows folder is fine */
    while (!status && (item = readdir(open))) {
        char path[1200];
        if (!text_has_suffix(item->d_name, ".lua") || text_has_suffix(item->d_name, "_test.lua"))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, item->d_name);
        status = add_workflow(schedules, path, err);
    }
    closedir(open);
    return status;
}

static bool has_schedule(const struct schedules *schedules, const char *workflow) {
    for (const struct schedule *s = schedules->first; s; s = s->next)
        if (strcmp(s->workflow, workflow) == 0) return true;
    return false;
}

static int add_named(struct schedules *schedules, struct error *err) {
    const struct value *named = value_get_map(&schedules->services->settings_tree.root, "schedules");
    int status = 0;
    for (size_t i = 0; named && i < named->map.count && !status; i++) {
        char name[256];
        struct bytes key = named->map.members[i].key;
        snprintf(name, sizeof name, "%.*s", (int)key.size, key.data);
        if (!has_schedule(schedules, name)) status = add_workflow(schedules, name, err);
        if (!status && !has_schedule(schedules, name))
            status = error_set(err, TEND_EINPUT, "tend.lua schedules '%s', but there is no such "
                                                 "workflow, or it doesn't load", name);
    }
    return status;
}

int schedules_new(struct services *services, struct schedules **ret, struct error *err) {
    struct schedules *schedules = memory_new(sizeof *schedules);
    if (!schedules) return error_no_memory(err);
    schedules->services = services;
    int status = 0;
    for (const char *const *folder = services->sources.folders; folder && *folder && !status; folder++)
        status = add_folder(schedules, *folder, err);
    if (!status) status = add_named(schedules, err);
    if (status) schedules_free(schedules);
    else *ret = schedules;
    return status;
}

struct schedules *schedules_free(struct schedules *schedules) {
    if (!schedules) return NULL;
    while (schedules->first) {
        struct schedule *next = schedules->first->next;
        buffer_done(&schedules->first->input);
        memory_free(schedules->first);
        schedules->first = next;
    }
    memory_free(schedules);
    return NULL;
}

size_t schedules_count(const struct schedules *schedules) { return schedules->count; }

/* ---- ticking ---- */

/* "monitor.shop." : what the ids of a schedule's runs begin with. */
static void make_prefix(const struct schedule *schedule, char *prefix, size_t size) {
    snprintf(prefix, size, "%.60s.%.40s%s", schedule->workflow, schedule->project,
             schedule->project[0] ? "." : "");
    for (char *c = prefix; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("._-", *c)) *c = '_';
}

struct overlap {
    const char *prefix;
    bool is_there;
};

static bool look(void *context, const struct journal_run *run) {
    struct overlap *overlap = context;
    size_t size = strlen(overlap->prefix);
    overlap->is_there = run->id.size >= size && memcmp(run->id.data, overlap->prefix, size) == 0;
    return !overlap->is_there;
}

static bool is_unfinished(struct schedules *schedules, const struct schedule *schedule,
                          const char *prefix) {
    struct overlap overlap = {prefix, false};
    struct journal_filter filter = {
        .statuses = 1u << RUN_PENDING | 1u << RUN_RUNNING | 1u << RUN_WAITING,
        .workflow = bytes_of(schedule->workflow)};
    return journal_runs(schedules->services->journal, &filter, look, &overlap, NULL) == 0 &&
           overlap.is_there;
}

static void accept_tick(struct schedules *schedules, struct schedule *schedule, int64_t tick_us) {
    char prefix[112], id[JOURNAL_ID_MAX + 1], when[32];
    struct submission *submission = submission_new();
    struct accepted accepted;
    struct error err;
    struct tm utc;
    time_t seconds = (time_t)(tick_us / 1000000);
    make_prefix(schedule, prefix, sizeof prefix);
    gmtime_r(&seconds, &utc);
    (void)strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", &utc);
    snprintf(id, sizeof id, "%.105s%.20s", prefix, when);
    struct acceptance acceptance = {schedule->target, buffer_bytes(&schedule->input), id, 0};
    if (!submission || is_unfinished(schedules, schedule, prefix)) {
        submission_free(submission);
        return;
    }
    if (accept_run(schedules->services, &acceptance, submission, &accepted, &err)) {
        trouble(schedules, err.message);
        submission_free(submission);
    } else if (submission_is_empty(submission)) {
        submission_free(submission); /* this tick's run is there already */
    } else if (!committer_submit(schedules->services->committer, submission, &err)) {
        trouble(schedules, err.message);
    }
}

void schedules_tick(struct schedules *schedules, int64_t now_us, int64_t *next_us) {
    *next_us = 0;
    for (struct schedule *schedule = schedules->first; schedule; schedule = schedule->next) {
        if (schedule->next_us <= now_us) {
            int64_t tick_us = now_us / schedule->every_us * schedule->every_us;
            accept_tick(schedules, schedule, tick_us);
            schedule->next_us = tick_us + schedule->every_us;
        }
        if (!*next_us || schedule->next_us < *next_us) *next_us = schedule->next_us;
    }
}
