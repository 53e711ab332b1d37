/* A worker's thread; see worker.h.
 *
 * Room in memory is bounded, by the number of isolates and by what they hold. A run that finds none
 * queues, first come, first in; while any queues, or too much memory is held, what only waits
 * leaves memory: so those that queue have their turn, and a run that waits for one of them isn't in
 * its way. One that waits for its children after its cleanup can't leave, and isn't counted. */
#include "engine/worker.h"
#include "engine/point.h"

#include <stdlib.h>
#include <uv.h>

#include "base/memory.h"
#include "engine/run.h"
#include "engine/watchdog.h"

struct mail {
    struct mail *next;
    enum worker_mail kind;
    uint64_t number;
};

struct queued { /* let in, but there is no room yet */
    struct queued *next;
    uint64_t number;
};

struct worker {
    struct services *services;
    struct worker_host host;
    struct effect_place place;
    struct watched watched;
    pthread_t thread;
    uv_loop_t loop;
    uv_async_t async;
    pthread_mutex_t mutex; /* of the mail */
    struct mail *mail, **last_mail;
    uint64_t mail_count, tick;
    bool is_stopping, is_ticked, has_thread, has_loop;
    struct map runs; /* number -> run */
    struct queued *queue, **last_queued;
    size_t queue_length;
    size_t active;       /* runs that count */
    size_t memory_bytes; /* that these hold */
};

static struct bytes key_of(const uint64_t *number) {
    return (struct bytes){(const char *)number, sizeof *number};
}

static void wants_turn(void *context, struct run *run) {
    struct worker *worker = context;
    uint64_t number = run->record.number;
    (void)worker_send(worker, WORKER_WAKE, number); /* without memory: the next commit's nudge */
}

static void adopt_child(void *context, uint64_t number, uint64_t waiter) {
    struct worker *worker = context;
    worker->host.adopt(worker->host.context, number, waiter);
}

static bool has_room(const struct worker *worker) {
    const struct services *services = worker->services;
    if (!worker->active) return true; /* one has room, whatever it is */
    return worker->active < services->limits.isolates &&
           worker->memory_bytes <= services->limits.worker_memory_bytes;
}

static void load(struct worker *worker, uint64_t number) {
    struct run_host host = {worker, &worker->place, wants_turn, adopt_child};
    struct run *run;
    struct error err;
    int status = run_load(&host, number, &run, &err);
    point("after_load");
    if (!status && map_set(&worker->runs, key_of(&number), run)) {
        run_free(run);
        status = error_no_memory(&err);
    }
    if (status)
        worker->host.on_left(worker->host.context, number, NULL,
                             status == TEND_ENOENT || status == TEND_EBUSY ? NULL : &err);
    if (status) return;
    worker->active++;
    run_advance(run);
    worker->memory_bytes += run_memory(run); /* until it has left, too */
}

static void enqueue(struct worker *worker, uint64_t number) {
    struct queued *queued = memory_new(sizeof *queued);
    if (!queued) { /* then beyond the bound */
        load(worker, number);
        return;
    }
    queued->number = number;
    *worker->last_queued = queued;
    worker->last_queued = &queued->next;
    worker->queue_length++;
}

static void adopt(struct worker *worker, uint64_t number) {
    if (worker->queue || !has_room(worker)) enqueue(worker, number);
    else load(worker, number);
}

/* What woke it while it queued is there to be seen when it is loaded. */
static void adopt_queued(struct worker *worker) {
    while (worker->queue && has_room(worker)) {
        struct queued *first = worker->queue;
        uint64_t number = first->number;
        worker->queue = first->next;
        if (!worker->queue) worker->last_queued = &worker->queue;
        worker->queue_length--;
        memory_free(first);
        worker->host.on_woken(worker->host.context, number);
        load(worker, number);
    }
}

static void handle(struct worker *worker, const struct mail *mail) {
    struct run *run = map_get(&worker->runs, key_of(&mail->number));
    if (mail->kind == WORKER_TICK) {
        worker->is_ticked = true;
        worker->tick = mail->number;
    } else if (mail->kind == WORKER_ADOPT && !run) {
        adopt(worker, mail->number);
    } else if (run && !run->is_over && !run->is_leaving) {
        worker->host.on_woken(worker->host.context, mail->number);
        run_wake(run);
    }
}

