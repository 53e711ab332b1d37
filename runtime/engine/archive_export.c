/* Writing archives; see archive.h. A run that an engine is working on is read until its record and
 * its entries are of one moment. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/memory.h"
#include "engine/archive.h"
#include "engine/exact.h"
#include "engine/hidden.h"

enum { READ_ATTEMPTS = 100 };

static const char *const type_names[] = {
    [ENTRY_ACCEPTED] = "accepted", [ENTRY_STARTED] = "started",     [ENTRY_FAILED] = "failed",
    [ENTRY_DONE] = "done",         [ENTRY_RAISED] = "raised",       [ENTRY_WAITING] = "waiting",
    [ENTRY_LOG] = "log",           [ENTRY_CANCELLED] = "cancelled", [ENTRY_RETRIED] = "retried",
    [ENTRY_MODULE] = "module",     [ENTRY_UPGRADED] = "upgraded",   [ENTRY_FORKED] = "forked",
    [ENTRY_ENDED] = "ended",
};
enum { TYPE_COUNT = sizeof type_names / sizeof *type_names };

const char *archive_type_name(enum entry_type type) {
    return (size_t)type < TYPE_COUNT ? type_names[type] : NULL;
}

int archive_type_read(struct bytes name) {
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if (type_names[i] && bytes_are(name, type_names[i])) return (int)i;
    return -1;
}

/* ---- a run as it lies in the journal ---- */

struct stored {
    uint64_t number, parent;
    uint8_t status;
    int64_t due_at_us;
    uint32_t next_sequence;
    struct buffer id, workflow, body;
};

static void stored_done(struct stored *stored) {
    buffer_done(&stored->id);
    buffer_done(&stored->workflow);
    buffer_done(&stored->body);
}

static bool store(void *context, const struct journal_run *run) {
    struct stored *stored = context;
    stored->number = run->number;
    stored->status = run->status;
    stored->due_at_us = run->due_at_us;
    stored->next_sequence = run->next_sequence;
    buffer_clear(&stored->id);
    buffer_clear(&stored->workflow);
    buffer_clear(&stored->body);
    buffer_add(&stored->id, run->id.data, run->id.size);
    buffer_add(&stored->workflow, run->workflow.data, run->workflow.size);
    buffer_add(&stored->body, run->body.data, run->body.size);
    return false;
}

static void add_key(struct buffer *out, const char *key) { buffer_add_format(out, "\"%s\":", key); }

/* ---- entries ---- */

struct writing {
    struct buffer *out;
    uint32_t count;
    struct error *err;
    int status;
};

/* {id, number} of a child: its number is this home's. */
static bool write_child(const struct entry *entry, struct buffer *out) {
    struct value_tree tree;
    if (entry->type != ENTRY_WAITING || value_read(entry->value, &tree, NULL)) return false;
    const struct value *id = value_get(&tree.root, "id"), *number = value_get(&tree.root, "number");
    bool is_child = tree.root.kind == VALUE_MAP && tree.root.map.count == 2 && id && number &&
                    id->kind == VALUE_TEXT && number->kind == VALUE_INTEGER;
    if (is_child) {
        buffer_add_text(out, "{\"id\":");
        exact_write_text(id->text, out);
        buffer_add_text(out, ",\"number\":{\"$run\":");
        exact_write_text(id->text, out);
        buffer_add_text(out, "}}");
    }
    value_tree_done(&tree);
    return is_child;
}

/* Would this entry be packed to the same bytes again, and has it names? */
static bool is_plain(const struct entry *entry, struct bytes packed) {
    struct buffer again = BUFFER_EMPTY;
    entry_pack(entry, &again);
    bool is_same = bytes_equal(buffer_bytes(&again), packed);
    buffer_done(&again);
    return is_same && archive_type_name(entry->type) && entry->kind < ASK_RECORDED;
}

static int write_entry(const struct entry *entry, struct buffer *out, struct error *err) {
    buffer_add_format(out, "{\"type\":\"%s\",\"key\":", archive_type_name(entry->type));
    exact_write_text(entry->key, out);
    buffer_add_format(out,
                      ",\"kind\":\"%s\",\"attempt\":%u,\"at_us\":%lld,\"due_us\":%lld,"
                      "\"waited\":%s,\"value\":",
                      ask_kind_name(entry->kind), entry->attempt, (long long)entry->at_us,
                      (long long)entry->due_at_us, entry->has_waited ? "true" : "false");
    int status = write_child(entry, out) ? 0 : exact_write(entry->value, out, err);
    buffer_add_byte(out, '}');
    return status;
}

