/* The one door to running; see admission.h. */
#include "engine/admission.h"

#include "base/map.h"
#include "base/memory.h"

struct held {
    size_t worker;
    bool has_wake; /* woken since it was let in; it may be on its way out */
};

struct waiter {
    struct waiter *next;
    uint64_t number;
};

struct admission {
    pthread_mutex_t mutex;
    struct worker **workers;
    size_t worker_count;
    size_t *loads;
    struct map held;   /* number -> held */
    struct map scope;  /* number -> non-NULL */
    struct map waited; /* number of a child -> waiters that aren't its parent */
    bool is_everything, is_open;
};

static struct bytes key_of(const uint64_t *number) {
    return (struct bytes){(const char *)number, sizeof *number};
}

int admission_new(bool is_everything, struct admission **ret, struct error *err) {
    struct admission *admission = memory_new(sizeof *admission);
    if (!admission) return error_no_memory(err);
    pthread_mutex_init(&admission->mutex, NULL);
    admission->is_everything = is_everything;
    *ret = admission;
    return 0;
}

static void waiters_free(struct waiter *waiter) {
    while (waiter) {
        struct waiter *next = waiter->next;
        memory_free(waiter);
        waiter = next;
    }
}

struct admission *admission_free(struct admission *admission) {
    if (!admission) return NULL;
    size_t at = 0;
    struct bytes key;
    void *value;
    while (map_next(&admission->held, &at, &key, &value)) memory_free(value);
    for (at = 0; map_next(&admission->waited, &at, &key, &value);) waiters_free(value);
    map_done(&admission->waited);
    map_done(&admission->held);
    map_done(&admission->scope);
    memory_free(admission->loads);
    pthread_mutex_destroy(&admission->mutex);
    memory_free(admission);
    return NULL;
}

void admission_open(struct admission *admission, struct worker **workers, size_t count) {
    pthread_mutex_lock(&admission->mutex);
    admission->workers = workers;
    admission->worker_count = count;
    admission->loads = memory_new((count + 1) * sizeof *admission->loads);
    admission->is_open = admission->loads != NULL;
    pthread_mutex_unlock(&admission->mutex);
}

void admission_close(struct admission *admission) {
    pthread_mutex_lock(&admission->mutex);
    admission->is_open = false;
    pthread_mutex_unlock(&admission->mutex);
}

void admission_include(struct admission *admission, uint64_t number) {
    if (admission->is_everything) return;
    pthread_mutex_lock(&admission->mutex);
    (void)map_set(&admission->scope, key_of(&number), admission); /* else it waits for a server */
    pthread_mutex_unlock(&admission->mutex);
}

static size_t least_loaded(const struct admission *admission) {
    size_t best = 0;
    for (size_t i = 1; i < admission->worker_count; i++)
        if (admission->loads[i] < admission->loads[best]) best = i;
    return best;
}

/* Lets it in: the journal has it all, so a run that can't be let in now is found by recovery. */
static void admit(struct admission *admission, uint64_t number) {
    struct held *held = memory_new(sizeof *held);
    if (!held) return;
    held->worker = least_loaded(admission);
    if (map_set(&admission->held, key_of(&number), held) ||
        worker_send(admission->workers[held->worker], WORKER_ADOPT, number)) {
        map_remove(&admission->held, key_of(&number));
        memory_free(held);
        return;
    }
    admission->loads[held->worker]++;
}

static void wake(struct admission *admission, uint64_t number) {
    struct held *held = map_get(&admission->held, key_of(&number));
    bool is_ours = admission->is_everything || map_get(&admission->scope, key_of(&number));
    if (!admission->is_open) return; /* the workers may be gone */
    if (held) {
        held->has_wake = true;
        (void)worker_send(admission->workers[held->worker], WORKER_WAKE, number);
    } else if (is_ours) {
        admit(admission, number);
    }
}

void admission_wake(struct admission *admission, uint64_t number) {
    pthread_mutex_lock(&admission->mutex);
    wake(admission, number);
    pthread_mutex_unlock(&admission->mutex);
}

static void await(struct admission *admission, uint64_t number, uint64_t waiter) {
    struct waiter *first = map_get(&admission->waited, key_of(&number));
    for (struct waiter *known = first; known; known = known->next)
        if (known->number == waiter) return;
    struct waiter *added = memory_new(sizeof *added);
    if (!added) return; /* then it goes on at the next start */
    *added = (struct waiter){first, waiter};
    if (map_set(&admission->waited, key_of(&number), added)) memory_free(added);
}

void admission_await(struct admission *admission, uint64_t number, uint64_t waiter) {
    pthread_mutex_lock(&admission->mutex);
    await(admission, number, waiter);
    pthread_mutex_unlock(&admission->mutex);
}

void admission_ended(struct admission *admission, uint64_t number) {
    pthread_mutex_lock(&admission->mutex);
    struct waiter *first = map_remove(&admission->waited, key_of(&number));
    for (struct waiter *waiter = first; waiter; waiter = waiter->next)
        wake(admission, waiter->number);
    pthread_mutex_unlock(&admission->mutex);
    waiters_free(first);
}

void admission_woken(struct admission *admission, uint64_t number) {
    pthread_mutex_lock(&admission->mutex);
    struct held *held = map_get(&admission->held, key_of(&number));
    if (held) held->has_wake = false;
    pthread_mutex_unlock(&admission->mutex);
}

void admission_left(struct admission *admission, uint64_t number) {
    pthread_mutex_lock(&admission->mutex);
    struct held *held = map_remove(&admission->held, key_of(&number));
    if (held) {
        bool has_wake = held->has_wake;
        admission->loads[held->worker]--;
        memory_free(held);
        if (has_wake && admission->is_open) admit(admission, number);
    }
    pthread_mutex_unlock(&admission->mutex);
}

size_t admission_count(struct admission *admission) {
    pthread_mutex_lock(&admission->mutex);
    size_t count = admission->held.count;
    pthread_mutex_unlock(&admission->mutex);
    return count;
}
