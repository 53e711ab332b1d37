/* Bundles, and the durable values that runs share. A bundle is a byte of flags and its contents. A
 * state value is a struct state_header and its bytes; a deleted key stays as a header alone,
 * because its version must go on counting. The flag VALUE_COMPRESSED: the bytes are a zstd frame.
 */
#include <string.h>

#include "journal/lmdb.h"

struct state_header {
    uint64_t version; /* counts writes of the key, deletes included */
    uint8_t is_deleted;
    uint8_t flags;
    uint8_t unused[6];
};
_Static_assert(sizeof(struct state_header) == 16, "part of the format");

enum { VALUE_COMPRESSED = 1 };

/* The bytes to store for a value, and the flag that goes with them. */
static uint8_t shrink(struct lmdb_journal *journal, struct bytes *value) {
    return compress(&journal->compressor, *value, value) ? VALUE_COMPRESSED : 0;
}

/* Appends a value as it was given. */
static int expand(struct lmdb_journal *journal, uint8_t flags, struct bytes stored,
                  struct buffer *out, struct error *err) {
    struct decompressor decompressor = {NULL};
    if (!flags) return buffer_add(out, stored.data, stored.size), buffer_check(out, err);
    int status = decompress(&decompressor, stored, out, err);
    decompressor_done(&decompressor);
    if (status) error_context(err, "%s", journal->file.path);
    return status;
}

/* ---- bundles ---- */

int lmdb_bundle_write(struct lmdb_write *write, const struct journal_bundle *bundle) {
    if (bundle->hash.size == 0 || bundle->hash.size > JOURNAL_HASH_MAX)
        return error_set(write->err, TEND_EFORMAT, "a bundle's hash has %zu bytes",
                         bundle->hash.size);
    const MDB_dbi bundles = write->journal->tables[TABLE_BUNDLES];
    MDB_val key = lmdb_val(bundle->hash.data, bundle->hash.size), value;
    int code = mdb_get(write->txn, bundles, &key, &value);
    if (code == 0) return 0; /* known: not compressed again */
    struct bytes contents = bundle->contents;
    uint8_t flags = shrink(write->journal, &contents);
    value = lmdb_val(NULL, 1 + contents.size);
    if (code == MDB_NOTFOUND) code = mdb_put(write->txn, bundles, &key, &value, MDB_RESERVE);
    if (code) return lmdb_write_error(write, code, "writing a bundle");
    char *out = value.mv_data;
    out[0] = (char)flags;
    if (contents.size) memcpy(out + 1, contents.data, contents.size);
    return 0;
}

int lmdb_bundle(struct journal *base, struct bytes hash, struct buffer *out, struct error *err) {
    struct lmdb_journal *journal = lmdb_journal_of(base);
    MDB_val key = lmdb_val(hash.data, hash.size), value;
    MDB_txn *txn;
    int status = lmdb_read_begin(journal, &txn, err);
    if (status) return status;
    int code =
        hash.size ? mdb_get(txn, journal->tables[TABLE_BUNDLES], &key, &value) : MDB_NOTFOUND;
    const char *contents = code ? NULL : value.mv_data;
    if (code == MDB_NOTFOUND) status = error_set(err, TEND_ENOENT, "no such bundle");
    else if (code || value.mv_size == 0 || (uint8_t)contents[0] > VALUE_COMPRESSED)
        status =
            lmdb_file_error(&journal->file, code ? code : MDB_CORRUPTED, "reading a bundle", err);
    else
        status = expand(journal, (uint8_t)contents[0],
                        (struct bytes){contents + 1, value.mv_size - 1}, out, err);
    lmdb_read_end(journal, txn);
    return status;
}

int lmdb_bundle_remove(struct lmdb_write *write, struct bytes hash) {
    MDB_val key = lmdb_val(hash.data, hash.size);
    int code = mdb_del(write->txn, write->journal->tables[TABLE_BUNDLES], &key, NULL);
    return code && code != MDB_NOTFOUND ? lmdb_write_error(write, code, "removing a bundle") : 0;
}

static int visit_hashes(MDB_cursor *cursor, journal_visit_key *visit, void *context) {
    MDB_val key, value;
    int code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    while (!code && visit(context, (struct bytes){key.mv_data, key.mv_size}))
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    return code == MDB_NOTFOUND ? 0 : code;
}

int lmdb_bundles(struct journal *base, journal_visit_key *visit, void *context, struct error *err) {
    struct lmdb_journal *journal = lmdb_journal_of(base);
    MDB_cursor *cursor;
    MDB_txn *txn;
    int status = lmdb_read_begin(journal, &txn, err);
    if (status) return status;
    int code = mdb_cursor_open(txn, journal->tables[TABLE_BUNDLES], &cursor);
    if (!code) {
        code = visit_hashes(cursor, visit, context);
        mdb_cursor_close(cursor);
    }
    lmdb_read_end(journal, txn);
    return code ? lmdb_file_error(&journal->file, code, "reading bundles", err) : 0;
}

/* ---- state ---- */

static bool read_header(MDB_val value, struct state_header *header) {
    if (value.mv_size < sizeof *header) return false;
    memcpy(header, value.mv_data, sizeof *header);
    return header->flags <= VALUE_COMPRESSED;
}

