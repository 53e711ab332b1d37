/* A run's entries. They lie in the order of commits, not of runs: the table `entries` is a log,
 * each record the entries that one run got in one commit, and each names the run's record before
 * it. So a commit writes at one place of the disk however many runs are in it (measured: a tenth
 * of the page writes of a table that is ordered by run), and reading a run walks its chain
 * backwards and turns it round.
 *
 * A record is a struct record_header and then, for each entry, its size (7 bits a byte, low ones
 * first, the high bit set on all but the last byte) and its bytes. Entries of a kilobyte and more
 * together may be compressed, as one frame. */
#include <string.h>

#include "journal/lmdb.h"

/* A value over 2,022 bytes takes whole pages: one of 2,024 would waste half of one. */
enum { RECORD_BYTES = 2000, SIZE_BYTES_MAX = 10 };

struct record_header {
    uint64_t previous; /* counter of the run's record before this one; 0: none */
    uint64_t run;
    uint32_t first_sequence;
    uint16_t count;
    uint8_t flags; /* RECORD_COMPRESSED: what follows is one zstd frame */
    uint8_t unused;
};
enum { RECORD_COMPRESSED = 1 };
_Static_assert(sizeof(struct record_header) == 24, "part of the format");

/* ---- sizes ---- */

static size_t size_length(uint64_t size) {
    size_t length = 1;
    for (; size >= 0x80; size >>= 7) length++;
    return length;
}

static char *put_size(char *out, uint64_t size) {
    for (; size >= 0x80; size >>= 7) *out++ = (char)(unsigned char)(size | 0x80);
    *out++ = (char)size;
    return out;
}

/* Reads one entry and moves *rest behind it; false: the bytes are wrong. */
static bool take_entry(struct bytes *rest, struct bytes *entry) {
    uint64_t size = 0;
    size_t used = 0;
    for (bool is_more = true; is_more; used++) {
        if (used >= rest->size || used >= SIZE_BYTES_MAX) return false;
        unsigned char byte = (unsigned char)rest->data[used];
        size |= (uint64_t)(byte & 0x7f) << (7 * used);
        is_more = byte & 0x80;
    }
    if (size > rest->size - used) return false;
    *entry = (struct bytes){rest->data + used, size};
    *rest = (struct bytes){rest->data + used + size, rest->size - used - size};
    return true;
}

/* ---- writing ---- */

/* The entries of a run's parts as one row. */
struct entry_row {
    const struct run_part *parts;
    size_t part_count;
    size_t part;
    size_t entry;
};

static const struct bytes *row_next(struct entry_row *row) {
    for (; row->part < row->part_count; row->part++, row->entry = 0) {
        const struct journal_transition *transition = row->parts[row->part].transition;
        if (row->entry < transition->entry_count) return &transition->entries[row->entry++];
    }
    return NULL;
}

/* How many of the row's next entries make one record, and its size. A copy of the row is read. */
static size_t measure(struct entry_row row, uint16_t *ret_count) {
    size_t size = sizeof(struct record_header);
    uint16_t count = 0;
    for (const struct bytes *entry; (entry = row_next(&row)); count++) {
        size_t more = size_length(entry->size) + entry->size;
        if (count && size + more > RECORD_BYTES) break;
        size += more;
    }
    *ret_count = count;
    return size;
}

static void fill_entries(char *out, uint16_t count, struct entry_row *row) {
    for (uint16_t i = 0; i < count; i++) {
        const struct bytes *entry = row_next(row);
        out = put_size(out, entry->size);
        if (entry->size) memcpy(out, entry->data, entry->size);
        out += entry->size;
    }
}

static int last_counter(MDB_cursor *cursor, uint64_t *ret) {
    MDB_val key, value;
    int code = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
    if (code && code != MDB_NOTFOUND) return code;
    *ret = 0;
    if (!code) memcpy(ret, key.mv_data, sizeof *ret);
    return 0;
}

/* Packs the record's entries and compresses them, where that is worth it; the row moves on then.
 * *frame is borrowed from the journal's compressor. */
