/* Values to JSON text; see json.h. Keys are sorted by bytes, so that equal values have equal text.
 * Where a value stands is kept in a chain on the C stack, and written out only for an error. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"

/* Where a value stands. The root has no outer place. */
struct place {
    const struct place *outer;
    struct bytes key; /* in a map, else without data */
    size_t index;     /* in a list, from 1 as scripts count */
    int depth;        /* lists and maps around it */
};

struct writer {
    struct buffer *out;
    struct json_style style;
    struct error *err;
};

static int write_value(struct writer *writer, const struct value *value, const struct place *place);

/* ---- errors ------------------------------------------------------------------------------ */

static bool is_word(struct bytes key) {
    for (size_t i = 0; i < key.size; i++) {
        char c = key.data[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!is_letter && !(i > 0 && c >= '0' && c <= '9')) return false;
    }
    return key.size > 0;
}

static void add_place(struct buffer *out, const struct place *place) {
    if (!place->outer) return;
    add_place(out, place->outer);
    int size = place->key.size > 60 ? 60 : (int)place->key.size; /* enough to find it */
    if (!place->key.data) buffer_add_format(out, "[%zu]", place->index);
    else if (is_word(place->key))
        buffer_add_format(out, "%s%.*s", out->size ? "." : "", size, place->key.data);
    else buffer_add_format(out, "[\"%.*s\"]", size, place->key.data);
}

static int refuse(struct writer *writer, const struct place *place, const char *what) {
    struct buffer path = BUFFER_EMPTY;
    add_place(&path, place);
    const char *name = path.size ? path.data : "the value";
    int status = error_set_kind(writer->err, TEND_EINPUT, "value", "%s %s", name, what);
    buffer_done(&path);
    return status;
}

/* ---- texts and numbers ------------------------------------------------------------------- */

static void add_escaped(struct buffer *out, unsigned char byte) {
    static const char bytes[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
    const char *special = byte ? strchr(bytes, byte) : NULL;
    if (special) {
        buffer_add_byte(out, '\\');
        buffer_add_byte(out, (unsigned char)names[special - bytes]);
    } else {
        buffer_add_format(out, "\\u%04x", byte);
    }
}

static bool is_plain(char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

static void write_text(struct buffer *out, struct bytes text) {
    buffer_add_byte(out, '"');
    for (size_t i = 0; i < text.size;) {
        size_t plain = i;
        while (plain < text.size && is_plain(text.data[plain])) plain++;
        buffer_add(out, text.data + i, plain - i);
        i = plain;
        if (i == text.size) break;
        unsigned char byte = (unsigned char)text.data[i];
        size_t length = text_utf8_length(text.data + i, text.size - i);
        if (length == 0) buffer_add_text(out, "\xef\xbf\xbd");
        else if (byte < 0x20 || byte == '"' || byte == '\\') add_escaped(out, byte);
        else buffer_add(out, text.data + i, length);
        i += length ? length : 1;
    }
    buffer_add_byte(out, '"');
}

/* The shortest of three forms that reads back as the same double. */
static int write_double(struct writer *writer, double number, const struct place *place) {
    if (isnan(number)) return refuse(writer, place, "is NaN, which JSON doesn't have");
    if (isinf(number)) return refuse(writer, place, "is an infinity, which JSON doesn't have");
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number) break;
    }
    buffer_add_text(writer->out, text);
    if (!strpbrk(text, ".e")) buffer_add_text(writer->out, ".0");
    return 0;
}

/* ---- lists and maps ---------------------------------------------------------------------- */

static void break_line(struct writer *writer, int depth) {
    if (writer->style.indent <= 0) return;
    buffer_add_byte(writer->out, '\n');
    size_t blanks = (size_t)writer->style.indent * (size_t)depth;
    char *place = buffer_grow(writer->out, blanks);
    if (place) memset(place, ' ', blanks);
}

static int write_list(struct writer *writer, const struct value *value, const struct place *place) {
    if (value->list.count == 0) return buffer_add_text(writer->out, "[]"), 0;
    struct place inner = {place, {NULL, 0}, 0, place->depth + 1};
    for (size_t i = 0; i < value->list.count; i++) {
        buffer_add_byte(writer->out, i ? ',' : '[');
        break_line(writer, inner.depth);
        inner.index = i + 1;
        int status = write_value(writer, &value->list.items[i], &inner);
        if (status != 0) return status;
    }
    break_line(writer, place->depth);
    buffer_add_byte(writer->out, ']');
    return 0;
}

