/* The engine; see engine.h. The caller's thread runs the control loop; workers and the committer
 * have threads of their own and reach it by mail. */
#include "engine/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/memory.h"
#include "engine/admission.h"
#include "engine/inbox.h"
#include "engine/mock.h"
#include "engine/point.h"
#include "engine/recovery.h"
#include "engine/resting.h"
#include "engine/retention.h"
#include "engine/schedule.h"
#include "engine/settings.h"
#include "engine/timer.h"
#include "engine/watchdog.h"

enum { WORKERS_MAX = 64 };

struct left { /* a worker's word that a run left memory */
    struct left *next;
    uint64_t number;
    struct record record;
    bool has_failed;
    struct error err;
};

struct engine {
    struct services services;
    struct admission *admission;
    struct schedules *schedules;
    struct worker *workers[WORKERS_MAX];
    size_t worker_count;
    uv_loop_t loop;
    uv_async_t async;
    uv_timer_t timer;   /* durable timers */
    uv_timer_t ticker;  /* schedules */
    uv_timer_t second;  /* housekeeping */
    uv_timer_t sweeper; /* retention */
    uv_poll_t inbox;
    bool has_loop, has_inbox, is_server;
    bool has_new_timers; /* runs left memory, to wait for something */
    uint64_t until;
    pthread_mutex_t mutex; /* of what follows */
    struct left *left;
    bool is_broken;
    struct error broken;
    uint64_t tick;     /* of engine_settle: the round of ticks under way */
    size_t ticks_left; /* workers that haven't answered it */
    int64_t left_us, timer_due_us;
};

/* ---- words from the committer and the workers, on their threads ---- */

static void on_durable(void *context, uint64_t position) {
    struct engine *engine = context;
    (void)position;
    for (size_t i = 0; i < engine->worker_count; i++) worker_nudge(engine->workers[i]);
}

static void on_wake(void *context, uint64_t number) {
    struct engine *engine = context;
    if (accept_durable(&engine->services, number)) admission_include(engine->admission, number);
    resting_woken(&engine->services, number);
    admission_wake(engine->admission, number);
}

static void on_state(void *context, struct bytes key, uint64_t position) {
    struct engine *engine = context;
    shared_state_durable(engine->services.state, key, position);
}

static void tell_trouble(struct engine *engine, const char *message, bool is_fatal) {
    const struct observer *observer = &engine->services.observer;
    if (observer->on_trouble) observer->on_trouble(observer->context, message, is_fatal);
}

static void on_no_space(void *context, const struct error *err) {
    tell_trouble(context, err->message, false);
}

static void on_broken(void *context, const struct error *err) {
    struct engine *engine = context;
    pthread_mutex_lock(&engine->mutex);
    engine->is_broken = true;
    engine->broken = *err;
    pthread_mutex_unlock(&engine->mutex);
    uv_async_send(&engine->async);
}

static bool is_at_rest(enum run_status status) {
    return run_status_is_final(status) || status == RUN_BLOCKED || status == RUN_STUCK;
}

static void on_left(void *context, uint64_t number, const struct record *record,
                    const struct error *err) {
    struct engine *engine = context;
    struct record found;
    if (!record && !err && record_load(engine->services.journal, number, &found, NULL) == 0 &&
        (found.status == RUN_BLOCKED || found.status == RUN_STUCK))
        record = &found; /* whoever waits for it must know that it doesn't go on */
    bool has_word = record || err, is_ended = !err && record && is_at_rest(record->status);
    admission_left(engine->admission, number);
    if (is_ended && run_status_is_final(record->status)) {
        admission_ended(engine->admission, number);
        slots_leave(engine->services.slots, number);
    }
    struct left *left = has_word ? memory_new(sizeof *left) : NULL;
    if (!left) { /* whoever waits sees it in the journal at the next look */
        uv_async_send(&engine->async);
        return;
    }
    left->number = number;
    left->has_failed = err != NULL;
    if (record) left->record = *record;
    if (err) left->err = *err;
    pthread_mutex_lock(&engine->mutex);
    left->next = engine->left;
    engine->left = left;
    pthread_mutex_unlock(&engine->mutex);
    uv_async_send(&engine->async);
}

static void on_woken(void *context, uint64_t number) {
    struct engine *engine = context;
    admission_woken(engine->admission, number);
}

static void adopt(void *context, uint64_t number, uint64_t waiter) {
    struct engine *engine = context;
    if (waiter) admission_await(engine->admission, number, waiter);
    admission_include(engine->admission, number);
    admission_wake(engine->admission, number);
}

