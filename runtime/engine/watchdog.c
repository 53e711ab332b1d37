/* The watcher's thread, and the signal; see watchdog.h. Reading another thread's processor clock is
 * a system call, so it is done here and not at every primitive. */
#include "engine/watchdog.h"

#include <sched.h>
#include <signal.h>

#include "base/memory.h"

static const int64_t limit_default_us = 30000000;
static const int64_t look_max_us = 500000, look_min_us = 5000;

struct watchdog {
    int64_t limit_us, look_us;
    pthread_t thread;
    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t wake;
    struct watched *watched;
    bool is_ending;
};

static int watch_signal(void) { return SIGRTMIN + 5; }

/* On the watched thread. Whom it is meant for comes with it: a handler has nothing else. */
static void on_signal(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    if (info->si_code == SI_QUEUE) pulse_expire(info->si_value.sival_ptr);
}

static int64_t used_us(const struct watched *watched) {
    struct timespec used;
    if (clock_gettime(watched->clock, &used)) return 0;
    return (int64_t)used.tv_sec * 1000000 + used.tv_nsec / 1000;
}

/* A count that is odd and the same as before: Lua runs, and has reached nothing. The signal goes
 * out at every look until it has: a coroutine that was resumed meanwhile may lack the hook. */
static void look_at(struct watched *watched, int64_t limit_us) {
    uint_fast64_t count = atomic_load(&watched->pulse.count);
    if (count % 2 == 0 || count != watched->seen) {
        watched->seen = count;
        if (count % 2) watched->since_us = used_us(watched);
        return;
    }
    if (used_us(watched) - watched->since_us < limit_us) return;
    atomic_store(&watched->pulse.accused, count);
    union sigval value = {.sival_ptr = &watched->pulse};
    (void)pthread_sigqueue(watched->thread, watch_signal(), value); /* full queue: the next look */
}

static void *watch(void *context) {
    struct watchdog *watchdog = context;
    pthread_mutex_lock(&watchdog->mutex);
    while (!watchdog->is_ending) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        int64_t nanoseconds = until.tv_nsec + watchdog->look_us * 1000;
        until.tv_sec += nanoseconds / 1000000000;
        until.tv_nsec = nanoseconds % 1000000000;
        if (watchdog->watched) pthread_cond_timedwait(&watchdog->wake, &watchdog->mutex, &until);
        else pthread_cond_wait(&watchdog->wake, &watchdog->mutex);
        for (struct watched *w = watchdog->watched; w; w = w->next) look_at(w, watchdog->limit_us);
    }
    pthread_mutex_unlock(&watchdog->mutex);
    return NULL;
}

/* It stays installed: a signal under way must find it. */
static int install(struct error *err) {
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigfillset(&action.sa_mask);
    if (sigaction(watch_signal(), &action, NULL))
        return error_set(err, TEND_EIO, "could not install the watchdog's signal");
    return 0;
}

/* Signals that are meant for the program must not end up on the watcher. */
static int start(struct watchdog *watchdog, struct error *err) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int status = pthread_create(&watchdog->thread, NULL, watch, watchdog);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status ? error_set(err, TEND_EIO, "could not start the watchdog's thread") : 0;
}

static void done(struct watchdog *watchdog) {
    pthread_cond_destroy(&watchdog->wake);
    pthread_mutex_destroy(&watchdog->mutex);
    memory_free(watchdog);
}

int watchdog_new(int64_t limit_us, struct watchdog **ret, struct error *err) {
    struct watchdog *watchdog = memory_new(sizeof *watchdog);
    pthread_condattr_t attributes;
    if (!watchdog) return error_no_memory(err);
    watchdog->limit_us = limit_us ? limit_us : limit_default_us;
    watchdog->look_us = watchdog->limit_us / 8;
    if (watchdog->look_us > look_max_us) watchdog->look_us = look_max_us;
    if (watchdog->look_us < look_min_us) watchdog->look_us = look_min_us;
    pthread_mutex_init(&watchdog->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&watchdog->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    int status = install(err);
    if (!status) status = start(watchdog, err);
    if (status) done(watchdog);
    else *ret = watchdog;
    return status;
}

struct watchdog *watchdog_free(struct watchdog *watchdog) {
    if (!watchdog) return NULL;
    pthread_mutex_lock(&watchdog->mutex);
    watchdog->is_ending = true;
    pthread_cond_signal(&watchdog->wake);
    pthread_mutex_unlock(&watchdog->mutex);
    pthread_join(watchdog->thread, NULL);
    done(watchdog);
    return NULL;
}

void watchdog_enter(struct watchdog *watchdog, struct watched *watched) {
    *watched = (struct watched){.thread = pthread_self()};
    if (!watchdog || pthread_getcpuclockid(watched->thread, &watched->clock)) return;
    watched->pulse.limit_us = watchdog->limit_us;
    pthread_mutex_lock(&watchdog->mutex);
    watched->next = watchdog->watched;
    watchdog->watched = watched;
    pthread_cond_signal(&watchdog->wake);
    pthread_mutex_unlock(&watchdog->mutex);
}

void watchdog_leave(struct watchdog *watchdog, struct watched *watched) {
    if (!watchdog) return;
    pthread_mutex_lock(&watchdog->mutex);
    struct watched **at = &watchdog->watched;
    while (*at && *at != watched) at = &(*at)->next;
    if (*at) *at = watched->next;
    pthread_mutex_unlock(&watchdog->mutex);
    sched_yield(); /* a signal that was sent before has come when this system call returns */
}
