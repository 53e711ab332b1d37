/* Forks; see fork.h. What is copied are the entries that count: not those of earlier rounds, and of
 * a step only if it ended before the fork point. */
#include "engine/fork.h"

#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/map.h"
#include "base/nearest.h"
#include "engine/entry.h"

struct copying {
    struct buffer bytes;  /* all entries */
    struct buffer places; /* struct place of each; what isn't copied is cut off */
};

struct place {
    size_t start, size;
    bool is_aside; /* of an earlier round */
};

static bool keep(void *context, uint32_t sequence, struct bytes packed) {
    struct copying *copying = context;
    struct place place = {copying->bytes.size, packed.size, false};
    struct entry entry;
    struct value_tree tree;
    buffer_add(&copying->bytes, packed.data, packed.size);
    buffer_add(&copying->places, &place, sizeof place);
    if (entry_read(packed, &entry, NULL) || entry.type != ENTRY_RETRIED) return true;
    if (value_read(entry.value, &tree, NULL)) return true;
    uint32_t from = (uint32_t)value_get_integer(&tree.root, "from", sequence);
    value_tree_done(&tree);
    struct place *places = (struct place *)(void *)copying->places.data;
    for (uint32_t i = from; !copying->places.is_failed && i <= sequence; i++)
        places[i].is_aside = true;
    return true;
}

static int read_entries(struct journal *journal, uint64_t number, struct copying *copying,
                        struct error *err) {
    int status = journal_entries(journal, number, keep, copying, err);
    if (!status) status = buffer_check(&copying->bytes, err);
    if (!status) status = buffer_check(&copying->places, err);
    return status;
}

static size_t count_of(const struct copying *copying) {
    return copying->places.size / sizeof(struct place);
}

/* The i-th entry; false: it doesn't count any more, or can't be read. */
static bool entry_at(const struct copying *copying, size_t i, struct bytes *packed,
                     struct entry *entry) {
    const struct place *place = (const struct place *)(const void *)copying->places.data + i;
    *packed = (struct bytes){copying->bytes.data + place->start, place->size};
    return !place->is_aside && entry_read(*packed, entry, NULL) == 0;
}

static void copying_done(struct copying *copying) {
    buffer_done(&copying->bytes);
    buffer_done(&copying->places);
}

/* ---- the fork point ---- */

static int find_step(const struct copying *copying, const struct fork *fork, uint32_t *upto,
                     struct error *err) {
    struct bytes packed;
    struct entry entry;
    struct nearest nearest;
    char key[NEAREST_WORD_MAX];
    nearest_init(&nearest, fork->at);
    for (size_t i = 0; i < count_of(copying); i++) {
        if (!entry_at(copying, i, &packed, &entry) || !entry.key.size) continue;
        *upto = (uint32_t)i;
        if (bytes_are(entry.key, fork->at)) return 0;
        snprintf(key, sizeof key, "%.*s", (int)entry.key.size, entry.key.data);
        nearest_try(&nearest, key);
    }
    return error_set(err, TEND_EINPUT,
                     "run %s has no step '%.200s'%s%s%s; `tend show %s` lists them", fork->of,
                     fork->at, nearest.best[0] ? ": did you mean '" : "", nearest.best,
                     nearest.best[0] ? "'" : "", fork->of);
}

static int look(struct journal *journal, const struct fork *fork, struct copying *copying,
                struct record *of, uint32_t *upto, struct error *err) {
    int status = record_load_by_id(journal, fork->of, of, err);
    if (!status) status = read_entries(journal, of->number, copying, err);
    return status ? status : find_step(copying, fork, upto, err);
}

int fork_find(struct journal *journal, const struct fork *fork, struct record *of, uint32_t *upto,
              struct error *err) {
    struct copying copying = {.bytes = BUFFER_EMPTY};
    int status = look(journal, fork, &copying, of, upto, err);
    copying_done(&copying);
    return status;
}

/* ---- the new run ---- */

