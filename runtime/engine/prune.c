/* Pruning; see prune.h. */
#include "engine/prune.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/memory.h"
#include "engine/entry.h"
#include "engine/hidden.h"
#include "engine/option.h"

enum {
    LOOK_RUNS = 2000,    /* records read in a slice */
    WINDOW_RUNS = 2000,  /* that are put in the order of their end */
    PIECE_RUNS = 50,     /* removed in a commit */
    PIECE_RECORDS = 500, /* freed in a commit */
    SMALL_RUNS = 5,      /* … where the disk is full: what a commit reserves must be small */
    SMALL_RECORDS = 100,
    FAMILY_MAX = 64, /* parents above each other that are looked at */
};

static const uint32_t final_statuses = 1u << RUN_COMPLETED | 1u << RUN_FAILED | 1u << RUN_CANCELLED;

enum phase { PHASE_LOOK, PHASE_REMOVE, PHASE_FREE, PHASE_REFERENCES, PHASE_BUNDLES, PHASE_DONE };

struct candidate {
    int64_t ended_at_us;
    uint64_t number, keeper;
    uint32_t next_sequence, keeper_sequence;
};

struct prune {
    struct journal *journal;
    struct prune_rule rule;
    enum phase phase;
    uint64_t seen;        /* number up to which was looked */
    bool is_at_end;       /* … at all of them */
    bool is_small;        /* the disk is full */
    struct buffer window; /* of struct candidate */
    size_t window_at;
    struct map references; /* hashes that runs refer to */
    struct prune_count count;
    struct journal_removal removals[PIECE_RUNS];
    char names[PIECE_RUNS][HIDDEN_KINDS][HIDDEN_KEY_TEXT];
    struct bytes prefixes[PIECE_RUNS][HIDDEN_KINDS];
    struct buffer hashes; /* of struct bytes, each followed in `texts` */
    struct buffer texts;
    uint64_t bundle_mark;
    bool has_bundle_mark;
};

/* ---- rules ---- */

static int read_keep(const struct value *map, const char *key, int64_t *us, struct error *err) {
    const struct value *value = value_get(map, key);
    if (!value || value->kind != VALUE_BOOLEAN || value->boolean)
        return duration_read(map, key, us, err);
    *us = INT64_MAX;
    return 0;
}

static bool is_status(struct bytes key) {
    return bytes_are(key, "completed") || bytes_are(key, "failed") || bytes_are(key, "cancelled");
}

static int check_statuses(const struct value *map, struct error *err) {
    for (size_t i = 0; i < map->map.count; i++) {
        struct bytes key = map->map.members[i].key;
        if (!is_status(key))
            return error_set(err, TEND_EINPUT,
                             "retention knows completed, failed and cancelled, not '%.*s'",
                             (int)(key.size > 100 ? 100 : key.size), key.data);
    }
    return 0;
}

int retention_read(const struct value *settings, int64_t keep_us[RUN_STATUSES], struct error *err) {
    static const int64_t day_us = INT64_C(86400000000);
    const struct value *map = value_get_map(settings, "retention");
    int64_t same_us = -1;
    int status = 0;
    for (int i = 0; i < RUN_STATUSES; i++) keep_us[i] = INT64_MAX;
    keep_us[RUN_COMPLETED] = keep_us[RUN_CANCELLED] = 30 * day_us;
    keep_us[RUN_FAILED] = 90 * day_us;
    if (!map) {
        status = read_keep(settings, "retention", &same_us, err);
        if (same_us >= 0)
            keep_us[RUN_COMPLETED] = keep_us[RUN_CANCELLED] = keep_us[RUN_FAILED] = same_us;
        return status;
    }
    status = check_statuses(map, err);
    for (int i = RUN_COMPLETED; !status && i <= RUN_CANCELLED; i++)
        status = read_keep(map, run_status_name((enum run_status)i), &keep_us[i], err);
    if (status == TEND_EINPUT) error_context(err, "retention");
    return status;
}

