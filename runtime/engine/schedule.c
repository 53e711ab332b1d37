/* Ticks become runs; see schedule.h. */
#include "engine/schedule.h"
#include "engine/point.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "engine/cancel.h"
#include "engine/schedule_record.h"
#include "engine/schedule_set.h"

enum { STARTS_MAX = 100 };
static const int64_t second_us = 1000000;
static const int64_t grace_us = 10000000; /* later than that, a tick was missed */
static const int64_t turn_us = 250000;  /* how often to see whether a queued tick's turn has come */
static const size_t walk_max = 1000000; /* ticks of a cron looked at in one go */

struct schedules {
    struct services *services;
    struct schedule_set *set;
    int64_t refresh_us;
    struct schedule_record record; /* of the one that is being looked at: too large for a stack */
};

/* One look at one schedule: what changes is one submission. */
struct round {
    struct services *services;
    struct schedule *schedule;
    struct schedule_record *record;
    uint64_t version;
    int64_t now_us;
    struct submission *submission;
    uint64_t numbers[STARTS_MAX];
    size_t start_count;
    int64_t missed;
    bool has_changed;
};

static void trouble(struct services *services, const char *message) {
    const struct observer *observer = &services->observer;
    if (observer->on_trouble) observer->on_trouble(observer->context, message, false);
}

static void on_tell(void *context, const char *message) { trouble(context, message); }

int schedules_new(struct services *services, struct schedules **ret, struct error *err) {
    struct schedules *schedules = memory_new(sizeof *schedules);
    if (!schedules) return error_no_memory(err);
    schedules->services = services;
    int status = schedule_set_new(&services->sources, &services->settings_tree.root,
                                  services->clock, on_tell, services, &schedules->set, err);
    if (status) schedules_free(schedules);
    else *ret = schedules;
    return status;
}

struct schedules *schedules_free(struct schedules *schedules) {
    if (!schedules) return NULL;
    schedule_set_free(schedules->set);
    memory_free(schedules);
    return NULL;
}

size_t schedules_count(const struct schedules *schedules) {
    size_t count = 0;
    for (struct schedule *s = schedule_set_first(schedules->set); s; s = schedule_set_next(s))
        count++;
    return count;
}

/* ---- is a run of this schedule unfinished? ---- */

struct search {
    const char *prefix;
    uint64_t numbers[STARTS_MAX];
    size_t count, most;
};

static bool look(void *context, const struct journal_run *run) {
    struct search *search = context;
    size_t size = strlen(search->prefix);
    if (run->id.size >= size && memcmp(run->id.data, search->prefix, size) == 0)
        search->numbers[search->count++] = run->number;
    return search->count < search->most;
}

/* At most `most` of them. */
static void find_unfinished(const struct round *round, size_t most, struct search *search) {
    const struct schedule *schedule = round->schedule;
    struct journal_filter filter = {.statuses =
                                        1u << RUN_PENDING | 1u << RUN_RUNNING | 1u << RUN_WAITING,
                                    .workflow = bytes_of(schedule->file->bundle.name)};
    *search = (struct search){.prefix = schedule->prefix, .most = most};
    (void)journal_runs(round->services->journal, &filter, look, search, NULL);
}

static bool is_busy(const struct round *round) {
    struct search search;
    if (round->start_count) return true;
    if (committer_durable(round->services->committer) < round->schedule->position) return true;
    find_unfinished(round, 1, &search);
    return search.count > 0;
}

static void cancel_unfinished(const struct round *round) {
    struct search search;
    struct error err;
    find_unfinished(round, STARTS_MAX, &search);
    for (size_t i = 0; i < search.count; i++) {
        struct submission *submission = submission_new();
        int status = submission ? cancel_ask(round->services, search.numbers[i], submission, &err)
                                : error_no_memory(&err);
        if (status == TEND_ECONFLICT) submission_free(submission); /* asked for already */
        else if (status) trouble(round->services, err.message);
    }
}

/* ---- starting ---- */

/* The workflow as its file is now; where that is broken, as it was when it was good. */
static int accept_current(const struct round *round, const char *id, struct accepted *ret,
                          struct error *err) {
    const struct schedule *schedule = round->schedule;
    struct acceptance acceptance = {schedule->file->path, buffer_bytes(&schedule->input), id, 0};
    struct bundle now;
    if (bundle_load(&round->services->sources, schedule->file->path, &now, err))
        return accept_bundle(round->services, &acceptance, &schedule->file->bundle,
                             round->submission, ret, err);
    int status = accept_bundle(round->services, &acceptance, &now, round->submission, ret, err);
    bundle_done(&now);
    return status;
}