int lmdb_state_write(struct lmdb_write *write, const struct journal_state_write *change) {
    if (change->key.size == 0 || change->key.size > JOURNAL_STATE_KEY_MAX)
        return error_set(write->err, TEND_EFORMAT,
                         "a state key has %zu bytes (1 to %d are possible)", change->key.size,
                         JOURNAL_STATE_KEY_MAX);
    struct state_header header = {.version = 0};
    MDB_val key = lmdb_val(change->key.data, change->key.size), value;
    int code = mdb_get(write->txn, write->journal->tables[TABLE_STATE], &key, &value);
    if (code && code != MDB_NOTFOUND) return lmdb_write_error(write, code, "reading state");
    if (!code && !read_header(value, &header))
        return lmdb_write_error(write, MDB_CORRUPTED, "reading state");

    struct bytes stored = change->value.data ? change->value : (struct bytes){NULL, 0};
    header.version++;
    header.is_deleted = !change->value.data;
    header.flags = shrink(write->journal, &stored);
    value = lmdb_val(NULL, sizeof header + stored.size);
    int status = lmdb_write_put(write, TABLE_STATE, key, &value, MDB_RESERVE, "writing state");
    if (status) return status;
    memcpy(value.mv_data, &header, sizeof header);
    if (stored.size) memcpy((char *)value.mv_data + sizeof header, stored.data, stored.size);
    return 0;
}

int lmdb_state(struct journal *base, struct bytes name, struct buffer *out, uint64_t *version,
               struct error *err) {
    struct lmdb_journal *journal = lmdb_journal_of(base);
    struct state_header header = {.is_deleted = 1};
    MDB_val key = lmdb_val(name.data, name.size), value;
    MDB_txn *txn;
    int status = lmdb_read_begin(journal, &txn, err);
    if (status) return status;
    int code = name.size ? mdb_get(txn, journal->tables[TABLE_STATE], &key, &value) : MDB_NOTFOUND;
    if (!code && !read_header(value, &header)) code = MDB_CORRUPTED;
    if (code && code != MDB_NOTFOUND)
        status = lmdb_file_error(&journal->file, code, "reading state", err);
    else if (header.is_deleted)
        status = error_set(err, TEND_ENOENT, "no state under %.*s",
                           (int)(name.size > 400 ? 400 : name.size), name.data);
    else
        status = expand(
            journal, header.flags,
            (struct bytes){(char *)value.mv_data + sizeof header, value.mv_size - sizeof header},
            out, err);
    lmdb_read_end(journal, txn);
    if (version && (!status || status == TEND_ENOENT)) *version = header.version;
    return status;
}

/* ---- keys ---- */

static bool has_prefix(MDB_val key, struct bytes prefix) {
    return key.mv_size >= prefix.size &&
           (prefix.size == 0 || memcmp(key.mv_data, prefix.data, prefix.size) == 0);
}

static int visit_keys(MDB_cursor *cursor, struct bytes prefix, struct bytes after,
                      journal_visit_key *visit, void *context) {
    struct bytes from = bytes_compare(after, prefix) > 0 ? after : prefix;
    MDB_val key = lmdb_val(from.data, from.size), value;
    int code = mdb_cursor_get(cursor, &key, &value, from.size ? MDB_SET_RANGE : MDB_FIRST);
    for (; code == 0 && has_prefix(key, prefix);
         code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        struct bytes name = {key.mv_data, key.mv_size};
        struct state_header header;
        if (!read_header(value, &header)) return MDB_CORRUPTED;
        if (header.is_deleted || (after.size && bytes_compare(name, after) <= 0)) continue;
        if (!visit(context, name)) return 0;
    }
    return code == MDB_NOTFOUND ? 0 : code;
}

int lmdb_state_erase(struct lmdb_write *write, struct bytes prefix) {
    MDB_cursor *cursor = NULL;
    int status = prefix.size ? lmdb_write_cursor(write, TABLE_STATE, &cursor) : 0;
    if (status || !prefix.size) return status;
    for (;;) {
        MDB_val key = lmdb_val(prefix.data, prefix.size), value;
        int code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
        if (code == MDB_NOTFOUND || (!code && !has_prefix(key, prefix))) return 0;
        if (!code) code = mdb_cursor_del(cursor, 0);
        if (code) return lmdb_write_error(write, code, "removing state");
    }
}

int lmdb_state_keys(struct journal *base, struct bytes prefix, struct bytes after,
                    journal_visit_key *visit, void *context, struct error *err) {
    struct lmdb_journal *journal = lmdb_journal_of(base);
    MDB_cursor *cursor;
    MDB_txn *txn;
    int status = lmdb_read_begin(journal, &txn, err);
    if (status) return status;
    int code = mdb_cursor_open(txn, journal->tables[TABLE_STATE], &cursor);
    if (!code) {
        code = visit_keys(cursor, prefix, after, visit, context);
        mdb_cursor_close(cursor);
    }
    lmdb_read_end(journal, txn);
    return code ? lmdb_file_error(&journal->file, code, "reading state", err) : 0;
}