/* Members with equal keys stay in their order. */
static int compare_members(const void *a, const void *b) {
    const struct value_member *left = *(const struct value_member *const *)a;
    const struct value_member *right = *(const struct value_member *const *)b;
    int order = bytes_compare(left->key, right->key);
    if (order) return order;
    return left < right ? -1 : left > right;
}

/* The members in the order of their keys; of equal keys only the last, which is the one that
 * counts. Returns how many; the array holds map.count. */
static size_t sort_members(const struct value *map, const struct value_member **sorted) {
    size_t count = map->map.count, kept = 0;
    for (size_t i = 0; i < count; i++) sorted[i] = &map->map.members[i];
    qsort(sorted, count, sizeof(const struct value_member *), compare_members);
    for (size_t i = 0; i < count; i++) {
        bool is_last = i + 1 == count || !bytes_equal(sorted[i]->key, sorted[i + 1]->key);
        if (is_last) sorted[kept++] = sorted[i];
    }
    return kept;
}

static int write_member(struct writer *writer, const struct value_member *member,
                        struct place *place) {
    break_line(writer, place->depth);
    write_text(writer->out, member->key);
    buffer_add_text(writer->out, writer->style.indent > 0 ? ": " : ":");
    place->key = member->key;
    if (!place->key.data) place->key.data = "";
    return write_value(writer, &member->value, place);
}

static int write_map(struct writer *writer, const struct value *value, const struct place *place) {
    if (value->map.count == 0) return buffer_add_text(writer->out, "{}"), 0;
    const struct value_member **sorted = memory_new(value->map.count * sizeof(void *));
    if (!sorted) return error_no_memory(writer->err);
    struct place inner = {place, {NULL, 0}, 0, place->depth + 1};
    size_t count = sort_members(value, sorted);
    int status = 0;
    for (size_t i = 0; i < count && status == 0; i++) {
        buffer_add_byte(writer->out, i ? ',' : '{');
        status = write_member(writer, sorted[i], &inner);
    }
    memory_free(sorted);
    if (status != 0) return status;
    break_line(writer, place->depth);
    buffer_add_byte(writer->out, '}');
    return 0;
}

/* ---- any value --------------------------------------------------------------------------- */

static int write_container(struct writer *writer, const struct value *value,
                           const struct place *place) {
    if (place->depth == VALUE_DEPTH_PACKED)
        return refuse(writer, place, "is nested deeper than 216 levels");
    if (value->kind == VALUE_LIST) return write_list(writer, value, place);
    return write_map(writer, value, place);
}

static int write_value(struct writer *writer, const struct value *value,
                       const struct place *place) {
    switch (value->kind) {
    case VALUE_NIL:
    case VALUE_NULL: buffer_add_text(writer->out, "null"); return 0;
    case VALUE_BOOLEAN: buffer_add_text(writer->out, value->boolean ? "true" : "false"); return 0;
    case VALUE_INTEGER: buffer_add_format(writer->out, "%jd", (intmax_t)value->integer); return 0;
    case VALUE_DOUBLE: return write_double(writer, value->number, place);
    case VALUE_TEXT: write_text(writer->out, value->text); return 0;
    case VALUE_LIST:
    case VALUE_MAP: return write_container(writer, value, place);
    case VALUE_SECRET: return refuse(writer, place, "is a secret, which can't be written as JSON");
    }
    return refuse(writer, place, "is of no known kind");
}

int json_write(const struct value *value, struct json_style style, struct buffer *out,
               struct error *err) {
    struct writer writer = {out, style, err};
    struct place root = {NULL, {NULL, 0}, 0, 0};
    struct buffer before = *out;
    int status = write_value(&writer, value, &root);
    if (status == 0) status = buffer_check(out, err);
    if (status != 0) buffer_rewind(out, &before);
    return status;
}

int json_write_packed(struct bytes packed, struct buffer *out, struct error *err) {
    struct value_tree tree;
    int status = value_read(packed, &tree, err);
    if (status != 0) return status;
    status = json_write(&tree.root, (struct json_style){0}, out, err);
    value_tree_done(&tree);
    return status;
}