/* The keys of the steps that ended. */
static int find_ended(const struct copying *copying, struct map *ended, struct error *err) {
    struct bytes packed;
    struct entry entry;
    for (size_t i = 0; i < count_of(copying); i++) {
        if (!entry_at(copying, i, &packed, &entry)) continue;
        bool is_end = entry.type == ENTRY_DONE || entry.type == ENTRY_RAISED;
        if (is_end && map_set(ended, entry.key, ended)) return error_no_memory(err);
    }
    return 0;
}

static void add_fork_point(struct services *services, const struct fork *fork,
                           struct record *record, struct submission *submission) {
    struct buffer value = BUFFER_EMPTY, packed = BUFFER_EMPTY;
    unsigned char seed[16];
    id_random(seed, sizeof seed);
    pack_map(&value, 3);
    pack_member_text(&value, "of", fork->of);
    pack_member_text(&value, "at", fork->at);
    pack_member_bytes(&value, "seed", (struct bytes){(const char *)seed, sizeof seed});
    entry_pack(&(struct entry){.type = ENTRY_FORKED,
                               .at_us = clock_wall_us(services->clock),
                               .value = buffer_bytes(&value)},
               &packed);
    submission_entry(submission, record->number, record->next_sequence, buffer_bytes(&packed));
    record->next_sequence++;
    buffer_done(&value);
    buffer_done(&packed);
}

static int copy_entries(const struct copying *copying, struct record *record,
                        struct submission *submission, struct error *err) {
    struct map ended = {0};
    struct bytes packed;
    struct entry entry;
    int status = find_ended(copying, &ended, err);
    for (size_t i = 0; !status && i < count_of(copying); i++) {
        if (!entry_at(copying, i, &packed, &entry)) continue;
        if (entry.key.size && !map_get(&ended, entry.key)) continue;
        submission_entry(submission, record->number, record->next_sequence, packed);
        record->next_sequence++;
    }
    map_done(&ended);
    return status;
}

static struct record new_record(struct services *services, const struct fork *fork,
                                const struct record *of, const struct bundle *bundle) {
    struct record record = {.status = RUN_PENDING,
                            .owner = services->fence,
                            .created_at_us = clock_wall_us(services->clock),
                            .slot_limit = of->slot_limit,
                            .allows_added = of->allows_added};
    record.number = atomic_fetch_add(&services->last_number, 1) + 1;
    snprintf(record.id, sizeof record.id, "%s", fork->id);
    snprintf(record.slot, sizeof record.slot, "%s", of->slot);
    snprintf(record.workflow, sizeof record.workflow, "%s", bundle ? bundle->name : of->workflow);
    snprintf(record.bundle, sizeof record.bundle, "%s", bundle ? bundle->hash : of->bundle);
    snprintf(record.settings, sizeof record.settings, "%s", of->settings);
    return record;
}

static int add_fork(struct services *services, const struct fork *fork,
                    const struct copying *copying, struct record *record,
                    const struct bundle *bundle, struct submission *submission, struct error *err) {
    int status = copy_entries(copying, record, submission, err);
    if (status) return status;
    add_fork_point(services, fork, record, submission);
    if (bundle)
        submission_bundle(submission, bytes_of(bundle->hash), buffer_bytes(&bundle->contents));
    submission_record(submission, record);
    submission_wake(submission, record->number);
    return 0;
}

int fork_make(struct services *services, const struct fork *fork, const struct bundle *bundle,
              struct submission *submission, struct error *err) {
    struct copying copying = {.bytes = BUFFER_EMPTY};
    struct record of;
    uint32_t upto;
    int status = look(services->journal, fork, &copying, &of, &upto, err);
    if (!status) {
        struct record record = new_record(services, fork, &of, bundle);
        copying.places.size = upto * sizeof(struct place); /* what comes later isn't copied */
        status = accept_reserve_id(services, record.id, record.number, record.workflow, err);
        if (!status) {
            status = add_fork(services, fork, &copying, &record, bundle, submission, err);
            if (status) (void)accept_durable(services, record.number); /* it won't be */
        }
    }
    copying_done(&copying);
    return status;
}