static void on_worker_tick(void *context, uint64_t number, int64_t left_us) {
    struct engine *engine = context;
    pthread_mutex_lock(&engine->mutex);
    if (number == engine->tick) {
        engine->ticks_left--;
        if (left_us < engine->left_us) engine->left_us = left_us;
    }
    pthread_mutex_unlock(&engine->mutex);
    uv_async_send(&engine->async);
}

static void on_call(void *context) {
    struct engine *engine = context;
    uv_async_send(&engine->async);
}

/* ---- the control loop ---- */

static void look_at_timers(struct engine *engine);

static void on_timer(uv_timer_t *timer) { look_at_timers(timer->data); }

static void look_at_timers(struct engine *engine) {
    int64_t now_us = clock_wall_us(engine->services.clock), next_us = 0;
    struct error err;
    if (timer_wake_due(engine->services.journal, engine->admission, now_us, &next_us, &err)) {
        tell_trouble(engine, err.message, false);
        next_us = now_us + 1000000;
    }
    engine->timer_due_us = next_us;
    point("after_timers");
    if (!next_us) return;
    int64_t wait_us = next_us - now_us;
    if (wait_us > 60000000) wait_us = 60000000; /* the clock may be set meanwhile */
    uv_timer_start(&engine->timer, on_timer, (uint64_t)(wait_us / 1000 + 1), 0);
}

static void on_tick(uv_timer_t *timer) {
    struct engine *engine = timer->data;
    int64_t now_us = clock_wall_us(engine->services.clock), next_us;
    schedules_tick(engine->schedules, now_us, &next_us);
    if (!next_us) return;
    int64_t wait_us = next_us - clock_wall_us(engine->services.clock);
    if (wait_us > 60000000) wait_us = 60000000;
    uv_timer_start(timer, on_tick, wait_us > 0 ? (uint64_t)(wait_us / 1000 + 1) : 1, 0);
}

static void sweep(uv_timer_t *timer) {
    struct engine *engine = timer->data;
    uint64_t wait_ms;
    retention_turn(engine->services.retention, &wait_ms);
    if (wait_ms) uv_timer_start(timer, sweep, wait_ms, 0);
}

static void take_inbox(struct engine *engine) {
    struct error err;
    if (inbox_take(&engine->services, &err)) tell_trouble(engine, err.message, false);
}

static void on_inbox(uv_poll_t *poll, int status, int events) {
    struct engine *engine = poll->data;
    (void)status, (void)events;
    journal_inbox_nudged(engine->services.journal);
    take_inbox(engine);
    sweep(&engine->sweeper);
}

static void on_second(uv_timer_t *timer) {
    struct engine *engine = timer->data;
    journal_tick(engine->services.journal);
    take_inbox(engine); /* a nudge can be lost; the item isn't */
    sweep(&engine->sweeper);
}

static void deal_with(struct engine *engine, const struct left *left) {
    const struct observer *observer = &engine->services.observer;
    if (left->has_failed) {
        tell_trouble(engine, left->err.message, false);
        if (left->number == engine->until) engine_stop(engine);
        return;
    }
    if (left->record.status == RUN_PENDING) return; /* its next link is let in */
    if (observer->on_run) observer->on_run(observer->context, &left->record);
    enum run_status status = left->record.status;
    bool is_blocked = status == RUN_BLOCKED || status == RUN_STUCK;
    if (status == RUN_WAITING) engine->has_new_timers = true;
    else if (is_blocked && engine->until && !engine->is_server)
        engine_stop(engine); /* see engine.h */
    else if (left->number == engine->until && is_at_rest(left->record.status)) engine_stop(engine);
}

static void on_async(uv_async_t *async) {
    struct engine *engine = async->data;
    pthread_mutex_lock(&engine->mutex);
    struct left *left = engine->left, *ordered = NULL;
    engine->left = NULL;
    bool is_broken = engine->is_broken;
    bool is_settled = engine->tick && engine->ticks_left == 0;
    pthread_mutex_unlock(&engine->mutex);
    while (left) {
        struct left *next = left->next;
        left->next = ordered;
        ordered = left;
        left = next;
    }
    while (ordered) {
        struct left *next = ordered->next;
        deal_with(engine, ordered);
        memory_free(ordered);
        ordered = next;
    }
    if (engine->has_new_timers) look_at_timers(engine);
    engine->has_new_timers = false;
    if (is_broken || is_settled) engine_stop(engine);
    if (engine->services.mock && mock_has_call(engine->services.mock)) engine_stop(engine);
    if (engine->until == UINT64_MAX && admission_count(engine->admission) == 0) engine_stop(engine);
}

