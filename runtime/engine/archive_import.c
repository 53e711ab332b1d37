/* Reading archives; see archive.h. Twice over the lines: first to give each run its number, then to
 * make of it what the journal stores. Nothing is written before all of it has been understood. */
#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/json.h"
#include "base/map.h"
#include "base/memory.h"
#include "engine/archive.h"
#include "engine/exact.h"
#include "engine/hidden.h"

struct draft { /* a run to create */
    struct draft *next;
    struct buffer id, workflow, body, entries;
    struct buffer ends; /* of size_t: where each entry ends in `entries` */
    struct bytes *list; /* the entries, once they don't move any more */
    struct journal_run run;
};

struct state_draft {
    struct state_draft *next;
    struct buffer key, value;
};

struct bundle_draft {
    struct bundle_draft *next;
    struct buffer hash, contents;
};

struct importing {
    struct journal *journal;
    struct map numbers; /* id -> number, as a pointer */
    struct map bundles; /* hash -> its draft */
    struct draft *drafts;
    struct state_draft *states;
    struct bundle_draft *contents;
    size_t draft_count, state_count, bundle_count;
    uint64_t next_number;
    int64_t announced; /* by the first line: how many runs there are */
    struct archive_counts counts;
    size_t line; /* at hand, from 1 */
    struct error *err;
};

