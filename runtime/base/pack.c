/* Writing packed values; see value.h. Every form is the smallest that holds its value, so that
 * equal values have equal bytes. What MessagePack can't hold (a text or a count from 2^32 on)
 * fails the buffer like an allocation that found no memory. */
#include <string.h>

#include "base/value.h"

/* Size of a list's or map's header while its count isn't known. */
enum { OPEN_BYTES = 5 };

/* `byte`, then the low `width` bytes of `number`, largest first. */
static void add_number(struct buffer *out, unsigned byte, uint64_t number, size_t width) {
    unsigned char head[9] = {(unsigned char)byte};
    for (size_t i = 0; i < width; i++) head[1 + i] = (unsigned char)(number >> 8 * (width - 1 - i));
    buffer_add(out, head, 1 + width);
}

void pack_nil(struct buffer *out) { buffer_add_byte(out, 0xc0); }

void pack_null(struct buffer *out) {
    static const unsigned char null[3] = {0xd4, VALUE_EXT_NULL, 0};
    buffer_add(out, null, sizeof null);
}

void pack_boolean(struct buffer *out, bool boolean) { buffer_add_byte(out, boolean ? 0xc3 : 0xc2); }

static void pack_unsigned(struct buffer *out, uint64_t number) {
    if (number <= 0x7f) buffer_add_byte(out, (unsigned char)number);
    else if (number <= UINT8_MAX) add_number(out, 0xcc, number, 1);
    else if (number <= UINT16_MAX) add_number(out, 0xcd, number, 2);
    else if (number <= UINT32_MAX) add_number(out, 0xce, number, 4);
    else add_number(out, 0xcf, number, 8);
}

void pack_integer(struct buffer *out, int64_t integer) {
    uint64_t bits = (uint64_t)integer;
    if (integer >= 0) pack_unsigned(out, bits);
    else if (integer >= -32) buffer_add_byte(out, (unsigned char)bits);
    else if (integer >= INT8_MIN) add_number(out, 0xd0, bits, 1);
    else if (integer >= INT16_MIN) add_number(out, 0xd1, bits, 2);
    else if (integer >= INT32_MIN) add_number(out, 0xd2, bits, 4);
    else add_number(out, 0xd3, bits, 8);
}

void pack_double(struct buffer *out, double number) {
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    add_number(out, 0xcb, bits, 8);
}

void pack_bytes(struct buffer *out, struct bytes text) {
    if (text.size <= 31) buffer_add_byte(out, (unsigned char)(0xa0 | text.size));
    else if (text.size <= UINT8_MAX) add_number(out, 0xd9, text.size, 1);
    else if (text.size <= UINT16_MAX) add_number(out, 0xda, text.size, 2);
    else if (text.size <= UINT32_MAX) add_number(out, 0xdb, text.size, 4);
    else out->is_failed = true;
    buffer_add(out, text.data, text.size);
}

void pack_text(struct buffer *out, const char *text) {
    if (text) pack_bytes(out, bytes_of(text));
    else pack_nil(out);
}

/* The first byte of an extension of exactly `size_bytes`, or 0. */
static unsigned fixed_ext(size_t size_bytes) {
    switch (size_bytes) {
    case 1: return 0xd4;
    case 2: return 0xd5;
    case 4: return 0xd6;
    case 8: return 0xd7;
    case 16: return 0xd8;
    default: return 0;
    }
}

void pack_secret(struct buffer *out, struct bytes name) {
    unsigned fixed = fixed_ext(name.size);
    if (fixed) buffer_add_byte(out, (unsigned char)fixed);
    else if (name.size <= UINT8_MAX) add_number(out, 0xc7, name.size, 1);
    else if (name.size <= UINT16_MAX) add_number(out, 0xc8, name.size, 2);
    else if (name.size <= UINT32_MAX) add_number(out, 0xc9, name.size, 4);
    else out->is_failed = true;
    buffer_add_byte(out, VALUE_EXT_SECRET);
    buffer_add(out, name.data, name.size);
}

/* `tiny` is the form with the count in its low four bits, `wide` the one with two bytes; the one
 * with four follows it. */
