/* Accepting a run; see accept.h. */
#include "engine/accept.h"

#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/json.h"
#include "base/memory.h"

struct accepting {
    struct accepting *next;
    uint64_t number;
    char id[JOURNAL_ID_MAX + 1];
    char workflow[256];
    char given[65];
    bool is_reserved; /* made elsewhere: left ready, for whoever runs it */
};

/* ---- the input ---- */

static int unknown_key(const struct value *declared, struct bytes key, struct error *err) {
    char known[300] = "";
    size_t size = 0;
    for (size_t i = 0; i < declared->map.count && size < sizeof known - 80; i++)
        size += (size_t)snprintf(known + size, sizeof known - size, " %.*s",
                                 (int)declared->map.members[i].key.size,
                                 declared->map.members[i].key.data);
    return error_set(err, TEND_EINPUT, "the workflow takes no input '%.*s'; it takes:%s",
                     (int)key.size, key.data, known[0] ? known : " none");
}

static int pack_input(const struct value *declared, const struct value *given, struct buffer *out,
                      struct error *err) {
    size_t opened = pack_map_open(out), count = 0;
    for (size_t i = 0; given && i < given->map.count; i++) {
        struct bytes key = given->map.members[i].key;
        bool is_declared = !declared;
        for (size_t j = 0; declared && j < declared->map.count; j++)
            is_declared = is_declared || bytes_equal(declared->map.members[j].key, key);
        if (!is_declared) return unknown_key(declared, key, err);
        pack_bytes(out, key);
        pack_value(out, &given->map.members[i].value);
        count++;
    }
    for (size_t i = 0; declared && i < declared->map.count; i++) {
        const struct value_member *member = &declared->map.members[i];
        bool is_given = false;
        for (size_t j = 0; given && j < given->map.count; j++)
            is_given = is_given || bytes_equal(given->map.members[j].key, member->key);
        if (is_given || member->value.kind == VALUE_NULL) continue;
        pack_bytes(out, member->key);
        pack_value(out, &member->value);
        count++;
    }
    pack_close(out, opened, count);
    return buffer_check(out, err);
}

int accept_input(struct bytes definition, struct bytes given, struct buffer *out,
                 struct error *err) {
    struct value_tree definition_tree = {0}, given_tree = {0};
    int status = value_read(definition, &definition_tree, err);
    if (!status && given.size) status = value_read(given, &given_tree, err);
    if (status) goto done;
    const struct value *input =
        given.size && given_tree.root.kind != VALUE_NIL && given_tree.root.kind != VALUE_NULL
            ? &given_tree.root
            : NULL;
    if (input && input->kind == VALUE_LIST && input->list.count == 0) input = NULL;
    if (input && input->kind != VALUE_MAP)
        status = error_set(err, TEND_EINPUT, "the input must be an object, not a %s",
                           value_kind_name(input->kind));
    else status = pack_input(value_get_map(&definition_tree.root, "input"), input, out, err);
done:
    value_tree_done(&definition_tree);
    value_tree_done(&given_tree);
    return status;
}

/* A hash of the input as given that doesn't depend on the order of its keys. */
static void hash_given(struct bytes given, char text[ID_HASH_TEXT]) {
    struct buffer json = BUFFER_EMPTY;
    struct bytes part = given;
    if (given.size && json_write_packed(given, &json, NULL) == 0) part = buffer_bytes(&json);
    if (bytes_are(part, "null") || part.size == 0) part = bytes_of("{}");
    id_hash(&part, 1, text);
    buffer_done(&json);
}

/* ---- an id that is there already ---- */

struct first_entry {
    char given[65];
};

static bool read_given(void *context, uint32_t sequence, struct bytes packed) {
    struct first_entry *first = context;
    struct entry entry;
    struct value_tree tree;
    (void)sequence;
    if (entry_read(packed, &entry, NULL) || value_read(entry.value, &tree, NULL)) return false;
    struct bytes given = value_get_bytes(&tree.root, "given");
    snprintf(first->given, sizeof first->given, "%.*s", (int)given.size, given.data);
    value_tree_done(&tree);
    return false;
}