static bool add_entry(void *context, uint32_t sequence, struct bytes packed) {
    struct writing *writing = context;
    struct entry entry;
    (void)sequence;
    if (writing->count++) buffer_add_byte(writing->out, ',');
    if (entry_read(packed, &entry, NULL) == 0 && is_plain(&entry, packed))
        writing->status = write_entry(&entry, writing->out, writing->err);
    else exact_write_packed(packed, writing->out);
    return !writing->status;
}

/* The record and the entries of one moment. */
static int read_run(struct journal *journal, uint64_t number, struct stored *stored,
                    struct buffer *entries, struct error *err) {
    for (int i = 0; i < READ_ATTEMPTS; i++) {
        struct writing writing = {.out = entries, .err = err};
        buffer_clear(entries);
        int status = journal_run(journal, number, store, stored, err);
        if (!status) status = journal_entries(journal, number, add_entry, &writing, err);
        if (!status) status = writing.status;
        if (!status) status = buffer_check(entries, err);
        if (status || writing.count == stored->next_sequence) return status;
    }
    return error_set(err, TEND_EBUSY, "run %.*s changes too fast to be read", (int)stored->id.size,
                     stored->id.data);
}

/* ---- the rest of the line ---- */

static int write_parent(struct journal *journal, uint64_t parent, struct buffer *out,
                        struct error *err) {
    struct stored stored = {.number = 0};
    int status = parent ? journal_run(journal, parent, store, &stored, err) : TEND_ENOENT;
    add_key(out, "parent");
    if (status) buffer_add_text(out, "null");
    else exact_write_text(buffer_bytes(&stored.id), out);
    stored_done(&stored);
    return status == TEND_ENOENT ? 0 : status;
}

/* The body but for the parent's number. */
static int write_record(const struct stored *stored, uint64_t *parent, struct buffer *out,
                        struct error *err) {
    struct value_tree tree;
    struct buffer rest = BUFFER_EMPTY;
    int status = value_read(buffer_bytes(&stored->body), &tree, err);
    if (status) return status;
    size_t opened = pack_map_open(&rest), count = 0;
    for (size_t i = 0; tree.root.kind == VALUE_MAP && i < tree.root.map.count; i++) {
        const struct value_member *member = &tree.root.map.members[i];
        if (bytes_are(member->key, "parent")) continue;
        pack_bytes(&rest, member->key);
        pack_value(&rest, &member->value);
        count++;
    }
    pack_close(&rest, opened, count);
    *parent = (uint64_t)value_get_integer(&tree.root, "parent", 0);
    value_tree_done(&tree);
    status = buffer_check(&rest, err);
    if (!status) status = exact_write(buffer_bytes(&rest), out, err);
    buffer_done(&rest);
    return status;
}

static bool note_key(void *context, struct bytes key) {
    struct buffer *keys = context; /* each with its closing zero */
    buffer_add(keys, key.data, key.size);
    buffer_add_byte(keys, 0);
    return true;
}

static int write_state(struct journal *journal, const char *key, struct buffer *out,
                       struct error *err) {
    struct buffer packed = BUFFER_EMPTY;
    int status = journal_state(journal, bytes_of(key), &packed, NULL, err);
    if (!status) status = exact_write(buffer_bytes(&packed), out, err);
    buffer_done(&packed);
    return status;
}

/* A signal's key ends in \1 and its order: before that stands the name as it is encoded there. */
static int write_signals(struct journal *journal, uint64_t number, struct buffer *out,
                         struct error *err) {
    char prefix[HIDDEN_KEY_TEXT + 1];
    struct buffer keys = BUFFER_EMPTY;
    bool has_any = false;
    hidden_key(HIDDEN_SIGNALS, number, prefix);
    strcat(prefix, "/");
    int status = journal_state_keys(journal, bytes_of(prefix), bytes_of(""), note_key, &keys, err);
    if (!status) status = buffer_check(&keys, err);
    for (size_t at = 0; !status && at < keys.size; at += strlen(keys.data + at) + 1) {
        const char *key = keys.data + at, *name = key + strlen(prefix), *end = strrchr(name, '\1');
        struct buffer before = *out;
        buffer_add_text(out, has_any ? ",{\"name\":" : "{\"name\":");
        exact_write_text((struct bytes){name, end ? (size_t)(end - name) : 0}, out);
        buffer_add_text(out, ",\"value\":");
        status = write_state(journal, key, out, err);
        if (status == TEND_ENOENT) { /* read meanwhile */
            out->size = before.size;
            status = 0;
            continue;
        }
        buffer_add_byte(out, '}');
        has_any = true;
    }
    buffer_done(&keys);
    return status;
}

