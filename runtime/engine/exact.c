/* Exact JSON; see exact.h. */
#include "engine/exact.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

/* A level of a map may take three of JSON's, and a few stand around. */
enum { LEVELS_MAX = 60 };

/* ---- writing ---- */

static bool is_utf8(struct bytes text) {
    for (size_t i = 0; i < text.size;) {
        size_t length = text_utf8_length(text.data + i, text.size - i);
        if (!length) return false;
        i += length;
    }
    return true;
}

static void write_base64(const char *tag, struct bytes bytes, struct buffer *out) {
    buffer_add_format(out, "{\"%s\":\"", tag);
    text_add_base64(out, bytes);
    buffer_add_text(out, "\"}");
}

static void write_plain(const struct value *value, struct buffer *out) {
    (void)json_write(value, (struct json_style){0}, out, NULL); /* without memory `out` says so */
}

void exact_write_packed(struct bytes packed, struct buffer *out) {
    write_base64("$packed", packed, out);
}

void exact_write_text(struct bytes text, struct buffer *out) {
    if (is_utf8(text)) write_plain(&(struct value){.kind = VALUE_TEXT, .text = text}, out);
    else write_base64("$bytes", text, out);
}

static void write_double(const struct value *value, struct buffer *out) {
    uint64_t bits;
    memcpy(&bits, &value->number, sizeof bits);
    if (isfinite(value->number)) write_plain(value, out);
    else buffer_add_format(out, "{\"$double\":\"%016llx\"}", (unsigned long long)bits);
}

static void write_value(const struct value *value, struct buffer *out);

static bool needs_pairs(const struct value *map) {
    for (size_t i = 0; i < map->map.count; i++)
        if (!is_utf8(map->map.members[i].key)) return true;
    return map->map.count == 1 && map->map.members[0].key.size &&
           map->map.members[0].key.data[0] == '$';
}

static void write_map(const struct value *map, struct buffer *out) {
    bool has_pairs = needs_pairs(map);
    buffer_add_text(out, has_pairs ? "{\"$map\":[" : "{");
    for (size_t i = 0; i < map->map.count; i++) {
        if (i) buffer_add_byte(out, ',');
        if (has_pairs) buffer_add_byte(out, '[');
        exact_write_text(map->map.members[i].key, out);
        buffer_add_byte(out, has_pairs ? ',' : ':');
        write_value(&map->map.members[i].value, out);
        if (has_pairs) buffer_add_byte(out, ']');
    }
    buffer_add_text(out, has_pairs ? "]}" : "}");
}

static void write_list(const struct value *list, struct buffer *out) {
    buffer_add_byte(out, '[');
    for (size_t i = 0; i < list->list.count; i++) {
        if (i) buffer_add_byte(out, ',');
        write_value(&list->list.items[i], out);
    }
    buffer_add_byte(out, ']');
}

static void write_value(const struct value *value, struct buffer *out) {
    switch (value->kind) {
    case VALUE_NIL: buffer_add_text(out, "{\"$nil\":true}"); break;
    case VALUE_DOUBLE: write_double(value, out); break;
    case VALUE_TEXT: exact_write_text(value->text, out); break;
    case VALUE_LIST: write_list(value, out); break;
    case VALUE_MAP: write_map(value, out); break;
    case VALUE_SECRET:
        buffer_add_text(out, "{\"$secret\":");
        exact_write_text(value->text, out);
        buffer_add_byte(out, '}');
        break;
    default: write_plain(value, out);
    }
}

static int levels_of(const struct value *value) {
    int most = 0;
    if (value->kind != VALUE_LIST && value->kind != VALUE_MAP) return 0;
    size_t count = value->kind == VALUE_LIST ? value->list.count : value->map.count;
    for (size_t i = 0; i < count; i++) {
        int levels = levels_of(value->kind == VALUE_LIST ? &value->list.items[i]
                                                         : &value->map.members[i].value);
        if (levels > most) most = levels;
    }
    return most + 1;
}

/* Would it be packed to the same bytes again? */
static bool is_canonical(const struct value *value, struct bytes packed) {
    struct buffer again = BUFFER_EMPTY;
    pack_value(&again, value);
    bool is_same = bytes_equal(buffer_bytes(&again), packed);
    buffer_done(&again);
    return is_same;
}

int exact_write(struct bytes packed, struct buffer *out, struct error *err) {
    struct value_tree tree;
    int status = value_read(packed, &tree, err);
    if (status) return status;
    if (levels_of(&tree.root) <= LEVELS_MAX && is_canonical(&tree.root, packed))
        write_value(&tree.root, out);
    else exact_write_packed(packed, out);
    value_tree_done(&tree);
    return buffer_check(out, err);
}

/* ---- reading ---- */

struct reader {
    exact_number_of *number_of;
    void *context;
    struct buffer *out;
    struct error *err;
};

static int wrong(struct reader *reader, struct bytes tag) {
    return error_set(reader->err, TEND_EFORMAT, "{\"%.*s\": …} is not understood",
                     (int)(tag.size > 40 ? 40 : tag.size), tag.data);
}