static void start(struct round *round, int64_t tick_us) {
    struct schedule_record *record = round->record;
    char id[SCHEDULE_ID_MAX], message[ERROR_MESSAGE_MAX + 200];
    struct record known;
    struct accepted accepted;
    struct error err;
    round->has_changed = true;
    schedule_tick_id(round->schedule, tick_us, id);
    if (record_load_by_id(round->services->journal, id, &known, NULL) == 0) return; /* it ran */
    if (accept_current(round, id, &accepted, &err)) {
        snprintf(message, sizeof message, "schedule %.100s: no run for a tick: %s",
                 round->schedule->name, err.message);
        trouble(round->services, message);
        record->missed++;
        return;
    }
    if (!accepted.is_new) return; /* on its way already */
    round->numbers[round->start_count++] = accepted.number;
    record->runs++;
    record->last_tick_us = tick_us;
    snprintf(record->last_run, sizeof record->last_run, "%s", id);
}

/* The running ones are to end, and this tick alone is to follow them. */
static void replace_running(struct round *round, int64_t tick_us) {
    struct schedule_record *record = round->record;
    cancel_unfinished(round);
    record->skipped += (int64_t)record->queue_count;
    record->queue_count = 0;
    (void)schedule_record_queue(record, tick_us);
}

/* A tick that is on time, or is to be made up for. */
static void offer(struct round *round, int64_t tick_us) {
    struct schedule_record *record = round->record;
    enum schedule_overlap overlap = round->schedule->plan.overlap;
    bool is_queued = false;
    if (overlap == OVERLAP_SKIP) {
        if (is_busy(round)) record->skipped++;
        else start(round, tick_us);
    } else if (overlap == OVERLAP_CANCEL_RUNNING) {
        replace_running(round, tick_us);
    } else {
        if (overlap != OVERLAP_QUEUE_ONE || !record->queue_count)
            is_queued = schedule_record_queue(record, tick_us);
        if (!is_queued) record->skipped++;
    }
}

/* Those that wait, as many as may start now. */
static void drain(struct round *round) {
    struct schedule_record *record = round->record;
    bool may_overlap = round->schedule->plan.overlap == OVERLAP_ALLOW;
    while (record->queue_count && round->start_count < STARTS_MAX &&
           (may_overlap || !is_busy(round)))
        start(round, schedule_record_unqueue(record));
}

/* ---- which ticks have come ---- */

/* How many ticks lie after `from_us` and have come; *last_us: the last of them. */
static size_t count_due(const struct round *round, int64_t from_us, int64_t *last_us) {
    const struct schedule_plan *plan = &round->schedule->plan;
    int64_t until_us = round->now_us - round->schedule->delay_us, tick_us = from_us;
    size_t count = 0;
    if (plan->every_us) {
        int64_t ticks = until_us / plan->every_us - from_us / plan->every_us;
        *last_us = until_us / plan->every_us * plan->every_us;
        return ticks > 0 ? (size_t)ticks : 0;
    }
    while (count < walk_max && schedule_plan_next(plan, tick_us, &tick_us) && tick_us <= until_us) {
        *last_us = tick_us;
        count++;
    }
    return count;
}

/* How many of the due ticks are to have a run, the last ones. */
static size_t count_wanted(const struct round *round, size_t due, int64_t last_us) {
    const struct schedule_plan *plan = &round->schedule->plan;
    bool is_late = round->now_us - round->schedule->delay_us - last_us >= grace_us;
    switch (plan->missed) {
    case MISSED_LAST: return 1;
    case MISSED_ALL: return due < (size_t)plan->missed_limit ? due : (size_t)plan->missed_limit;
    default: return is_late ? 0 : 1;
    }
}