static int write_requests(struct journal *journal, uint64_t number, struct buffer *out,
                          struct error *err) {
    static const char *const names[] = {"cancel", "upgrade"};
    const char *comma = "";
    int status = 0;
    for (size_t i = 0; !status && i < 2; i++) {
        char key[HIDDEN_KEY_TEXT];
        struct buffer value = BUFFER_EMPTY;
        hidden_key((enum hidden_kind)names[i][0], number, key);
        status = write_state(journal, key, &value, err);
        if (!status) buffer_add_format(out, "%s\"%s\":", comma, names[i]);
        if (!status) buffer_add(out, value.data, value.size);
        if (!status) comma = ",";
        if (status == TEND_ENOENT) status = 0;
        buffer_done(&value);
    }
    return status;
}

int archive_write_run(struct journal *journal, uint64_t number, bool has_parent, struct buffer *out,
                      struct error *err) {
    struct stored stored = {.number = 0};
    struct buffer entries = BUFFER_EMPTY, record = BUFFER_EMPTY;
    uint64_t parent = 0;
    int status = read_run(journal, number, &stored, &entries, err);
    if (!status) status = write_record(&stored, &parent, &record, err);
    if (!status) {
        buffer_add_text(out, "{\"run\":");
        exact_write_text(buffer_bytes(&stored.id), out);
        buffer_add_text(out, ",\"workflow\":");
        exact_write_text(buffer_bytes(&stored.workflow), out);
        buffer_add_format(out, ",\"status\":\"%s\",\"due_us\":%lld,",
                          run_status_name((enum run_status)stored.status),
                          (long long)stored.due_at_us);
        status = write_parent(journal, has_parent ? parent : 0, out, err);
        buffer_add_text(out, ",\"record\":");
        buffer_add(out, record.data, record.size);
        buffer_add_text(out, ",\"entries\":[");
        buffer_add(out, entries.data, entries.size);
        buffer_add_text(out, "],\"signals\":[");
    }
    if (!status) status = write_signals(journal, number, out, err);
    buffer_add_text(out, "],\"requests\":{");
    if (!status) status = write_requests(journal, number, out, err);
    buffer_add_text(out, "}}\n");
    stored_done(&stored);
    buffer_done(&entries);
    buffer_done(&record);
    return status ? status : buffer_check(out, err);
}

/* ---- which runs belong together ---- */

struct selection {
    struct journal *journal;
    struct buffer numbers; /* of uint64_t, in no order */
    struct map known;
    struct error *err;
    int status;
};

static struct bytes key_of(const uint64_t *number) {
    return (struct bytes){(const char *)number, sizeof *number};
}

static void select_run(struct selection *selection, uint64_t number) {
    if (!number || selection->status || map_get(&selection->known, key_of(&number))) return;
    if (map_set(&selection->known, key_of(&number), selection))
        selection->status = error_no_memory(selection->err);
    buffer_add(&selection->numbers, &number, sizeof number);
}

static bool note_child(void *context, uint32_t sequence, struct bytes packed) {
    struct buffer *children = context;
    struct entry entry;
    struct value_tree tree;
    (void)sequence;
    if (entry_read(packed, &entry, NULL) || entry.type != ENTRY_WAITING) return true;
    if (value_read(entry.value, &tree, NULL)) return true;
    uint64_t number = (uint64_t)value_get_integer(&tree.root, "number", 0);
    if (number) buffer_add(children, &number, sizeof number);
    value_tree_done(&tree);
    return true;
}

/* A child that was never durable, or is gone, is left out. */
static void select_children(struct selection *selection, uint64_t number) {
    struct buffer children = BUFFER_EMPTY;
    struct record record;
    selection->status =
        journal_entries(selection->journal, number, note_child, &children, selection->err);
    const uint64_t *list = (const uint64_t *)(const void *)children.data;
    for (size_t i = 0; !selection->status && i < children.size / sizeof *list; i++)
        if (record_load(selection->journal, list[i], &record, NULL) == 0)
            select_run(selection, list[i]);
    if (!selection->status) selection->status = buffer_check(&children, selection->err);
    buffer_done(&children);
}

/* What continue_as has left of it (link.c). */
static void select_links(struct selection *selection, uint64_t number) {
    struct record record, link;
    char id[JOURNAL_ID_MAX + 16];
    if (record_load(selection->journal, number, &record, NULL) || strchr(record.id, '~')) return;
    for (uint32_t i = 1; i <= record.links; i++) {
        snprintf(id, sizeof id, "%s~%u", record.id, i);
        if (record_load_by_id(selection->journal, id, &link, NULL) == 0)
            select_run(selection, link.number);
    }
}

static int by_number(const void *one, const void *other) {
    uint64_t a, b;
    memcpy(&a, one, sizeof a);
    memcpy(&b, other, sizeof b);
    return a < b ? -1 : a > b;
}

