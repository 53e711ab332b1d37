/* The committer's thread; see committer.h. */
#include "engine/committer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/memory.h"
#include "engine/point.h"
#include "engine/submission.h"

struct committer {
    struct journal *journal;
    struct committer_host host;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t queued;  /* something to do */
    pthread_cond_t settled; /* durable moved, or broken */
    struct submission *first, **last;
    uint64_t next_position;
    bool is_stopping, is_broken, is_busy, has_thread;
    atomic_uint_fast64_t durable;
};

/* ---- a batch out of the queue ---- */

struct gathered {
    struct journal_transition *transitions;
    struct journal_state_write *states;
    struct journal_bundle *bundles;
    struct journal_removal *removals;
    struct bytes *removed_bundles;
    struct journal_batch batch;
};

static void gathered_done(struct gathered *gathered) {
    memory_free(gathered->transitions);
    memory_free(gathered->states);
    memory_free(gathered->bundles);
    memory_free(gathered->removals);
    memory_free(gathered->removed_bundles);
}

static void count(const struct submission *queue, struct journal_batch *batch) {
    for (const struct submission *s = queue; s; s = s->next) {
        for (struct submission_part *part = s->parts; part; part = part->next)
            batch->transition_count++;
        for (struct submission_state *state = s->states; state; state = state->next)
            batch->state_write_count++;
        for (struct submission_bundle *bundle = s->bundles; bundle; bundle = bundle->next)
            batch->bundle_count++;
        for (struct submission_removal *r = s->removals; r; r = r->next) batch->removal_count++;
        for (struct submission_hash *hash = s->removed_bundles; hash; hash = hash->next)
            batch->removed_bundle_count++;
        if (s->removed_bundles) batch->bundle_mark = s->bundle_mark;
        if (s->freed_max > batch->freed_max) batch->freed_max = s->freed_max;
        if (s->inbox_taken > batch->inbox_taken) batch->inbox_taken = s->inbox_taken;
    }
}

static void fill(const struct submission *queue, struct gathered *gathered) {
    size_t transition = 0, write = 0, contents = 0, removal = 0, hash = 0;
    for (const struct submission *s = queue; s; s = s->next) {
        for (struct submission_part *part = s->parts; part; part = part->next)
            gathered->transitions[transition++] = (struct journal_transition){
                part->number,         part->has_record ? &part->run : NULL,
                part->first_sequence, part->entries,
                part->count,          part->has_past ? &part->past : NULL};
        for (struct submission_state *state = s->states; state; state = state->next)
            gathered->states[write++] = state->write;
        for (struct submission_bundle *bundle = s->bundles; bundle; bundle = bundle->next)
            gathered->bundles[contents++] = bundle->bundle;
        for (struct submission_removal *r = s->removals; r; r = r->next)
            gathered->removals[removal++] = r->removal;
        for (struct submission_hash *removed = s->removed_bundles; removed; removed = removed->next)
            gathered->removed_bundles[hash++] = removed->hash;
    }
}

static int gather(const struct submission *queue, struct gathered *ret, struct error *err) {
    struct gathered gathered = {0};
    struct journal_batch *batch = &gathered.batch;
    count(queue, batch);
    gathered.transitions = memory_new(batch->transition_count * sizeof *gathered.transitions);
    gathered.states = memory_new(batch->state_write_count * sizeof *gathered.states);
    gathered.bundles = memory_new(batch->bundle_count * sizeof *gathered.bundles);
    gathered.removals = memory_new(batch->removal_count * sizeof *gathered.removals);
    gathered.removed_bundles =
        memory_new(batch->removed_bundle_count * sizeof *gathered.removed_bundles);
    if (!gathered.transitions || !gathered.states || !gathered.bundles || !gathered.removals ||
        !gathered.removed_bundles) {
        gathered_done(&gathered);
        return error_no_memory(err);
    }
    fill(queue, &gathered);
    batch->transitions = gathered.transitions;
    batch->state_writes = gathered.states;
    batch->bundles = gathered.bundles;
    batch->removals = gathered.removals;
    batch->removed_bundles = gathered.removed_bundles;
    *ret = gathered;
    return 0;
}

static int commit_once(struct committer *committer, const struct submission *queue,
                       struct error *err) {
    struct gathered gathered;
    int status = gather(queue, &gathered, err);
    if (status) return status;
    status = journal_commit(committer->journal, &gathered.batch, err);
    gathered_done(&gathered);
    return status;
}

static bool is_stopping(struct committer *committer) {
    pthread_mutex_lock(&committer->mutex);
    bool is_stopping = committer->is_stopping;
    pthread_mutex_unlock(&committer->mutex);
    return is_stopping;
}

/* Commits, waiting for space if there is none. False: broken, or stopped while waiting. */
static bool commit(struct committer *committer, const struct submission *queue) {
    struct error err;
    int status;
    bool has_told = false;
    while ((status = commit_once(committer, queue, &err)) == TEND_ESPACE) {
        if (!has_told) committer->host.on_no_space(committer->host.context, &err);
        has_told = true;
        if (is_stopping(committer)) return false;
        nanosleep(&(struct timespec){1, 0}, NULL);
    }
    if (status) committer->host.on_broken(committer->host.context, &err);
    return status == 0;
}