static bool compress_entries(struct lmdb_journal *journal, size_t size_bytes, uint16_t count,
                             struct entry_row *row, struct bytes *frame) {
    struct entry_row ahead = *row;
    if (size_bytes < COMPRESS_LEAST_BYTES) return false;
    buffer_clear(&journal->raw);
    char *place = buffer_grow(&journal->raw, size_bytes);
    if (place) fill_entries(place, count, &ahead);
    else buffer_done(&journal->raw);
    if (!place || !compress(&journal->compressor, buffer_bytes(&journal->raw), frame)) return false;
    *row = ahead;
    return true;
}

static int put_record(MDB_cursor *cursor, const struct record_header *header, size_t size_bytes,
                      uint64_t *counter, char **contents) {
    MDB_val value = lmdb_val(NULL, sizeof *header + size_bytes);
    int code = last_counter(cursor, counter);
    ++*counter;
    MDB_val key = lmdb_val(counter, sizeof *counter);
    if (!code) code = mdb_cursor_put(cursor, &key, &value, MDB_APPEND | MDB_RESERVE);
    if (code) return code;
    memcpy(value.mv_data, header, sizeof *header);
    *contents = (char *)value.mv_data + sizeof *header;
    return 0;
}

static int write_record(struct lmdb_write *write, MDB_cursor *cursor, uint64_t number,
                        struct entry_row *row, struct run_position *position) {
    struct record_header header = {.previous = position->last_record,
                                   .run = number,
                                   .first_sequence = position->next_sequence};
    size_t size = measure(*row, &header.count) - sizeof header;
    struct bytes frame = {NULL, 0};
    uint64_t counter;
    char *contents;
    if (compress_entries(write->journal, size, header.count, row, &frame)) {
        header.flags = RECORD_COMPRESSED;
        size = frame.size;
    }
    int code = put_record(cursor, &header, size, &counter, &contents);
    if (code) return lmdb_write_error(write, code, "writing entries");
    if (header.flags) memcpy(contents, frame.data, frame.size);
    else fill_entries(contents, header.count, row);
    position->last_record = counter;
    position->next_sequence += header.count;
    return 0;
}

static int check_sequences(struct lmdb_write *write, const struct run_part *parts,
                           size_t part_count, uint32_t next) {
    for (size_t i = 0; i < part_count; i++) {
        const struct journal_transition *transition = parts[i].transition;
        if (transition->entry_count == 0) continue;
        if (transition->first_sequence != next)
            return error_set(write->err, TEND_EFORMAT,
                             "run %llu: entry %u was to be written where %u comes next",
                             (unsigned long long)transition->number, transition->first_sequence,
                             next);
        if (transition->entry_count > UINT32_MAX - next)
            return error_set(write->err, TEND_EFORMAT, "run %llu has too many entries",
                             (unsigned long long)transition->number);
        next += (uint32_t)transition->entry_count;
    }
    return 0;
}

int lmdb_entries_write(struct lmdb_write *write, const struct run_part *parts, size_t part_count,
                       struct run_position *position) {
    int status = check_sequences(write, parts, part_count, position->next_sequence);
    MDB_cursor *cursor = NULL;
    if (!status) status = lmdb_write_cursor(write, TABLE_ENTRIES, &cursor);
    struct entry_row row = {.parts = parts, .part_count = part_count};
    for (struct entry_row ahead = row; !status && row_next(&ahead); ahead = row)
        status = write_record(write, cursor, parts[0].number, &row, position);
    return status;
}

/* ---- reading ---- */

/* One record of the chain: checks that it is the one before *position, and moves there. */
bool lmdb_entries_follow(MDB_val value, uint64_t number, struct run_position *position) {
    struct record_header header;
    if (value.mv_size < sizeof header) return false;
    memcpy(&header, value.mv_data, sizeof header);
    if (header.run != (position->origin ? position->origin : number) ||
        header.flags > RECORD_COMPRESSED || header.previous >= position->last_record ||
        header.first_sequence + header.count != position->next_sequence)
        return false;
    position->last_record = header.previous;
    position->next_sequence = header.first_sequence;
    return true;
}

static int damaged(struct lmdb_journal *journal, uint64_t number, uint64_t record,
                   struct error *err) {
    return error_set(err, TEND_EFORMAT,
                     "%s is damaged: record %llu of run %llu is not what it should be",
                     journal->file.path, (unsigned long long)record, (unsigned long long)number);
}