void prune_rule_of(const int64_t keep_us[RUN_STATUSES], int64_t now_us, struct prune_rule *ret) {
    *ret = (struct prune_rule){.workflow = ""};
    for (int i = 0; i < RUN_STATUSES; i++)
        ret->before_us[i] = keep_us[i] == INT64_MAX ? INT64_MIN : now_us - keep_us[i];
}

/* ---- which runs ---- */

static bool is_old(const struct prune_rule *rule, const struct record *record) {
    return run_status_is_final(record->status) &&
           record->ended_at_us < rule->before_us[record->status] &&
           (!rule->workflow[0] || strcmp(rule->workflow, record->workflow) == 0);
}

/* May the run's parent, and those above it, do without it? */
static int is_free(struct prune *prune, const struct record *record, struct candidate *candidate,
                   bool *ret, struct error *err) {
    struct record parent;
    uint64_t number = record->parent;
    *ret = false;
    for (int i = 0; number && i < FAMILY_MAX; i++) {
        int status = record_load(prune->journal, number, &parent, err);
        if (status == TEND_ENOENT) break;
        if (status) return status;
        if (i == 0) {
            candidate->keeper = number;
            candidate->keeper_sequence = parent.next_sequence;
        }
        bool is_retriable = parent.status == RUN_FAILED;
        if (!run_status_is_final(parent.status)) return 0;
        if (is_retriable && !is_old(&prune->rule, &parent)) return 0;
        number = is_retriable ? parent.parent : 0;
        if (number && i == FAMILY_MAX - 1) return 0;
    }
    *ret = true;
    return 0;
}

struct looking {
    struct prune *prune;
    size_t count;
    struct buffer records; /* of struct record: parents are read when the snapshot is gone */
    bool is_full;
    struct error *err;
    int status;
};

static bool look_at(void *context, const struct journal_run *run) {
    struct looking *looking = context;
    struct record record;
    looking->prune->seen = run->number;
    looking->status = record_read(run, &record, looking->err);
    if (looking->status) return false;
    if (is_old(&looking->prune->rule, &record))
        buffer_add(&looking->records, &record, sizeof record);
    looking->is_full = ++looking->count == LOOK_RUNS || looking->records.is_failed;
    return !looking->is_full;
}

static int add_candidates(struct prune *prune, const struct buffer *records, struct error *err) {
    const struct record *list = (const struct record *)(const void *)records->data;
    for (size_t i = 0; i < records->size / sizeof *list; i++) {
        struct candidate candidate = {.ended_at_us = list[i].ended_at_us,
                                      .number = list[i].number,
                                      .next_sequence = list[i].next_sequence};
        bool is_wanted;
        int status = is_free(prune, &list[i], &candidate, &is_wanted, err);
        if (status) return status;
        if (is_wanted) buffer_add(&prune->window, &candidate, sizeof candidate);
    }
    return buffer_check(&prune->window, err);
}