static void queue_free(struct submission *queue) {
    while (queue) {
        struct submission *next = queue->next;
        submission_free(queue);
        queue = next;
    }
}

/* After a commit: wakes and state, in the queue's order; then the submissions go. */
static void release(struct committer *committer, struct submission *queue) {
    const struct committer_host *host = &committer->host;
    while (queue) {
        struct submission *next = queue->next;
        for (struct submission_state *state = queue->states; state; state = state->next)
            host->on_state(host->context, state->write.key, queue->position);
        for (struct submission_wake *wake = queue->wakes; wake; wake = wake->next)
            host->on_wake(host->context, wake->number);
        submission_free(queue);
        queue = next;
    }
}

static struct submission *take_queue(struct committer *committer, uint64_t *position) {
    pthread_mutex_lock(&committer->mutex);
    committer->is_busy = false;
    pthread_cond_broadcast(&committer->settled);
    while (!committer->first && !committer->is_stopping)
        pthread_cond_wait(&committer->queued, &committer->mutex);
    committer->is_busy = true;
    struct submission *queue = committer->first;
    committer->first = NULL;
    committer->last = &committer->first;
    *position = committer->next_position - 1;
    pthread_mutex_unlock(&committer->mutex);
    return queue;
}

static void settle(struct committer *committer, uint64_t position, bool is_broken) {
    pthread_mutex_lock(&committer->mutex);
    committer->is_broken = committer->is_broken || is_broken;
    if (!is_broken) atomic_store(&committer->durable, position);
    pthread_cond_broadcast(&committer->settled);
    pthread_mutex_unlock(&committer->mutex);
}

static void *work(void *context) {
    struct committer *committer = context;
    uint64_t position;
    struct submission *queue;
    while ((queue = take_queue(committer, &position))) {
        point("before_commit");
        bool is_durable = commit(committer, queue);
        point("after_commit");
        settle(committer, position, !is_durable);
        if (!is_durable) {
            queue_free(queue);
            break;
        }
        release(committer, queue);
        point("before_nudge");
        committer->host.on_durable(committer->host.context, position);
    }
    return NULL;
}

/* ---- the callers' side ---- */

int committer_new(struct journal *journal, const struct committer_host *host,
                  struct committer **ret, struct error *err) {
    struct committer *committer = memory_new(sizeof *committer);
    if (!committer) return error_no_memory(err);
    committer->journal = journal;
    committer->host = *host;
    committer->last = &committer->first;
    committer->next_position = 1;
    pthread_mutex_init(&committer->mutex, NULL);
    pthread_cond_init(&committer->queued, NULL);
    pthread_cond_init(&committer->settled, NULL);
    if (pthread_create(&committer->thread, NULL, work, committer)) {
        committer_free(committer);
        return error_set(err, TEND_EIO, "could not start the journal's thread");
    }
    committer->has_thread = true;
    *ret = committer;
    return 0;
}

struct committer *committer_free(struct committer *committer) {
    if (!committer) return NULL;
    pthread_mutex_lock(&committer->mutex);
    committer->is_stopping = true;
    pthread_cond_signal(&committer->queued);
    pthread_mutex_unlock(&committer->mutex);
    if (committer->has_thread) pthread_join(committer->thread, NULL);
    queue_free(committer->first);
    pthread_mutex_destroy(&committer->mutex);
    pthread_cond_destroy(&committer->queued);
    pthread_cond_destroy(&committer->settled);
    memory_free(committer);
    return NULL;
}

uint64_t committer_submit(struct committer *committer, struct submission *submission,
                          struct error *err) {
    if (submission->is_failed) {
        submission_free(submission);
        error_no_memory(err);
        return 0;
    }
    pthread_mutex_lock(&committer->mutex);
    uint64_t position = submission->position = committer->next_position++;
    *committer->last = submission;
    committer->last = &submission->next;
    pthread_cond_signal(&committer->queued);
    pthread_mutex_unlock(&committer->mutex);
    return position;
}

uint64_t committer_durable(const struct committer *committer) {
    return atomic_load(&((struct committer *)committer)->durable);
}

bool committer_wait(struct committer *committer, uint64_t position) {
    pthread_mutex_lock(&committer->mutex);
    while (!committer->is_broken && atomic_load(&committer->durable) < position)
        pthread_cond_wait(&committer->settled, &committer->mutex);
    bool is_durable = atomic_load(&committer->durable) >= position;
    pthread_mutex_unlock(&committer->mutex);
    return is_durable;
}

uint64_t committer_rest(struct committer *committer) {
    pthread_mutex_lock(&committer->mutex);
    while (!committer->is_broken && (committer->first || committer->is_busy))
        pthread_cond_wait(&committer->settled, &committer->mutex);
    uint64_t count = committer->next_position;
    pthread_mutex_unlock(&committer->mutex);
    return count;
}
