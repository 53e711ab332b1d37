/* State with an overlay of what is queued; see shared_state.h. */
#include "engine/shared_state.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/memory.h"

struct pending {
    struct buffer value;
    bool is_deleted;
    uint64_t version, position;
};

struct shared_state {
    struct journal *journal;
    struct committer *committer;
    pthread_mutex_t mutex;
    struct map pending;
};

int shared_state_new(struct journal *journal, struct committer *committer,
                     struct shared_state **ret, struct error *err) {
    struct shared_state *state = memory_new(sizeof *state);
    if (!state) return error_no_memory(err);
    state->journal = journal;
    state->committer = committer;
    pthread_mutex_init(&state->mutex, NULL);
    *ret = state;
    return 0;
}

static void pending_free(struct pending *pending) {
    if (!pending) return;
    buffer_done(&pending->value);
    memory_free(pending);
}

struct shared_state *shared_state_free(struct shared_state *state) {
    if (!state) return NULL;
    size_t at = 0;
    struct bytes key;
    void *value;
    while (map_next(&state->pending, &at, &key, &value)) pending_free(value);
    map_done(&state->pending);
    pthread_mutex_destroy(&state->mutex);
    memory_free(state);
    return NULL;
}

static int read_locked(struct shared_state *state, struct bytes key, struct buffer *out,
                       uint64_t *version, struct error *err) {
    struct pending *pending = map_get(&state->pending, key);
    if (pending) {
        *version = pending->version;
        if (pending->is_deleted) pack_nil(out);
        else buffer_add(out, pending->value.data, pending->value.size);
        return buffer_check(out, err);
    }
    int status = journal_state(state->journal, key, out, version, err);
    if (status != TEND_ENOENT) return status;
    pack_nil(out);
    return buffer_check(out, err);
}

int shared_state_read(struct shared_state *state, struct bytes key, struct buffer *out,
                      uint64_t *version, struct error *err) {
    pthread_mutex_lock(&state->mutex);
    int status = read_locked(state, key, out, version, err);
    pthread_mutex_unlock(&state->mutex);
    return status;
}

/* Makes room for the write in the overlay before it is queued: afterwards nothing may fail. */
static int keep(struct shared_state *state, struct bytes key, struct bytes value, uint64_t version,
                struct pending **ret, struct error *err) {
    struct pending *pending = map_get(&state->pending, key);
    if (!pending) {
        pending = memory_new(sizeof *pending);
        if (!pending || map_set(&state->pending, key, pending)) {
            memory_free(pending);
            return error_no_memory(err);
        }
    }
    buffer_clear(&pending->value);
    if (value.data) buffer_add(&pending->value, value.data, value.size);
    pending->is_deleted = !value.data;
    pending->version = version;
    *ret = pending;
    return buffer_check(&pending->value, err);
}

static int write_locked(struct shared_state *state, struct bytes key, struct bytes value,
                        uint64_t version, struct submission *submission, uint64_t *position,
                        struct error *err) {
    struct buffer ignored = BUFFER_EMPTY;
    struct pending *pending = NULL;
    uint64_t now = 0;
    int status = read_locked(state, key, &ignored, &now, err);
    buffer_done(&ignored);
    if (status) return status;
    if (now != version) return TEND_ECONFLICT;
    status = keep(state, key, value, now + 1, &pending, err);
    if (status) return status;
    submission_state(submission, key, value);
    uint64_t submitted = committer_submit(state->committer, submission, err);
    if (!submitted) return TEND_ENOMEM;
    pending->position = *position = submitted;
    return 0;
}

int shared_state_write(struct shared_state *state, struct bytes key, struct bytes value,
                       uint64_t version, struct submission *submission, uint64_t *position,
                       struct error *err) {
    pthread_mutex_lock(&state->mutex);
    int status = write_locked(state, key, value, version, submission, position, err);
    pthread_mutex_unlock(&state->mutex);
    return status;
}

void shared_state_durable(struct shared_state *state, struct bytes key, uint64_t position) {
    pthread_mutex_lock(&state->mutex);
    struct pending *pending = map_get(&state->pending, key);
    if (pending && pending->position == position) pending_free(map_remove(&state->pending, key));
    pthread_mutex_unlock(&state->mutex);
}

/* ---- listing: the journal's keys and the overlay's, merged ---- */

struct listing {
    struct shared_state *state;
    char **keys;
    size_t count, capacity;
    bool is_failed;
};

static void listing_add(struct listing *listing, struct bytes key) {
    if (listing->count == listing->capacity) {
        size_t capacity = listing->capacity ? listing->capacity * 2 : 16;
        char **keys = memory_resize(listing->keys, capacity * sizeof *keys);
        if (keys) listing->keys = keys;
        if (!keys) {
            listing->is_failed = true;
            return;
        }
        listing->capacity = capacity;
    }
    char *copy = memory_copy(key.data, key.size);
    listing->is_failed = listing->is_failed || !copy;
    if (copy) listing->keys[listing->count++] = copy;
}

static bool add_recorded(void *context, struct bytes key) {
    struct listing *listing = context;
    if (!map_get(&listing->state->pending, key)) listing_add(listing, key);
    return !listing->is_failed;
}

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_wanted(struct bytes key, struct bytes prefix, struct bytes after) {
    bool has_prefix = key.size >= prefix.size && memcmp(key.data, prefix.data, prefix.size) == 0;
    return has_prefix && bytes_compare(key, after) > 0;
}

static int list_locked(struct listing *listing, struct bytes prefix, struct bytes after,
                       struct error *err) {
    size_t at = 0;
    struct bytes key;
    void *value;
    int status =
        journal_state_keys(listing->state->journal, prefix, after, add_recorded, listing, err);
    if (status) return status;
    while (map_next(&listing->state->pending, &at, &key, &value))
        if (!((struct pending *)value)->is_deleted && is_wanted(key, prefix, after))
            listing_add(listing, key);
    return listing->is_failed ? error_no_memory(err) : 0;
}

int shared_state_list(struct shared_state *state, struct bytes prefix, struct bytes after,
                      size_t limit, struct buffer *out, struct error *err) {
    struct listing listing = {.state = state};
    pthread_mutex_lock(&state->mutex);
    int status = list_locked(&listing, prefix, after, err);
    pthread_mutex_unlock(&state->mutex);
    if (!status) {
        if (listing.count) qsort(listing.keys, listing.count, sizeof *listing.keys, compare);
        size_t count = limit && listing.count > limit ? limit : listing.count;
        pack_list(out, count);
        for (size_t i = 0; i < count; i++) pack_text(out, listing.keys[i]);
        status = buffer_check(out, err);
    }
    for (size_t i = 0; i < listing.count; i++) memory_free(listing.keys[i]);
    memory_free(listing.keys);
    return status;
}