static struct mail *take_mail(struct worker *worker, bool *is_stopping) {
    pthread_mutex_lock(&worker->mutex);
    struct mail *mail = worker->mail;
    worker->mail = NULL;
    worker->last_mail = &worker->mail;
    *is_stopping = worker->is_stopping;
    pthread_mutex_unlock(&worker->mutex);
    return mail;
}

/* ---- making room ---- */

/* What is here and counts; is_staying: without what is about to leave. */
static void measure(const struct worker *worker, bool is_staying, size_t *count, size_t *bytes) {
    size_t at = 0;
    struct bytes key;
    void *value;
    *count = *bytes = 0;
    while (map_next(&worker->runs, &at, &key, &value)) {
        const struct run *run = value;
        if (run->is_unwound || (is_staying && (run->is_over || run->is_leaving))) continue;
        *count += 1;
        *bytes += run_memory(run);
    }
}

static int by_use(const void *a, const void *b) {
    const struct run *first = *(struct run *const *)a, *second = *(struct run *const *)b;
    return first->used_at_us < second->used_at_us ? -1 : first->used_at_us > second->used_at_us;
}

/* The least recently used of those that only wait leave, until there is room for those that queue,
 * and no more memory is held than may be. */
static void evict(struct worker *worker) {
    const struct services *services = worker->services;
    size_t staying, bytes, count = 0, at = 0;
    struct run **runs = memory_new((worker->runs.count + 1) * sizeof *runs);
    struct bytes key;
    void *value;
    measure(worker, true, &staying, &bytes);
    while (runs && map_next(&worker->runs, &at, &key, &value))
        if (!((struct run *)value)->is_leaving) runs[count++] = value;
    if (runs) qsort(runs, count, sizeof *runs, by_use);
    for (size_t i = 0; i < count; i++) {
        size_t memory = run_memory(runs[i]);
        bool has_enough = bytes <= services->limits.worker_memory_bytes &&
                          staying + worker->queue_length <= services->limits.isolates;
        if (has_enough) break;
        run_make_room(runs[i]);
        if (!runs[i]->is_leaving) continue;
        staying--;
        bytes -= memory;
    }
    memory_free(runs);
}

static void make_room(struct worker *worker) {
    measure(worker, false, &worker->active, &worker->memory_bytes);
    adopt_queued(worker);
    worker->place.is_crowded =
        worker->queue || worker->memory_bytes > worker->services->limits.worker_memory_bytes;
    if (worker->place.is_crowded) evict(worker);
}

/* ---- its loop ---- */

/* Tells every run how far the journal is, and lets go of those that are done here. */
static void tell_durable(struct worker *worker) {
    uint64_t durable = committer_durable(worker->services->committer), *left;
    size_t at = 0, count = 0;
    struct bytes key;
    void *value;
    left = memory_new((worker->runs.count + 1) * sizeof *left);
    while (map_next(&worker->runs, &at, &key, &value)) {
        struct run *run = value;
        run_durable(run, durable);
        if (left && run_may_leave(run, durable)) left[count++] = run->record.number;
    }
    for (size_t i = 0; i < count; i++) {
        struct run *run = map_remove(&worker->runs, key_of(&left[i]));
        struct record record = run->record;
        bool is_broken = run->is_broken;
        struct error err = {.status = TEND_ENOMEM, .message = "out of memory"};
        point("after_left");
        run_free(run);
        worker->host.on_left(worker->host.context, left[i], &record, is_broken ? &err : NULL);
    }
    memory_free(left);
}

static void tick(struct worker *worker) {
    int64_t least_us = INT64_MAX;
    size_t at = 0;
    struct bytes key;
    void *value;
    while (map_next(&worker->runs, &at, &key, &value)) {
        int64_t left_us = run_tick(value);
        if (left_us < least_us) least_us = left_us;
    }
    worker->is_ticked = false;
    worker->host.on_tick(worker->host.context, worker->tick, least_us);
}

static void stop(struct worker *worker) {
    size_t at = 0;
    struct bytes key;
    void *value;
    while (map_next(&worker->runs, &at, &key, &value)) run_free(value);
    map_done(&worker->runs);
    while (worker->queue) {
        struct queued *next = worker->queue->next;
        memory_free(worker->queue);
        worker->queue = next;
    }
    worker->place.http = http_client_free(worker->place.http);
    uv_close((uv_handle_t *)&worker->async, NULL);
}