static void offer_last(struct round *round, int64_t from_us, size_t due, size_t wanted) {
    int64_t tick_us = from_us;
    if (round->schedule->plan.every_us) /* no need to walk there */
        tick_us += (int64_t)(due - wanted) * round->schedule->plan.every_us;
    for (size_t i = round->schedule->plan.every_us ? due - wanted : 0;
         i < due && schedule_plan_next(&round->schedule->plan, tick_us, &tick_us); i++) {
        if (i < due - wanted) continue;
        if (wanted == 1) offer(round, tick_us);
        else if (!schedule_record_queue(round->record, tick_us)) round->record->skipped++;
    }
}

static void deal_with_due(struct round *round) {
    struct schedule_record *record = round->record;
    int64_t from_us = record->handled_us, last_us = 0;
    size_t due = count_due(round, from_us, &last_us);
    if (!due) return;
    round->has_changed = true;
    record->handled_us = last_us;
    if (record->is_paused) {
        record->skipped += (int64_t)due;
        return;
    }
    size_t wanted = count_wanted(round, due, last_us);
    round->missed = (int64_t)(due - wanted);
    record->missed += round->missed;
    offer_last(round, from_us, due, wanted);
}

/* A schedule that is new, or says other times than before, begins now. */
static void begin_if_new(struct round *round) {
    struct schedule_record *record = round->record;
    const char *timing = round->schedule->plan.timing;
    if (strcmp(record->timing, timing) == 0) return;
    snprintf(record->timing, sizeof record->timing, "%s", timing);
    record->handled_us = round->now_us - round->schedule->delay_us;
    round->has_changed = true;
}

/* ---- one look ---- */

static void tell_missed(const struct round *round) {
    char message[600];
    if (!round->missed) return;
    snprintf(message, sizeof message, "schedule %.384s: %lld tick%s missed while nobody was there",
             round->schedule->name, (long long)round->missed, round->missed == 1 ? "" : "s");
    trouble(round->services, message);
}

/* TEND_ECONFLICT: the record changed meanwhile. */
static int submit(struct round *round, struct error *err) {
    uint64_t position;
    point("before_tick");
    int status = schedule_record_write(round->services, round->schedule->name, round->record,
                                       round->version, round->submission, &position, err);
    if (!status) {
        round->submission = NULL;
        if (round->start_count) round->schedule->position = position;
        return 0;
    }
    for (size_t i = 0; i < round->start_count; i++)
        accept_durable(round->services, round->numbers[i]); /* it isn't: it never was accepted */
    return status;
}

static int look_once(struct schedules *schedules, struct schedule *schedule, int64_t now_us,
                     struct error *err) {
    struct round round = {.services = schedules->services,
                          .schedule = schedule,
                          .record = &schedules->record,
                          .now_us = now_us};
    int status =
        schedule_record_read(round.services, schedule->name, round.record, &round.version, err);
    if (status) return status;
    round.submission = submission_new();
    if (!round.submission) return error_no_memory(err);
    begin_if_new(&round);
    deal_with_due(&round);
    if (!round.record->is_paused) drain(&round);
    if (round.has_changed) status = submit(&round, err);
    if (status != TEND_ENOMEM) submission_free(round.submission);
    point("after_tick");
    if (!status) tell_missed(&round);
    return status;
}

/* When there is something to do for this schedule again. */
static int64_t next_look(const struct schedules *schedules, const struct schedule *schedule,
                         int64_t now_us) {
    const struct schedule_record *record = &schedules->record;
    int64_t tick_us;
    if (record->queue_count && !record->is_paused) return now_us + turn_us;
    if (!schedule_plan_next(&schedule->plan, record->handled_us, &tick_us)) return INT64_MAX;
    return tick_us + schedule->delay_us;
}

void schedules_tick(struct schedules *schedules, int64_t now_us, int64_t *next_us) {
    struct schedule *schedule;
    struct error err;
    if (now_us >= schedules->refresh_us || schedules->refresh_us > now_us + second_us) {
        if (schedules->refresh_us) schedule_set_refresh(schedules->set);
        schedules->refresh_us = now_us + second_us;
    }
    *next_us = schedules->refresh_us;
    for (schedule = schedule_set_first(schedules->set); schedule;
         schedule = schedule_set_next(schedule)) {
        int status = look_once(schedules, schedule, now_us, &err);
        int64_t look_us = status ? now_us + turn_us : next_look(schedules, schedule, now_us);
        if (status && status != TEND_ECONFLICT) trouble(schedules->services, err.message);
        if (look_us < *next_us) *next_us = look_us;
    }
}