static int conflict(const char *id, struct error *err) {
    return error_set(err, TEND_ECONFLICT,
                     "the id %s belongs to a run of another workflow or input; choose another id",
                     id);
}

/* 0 with *number: a recorded run of that id, workflow and input; 0 with 0: none. */
static int find_recorded(struct journal *journal, const char *id, const char *workflow,
                         const char *given, uint64_t *number, struct error *err) {
    struct record record;
    struct first_entry first = {""};
    *number = 0;
    int status = record_load_by_id(journal, id, &record, err);
    if (status == TEND_ENOENT) return 0;
    if (!status) status = journal_entries(journal, record.number, read_given, &first, err);
    if (status) return status;
    if (strcmp(record.workflow, workflow) != 0 || strcmp(first.given, given) != 0)
        return conflict(id, err);
    *number = record.number;
    return 0;
}

/* 0 with *is_there = true: a run of that id, workflow and input exists. */
static int find_existing(struct services *services, const char *id, const char *workflow,
                         const char *given, struct accepted *ret, bool *is_there,
                         struct error *err) {
    *is_there = false;
    for (struct accepting *a = services->accepting; a; a = a->next) {
        if (strcmp(a->id, id) != 0) continue;
        if (strcmp(a->workflow, workflow) != 0 || strcmp(a->given, given) != 0)
            return conflict(id, err);
        ret->number = a->number;
        *is_there = true;
        return 0;
    }
    uint64_t number;
    int status = find_recorded(services->journal, id, workflow, given, &number, err);
    if (!status && number) {
        ret->number = number;
        *is_there = true;
    }
    return status;
}

static int check_id(const char *id, struct error *err) {
    size_t size = strlen(id);
    bool is_good = size > 0 && size <= RUN_ID_MAX;
    for (size_t i = 0; i < size; i++)
        is_good =
            is_good &&
            strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-", id[i]);
    if (is_good) return 0;
    return error_set(err, TEND_EINPUT, "'%.140s' is no run id: 1 to 128 of A-Z a-z 0-9 . _ -", id);
}

int accept_check_new_id(const char *id, struct error *err) { return check_id(id, err); }

int accept_check_id(struct journal *journal, const char *id, const char *workflow,
                    struct bytes given, uint64_t *number, struct error *err) {
    char hash[ID_HASH_TEXT];
    int status = check_id(id, err);
    hash_given(given, hash);
    return status ? status : find_recorded(journal, id, workflow, hash, number, err);
}

/* ---- the new run ---- */

/* Chance begins at random; in a test at the run's id, so that it is the same each time. */
static void draw_seed(const struct services *services, const char *id, unsigned char seed[16]) {
    char hash[ID_HASH_TEXT];
    struct bytes part = bytes_of(id);
    id_hash(&part, 1, hash);
    if (services->mock) memcpy(seed, hash, 16);
    else id_random(seed, 16);
}

static void pack_accepted(struct services *services, const char *id, struct bytes input,
                          const char *given, struct buffer *out) {
    unsigned char seed[16];
    draw_seed(services, id, seed);
    pack_map(out, 4);
    pack_text(out, "input");
    buffer_add(out, input.data, input.size);
    pack_member_text(out, "given", given);
    pack_member_text(out, "settings", services->settings_hash);
    pack_member_bytes(out, "seed", (struct bytes){(const char *)seed, sizeof seed});
}

/* What the run's first entry and record refer to. */
static void add_bundles(struct services *services, const struct bundle *bundle,
                        struct submission *submission) {
    submission_bundle(submission, bytes_of(bundle->hash), buffer_bytes(&bundle->contents));
    submission_bundle(submission, bytes_of(services->settings_hash),
                      buffer_bytes(&services->settings));
}

struct slot_wish {  /* what `concurrency` says of the run */
    uint32_t limit; /* 0: nothing */
    struct buffer key;
};

