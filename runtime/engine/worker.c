/* A worker's thread; see worker.h. */
#include "engine/worker.h"
#include "engine/point.h"

#include <uv.h>

#include "base/memory.h"
#include "engine/run.h"
#include "engine/watchdog.h"

struct mail {
    struct mail *next;
    enum worker_mail kind;
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

static void adopt(struct worker *worker, uint64_t number) {
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
    else run_advance(run);
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
    else tell_durable(worker);
    if (!is_stopping && worker->is_ticked) tick(worker);
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
    worker->place.loop = &worker->loop;
    worker->place.services = services;
    worker->place.pulse = &worker->watched.pulse;
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