static bool read_base64(const struct value *value, struct buffer *out) {
    return value->kind == VALUE_TEXT && text_read_base64(value->text, out);
}

static int read_bytes(struct reader *reader, const struct value *value, struct bytes tag) {
    struct buffer bytes = BUFFER_EMPTY;
    bool is_good = read_base64(value, &bytes);
    if (is_good) pack_bytes(reader->out, buffer_bytes(&bytes));
    int status = is_good ? 0 : bytes.is_failed ? error_no_memory(reader->err) : wrong(reader, tag);
    buffer_done(&bytes);
    return status;
}

static int read_packed(struct reader *reader, const struct value *value, struct bytes tag) {
    struct buffer bytes = BUFFER_EMPTY;
    bool is_good =
        read_base64(value, &bytes) && bytes.size && value_size(buffer_bytes(&bytes)) == bytes.size;
    if (is_good) buffer_add(reader->out, bytes.data, bytes.size);
    int status = is_good ? 0 : bytes.is_failed ? error_no_memory(reader->err) : wrong(reader, tag);
    buffer_done(&bytes);
    return status;
}

static int read_double(struct reader *reader, const struct value *value, struct bytes tag) {
    char text[17] = "", *end = text;
    unsigned long long bits = 0;
    double number;
    if (value->kind == VALUE_TEXT && value->text.size == 16) {
        memcpy(text, value->text.data, 16);
        bits = strtoull(text, &end, 16);
    }
    if (end != text + 16) return wrong(reader, tag);
    memcpy(&number, &bits, sizeof number);
    pack_double(reader->out, number);
    return 0;
}

static int read_value(struct reader *reader, const struct value *json);

/* The text of a JSON string or {"$bytes":…}, as a key. */
static int read_key(struct reader *reader, const struct value *json, struct bytes tag) {
    size_t before = reader->out->size;
    int status = read_value(reader, json);
    struct bytes key = {reader->out->data + before, reader->out->size - before};
    struct value_tree tree;
    if (status || (status = value_read(key, &tree, reader->err))) return status;
    bool is_text = tree.root.kind == VALUE_TEXT;
    value_tree_done(&tree);
    return is_text ? 0 : wrong(reader, tag);
}

static int read_pairs(struct reader *reader, const struct value *pairs, struct bytes tag) {
    int status = pairs->kind == VALUE_LIST ? 0 : wrong(reader, tag);
    if (!status) pack_map(reader->out, pairs->list.count);
    for (size_t i = 0; !status && i < pairs->list.count; i++) {
        const struct value *pair = &pairs->list.items[i];
        if (pair->kind != VALUE_LIST || pair->list.count != 2) return wrong(reader, tag);
        status = read_key(reader, &pair->list.items[0], tag);
        if (!status) status = read_value(reader, &pair->list.items[1]);
    }
    return status;
}

static int read_run(struct reader *reader, const struct value *value, struct bytes tag) {
    int64_t number = 0;
    if (value->kind != VALUE_TEXT || !reader->number_of) return wrong(reader, tag);
    int status = reader->number_of(reader->context, value->text, &number, reader->err);
    if (!status) pack_integer(reader->out, number);
    return status;
}

static int read_tagged(struct reader *reader, struct bytes tag, const struct value *value) {
    bool is_text = value->kind == VALUE_TEXT;
    if (bytes_are(tag, "$nil")) return pack_nil(reader->out), 0;
    if (bytes_are(tag, "$bytes")) return read_bytes(reader, value, tag);
    if (bytes_are(tag, "$packed")) return read_packed(reader, value, tag);
    if (bytes_are(tag, "$double")) return read_double(reader, value, tag);
    if (bytes_are(tag, "$map")) return read_pairs(reader, value, tag);
    if (bytes_are(tag, "$run")) return read_run(reader, value, tag);
    if (bytes_are(tag, "$secret") && is_text) return pack_secret(reader->out, value->text), 0;
    return wrong(reader, tag);
}

static int read_map(struct reader *reader, const struct value *json) {
    const struct value_member *members = json->map.members;
    int status = 0;
    if (json->map.count == 1 && members[0].key.size && members[0].key.data[0] == '$')
        return read_tagged(reader, members[0].key, &members[0].value);
    pack_map(reader->out, json->map.count);
    for (size_t i = 0; !status && i < json->map.count; i++) {
        pack_bytes(reader->out, members[i].key);
        status = read_value(reader, &members[i].value);
    }
    return status;
}

static int read_value(struct reader *reader, const struct value *json) {
    int status = 0;
    if (json->kind == VALUE_MAP) return read_map(reader, json);
    if (json->kind != VALUE_LIST) return pack_value(reader->out, json), 0;
    pack_list(reader->out, json->list.count);
    for (size_t i = 0; !status && i < json->list.count; i++)
        status = read_value(reader, &json->list.items[i]);
    return status;
}

int exact_read(const struct value *json, exact_number_of *number_of, void *context,
               struct buffer *out, struct error *err) {
    struct reader reader = {number_of, context, out, err};
    int status = read_value(&reader, json);
    return status ? status : buffer_check(out, err);
}