static int add_run(struct services *services, const struct acceptance *acceptance,
                   const struct bundle *bundle, struct bytes input, const char *given,
                   const struct slot_wish *slot, struct submission *submission,
                   struct accepted *accepted, struct error *err) {
    struct buffer value = BUFFER_EMPTY, packed = BUFFER_EMPTY;
    int64_t now_us = clock_wall_us(services->clock);
    struct record record = {.status = RUN_PENDING,
                            .owner = services->fence,
                            .created_at_us = now_us,
                            .parent = acceptance->parent};
    accepted->number = record.number = atomic_fetch_add(&services->last_number, 1) + 1;
    snprintf(record.id, sizeof record.id, "%s", accepted->id);
    snprintf(record.workflow, sizeof record.workflow, "%s", bundle->name);
    snprintf(record.bundle, sizeof record.bundle, "%s", bundle->hash);
    snprintf(record.settings, sizeof record.settings, "%s", services->settings_hash);
    record.slot_limit = slot->limit;
    snprintf(record.slot, sizeof record.slot, "%.*s", (int)slot->key.size,
             slot->key.size ? slot->key.data : "");
    pack_accepted(services, accepted->id, input, given, &value);
    struct entry entry = {.type = ENTRY_ACCEPTED, .at_us = now_us, .value = buffer_bytes(&value)};
    entry_pack(&entry, &packed);
    int status = value.is_failed || packed.is_failed ? error_no_memory(err) : 0;
    if (!status) {
        add_bundles(services, bundle, submission);
        submission_entry(submission, record.number, 0, buffer_bytes(&packed));
        submission_record(submission, &record);
        submission_wake(submission, record.number);
    }
    buffer_done(&value);
    buffer_done(&packed);
    return status;
}

static int remember(struct services *services, const struct accepted *accepted,
                    const char *workflow, const char *given, struct error *err) {
    struct accepting *accepting = memory_new(sizeof *accepting);
    if (!accepting) return error_no_memory(err);
    accepting->number = accepted->number;
    snprintf(accepting->id, sizeof accepting->id, "%s", accepted->id);
    snprintf(accepting->workflow, sizeof accepting->workflow, "%s", workflow);
    snprintf(accepting->given, sizeof accepting->given, "%s", given);
    accepting->next = services->accepting;
    services->accepting = accepting;
    return 0;
}

static int reserve_locked(struct services *services, const struct accepted *wanted,
                          const char *workflow, struct error *err) {
    struct record record;
    bool is_taken = record_load_by_id(services->journal, wanted->id, &record, NULL) == 0;
    for (struct accepting *a = services->accepting; a; a = a->next)
        is_taken = is_taken || strcmp(a->id, wanted->id) == 0;
    if (is_taken)
        return error_set(err, TEND_ECONFLICT, "the id %s is taken; choose another id", wanted->id);
    int status = remember(services, wanted, workflow, "", err);
    if (!status) services->accepting->is_reserved = true;
    return status;
}

int accept_reserve_id(struct services *services, const char *id, uint64_t number,
                      const char *workflow, struct error *err) {
    struct accepted wanted = {.number = number};
    snprintf(wanted.id, sizeof wanted.id, "%s", id);
    pthread_mutex_lock(&services->accepting_mutex);
    int status = reserve_locked(services, &wanted, workflow, err);
    pthread_mutex_unlock(&services->accepting_mutex);
    return status;
}

static int accept_locked(struct services *services, const struct acceptance *acceptance,
                         const struct bundle *bundle, struct bytes input,
                         const struct slot_wish *slot, struct submission *submission,
                         struct accepted *ret, struct error *err) {
    char given[ID_HASH_TEXT];
    bool is_there = false;
    hash_given(acceptance->input, given);
    if (acceptance->id) {
        snprintf(ret->id, sizeof ret->id, "%s", acceptance->id);
        int status = find_existing(services, ret->id, bundle->name, given, ret, &is_there, err);
        if (status || is_there) return status;
    } else {
        id_uuid7(clock_wall_us(services->clock), ret->id);
    }
    ret->is_new = true;
    int status = add_run(services, acceptance, bundle, input, given, slot, submission, ret, err);
    return status ? status : remember(services, ret, bundle->name, given, err);
}