/* ---- making it ---- */

static int open_loop(struct engine *engine, struct error *err) {
    if (uv_loop_init(&engine->loop))
        return error_set(err, TEND_EIO, "could not make an event loop");
    engine->has_loop = true;
    uv_async_init(&engine->loop, &engine->async, on_async);
    uv_timer_init(&engine->loop, &engine->timer);
    uv_timer_init(&engine->loop, &engine->ticker);
    uv_timer_init(&engine->loop, &engine->second);
    uv_timer_init(&engine->loop, &engine->sweeper);
    engine->sweeper.data = engine;
    engine->async.data = engine->timer.data = engine->ticker.data = engine->second.data = engine;
    uv_timer_start(&engine->second, on_second, 1000, 1000);
    int descriptor = journal_inbox_descriptor(engine->services.journal);
    if (descriptor < 0) return 0;
    engine->has_inbox = uv_poll_init(&engine->loop, &engine->inbox, descriptor) == 0;
    engine->inbox.data = engine;
    if (engine->has_inbox) uv_poll_start(&engine->inbox, UV_READABLE, on_inbox);
    return 0;
}

static int read_settings(struct engine *engine, const struct engine_options *options,
                         struct error *err) {
    struct services *services = &engine->services;
    char *home = realpath(options->home, NULL);
    if (!home) return error_set(err, TEND_EIO, "%s: can't be resolved", options->home);
    int status = options->settings.size
                     ? settings_complete(options->settings, home, &services->settings, err)
                     : settings_read(options->config, home, &services->settings, err);
    free(home);
    struct bytes settings = buffer_bytes(&services->settings);
    if (!status) status = value_read(settings, &services->settings_tree, err);
    const struct value *limits = value_get(&services->settings_tree.root, "limits");
    if (!status) status = limits_read(limits, NULL, &services->limits, err);
    if (status && options->config) error_context(err, "%s", options->config);
    if (!status) status = limits_read(limits, options->limits, &services->limits, err);
    if (status) return status;
    id_hash(&settings, 1, services->settings_hash);
    secrets_learn(services->secrets, settings);
    return 0;
}

static void wake_for_slot(void *context, uint64_t number) {
    struct engine *engine = context;
    admission_wake(engine->admission, number);
}

static void tell_in_line(void *context, const struct record *record, uint64_t holder) {
    struct engine *engine = context;
    struct record first;
    char message[ERROR_MESSAGE_MAX];
    if (engine->is_server || record_load(engine->services.journal, holder, &first, NULL)) return;
    snprintf(message, sizeof message,
             "run %s waits for its slot (%s, at most %u at a time): run %s has it and is %s",
             record->id, record->workflow, record->slot_limit, first.id,
             run_status_name(first.status));
    tell_trouble(engine, message, false);
}

static int open_services(struct engine *engine, const struct engine_options *options,
                         struct error *err) {
    struct services *services = &engine->services;
    struct committer_host host = {engine, on_durable, on_wake, on_state, on_no_space, on_broken};
    uint64_t last = 0;
    int status = journal_open(options->home, JOURNAL_OWNER, &services->journal, err);
    if (!status) status = secrets_new(&services->secrets, err);
    if (!status) status = read_settings(engine, options, err);
    if (!status) status = watchdog_new(services->limits.watchdog_us, &services->watchdog, err);
    services->sources.watchdog = services->watchdog;
    if (!status) status = journal_last_number(services->journal, &last, err);
    if (!status) status = admission_new(options->is_server, &engine->admission, err);
    if (status) return status;
    atomic_store(&services->last_number, last);
    services->fence = journal_fence(services->journal);
    status = open_loop(engine, err);
    if (!status) status = committer_new(services->journal, &host, &services->committer, err);
    if (!status)
        status = shared_state_new(services->journal, services->committer, &services->state, err);
    if (!status) {
        struct slots_host slots = {engine, wake_for_slot, tell_in_line};
        status = slots_new(services->journal, &slots, &services->slots, err);
    }
    if (!status) status = retention_new(services, options->is_server, &services->retention, err);
    return status;
}