static int select_all(struct selection *selection, const uint64_t *numbers, size_t count) {
    for (size_t i = 0; i < count; i++) select_run(selection, numbers[i]);
    for (size_t at = 0; !selection->status && at < selection->numbers.size;
         at += sizeof(uint64_t)) {
        uint64_t number;
        memcpy(&number, selection->numbers.data + at, sizeof number);
        select_children(selection, number);
        if (!selection->status) select_links(selection, number);
    }
    if (!selection->status) selection->status = buffer_check(&selection->numbers, selection->err);
    if (!selection->status && selection->numbers.size)
        qsort(selection->numbers.data, selection->numbers.size / sizeof(uint64_t), sizeof(uint64_t),
              by_number);
    return selection->status;
}

/* ---- the archive ---- */

struct exporting {
    struct selection selection;
    struct map bundles; /* hashes that were written */
    archive_sink *sink;
    void *context;
    struct buffer line;
    struct error *err;
};

static int send(struct exporting *exporting) {
    int status = buffer_check(&exporting->line, exporting->err);
    if (!status)
        status =
            exporting->sink(exporting->context, buffer_bytes(&exporting->line), exporting->err);
    buffer_clear(&exporting->line);
    return status;
}

static int send_bundle(struct exporting *exporting, struct bytes hash) {
    struct buffer contents = BUFFER_EMPTY;
    if (!hash.size || map_get(&exporting->bundles, hash)) return 0;
    if (map_set(&exporting->bundles, hash, exporting)) return error_no_memory(exporting->err);
    int status = journal_bundle(exporting->selection.journal, hash, &contents, exporting->err);
    buffer_add_text(&exporting->line, "{\"bundle\":");
    exact_write_text(hash, &exporting->line);
    buffer_add_text(&exporting->line, ",\"value\":");
    if (!status) status = exact_write(buffer_bytes(&contents), &exporting->line, exporting->err);
    buffer_add_text(&exporting->line, "}\n");
    buffer_done(&contents);
    return status ? status : send(exporting);
}

static bool read_first(void *context, uint32_t sequence, struct bytes packed) {
    struct buffer *settings = context;
    struct entry entry;
    struct value_tree tree;
    (void)sequence;
    if (entry_read(packed, &entry, NULL) || value_read(entry.value, &tree, NULL)) return false;
    struct bytes hash = value_get_bytes(&tree.root, "settings");
    buffer_add(settings, hash.data, hash.size);
    value_tree_done(&tree);
    return false;
}

static int send_requested(struct exporting *exporting, uint64_t number) {
    char key[HIDDEN_KEY_TEXT];
    struct buffer packed = BUFFER_EMPTY;
    struct value_tree tree;
    hidden_key(HIDDEN_UPGRADE, number, key);
    int status =
        journal_state(exporting->selection.journal, bytes_of(key), &packed, NULL, exporting->err);
    if (!status) status = value_read(buffer_bytes(&packed), &tree, exporting->err);
    if (!status) {
        status = send_bundle(exporting, value_get_bytes(&tree.root, "bundle"));
        value_tree_done(&tree);
    }
    buffer_done(&packed);
    return status == TEND_ENOENT ? 0 : status;
}

static int send_run(struct exporting *exporting, uint64_t number) {
    struct journal *journal = exporting->selection.journal;
    struct buffer settings = BUFFER_EMPTY;
    struct record record;
    int status = record_load(journal, number, &record, exporting->err);
    if (!status) status = journal_entries(journal, number, read_first, &settings, exporting->err);
    if (!status) status = send_bundle(exporting, bytes_of(record.bundle));
    if (!status) status = send_bundle(exporting, buffer_bytes(&settings));
    if (!status) status = send_requested(exporting, number);
    bool has_parent = !status && map_get(&exporting->selection.known, key_of(&record.parent));
    if (!status)
        status = archive_write_run(journal, number, has_parent, &exporting->line, exporting->err);
    buffer_done(&settings);
    return status ? status : send(exporting);
}

int archive_export(struct journal *journal, const uint64_t *numbers, size_t count,
                   archive_sink *sink, void *context, size_t *written, struct error *err) {
    struct exporting exporting = {.selection = {.journal = journal, .err = err},
                                  .sink = sink,
                                  .context = context,
                                  .err = err};
    int status = select_all(&exporting.selection, numbers, count);
    size_t total = exporting.selection.numbers.size / sizeof(uint64_t);
    buffer_add_format(&exporting.line, "{\"tend_archive\":%d,\"runs\":%zu}\n", ARCHIVE_FORMAT,
                      total);
    if (!status) status = send(&exporting);
    for (size_t i = 0; !status && i < total; i++) {
        uint64_t number;
        memcpy(&number, exporting.selection.numbers.data + i * sizeof number, sizeof number);
        status = send_run(&exporting, number);
    }
    buffer_done(&exporting.line);
    buffer_done(&exporting.selection.numbers);
    map_done(&exporting.selection.known);
    map_done(&exporting.bundles);
    if (!status) *written = total;
    return status;
}