/* Known secrets in the input don't reach the journal either. */
static int mask(struct services *services, struct buffer *input, struct error *err) {
    struct buffer masked = BUFFER_EMPTY;
    bool changed = false;
    int status = secrets_mask(services->secrets, buffer_bytes(input), &masked, &changed, err);
    if (!status && changed) {
        buffer_done(input);
        *input = masked;
    } else {
        buffer_done(&masked);
    }
    return status;
}

static int read_slot(struct services *services, const struct bundle *bundle, struct bytes input,
                     struct slot_wish *ret, struct error *err) {
    struct value_tree tree;
    int status = value_read(buffer_bytes(&bundle->definition), &tree, err);
    if (status) return status;
    const struct value *concurrency = value_get_map(&tree.root, "concurrency");
    ret->limit = (uint32_t)value_get_integer(concurrency, "limit", 0);
    value_tree_done(&tree);
    if (!ret->limit) return 0;
    return bundle_slot(bundle, services->sources.watchdog, input, &ret->key, err);
}

int accept_bundle(struct services *services, const struct acceptance *acceptance,
                  const struct bundle *bundle, struct submission *submission, struct accepted *ret,
                  struct error *err) {
    struct buffer input = BUFFER_EMPTY;
    struct slot_wish slot = {0, BUFFER_EMPTY};
    struct accepted accepted = {0};
    int status = acceptance->id ? check_id(acceptance->id, err) : 0;
    if (!status)
        status = accept_input(buffer_bytes(&bundle->definition), acceptance->input, &input, err);
    if (!status) status = read_slot(services, bundle, buffer_bytes(&input), &slot, err);
    if (status) error_context(err, "%s", bundle->name);
    if (!status) status = mask(services, &input, err);
    if (!status) status = limits_check_value(&services->limits, "the input", input.size, err);
    if (!status) {
        pthread_mutex_lock(&services->accepting_mutex);
        status = accept_locked(services, acceptance, bundle, buffer_bytes(&input), &slot,
                               submission, &accepted, err);
        pthread_mutex_unlock(&services->accepting_mutex);
    }
    buffer_done(&input);
    buffer_done(&slot.key);
    if (!status) *ret = accepted;
    return status;
}

int accept_link(struct services *services, const struct bundle *bundle, const char *link,
                struct bytes input, const char *given, struct submission *submission,
                struct buffer *entry, struct error *err) {
    struct buffer taken = BUFFER_EMPTY, value = BUFFER_EMPTY;
    int status = accept_input(buffer_bytes(&bundle->definition), input, &taken, err);
    if (status) error_context(err, "%s", bundle->name);
    if (!status) status = mask(services, &taken, err);
    if (!status) status = limits_check_value(&services->limits, "the input", taken.size, err);
    if (!status) {
        pack_accepted(services, link, buffer_bytes(&taken), given, &value);
        entry_pack(&(struct entry){.type = ENTRY_ACCEPTED,
                                   .at_us = clock_wall_us(services->clock),
                                   .value = buffer_bytes(&value)},
                   entry);
        add_bundles(services, bundle, submission);
        if (value.is_failed || entry->is_failed) status = error_no_memory(err);
    }
    buffer_done(&taken);
    buffer_done(&value);
    return status;
}

int accept_run(struct services *services, const struct acceptance *acceptance,
               struct submission *submission, struct accepted *ret, struct error *err) {
    struct bundle bundle;
    int status = bundle_load(&services->sources, acceptance->target, &bundle, err);
    if (status) return status;
    status = accept_bundle(services, acceptance, &bundle, submission, ret, err);
    bundle_done(&bundle);
    return status;
}

bool accept_durable(struct services *services, uint64_t number) {
    bool was_there = false;
    pthread_mutex_lock(&services->accepting_mutex);
    for (struct accepting **at = &services->accepting; *at; at = &(*at)->next) {
        if ((*at)->number != number) continue;
        struct accepting *gone = *at;
        *at = gone->next;
        was_there = !gone->is_reserved;
        memory_free(gone);
        break;
    }
    pthread_mutex_unlock(&services->accepting_mutex);
    return was_there;
}

void accept_done(struct services *services) {
    while (services->accepting) accept_durable(services, services->accepting->number);
}