/* Gathers a run's records, newest first: struct bytes in *records, borrowed from the snapshot. */
static int collect(struct lmdb_journal *journal, MDB_cursor *cursor, uint64_t number,
                   struct run_position position, struct buffer *records, struct error *err) {
    while (position.last_record) {
        uint64_t counter = position.last_record;
        MDB_val key = lmdb_val(&counter, sizeof counter), value;
        int code = mdb_cursor_get(cursor, &key, &value, MDB_SET);
        if (code && code != MDB_NOTFOUND)
            return lmdb_file_error(&journal->file, code, "reading entries", err);
        if (code || !lmdb_entries_follow(value, number, &position))
            return damaged(journal, number, counter, err);
        struct bytes record = {value.mv_data, value.mv_size};
        buffer_add(records, &record, sizeof record);
    }
    if (position.next_sequence) return damaged(journal, number, 0, err);
    return buffer_check(records, err);
}

/* What reading records needs again and again. */
struct unpacking {
    struct decompressor decompressor;
    struct buffer raw;
    struct error err;
};

/* The entries of a record as they were given. False: unpacking->err says why. */
static bool unpack_record(struct unpacking *unpacking, struct bytes record,
                          struct record_header *header, struct bytes *ret) {
    memcpy(header, record.data, sizeof *header);
    *ret = (struct bytes){record.data + sizeof *header, record.size - sizeof *header};
    if (!(header->flags & RECORD_COMPRESSED)) return true;
    buffer_clear(&unpacking->raw);
    if (decompress(&unpacking->decompressor, *ret, &unpacking->raw, &unpacking->err)) return false;
    *ret = buffer_bytes(&unpacking->raw);
    return true;
}

/* Returns 1 when the visitor wants no more; TEND_EFORMAT, TEND_ENOMEM. */
static int visit_record(struct unpacking *unpacking, struct bytes record,
                        journal_visit_entry *visit, void *context) {
    struct record_header header;
    struct bytes rest, entry;
    if (!unpack_record(unpacking, record, &header, &rest))
        return unpacking->err.status == TEND_ENOMEM ? TEND_ENOMEM : TEND_EFORMAT;
    for (uint32_t i = 0; i < header.count; i++) {
        if (!take_entry(&rest, &entry)) return TEND_EFORMAT;
        if (!visit(context, header.first_sequence + i, entry)) return 1;
    }
    return rest.size ? TEND_EFORMAT : 0;
}

static int visit_backwards(struct lmdb_journal *journal, uint64_t number,
                           const struct buffer *records, journal_visit_entry *visit, void *context,
                           struct error *err) {
    const struct bytes *list = (const struct bytes *)(const void *)records->data;
    struct unpacking unpacking = {.raw = BUFFER_EMPTY};
    int end = 0;
    for (size_t i = records->size / sizeof *list; i-- > 0 && !end;)
        end = visit_record(&unpacking, list[i], visit, context);
    decompressor_done(&unpacking.decompressor);
    buffer_done(&unpacking.raw);
    if (end >= 0) return 0;
    return end == TEND_ENOMEM ? error_no_memory(err) : damaged(journal, number, 0, err);
}

int lmdb_entries(struct journal *base, uint64_t number, journal_visit_entry *visit, void *context,
                 struct error *err) {
    struct lmdb_journal *journal = lmdb_journal_of(base);
    struct buffer records = BUFFER_EMPTY;
    MDB_cursor *cursor = NULL;
    MDB_txn *txn;
    int status = lmdb_read_begin(journal, &txn, err);
    if (status) return status;

    struct run_position position;
    int code = lmdb_run_position(journal, txn, number, &position);
    if (code == MDB_NOTFOUND) {
        status = error_set(err, TEND_ENOENT, "no run %llu", (unsigned long long)number);
        goto done;
    }
    if (!code) code = mdb_cursor_open(txn, journal->tables[TABLE_ENTRIES], &cursor);
    if (code) {
        status = lmdb_file_error(&journal->file, code, "reading entries", err);
        goto done;
    }
    status = collect(journal, cursor, number, position, &records, err);
    if (!status) status = visit_backwards(journal, number, &records, visit, context, err);
done:
    if (cursor) mdb_cursor_close(cursor);
    lmdb_read_end(journal, txn);
    buffer_done(&records);
    return status;
}