/* Only the home's owner may look, and before anything begins. */
static int open_mark(struct engine *engine, const char *home, struct error *err) {
    struct services *services = &engine->services;
    struct crash_left left;
    int status = crash_mark_open(home, &services->mark, &left, err);
    if (!status) status = recovery_after_crash(services, &left, err);
    if (!status) crash_mark_begin(services->mark);
    return status;
}

static int start_workers(struct engine *engine, size_t count, struct error *err) {
    struct worker_host host = {engine, on_left, on_woken, adopt, on_worker_tick};
    if (!count) count = uv_available_parallelism();
    if (count > WORKERS_MAX) count = WORKERS_MAX;
    for (size_t i = 0; i < count; i++) {
        struct worker *worker;
        int status = worker_new(&engine->services, &host, &worker, err);
        if (status) return status;
        engine->workers[engine->worker_count++] = worker;
    }
    admission_open(engine->admission, engine->workers, engine->worker_count);
    return 0;
}

/* What came while nobody owned the home, so that whoever asks next sees it. */
static int take_what_waits(struct engine *engine, struct error *err) {
    struct submission *submission = submission_new();
    int status = submission ? inbox_take(&engine->services, err) : error_no_memory(err);
    if (status) {
        submission_free(submission);
        return status;
    }
    uint64_t position = committer_submit(engine->services.committer, submission, err);
    if (!position) return TEND_ENOMEM;
    return committer_wait(engine->services.committer, position)
               ? 0
               : error_set(err, TEND_EIO, "the journal could not be written");
}

int engine_new(const struct engine_options *options, struct engine **ret, struct error *err) {
    struct engine *engine = memory_new(sizeof *engine);
    if (!engine) return error_no_memory(err);
    engine->is_server = options->is_server;
    engine->services.clock = options->clock ? &options->clock->clock : clock_system();
    engine->services.mock = options->mock;
    engine->services.sources = options->sources;
    engine->services.observer = options->observer;
    pthread_mutex_init(&engine->mutex, NULL);
    pthread_mutex_init(&engine->services.accepting_mutex, NULL);
    int status = open_services(engine, options, err);
    if (!status) status = open_mark(engine, options->home, err);
    if (!status && options->is_server)
        status = schedules_new(&engine->services, &engine->schedules, err);
    if (!status) status = start_workers(engine, options->workers, err);
    if (!status) status = take_what_waits(engine, err);
    if (!status && options->mock) mock_listen(options->mock, on_call, engine);
    if (status) engine_free(engine);
    else *ret = engine;
    return status;
}

/* ---- ending it ---- */