static void on_async(uv_async_t *async) {
    struct worker *worker = async->data;
    bool is_stopping;
    struct mail *mail = take_mail(worker, &is_stopping);
    while (mail) {
        struct mail *next = mail->next;
        if (!is_stopping) handle(worker, mail);
        memory_free(mail);
        mail = next;
    }
    if (is_stopping) stop(worker);
    if (is_stopping) return;
    tell_durable(worker);
    make_room(worker);
    if (worker->is_ticked) tick(worker);
}

static void *work(void *context) {
    struct worker *worker = context;
    watchdog_enter(worker->services->watchdog, &worker->watched);
    uv_run(&worker->loop, UV_RUN_DEFAULT);
    watchdog_leave(worker->services->watchdog, &worker->watched);
    return NULL;
}

static int open_loop(struct worker *worker, struct error *err) {
    if (uv_loop_init(&worker->loop))
        return error_set(err, TEND_EIO, "could not make an event loop");
    worker->has_loop = true;
    if (uv_async_init(&worker->loop, &worker->async, on_async))
        return error_set(err, TEND_EIO, "could not make an event loop's wake-up");
    worker->async.data = worker;
    return http_client_new(&worker->loop, &worker->place.http, err);
}

int worker_new(struct services *services, const struct worker_host *host, struct worker **ret,
               struct error *err) {
    struct worker *worker = memory_new(sizeof *worker);
    if (!worker) return error_no_memory(err);
    worker->services = services;
    worker->host = *host;
    worker->last_mail = &worker->mail;
    worker->last_queued = &worker->queue;
    worker->place.loop = &worker->loop;
    worker->place.services = services;
    worker->place.pulse = &worker->watched.pulse;
    worker->place.mark = crash_mark_slot(services->mark);
    pthread_mutex_init(&worker->mutex, NULL);
    int status = open_loop(worker, err);
    if (!status && pthread_create(&worker->thread, NULL, work, worker))
        status = error_set(err, TEND_EIO, "could not start a worker's thread");
    worker->has_thread = !status;
    if (status) worker_free(worker);
    else *ret = worker;
    return status;
}

void worker_stop(struct worker *worker) {
    pthread_mutex_lock(&worker->mutex);
    if (worker->has_thread && !worker->is_stopping) uv_async_send(&worker->async);
    worker->is_stopping = true;
    pthread_mutex_unlock(&worker->mutex);
    if (worker->has_thread) pthread_join(worker->thread, NULL);
    worker->has_thread = false;
}

struct worker *worker_free(struct worker *worker) {
    bool is_stopping;
    if (!worker) return NULL;
    worker_stop(worker);
    struct mail *mail = take_mail(worker, &is_stopping);
    while (mail) {
        struct mail *next = mail->next;
        memory_free(mail);
        mail = next;
    }
    if (worker->has_loop) (void)uv_loop_close(&worker->loop); /* busy only if it never ran */
    pthread_mutex_destroy(&worker->mutex);
    memory_free(worker);
    return NULL;
}

int worker_send(struct worker *worker, enum worker_mail kind, uint64_t number) {
    struct mail *mail = memory_new(sizeof *mail);
    if (!mail) return TEND_ENOMEM;
    mail->kind = kind;
    mail->number = number;
    pthread_mutex_lock(&worker->mutex);
    *worker->last_mail = mail;
    worker->last_mail = &mail->next;
    worker->mail_count += kind != WORKER_TICK;
    pthread_mutex_unlock(&worker->mutex);
    worker_nudge(worker);
    return 0;
}

uint64_t worker_mail_count(struct worker *worker) {
    pthread_mutex_lock(&worker->mutex);
    uint64_t count = worker->mail_count;
    pthread_mutex_unlock(&worker->mutex);
    return count;
}

/* Its handle is closed once it stops: nothing may be sent from then on. */
void worker_nudge(struct worker *worker) {
    pthread_mutex_lock(&worker->mutex);
    if (!worker->is_stopping) uv_async_send(&worker->async);
    pthread_mutex_unlock(&worker->mutex);
}