static int refuse(struct importing *importing, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse(struct importing *importing, int status, const char *format, ...) {
    char message[ERROR_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return error_set(importing->err, status, "line %zu: %s", importing->line, message);
}

/* ---- lines ---- */

typedef int take_line(struct importing *importing, const struct value *line);

static int with_line(struct importing *importing, struct bytes text, take_line *take) {
    struct buffer packed = BUFFER_EMPTY;
    struct value_tree tree;
    int status = json_read(text, &packed, importing->err);
    if (!status) status = value_read(buffer_bytes(&packed), &tree, importing->err);
    if (status) {
        error_context(importing->err, "line %zu", importing->line);
    } else {
        status = take(importing, &tree.root);
        value_tree_done(&tree);
    }
    buffer_done(&packed);
    return status;
}

static int each_line(struct importing *importing, struct bytes text, take_line *take) {
    int status = 0;
    importing->line = 0;
    while (text.size && !status) {
        const char *end = memchr(text.data, '\n', text.size);
        size_t size = end ? (size_t)(end - text.data) : text.size;
        importing->line++;
        if (size) status = with_line(importing, (struct bytes){text.data, size}, take);
        size += end ? 1 : 0;
        text = (struct bytes){text.data + size, text.size - size};
    }
    return status;
}

static int check_header(struct importing *importing, const struct value *line) {
    int64_t format = value_get_integer(line, "tend_archive", 0);
    importing->announced = value_get_integer(line, "runs", -1);
    if (format == ARCHIVE_FORMAT) return 0;
    if (format > ARCHIVE_FORMAT)
        return refuse(
            importing, TEND_EFORMAT,
            "an archive of format %lld, and this tend knows formats up to %d: use a newer "
            "tend",
            (long long)format, ARCHIVE_FORMAT);
    return refuse(importing, TEND_EFORMAT, "this is no archive of `tend export`");
}

/* ---- first: numbers ---- */

static int number_of(void *context, struct bytes id, int64_t *ret, struct error *err) {
    struct importing *importing = context;
    struct record record;
    char text[JOURNAL_ID_MAX + 1];
    *ret = (int64_t)(uintptr_t)map_get(&importing->numbers, id);
    if (*ret || id.size > JOURNAL_ID_MAX) return 0;
    snprintf(text, sizeof text, "%.*s", (int)id.size, id.data);
    int status = record_load_by_id(importing->journal, text, &record, err);
    if (!status) *ret = (int64_t)record.number;
    return status == TEND_ENOENT ? 0 : status;
}

static bool is_id(struct bytes id) {
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-~";
    for (size_t i = 0; i < id.size; i++)
        if (!memchr(letters, id.data[i], sizeof letters - 1)) return false;
    return id.size > 0 && id.size <= JOURNAL_ID_MAX;
}

/* Is the run that is there the one of the line? */
static int compare(struct importing *importing, uint64_t number, const struct value *line) {
    struct buffer text = BUFFER_EMPTY, there = BUFFER_EMPTY, here = BUFFER_EMPTY;
    struct bytes id = value_get_bytes(line, "run");
    const struct value *parent = value_get(line, "parent");
    bool has_parent = parent && parent->kind == VALUE_TEXT;
    int status = archive_write_run(importing->journal, number, has_parent, &text, importing->err);
    if (!status) status = json_read(buffer_bytes(&text), &there, importing->err);
    pack_value(&here, line);
    if (!status) status = buffer_check(&here, importing->err);
    if (!status && !bytes_equal(buffer_bytes(&here), buffer_bytes(&there)))
        status = refuse(importing, TEND_ECONFLICT,
                        "run %.*s is in this home already, and is another or has gone on",
                        (int)id.size, id.data);
    buffer_done(&text);
    buffer_done(&there);
    buffer_done(&here);
    if (!status) importing->counts.present++;
    return status;
}

static int give_number(struct importing *importing, const struct value *line) {
    const struct value *given = value_get(line, "run");
    struct bytes id = value_get_bytes(line, "run");
    int64_t number;
    if (!given) return 0;
    if (!is_id(id)) return refuse(importing, TEND_EFORMAT, "its run has no proper id");
    if (map_get(&importing->numbers, id))
        return refuse(importing, TEND_EFORMAT, "run %.*s comes twice", (int)id.size, id.data);
    int status = number_of(importing, id, &number, importing->err);
    if (!status && number) status = compare(importing, (uint64_t)number, line);
    if (status) return status;
    if (!number) number = (int64_t)importing->next_number++;
    if (map_set(&importing->numbers, id, (void *)(uintptr_t)number))
        return error_no_memory(importing->err);
    return 0;
}

static int take_first(struct importing *importing, const struct value *line) {
    if (line->kind != VALUE_MAP)
        return refuse(importing, TEND_EFORMAT, "this is no archive of `tend export`");
    if (importing->line == 1) return check_header(importing, line);
    return give_number(importing, line);
}

/* ---- then: bundles ---- */

static int take_bundle(struct importing *importing, const struct value *line) {
    struct bytes hash = value_get_bytes(line, "bundle");
    const struct value *value = value_get(line, "value");
    struct bundle_draft *draft = memory_new(sizeof *draft);
    char wanted[ID_HASH_TEXT];
    if (!draft) return error_no_memory(importing->err);
    draft->next = importing->contents;
    importing->contents = draft;
    importing->bundle_count++;
    buffer_add(&draft->hash, hash.data, hash.size);
    if (!value) return refuse(importing, TEND_EFORMAT, "a bundle without a value");
    int status = exact_read(value, NULL, NULL, &draft->contents, importing->err);
    if (status) return error_context(importing->err, "line %zu", importing->line), status;
    struct bytes part = buffer_bytes(&draft->contents);
    id_hash(&part, 1, wanted);
    if (!bytes_are(hash, wanted))
        return refuse(
            importing, TEND_EFORMAT,
            "the bundle's contents aren't those of its hash (%s): the archive was changed", wanted);
    if (map_set(&importing->bundles, hash, draft)) return error_no_memory(importing->err);
    return buffer_check(&draft->hash, importing->err);
}

/* A bundle that a run refers to is in the archive, or here. */
static int check_bundle(struct importing *importing, struct bytes hash, const char *what) {
    struct buffer contents = BUFFER_EMPTY;
    if (map_get(&importing->bundles, hash)) return 0;
    int status = hash.size ? journal_bundle(importing->journal, hash, &contents, importing->err)
                           : TEND_ENOENT;
    buffer_done(&contents);
    if (status != TEND_ENOENT) return status;
    return refuse(importing, TEND_EFORMAT, "the run's %s (bundle %.*s) are not in the archive",
                  what, (int)(hash.size > 64 ? 64 : hash.size), hash.data);
}

/* ---- entries ---- */

static int read_kind(struct bytes name) {
    for (int i = 0; i < ASK_RECORDED; i++)
        if (bytes_are(name, ask_kind_name((enum ask_kind)i))) return i;
    return -1;
}

static int pack_plain_entry(struct importing *importing, const struct value *line,
                            struct buffer *out) {
    struct buffer value = BUFFER_EMPTY, key = BUFFER_EMPTY;
    struct value_tree tree = {.root = {.kind = VALUE_NIL}};
    const struct value *given = value_get(line, "value"), *given_key = value_get(line, "key");
    int type = archive_type_read(value_get_bytes(line, "type"));
    int kind = read_kind(value_get_bytes(line, "kind"));
    if (type < 0 || kind < 0 || !given || !given_key)
        return refuse(importing, TEND_EFORMAT, "an entry lacks type, kind, key or value");
    int status = exact_read(given_key, NULL, NULL, &key, importing->err);
    if (!status) status = exact_read(given, number_of, importing, &value, importing->err);
    if (!status) status = value_read(buffer_bytes(&key), &tree, importing->err);
    if (status) error_context(importing->err, "line %zu", importing->line);
    if (!status && tree.root.kind != VALUE_TEXT)
        status = refuse(importing, TEND_EFORMAT, "an entry's key is no text");
    if (!status)
        entry_pack(&(struct entry){.type = (enum entry_type)type,
                                   .key = tree.root.text,
                                   .kind = (enum ask_kind)kind,
                                   .attempt = (uint32_t)value_get_integer(line, "attempt", 0),
                                   .at_us = value_get_integer(line, "at_us", 0),
                                   .due_at_us = value_get_integer(line, "due_us", 0),
                                   .has_waited = value_get_boolean(line, "waited", false),
                                   .value = buffer_bytes(&value)},
                   out);
    value_tree_done(&tree);
    buffer_done(&value);
    buffer_done(&key);
    return status;
}

static int pack_entry(struct importing *importing, const struct value *line, struct buffer *out) {
    struct entry entry;
    size_t before = out->size;
    int status = value_get(line, "$packed") ? exact_read(line, NULL, NULL, out, importing->err)
                                            : pack_plain_entry(importing, line, out);
    if (!status) status = buffer_check(out, importing->err);
    if (status) return status;
    struct bytes packed = {out->data + before, out->size - before};
    if (entry_read(packed, &entry, importing->err) == 0) return 0;
    return refuse(importing, TEND_EFORMAT, "an entry is damaged");
}

static int check_first(struct importing *importing, struct bytes packed) {
    struct entry entry;
    struct value_tree tree;
    if (entry_read(packed, &entry, NULL) || entry.type != ENTRY_ACCEPTED ||
        value_read(entry.value, &tree, NULL))
        return refuse(importing, TEND_EFORMAT, "the run's first entry is not its acceptance");
    int status = check_bundle(importing, value_get_bytes(&tree.root, "settings"), "settings");
    value_tree_done(&tree);
    return status;
}

static int take_entries(struct importing *importing, const struct value *line,
                        struct draft *draft) {
    const struct value *entries = value_get_list(line, "entries");
    size_t start = 0;
    int status = entries && entries->list.count
                     ? 0
                     : refuse(importing, TEND_EFORMAT, "the run has no entries");
    for (size_t i = 0; !status && i < entries->list.count; i++) {
        status = pack_entry(importing, &entries->list.items[i], &draft->entries);
        buffer_add(&draft->ends, &draft->entries.size, sizeof draft->entries.size);
    }
    if (!status) status = buffer_check(&draft->ends, importing->err);
    if (status) return status;
    const size_t *ends = (const size_t *)(const void *)draft->ends.data;
    draft->list = memory_new(entries->list.count * sizeof *draft->list);
    if (!draft->list) return error_no_memory(importing->err);
    for (size_t i = 0; i < entries->list.count; start = ends[i++])
        draft->list[i] = (struct bytes){draft->entries.data + start, ends[i] - start};
    return check_first(importing, draft->list[0]);
}

/* ---- the record ---- */

static int take_body(struct importing *importing, const struct value *line, struct draft *draft) {
    const struct value *given = value_get_map(line, "record"), *parent = value_get(line, "parent");
    struct buffer packed = BUFFER_EMPTY;
    struct value_tree tree = {.root = {.kind = VALUE_NIL}};
    int64_t number = 0;
    if (!given) return refuse(importing, TEND_EFORMAT, "the run has no record");
    int status = exact_read(given, NULL, NULL, &packed, importing->err);
    if (!status) status = value_read(buffer_bytes(&packed), &tree, importing->err);
    if (!status && parent && parent->kind == VALUE_TEXT)
        status = number_of(importing, parent->text, &number, importing->err);
    if (!status && tree.root.kind != VALUE_MAP)
        status = refuse(importing, TEND_EFORMAT, "the run has no record");
    if (!status) {
        pack_map(&draft->body, tree.root.map.count + (number ? 1 : 0));
        for (size_t i = 0; i < tree.root.map.count; i++) {
            pack_bytes(&draft->body, tree.root.map.members[i].key);
            pack_value(&draft->body, &tree.root.map.members[i].value);
        }
        if (number) pack_member_integer(&draft->body, "parent", number);
        status = check_bundle(importing, value_get_bytes(&tree.root, "bundle"), "sources");
    }
    value_tree_done(&tree);
    buffer_done(&packed);
    return status;
}

static int take_record(struct importing *importing, const struct value *line, struct draft *draft) {
    struct bytes id = value_get_bytes(line, "run"), workflow = value_get_bytes(line, "workflow");
    char *name = value_copy_text(value_get(line, "status"));
    int run_status = name ? run_status_read(name) : -1, status = 0;
    memory_free(name);
    if (run_status < 0 || !workflow.size || workflow.size > 255)
        return refuse(importing, TEND_EFORMAT, "the run has no proper status or workflow");
    buffer_add(&draft->id, id.data, id.size);
    buffer_add(&draft->workflow, workflow.data, workflow.size);
    status = take_body(importing, line, draft);
    if (!status) status = buffer_check(&draft->id, importing->err);
    if (!status) status = buffer_check(&draft->workflow, importing->err);
    if (!status) status = buffer_check(&draft->body, importing->err);
    if (status) return status;
    draft->run = (struct journal_run){
        .number = (uint64_t)(uintptr_t)map_get(&importing->numbers, id),
        .id = buffer_bytes(&draft->id),
        .workflow = buffer_bytes(&draft->workflow),
        .status = (uint8_t)run_status,
        .due_at_us = value_get_integer(line, "due_us", 0),
        .owner = journal_fence(importing->journal),
        .body = buffer_bytes(&draft->body),
    };
    struct record record;
    return record_read(&draft->run, &record, importing->err);
}

/* ---- signals and requests ---- */

static int add_state(struct importing *importing, struct buffer *key, const struct value *value) {
    struct state_draft *draft = memory_new(sizeof *draft);
    if (!draft) {
        buffer_done(key);
        return error_no_memory(importing->err);
    }
    draft->key = *key;
    *key = BUFFER_EMPTY;
    draft->next = importing->states;
    importing->states = draft;
    importing->state_count++;
    int status = exact_read(value, NULL, NULL, &draft->value, importing->err);
    if (status) error_context(importing->err, "line %zu", importing->line);
    if (!status) status = buffer_check(&draft->key, importing->err);
    if (!status && draft->key.size > JOURNAL_STATE_KEY_MAX)
        status = refuse(importing, TEND_EFORMAT, "a signal's name is too long");
    return status;
}

/* In their order, and before all that come later: those are counted from 1. */
static int take_signals(struct importing *importing, const struct value *line, uint64_t number) {
    const struct value *signals = value_get_list(line, "signals");
    int status = 0;
    for (size_t i = 0; signals && !status && i < signals->list.count; i++) {
        const struct value *signal = &signals->list.items[i], *value = value_get(signal, "value");
        struct bytes name = value_get_bytes(signal, "name");
        struct buffer key = BUFFER_EMPTY;
        char all[HIDDEN_KEY_TEXT];
        if (!value || !name.size) return refuse(importing, TEND_EFORMAT, "a signal is damaged");
        hidden_key(HIDDEN_SIGNALS, number, all);
        buffer_add_format(&key, "%s/", all);
        buffer_add(&key, name.data, name.size);
        buffer_add_format(&key, HIDDEN_PREFIX "%016x.%08zx", 0, i);
        status = add_state(importing, &key, value);
    }
    return status;
}

static int take_requests(struct importing *importing, const struct value *line, uint64_t number) {
    const struct value *requests = value_get_map(line, "requests");
    static const char *const names[] = {"cancel", "upgrade"};
    int status = 0;
    for (size_t i = 0; !status && i < 2; i++) {
        const struct value *value = value_get(requests, names[i]);
        struct buffer key = BUFFER_EMPTY;
        char text[HIDDEN_KEY_TEXT];
        if (!value) continue;
        if (i == 1)
            status = check_bundle(importing, value_get_bytes(value, "bundle"), "new sources");
        hidden_key((enum hidden_kind)names[i][0], number, text);
        buffer_add_text(&key, text);
        if (!status) status = add_state(importing, &key, value);
        buffer_done(&key);
    }
    return status;
}

/* ---- a run ---- */

static int take_run(struct importing *importing, const struct value *line) {
    struct draft *draft;
    struct record known;
    struct bytes id = value_get_bytes(line, "run");
    char text[JOURNAL_ID_MAX + 1];
    snprintf(text, sizeof text, "%.*s", (int)id.size, id.data);
    if (record_load_by_id(importing->journal, text, &known, NULL) == 0) return 0; /* the same */
    draft = memory_new(sizeof *draft);
    if (!draft) return error_no_memory(importing->err);
    draft->next = importing->drafts;
    importing->drafts = draft;
    importing->draft_count++;
    int status = take_record(importing, line, draft);
    if (!status) status = take_entries(importing, line, draft);
    if (!status) status = take_signals(importing, line, draft->run.number);
    if (!status) status = take_requests(importing, line, draft->run.number);
    return status;
}

static int take_second(struct importing *importing, const struct value *line) {
    if (importing->line == 1) return 0;
    if (value_get(line, "bundle")) return take_bundle(importing, line);
    if (value_get(line, "run")) return take_run(importing, line);
    return refuse(importing, TEND_EFORMAT, "neither a run nor a bundle");
}

/* ---- the commit ---- */

static void fill(const struct importing *importing, struct journal_transition *transitions,
                 struct journal_state_write *states, struct journal_bundle *bundles) {
    for (const struct draft *draft = importing->drafts; draft; draft = draft->next)
        *transitions++ =
            (struct journal_transition){.number = draft->run.number,
                                        .record = &draft->run,
                                        .entries = draft->list,
                                        .entry_count = draft->ends.size / sizeof(size_t)};
    for (const struct state_draft *draft = importing->states; draft; draft = draft->next)
        *states++ =
            (struct journal_state_write){buffer_bytes(&draft->key), buffer_bytes(&draft->value)};
    for (const struct bundle_draft *draft = importing->contents; draft; draft = draft->next)
        *bundles++ =
            (struct journal_bundle){buffer_bytes(&draft->hash), buffer_bytes(&draft->contents)};
}

static int commit(struct importing *importing) {
    struct journal_transition *transitions =
        memory_new((importing->draft_count + 1) * sizeof *transitions);
    struct journal_state_write *states = memory_new((importing->state_count + 1) * sizeof *states);
    struct journal_bundle *bundles = memory_new((importing->bundle_count + 1) * sizeof *bundles);
    int status = transitions && states && bundles ? 0 : error_no_memory(importing->err);
    if (!status) {
        fill(importing, transitions, states, bundles);
        struct journal_batch batch = {.bundles = bundles,
                                      .bundle_count = importing->bundle_count,
                                      .transitions = transitions,
                                      .transition_count = importing->draft_count,
                                      .state_writes = states,
                                      .state_write_count = importing->state_count};
        if (importing->draft_count)
            status = journal_commit(importing->journal, &batch, importing->err);
    }
    memory_free(transitions);
    memory_free(states);
    memory_free(bundles);
    return status;
}

static void importing_done(struct importing *importing) {
    while (importing->drafts) {
        struct draft *draft = importing->drafts;
        importing->drafts = draft->next;
        buffer_done(&draft->id);
        buffer_done(&draft->workflow);
        buffer_done(&draft->body);
        buffer_done(&draft->entries);
        buffer_done(&draft->ends);
        memory_free(draft->list);
        memory_free(draft);
    }
    while (importing->states) {
        struct state_draft *draft = importing->states;
        importing->states = draft->next;
        buffer_done(&draft->key);
        buffer_done(&draft->value);
        memory_free(draft);
    }
    while (importing->contents) {
        struct bundle_draft *draft = importing->contents;
        importing->contents = draft->next;
        buffer_done(&draft->hash);
        buffer_done(&draft->contents);
        memory_free(draft);
    }
    map_done(&importing->numbers);
    map_done(&importing->bundles);
}

int archive_import(struct journal *journal, struct bytes text, struct archive_counts *ret,
                   struct error *err) {
    struct importing importing = {.journal = journal, .err = err};
    uint64_t last;
    int status = journal_last_number(journal, &last, err);
    importing.next_number = last + 1;
    if (!status && !text.size) status = error_set(err, TEND_EFORMAT, "the archive is empty");
    if (!status) status = each_line(&importing, text, take_first);
    if (!status && importing.announced != (int64_t)importing.numbers.count)
        status = error_set(err, TEND_EFORMAT,
                           "the archive was cut: it says that it has %lld runs, and has %zu",
                           (long long)importing.announced, importing.numbers.count);
    if (!status) status = each_line(&importing, text, take_second);
    if (!status) status = commit(&importing);
    if (!status) {
        importing.counts.imported = importing.draft_count;
        importing.counts.bundles = importing.draft_count ? importing.bundle_count : 0;
        *ret = importing.counts;
    }
    importing_done(&importing);
    return status;
}
