/* Index keys and walks; see lmdb_index.h. */
#include "journal/lmdb_index.h"

#include <string.h>

#include "journal/lmdb_file.h"

/* ---- keys ---- */

static void put_big_endian(unsigned char *out, uint64_t value, size_t size_bytes) {
    for (size_t i = size_bytes; i-- > 0; value >>= 8) out[i] = (unsigned char)value;
}

static uint64_t get_big_endian(const unsigned char *in, size_t size_bytes) {
    uint64_t value = 0;
    for (size_t i = 0; i < size_bytes; i++) value = value << 8 | in[i];
    return value;
}

static struct index_key make_key(char kind, uint64_t value, size_t value_size, uint64_t number) {
    struct index_key key = {.prefix_size = 1 + value_size};
    key.bytes[0] = (unsigned char)kind;
    put_big_endian(key.bytes + 1, value, value_size);
    put_big_endian(key.bytes + key.prefix_size, number, 8);
    return key;
}

struct index_key index_due(int64_t due_at_us, uint64_t number) {
    /* the sign turned round: times before 1970 come first */
    return make_key('T', (uint64_t)due_at_us ^ (UINT64_C(1) << 63), 8, number);
}

struct index_key index_status(uint8_t status, uint64_t number) {
    return make_key('S', status, 1, number);
}

static uint32_t fnv1a(struct bytes text) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < text.size; i++) hash = (hash ^ (unsigned char)text.data[i]) * 16777619u;
    return hash;
}

struct index_key index_workflow(struct bytes workflow, uint64_t number) {
    return make_key('W', fnv1a(workflow), 4, number);
}

MDB_val index_key_val(const struct index_key *key) {
    return lmdb_val(key->bytes, key->prefix_size + 8);
}

bool index_key_equal(const struct index_key *a, const struct index_key *b) {
    return a->prefix_size == b->prefix_size && !memcmp(a->bytes, b->bytes, a->prefix_size + 8);
}

bool index_read_due(MDB_val key, int64_t *due_at_us, uint64_t *number) {
    const unsigned char *bytes = key.mv_data;
    if (key.mv_size != 17 || bytes[0] != 'T') return false;
    *due_at_us = (int64_t)(get_big_endian(bytes + 1, 8) ^ (UINT64_C(1) << 63));
    *number = get_big_endian(bytes + 9, 8);
    return true;
}

/* ---- one walk ---- */

/* Is `number` at `target`, or past it in this direction? */
static bool has_reached(uint64_t number, uint64_t target, bool oldest_first) {
    return oldest_first ? number >= target : number <= target;
}

/* Takes over what the cursor found; a key outside the prefix ends the walk. */
static int walk_take(struct index_walk *walk, int code, const MDB_val *key) {
    const size_t prefix = walk->prefix_size;
    if (code == MDB_NOTFOUND ||
        (code == 0 && (key->mv_size != prefix + 8 || memcmp(key->mv_data, walk->prefix, prefix)))) {
        walk->is_done = true;
        return 0;
    }
    if (code) return code;
    if (prefix) walk->number = get_big_endian((const unsigned char *)key->mv_data + prefix, 8);
    else memcpy(&walk->number, key->mv_data, sizeof walk->number);
    return 0;
}

static int walk_leap(struct index_walk *walk, uint64_t target, bool oldest_first) {
    unsigned char bytes[INDEX_KEY_MAX];
    memcpy(bytes, walk->prefix, walk->prefix_size);
    put_big_endian(bytes + walk->prefix_size, target, 8);
    MDB_val key = lmdb_val(bytes, walk->prefix_size + 8), value;
    if (walk->prefix_size == 0) key = lmdb_val(&target, sizeof target);
    const MDB_val wanted = key;

    int code = mdb_cursor_get(walk->cursor, &key, &value, MDB_SET_RANGE);
    if (!oldest_first && code == MDB_NOTFOUND)
        code = mdb_cursor_get(walk->cursor, &key, &value, MDB_LAST);
    else if (!oldest_first && code == 0 &&
             (key.mv_size != wanted.mv_size || memcmp(key.mv_data, wanted.mv_data, key.mv_size)))
        code = mdb_cursor_get(walk->cursor, &key, &value, MDB_PREV);
    return walk_take(walk, code, &key);
}

/* To `target`, or to what follows it. Neighbours are common, so one step is tried first. */
static int walk_seek(struct index_walk *walk, uint64_t target, bool oldest_first) {
    if (walk->is_done) return 0;
    if (walk->number) {
        if (has_reached(walk->number, target, oldest_first)) return 0;
        MDB_val key, value;
        int code = mdb_cursor_get(walk->cursor, &key, &value, oldest_first ? MDB_NEXT : MDB_PREV);
        code = walk_take(walk, code, &key);
        if (code || walk->is_done || has_reached(walk->number, target, oldest_first)) return code;
    }
    return walk_leap(walk, target, oldest_first);
}

/* ---- groups and selections ---- */

int index_group_add(struct index_group *group, MDB_txn *txn, MDB_dbi dbi,
                    const struct index_key *key) {
    struct index_walk walk = {.prefix_size = key ? key->prefix_size : 0};
    if (key) memcpy(walk.prefix, key->bytes, key->prefix_size);
    int code = mdb_cursor_open(txn, dbi, &walk.cursor);
    if (code) return code;
    group->walks[group->walk_count++] = walk;
    return 0;
}

/* The first of the group at `target` or after it; MDB_NOTFOUND if there is none. */
static int group_seek(struct index_group *group, uint64_t target, bool oldest_first,
                      uint64_t *ret) {
    uint64_t best = 0;
    for (size_t i = 0; i < group->walk_count; i++) {
        struct index_walk *walk = &group->walks[i];
        int code = walk_seek(walk, target, oldest_first);
        if (code) return code;
        if (walk->is_done) continue;
        if (!best || has_reached(best, walk->number, oldest_first)) best = walk->number;
    }
    if (!best) return MDB_NOTFOUND;
    *ret = best;
    return 0;
}

int index_selection_seek(struct index_selection *selection, uint64_t from, uint64_t *ret) {
    uint64_t target = from;
    for (size_t agreed = 0; agreed < selection->group_count;) {
        uint64_t number = 0;
        /* the groups in turn, until all of them stand on the same number */
        for (size_t i = 0; i < selection->group_count && agreed < selection->group_count; i++) {
            int code = group_seek(&selection->groups[i], target, selection->oldest_first, &number);
            if (code) return code;
            agreed = number == target ? agreed + 1 : 1;
            target = number;
        }
    }
    *ret = target;
    return 0;
}

void index_selection_done(struct index_selection *selection) {
    for (size_t i = 0; i < selection->group_count; i++) {
        struct index_group *group = &selection->groups[i];
        for (size_t j = 0; j < group->walk_count; j++) mdb_cursor_close(group->walks[j].cursor);
        group->walk_count = 0;
    }
}