static void add_count(struct buffer *out, unsigned tiny, unsigned wide, size_t count) {
    if (count <= 15) buffer_add_byte(out, (unsigned char)(tiny | count));
    else if (count <= UINT16_MAX) add_number(out, wide, count, 2);
    else if (count <= UINT32_MAX) add_number(out, wide + 1, count, 4);
    else out->is_failed = true;
}

void pack_list(struct buffer *out, size_t count) { add_count(out, 0x90, 0xdc, count); }

void pack_map(struct buffer *out, size_t count) { add_count(out, 0x80, 0xde, count); }

/* ---- a whole tree ------------------------------------------------------------------------ */

static void pack_tree(struct buffer *out, const struct value *value, int depth);

static void pack_items(struct buffer *out, const struct value *value, int depth) {
    pack_list(out, value->list.count);
    for (size_t i = 0; i < value->list.count; i++) pack_tree(out, &value->list.items[i], depth);
}

static void pack_members(struct buffer *out, const struct value *value, int depth) {
    pack_map(out, value->map.count);
    for (size_t i = 0; i < value->map.count; i++) {
        pack_bytes(out, value->map.members[i].key);
        pack_tree(out, &value->map.members[i].value, depth);
    }
}

/* `depth`: levels that are still allowed. */
static void pack_tree(struct buffer *out, const struct value *value, int depth) {
    switch (value->kind) {
    case VALUE_NIL: pack_nil(out); return;
    case VALUE_NULL: pack_null(out); return;
    case VALUE_BOOLEAN: pack_boolean(out, value->boolean); return;
    case VALUE_INTEGER: pack_integer(out, value->integer); return;
    case VALUE_DOUBLE: pack_double(out, value->number); return;
    case VALUE_TEXT: pack_bytes(out, value->text); return;
    case VALUE_SECRET: pack_secret(out, value->text); return;
    case VALUE_LIST:
    case VALUE_MAP: break;
    }
    if (depth == 0) out->is_failed = true;
    else if (value->kind == VALUE_LIST) pack_items(out, value, depth - 1);
    else pack_members(out, value, depth - 1);
}

void pack_value(struct buffer *out, const struct value *value) {
    pack_tree(out, value, VALUE_DEPTH_PACKED);
}

/* ---- counts that come last --------------------------------------------------------------- */

static size_t pack_open(struct buffer *out, unsigned byte) {
    size_t opened = out->size;
    add_number(out, byte, 0, OPEN_BYTES - 1);
    return opened;
}

size_t pack_map_open(struct buffer *out) { return pack_open(out, 0xdf); }

size_t pack_list_open(struct buffer *out) { return pack_open(out, 0xdd); }

/* Writes the smallest header and moves the contents down to it, so that the bytes are the same as
 * with a count that was known. */
void pack_close(struct buffer *out, size_t opened, size_t count) {
    if (out->is_failed) return;
    bool is_map = (unsigned char)out->data[opened] == 0xdf;
    size_t contents = opened + OPEN_BYTES, end = out->size;
    out->size = opened;
    if (is_map) pack_map(out, count); /* fits into the room of the open header */
    else pack_list(out, count);
    if (out->is_failed) return;
    memmove(out->data + out->size, out->data + contents, end - contents);
    out->size += end - contents;
    out->data[out->size] = '\0';
}

/* ---- members ----------------------------------------------------------------------------- */

void pack_member_text(struct buffer *out, const char *key, const char *text) {
    pack_text(out, key);
    pack_text(out, text);
}

void pack_member_bytes(struct buffer *out, const char *key, struct bytes text) {
    pack_text(out, key);
    pack_bytes(out, text);
}

void pack_member_integer(struct buffer *out, const char *key, int64_t integer) {
    pack_text(out, key);
    pack_integer(out, integer);
}

void pack_member_double(struct buffer *out, const char *key, double number) {
    pack_text(out, key);
    pack_double(out, number);
}

void pack_member_boolean(struct buffer *out, const char *key, bool boolean) {
    pack_text(out, key);
    pack_boolean(out, boolean);
}