static void close_handle(uv_handle_t *handle, void *context) {
    (void)context;
    if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

static void close_loop(struct engine *engine) {
    if (!engine->has_loop) return;
    uv_walk(&engine->loop, close_handle, NULL);
    uv_run(&engine->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&engine->loop);
}

struct engine *engine_free(struct engine *engine) {
    if (!engine) return NULL;
    struct services *services = &engine->services;
    if (engine->admission) admission_close(engine->admission);
    if (services->mark) crash_mark_end(services->mark);
    for (size_t i = 0; i < engine->worker_count; i++) worker_stop(engine->workers[i]);
    if (services->mock) mock_listen(services->mock, NULL, NULL);
    services->committer = committer_free(services->committer);
    accept_done(services);
    resting_done(services);
    for (size_t i = 0; i < engine->worker_count; i++) worker_free(engine->workers[i]);
    services->watchdog = watchdog_free(services->watchdog);
    close_loop(engine);
    while (engine->left) {
        struct left *next = engine->left->next;
        memory_free(engine->left);
        engine->left = next;
    }
    schedules_free(engine->schedules);
    retention_free(services->retention);
    shared_state_free(services->state);
    slots_free(services->slots);
    admission_free(engine->admission);
    secrets_free(services->secrets);
    value_tree_done(&services->settings_tree);
    buffer_done(&services->settings);
    services->mark = crash_mark_close(services->mark);
    journal_close(services->journal);
    pthread_mutex_destroy(&engine->mutex);
    pthread_mutex_destroy(&services->accepting_mutex);
    memory_free(engine);
    return NULL;
}

/* ---- using it ---- */

uv_loop_t *engine_loop(struct engine *engine) { return &engine->loop; }
struct journal *engine_journal(struct engine *engine) {
    return engine->services.journal;
}
size_t engine_schedule_count(const struct engine *engine) {
    return engine->schedules ? schedules_count(engine->schedules) : 0;
}

static int submit(struct engine *engine, struct submission *submission, struct error *err) {
    uint64_t position = committer_submit(engine->services.committer, submission, err);
    if (!position) return TEND_ENOMEM;
    if (committer_wait(engine->services.committer, position)) return 0;
    pthread_mutex_lock(&engine->mutex);
    *err = engine->broken;
    pthread_mutex_unlock(&engine->mutex);
    return err->status ? err->status : TEND_EIO;
}

int engine_accept(struct engine *engine, const struct acceptance *acceptance, struct accepted *ret,
                  struct error *err) {
    struct submission *submission = submission_new();
    struct accepted accepted;
    if (!submission) return error_no_memory(err);
    int status = accept_run(&engine->services, acceptance, submission, &accepted, err);
    if (status || !accepted.is_new) submission_free(submission);
    else status = submit(engine, submission, err);
    point("after_accept");
    if (!status) *ret = accepted;
    return status;
}

int engine_resume(struct engine *engine, const char *id, uint64_t *number, struct error *err) {
    struct record record;
    int status = record_load_by_id(engine->services.journal, id, &record, err);
    if (status) return status;
    *number = record.number;
    if (is_at_rest(record.status))
        return error_set(err, TEND_EINPUT, "run %s is %s: it can't be resumed", id,
                         run_status_name(record.status));
    adopt(engine, record.number, 0);
    return 0;
}

int engine_resume_all(struct engine *engine, size_t *count, struct error *err) {
    int status = recovery_wake_all(engine->services.journal, engine->admission, count, err);
    look_at_timers(engine);
    return status;
}

int engine_run(struct engine *engine, uint64_t until, struct error *err) {
    engine->until = until;
    if (engine->schedules) on_tick(&engine->ticker);
    uv_async_send(&engine->async); /* what left before it turned */
    uv_run(&engine->loop, UV_RUN_DEFAULT);
    if (!engine->is_broken) return 0;
    *err = engine->broken;
    return TEND_EIO;
}

/* ---- for a test: until nothing moves ---- */

/* Everything that was handed on so far, between the threads. */
static uint64_t moves(struct engine *engine) {
    uint64_t count = committer_rest(engine->services.committer);
    for (size_t i = 0; i < engine->worker_count; i++)
        count += worker_mail_count(engine->workers[i]);
    return count;
}

static bool is_ticking(struct engine *engine) {
    pthread_mutex_lock(&engine->mutex);
    bool is_ticking = engine->ticks_left > 0 && !engine->is_broken;
    pthread_mutex_unlock(&engine->mutex);
    return is_ticking && !mock_has_call(engine->services.mock);
}

/* A round: each worker deals with all that it was sent, and says so. */
static void tick_workers(struct engine *engine) {
    pthread_mutex_lock(&engine->mutex);
    engine->tick++;
    engine->ticks_left = engine->worker_count;
    engine->left_us = INT64_MAX;
    pthread_mutex_unlock(&engine->mutex);
    for (size_t i = 0; i < engine->worker_count; i++)
        if (worker_send(engine->workers[i], WORKER_TICK, engine->tick))
            on_worker_tick(engine, engine->tick, INT64_MAX);
    while (is_ticking(engine)) uv_run(&engine->loop, UV_RUN_DEFAULT);
    uv_run(&engine->loop, UV_RUN_NOWAIT); /* who left meanwhile */
}

/* Two rounds side by side between which nothing was handed on: then nothing moves. A run that waits
 * is told apart from one that is on its way by nothing else. */
int engine_settle(struct engine *engine, int64_t *next_us, struct error *err) {
    struct mock *mock = engine->services.mock;
    uint64_t before, after = moves(engine);
    do {
        before = after;
        look_at_timers(engine);
        tick_workers(engine);
        after = moves(engine);
        if (engine->is_broken) {
            *err = engine->broken;
            return TEND_EIO;
        }
    } while (!mock_has_call(mock) && (after != before || !mock_is_delivered(mock)));
    int64_t now_us = clock_wall_us(engine->services.clock);
    *next_us = 0;
    if (mock_has_call(mock)) return 0; /* a round of ticks may be under way */
    *next_us = engine->timer_due_us;
    if (engine->left_us != INT64_MAX && (!*next_us || now_us + engine->left_us < *next_us))
        *next_us = now_us + engine->left_us;
    return 0;
}

struct services *engine_services(struct engine *engine) {
    return &engine->services;
}

void engine_stop(struct engine *engine) { uv_stop(&engine->loop); }
