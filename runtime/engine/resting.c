/* Runs at rest that are being changed; see resting.h. */
#include "engine/resting.h"

static struct bytes key_of(const uint64_t *number) {
    return (struct bytes){(const char *)number, sizeof *number};
}

/* The map's values are entry numbers, plus one. */
static bool is_on_its_way(struct services *services, const struct record *record) {
    uintptr_t claimed = (uintptr_t)map_get(&services->resting, key_of(&record->number));
    return claimed > record->next_sequence;
}

/* Somebody else's change became durable, and was forgotten here, after the record was read. */
static bool has_changed(struct services *services, const struct record *record) {
    struct record now;
    return record_load(services->journal, record->number, &now, NULL) == 0 &&
           now.next_sequence != record->next_sequence;
}

int resting_claim(struct services *services, const struct record *record, struct error *err) {
    uintptr_t claim = (uintptr_t)record->next_sequence + 1;
    int status = 0;
    pthread_mutex_lock(&services->accepting_mutex);
    if (is_on_its_way(services, record) || has_changed(services, record))
        status = error_set(err, TEND_ECONFLICT, "run %s is being changed already", record->id);
    else if (map_set(&services->resting, key_of(&record->number), (void *)claim))
        status = error_no_memory(err);
    pthread_mutex_unlock(&services->accepting_mutex);
    return status;
}

void resting_woken(struct services *services, uint64_t number) {
    struct record record;
    pthread_mutex_lock(&services->accepting_mutex);
    if (map_get(&services->resting, key_of(&number)) &&
        record_load(services->journal, number, &record, NULL) == 0 &&
        !is_on_its_way(services, &record))
        map_remove(&services->resting, key_of(&number));
    pthread_mutex_unlock(&services->accepting_mutex);
}

void resting_done(struct services *services) { map_done(&services->resting); }
