/* Slots; see slots.h. Two maps: from the workflow and key to its slots, from a run's number to the
 * slots in which it has a place. */
#include "engine/slots.h"

#include <pthread.h>
#include <string.h>

#include "base/map.h"
#include "base/memory.h"

struct place { /* of a run: it has a slot, or stands in line */
    struct place *next;
    uint64_t number;
    uint32_t limit;
    bool is_in;
};

struct slot_set { /* the slots of one workflow and key; it goes with its last place */
    struct buffer key;
    struct place *places, *last; /* by run number */
    size_t in_count;
};

struct slots {
    struct journal *journal;
    struct slots_host host;
    pthread_mutex_t mutex;
    struct map sets;  /* workflow, zero byte, key -> slot_set */
    struct map known; /* run number -> slot_set */
    bool is_read;     /* the journal was asked */
};

int slots_new(struct journal *journal, const struct slots_host *host, struct slots **ret,
              struct error *err) {
    struct slots *slots = memory_new(sizeof *slots);
    if (!slots) return error_no_memory(err);
    slots->journal = journal;
    slots->host = *host;
    pthread_mutex_init(&slots->mutex, NULL);
    *ret = slots;
    return 0;
}

static void set_free(struct slot_set *set) {
    while (set->places) {
        struct place *place = set->places;
        set->places = place->next;
        memory_free(place);
    }
    buffer_done(&set->key);
    memory_free(set);
}

struct slots *slots_free(struct slots *slots) {
    if (!slots) return NULL;
    size_t at = 0;
    struct bytes key;
    void *set;
    while (map_next(&slots->sets, &at, &key, &set)) set_free(set);
    map_done(&slots->sets);
    map_done(&slots->known);
    pthread_mutex_destroy(&slots->mutex);
    memory_free(slots);
    return NULL;
}

static struct bytes number_key(const uint64_t *number) {
    return (struct bytes){(const char *)number, sizeof *number};
}

/* Takes the key, and leaves it empty, on success. NULL without memory. */
static struct slot_set *add_set(struct slots *slots, struct buffer *key) {
    struct slot_set *set = memory_new(sizeof *set);
    if (!set || map_set(&slots->sets, buffer_bytes(key), set)) {
        memory_free(set);
        return NULL;
    }
    set->key = *key;
    *key = BUFFER_EMPTY;
    return set;
}

static struct slot_set *find_set(struct slots *slots, const struct record *record) {
    struct buffer key = BUFFER_EMPTY;
    struct slot_set *set = NULL;
    buffer_add(&key, record->workflow, strlen(record->workflow) + 1);
    buffer_add_text(&key, record->slot);
    if (!key.is_failed) set = map_get(&slots->sets, buffer_bytes(&key));
    if (!key.is_failed && !set) set = add_set(slots, &key);
    buffer_done(&key);
    return set;
}

/* The run's place in the set; made if it has none. NULL without memory. */
static struct place *find_place(struct slots *slots, struct slot_set *set,
                                const struct record *record) {
    bool is_last = set->last && set->last->number < record->number; /* as nearly always */
    struct place **at = is_last ? &set->last->next : &set->places;
    while (*at && (*at)->number < record->number) at = &(*at)->next;
    if (*at && (*at)->number == record->number) return *at;
    struct place *place = memory_new(sizeof *place);
    if (!place || map_set(&slots->known, number_key(&record->number), set)) {
        memory_free(place);
        return NULL;
    }
    *place = (struct place){*at, record->number, record->slot_limit, false};
    *at = place;
    if (!place->next) set->last = place;
    return place;
}

/* ---- who has one already ---- */

static bool see_holder(void *context, const struct journal_run *run) {
    struct slots *slots = context;
    struct record record;
    if (record_read(run, &record, NULL) || !record.has_slot) return true;
    struct slot_set *set = find_set(slots, &record);
    struct place *place = set ? find_place(slots, set, &record) : NULL;
    if (!place) return slots->is_read = false;
    if (!place->is_in) set->in_count++;
    place->is_in = true;
    return true;
}

static bool read_holders(struct slots *slots) {
    struct journal_filter filter = {.statuses = 1u << RUN_PENDING | 1u << RUN_RUNNING |
                                                1u << RUN_WAITING | 1u << RUN_BLOCKED |
                                                1u << RUN_STUCK};
    if (slots->is_read) return true;
    slots->is_read = true;
    if (journal_runs(slots->journal, &filter, see_holder, slots, NULL)) slots->is_read = false;
    return slots->is_read;
}

/* ---- entering and leaving ---- */

/* Who is first in line, if there is a slot for it. */
static struct place *next_in_line(const struct slot_set *set) {
    struct place *place = set->places;
    while (place && place->is_in) place = place->next;
    return place && set->in_count < place->limit ? place : NULL;
}

static uint64_t first_holder(const struct slot_set *set) {
    const struct place *place = set->places;
    while (place && !place->is_in) place = place->next;
    return place ? place->number : 0;
}

bool slots_enter(struct slots *slots, const struct record *record) {
    uint64_t next = 0, holder = 0;
    bool is_in = false;
    pthread_mutex_lock(&slots->mutex);
    struct slot_set *set = read_holders(slots) ? find_set(slots, record) : NULL;
    struct place *place = set ? find_place(slots, set, record) : NULL;
    if (place && !place->is_in && next_in_line(set) == place) {
        place->is_in = true;
        set->in_count++;
    }
    is_in = place && place->is_in;
    if (set && next_in_line(set)) next = next_in_line(set)->number;
    if (set && !is_in) holder = first_holder(set);
    pthread_mutex_unlock(&slots->mutex);
    if (next) slots->host.wake(slots->host.context, next);
    if (holder) slots->host.on_line(slots->host.context, record, holder);
    return is_in;
}

static void remove_place(struct slot_set *set, uint64_t number) {
    struct place **at = &set->places, *before = NULL;
    for (; *at && (*at)->number != number; at = &(*at)->next) before = *at;
    if (!*at) return;
    struct place *gone = *at;
    *at = gone->next;
    if (set->last == gone) set->last = before;
    if (gone->is_in) set->in_count--;
    memory_free(gone);
}

void slots_leave(struct slots *slots, uint64_t number) {
    uint64_t next = 0;
    pthread_mutex_lock(&slots->mutex);
    struct slot_set *set = map_remove(&slots->known, number_key(&number));
    if (set) remove_place(set, number);
    if (set && next_in_line(set)) next = next_in_line(set)->number;
    if (set && !set->places) {
        map_remove(&slots->sets, buffer_bytes(&set->key));
        set_free(set);
    }
    pthread_mutex_unlock(&slots->mutex);
    if (next) slots->host.wake(slots->host.context, next);
}