static int by_end(const void *one, const void *other) {
    const struct candidate *a = one, *b = other;
    if (a->ended_at_us != b->ended_at_us) return a->ended_at_us < b->ended_at_us ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

static size_t window_count(const struct prune *prune) {
    return prune->window.size / sizeof(struct candidate);
}

static int look(struct prune *prune, struct error *err) {
    struct looking looking = {.prune = prune, .records = BUFFER_EMPTY, .err = err};
    struct journal_filter filter = {.statuses = final_statuses,
                                    .workflow = bytes_of(prune->rule.workflow),
                                    .after_number = prune->seen,
                                    .oldest_first = true};
    int status = journal_runs(prune->journal, &filter, look_at, &looking, err);
    if (!status) status = looking.status;
    if (!status) status = buffer_check(&looking.records, err);
    if (!status) status = add_candidates(prune, &looking.records, err);
    buffer_done(&looking.records);
    if (status) return status;
    prune->is_at_end = !looking.is_full;
    if (!prune->is_at_end && window_count(prune) < WINDOW_RUNS) return 0;
    if (window_count(prune))
        qsort(prune->window.data, window_count(prune), sizeof(struct candidate), by_end);
    prune->phase = PHASE_REMOVE;
    return 0;
}

/* ---- pieces ---- */

static void fill_removal(struct prune *prune, size_t i, const struct candidate *candidate) {
    for (size_t j = 0; j < HIDDEN_KINDS; j++) {
        hidden_key((enum hidden_kind)hidden_kinds[j], candidate->number, prune->names[i][j]);
        prune->prefixes[i][j] = bytes_of(prune->names[i][j]);
    }
    prune->removals[i] = (struct journal_removal){.number = candidate->number,
                                                  .next_sequence = candidate->next_sequence,
                                                  .keeper = candidate->keeper,
                                                  .keeper_sequence = candidate->keeper_sequence,
                                                  .prefixes = prune->prefixes[i],
                                                  .prefix_count = HIDDEN_KINDS};
}

static size_t freed_max(const struct prune *prune) {
    return prune->is_small ? SMALL_RECORDS : PIECE_RECORDS;
}

static void remove_some(struct prune *prune, struct prune_piece *piece) {
    const struct candidate *list = (const struct candidate *)(const void *)prune->window.data;
    size_t left = window_count(prune) - prune->window_at;
    size_t count = prune->is_small ? SMALL_RUNS : PIECE_RUNS;
    if (left == 0) {
        buffer_clear(&prune->window);
        prune->window_at = 0;
        prune->phase = PHASE_FREE;
        return;
    }
    if (count > left) count = left;
    for (size_t i = 0; i < count; i++) {
        const struct candidate *candidate = &list[prune->window_at + i];
        fill_removal(prune, i, candidate);
        prune->count.entries += candidate->next_sequence;
    }
    prune->window_at += count;
    prune->count.runs += count;
    piece->removals = prune->removals;
    piece->removal_count = count;
    piece->freed_max = freed_max(prune);
}

/* After each window, so that what was freed can be used before the next. */
static int free_some(struct prune *prune, struct prune_piece *piece, struct error *err) {
    bool has_leftovers = false;
    int status = journal_leftovers(prune->journal, &has_leftovers, err);
    if (status) return status;
    if (has_leftovers) {
        piece->freed_max = freed_max(prune);
    } else if (!prune->is_at_end) {
        prune->phase = PHASE_LOOK;
    } else if (prune->count.runs) {
        prune->seen = 0;
        prune->phase = PHASE_REFERENCES;
        piece->freed_max = 1; /* a commit: what was queued before it is seen from here on */
    } else {
        prune->phase = PHASE_DONE;
    }
    return 0;
}

/* ---- bundles ---- */

static int keep(struct prune *prune, struct bytes hash, struct error *err) {
    if (!hash.size || map_get(&prune->references, hash)) return 0;
    return map_set(&prune->references, hash, prune) ? error_no_memory(err) : 0;
}

struct settings_of {
    struct prune *prune;
    struct error *err;
    int status;
};

static bool keep_settings(void *context, uint32_t sequence, struct bytes packed) {
    struct settings_of *of = context;
    struct entry entry;
    struct value_tree tree;
    (void)sequence;
    of->status = entry_read(packed, &entry, of->err);
    if (!of->status) of->status = value_read(entry.value, &tree, of->err);
    if (of->status) return false;
    of->status = keep(of->prune, value_get_bytes(&tree.root, "settings"), of->err);
    value_tree_done(&tree);
    return false;
}

struct referring {
    struct looking looking;
    uint64_t untold[LOOK_RUNS]; /* runs whose record doesn't name their settings: older ones */
    size_t untold_count;
};

static bool refer(void *context, const struct journal_run *run) {
    struct referring *referring = context;
    struct looking *looking = &referring->looking;
    struct prune *prune = looking->prune;
    struct record record;
    prune->seen = run->number;
    looking->status = record_read(run, &record, looking->err);
    if (looking->status) return false;
    looking->status = keep(prune, bytes_of(record.bundle), looking->err);
    if (!looking->status) looking->status = keep(prune, bytes_of(record.settings), looking->err);
    if (!record.settings[0]) referring->untold[referring->untold_count++] = run->number;
    looking->is_full = ++looking->count == LOOK_RUNS;
    return !looking->status && !looking->is_full;
}

/* What the next runs refer to; *is_all: there were no more. */
static int refer_some(struct prune *prune, bool *is_all, struct error *err) {
    struct journal_filter filter = {.after_number = prune->seen, .oldest_first = true};
    struct settings_of of = {prune, err, 0};
    struct referring *referring = memory_new(sizeof *referring);
    if (!referring) return error_no_memory(err);
    referring->looking = (struct looking){.prune = prune, .err = err};
    int status = journal_runs(prune->journal, &filter, refer, referring, err);
    if (!status) status = referring->looking.status;
    for (size_t i = 0; !status && i < referring->untold_count; i++) {
        status = journal_entries(prune->journal, referring->untold[i], keep_settings, &of, err);
        if (status == TEND_ENOENT) status = 0;
        if (!status) status = of.status;
    }
    *is_all = !referring->looking.is_full;
    memory_free(referring);
    return status;
}

struct requests {
    struct prune *prune;
    struct error *err;
    struct buffer keys; /* each with its closing zero */
};

static bool note_request(void *context, struct bytes key) {
    struct requests *requests = context;
    buffer_add(&requests->keys, key.data, key.size);
    buffer_add_byte(&requests->keys, 0);
    return true;
}

static int keep_requested(struct prune *prune, const char *key, struct error *err) {
    struct buffer packed = BUFFER_EMPTY;
    struct value_tree tree;
    int status = journal_state(prune->journal, bytes_of(key), &packed, NULL, err);
    if (!status) status = value_read(buffer_bytes(&packed), &tree, err);
    if (!status) {
        status = keep(prune, value_get_bytes(&tree.root, "bundle"), err);
        value_tree_done(&tree);
    }
    buffer_done(&packed);
    return status == TEND_ENOENT ? 0 : status; /* done meanwhile: the run's record names it */
}

/* What runs are asked to be upgraded to (upgrade.c). */
static int refer_requests(struct prune *prune, struct error *err) {
    struct requests requests = {prune, err, BUFFER_EMPTY};
    struct bytes prefix = bytes_of(HIDDEN_PREFIX "u"); /* HIDDEN_UPGRADE of all runs */
    int status =
        journal_state_keys(prune->journal, prefix, bytes_of(""), note_request, &requests, err);
    if (!status) status = buffer_check(&requests.keys, err);
    for (size_t at = 0; !status && at < requests.keys.size;
         at += strlen(requests.keys.data + at) + 1)
        status = keep_requested(prune, requests.keys.data + at, err);
    buffer_done(&requests.keys);
    return status;
}

static bool add_unused(void *context, struct bytes hash) {
    struct prune *prune = context;
    struct bytes copy = {NULL, hash.size}; /* its place is known once all are there */
    if (map_get(&prune->references, hash)) return true;
    buffer_add(&prune->texts, hash.data, hash.size);
    buffer_add(&prune->hashes, &copy, sizeof copy);
    return true;
}

static size_t hash_count(const struct prune *prune) {
    return prune->hashes.size / sizeof(struct bytes);
}

static int find_unused(struct prune *prune, struct error *err) {
    buffer_clear(&prune->hashes);
    buffer_clear(&prune->texts);
    int status = journal_bundles(prune->journal, add_unused, prune, err);
    if (!status) status = buffer_check(&prune->texts, err);
    if (!status) status = buffer_check(&prune->hashes, err);
    if (status) return status;
    struct bytes *list = (struct bytes *)(void *)prune->hashes.data;
    size_t at = 0;
    for (size_t i = 0; i < hash_count(prune); at += list[i++].size)
        list[i].data = prune->texts.data + at;
    return 0;
}

/* The mark first: what is accepted or upgraded during the look brings its bundle along. */
static int look_for_references(struct prune *prune, struct error *err) {
    bool is_all = false;
    int status = 0;
    if (!prune->has_bundle_mark) {
        prune->has_bundle_mark = true;
        prune->bundle_mark = journal_bundle_mark(prune->journal);
        status = refer_requests(prune, err);
    }
    if (!status) status = refer_some(prune, &is_all, err);
    if (is_all) prune->phase = PHASE_BUNDLES;
    return status;
}

/* Once to remove them, once to see how many that were: the journal passes over some. */
static int remove_bundles(struct prune *prune, struct prune_piece *piece, struct error *err) {
    size_t before = hash_count(prune);
    int status = find_unused(prune, err);
    if (status) return status;
    if (before || !hash_count(prune)) {
        prune->count.bundles += before > hash_count(prune) ? before - hash_count(prune) : 0;
        prune->phase = PHASE_DONE;
        return 0;
    }
    piece->bundles = (const struct bytes *)(const void *)prune->hashes.data;
    piece->bundle_count = hash_count(prune);
    piece->bundle_mark = prune->bundle_mark;
    return 0;
}

/* ---- the whole ---- */

int prune_new(struct journal *journal, const struct prune_rule *rule, struct prune **ret,
              struct error *err) {
    struct prune *prune = memory_new(sizeof *prune);
    if (!prune) return error_no_memory(err);
    prune->journal = journal;
    prune->rule = *rule;
    *ret = prune;
    return 0;
}

struct prune *prune_free(struct prune *prune) {
    if (!prune) return NULL;
    buffer_done(&prune->window);
    buffer_done(&prune->hashes);
    buffer_done(&prune->texts);
    map_done(&prune->references);
    memory_free(prune);
    return NULL;
}

int prune_next(struct prune *prune, struct prune_piece *piece, struct error *err) {
    int status = 0;
    *piece = (struct prune_piece){.is_done = false};
    switch (prune->phase) {
    case PHASE_LOOK: status = look(prune, err); break;
    case PHASE_REMOVE: remove_some(prune, piece); break;
    case PHASE_FREE: status = free_some(prune, piece, err); break;
    case PHASE_REFERENCES: status = look_for_references(prune, err); break;
    case PHASE_BUNDLES: status = remove_bundles(prune, piece, err); break;
    case PHASE_DONE: break;
    }
    piece->is_done = prune->phase == PHASE_DONE;
    return status;
}

struct prune_count prune_counted(const struct prune *prune) {
    return prune->count;
}

/* A piece that finds no room is made anew, smaller. */
static int commit_piece(struct prune *prune, const struct prune_piece *piece, struct error *err) {
    struct journal_batch batch = {.removals = piece->removals,
                                  .removal_count = piece->removal_count,
                                  .removed_bundles = piece->bundles,
                                  .removed_bundle_count = piece->bundle_count,
                                  .bundle_mark = piece->bundle_mark,
                                  .freed_max = piece->freed_max};
    int status = journal_commit(prune->journal, &batch, err);
    if (status != TEND_ESPACE || prune->is_small || piece->bundle_count) return status;
    prune->is_small = true;
    prune->window_at -= piece->removal_count;
    prune->count.runs -= piece->removal_count;
    for (size_t i = 0; i < piece->removal_count; i++)
        prune->count.entries -= piece->removals[i].next_sequence;
    return 0;
}

int prune_alone(struct journal *journal, const struct prune_rule *rule, struct prune_count *ret,
                struct error *err) {
    struct prune_piece piece = {.is_done = false};
    struct prune *prune = NULL;
    int status = prune_new(journal, rule, &prune, err);
    if (status) return status;
    while (!status && !piece.is_done) {
        status = prune_next(prune, &piece, err);
        if (!status) status = commit_piece(prune, &piece, err);
    }
    if (!status) *ret = prune->count;
    prune_free(prune);
    return status;
}

int prune_look(struct journal *journal, const struct prune_rule *rule, struct prune_count *ret,
               struct error *err) {
    struct prune *prune = NULL;
    int status = prune_new(journal, rule, &prune, err);
    if (status) return status;
    while (!status && !prune->is_at_end) {
        status = look(prune, err);
        const struct candidate *list = (const struct candidate *)(const void *)prune->window.data;
        if (status || prune->phase == PHASE_LOOK) continue;
        for (size_t i = 0; i < window_count(prune); i++)
            prune->count.entries += list[i].next_sequence;
        prune->count.runs += window_count(prune);
        buffer_clear(&prune->window);
        prune->phase = PHASE_LOOK;
    }
    if (!status) *ret = prune->count;
    prune_free(prune);
    return status;
}
