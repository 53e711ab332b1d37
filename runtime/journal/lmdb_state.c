/* Bundles, and the durable values that runs share. A bundle is a byte of flags (0; for
 * compression) and its contents. A state value is a struct state_header and its bytes; a deleted
 * key stays as a header alone, because its version must go on counting. */
#include <string.h>

#include "journal/lmdb.h"

struct state_header {
    uint64_t version; /* counts writes of the key, deletes included */
    uint8_t is_deleted;
    uint8_t flags; /* 0; for compression */
    uint8_t unused[6];
};
_Static_assert(sizeof(struct state_header) == 16, "part of the format");

/* ---- bundles ---- */

int lmdb_bundle_write(struct lmdb_write *write, const struct journal_bundle *bundle) {
    if (bundle->hash.size == 0 || bundle->hash.size > JOURNAL_HASH_MAX)
        return error_set(write->err, TEND_EFORMAT, "a bundle's hash has %zu bytes",
                         bundle->hash.size);
    MDB_val key = lmdb_val(bundle->hash.data, bundle->hash.size);
    MDB_val value = lmdb_val(NULL, 1 + bundle->contents.size);
    int code = mdb_put(write->txn, write->journal->tables[TABLE_BUNDLES], &key, &value,
                       MDB_NOOVERWRITE | MDB_RESERVE);
    if (code == MDB_KEYEXIST) return 0;
    if (code) return lmdb_write_error(write, code, "writing a bundle");
    char *out = value.mv_data;
    out[0] = 0;
    if (bundle->contents.size) memcpy(out + 1, bundle->contents.data, bundle->contents.size);
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
    else if (code || value.mv_size == 0 || contents[0] != 0)
        status =
            lmdb_file_error(&journal->file, code ? code : MDB_CORRUPTED, "reading a bundle", err);
    else buffer_add(out, contents + 1, value.mv_size - 1);
    lmdb_read_end(journal, txn);
    return status ? status : buffer_check(out, err);
}

/* ---- state ---- */

static bool read_header(MDB_val value, struct state_header *header) {
    if (value.mv_size < sizeof *header) return false;
    memcpy(header, value.mv_data, sizeof *header);
    return header->flags == 0;
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

    size_t size = change->value.data ? change->value.size : 0;
    header.version++;
    header.is_deleted = !change->value.data;
    value = lmdb_val(NULL, sizeof header + size);
    int status = lmdb_write_put(write, TABLE_STATE, key, &value, MDB_RESERVE, "writing state");
    if (status) return status;
    memcpy(value.mv_data, &header, sizeof header);
    if (size) memcpy((char *)value.mv_data + sizeof header, change->value.data, size);
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
    else buffer_add(out, (char *)value.mv_data + sizeof header, value.mv_size - sizeof header);
    lmdb_read_end(journal, txn);
    if (!status) status = buffer_check(out, err);
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
