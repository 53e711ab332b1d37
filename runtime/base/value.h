/* A value that crosses the journal, in its two forms.
 *
 * Packed: MessagePack bytes, the form that is stored and handed around. Integers are exact and in
 * their smallest form, doubles always 0xcb, text is any bytes, a map has string keys. Two of
 * MessagePack's extension types are ours: JSON's null (1), which is not Lua's nil, and a secret's
 * name (2), which may stand in a request and in settings, never in a result.
 * Tree: `struct value`, what C reads. value_read() makes a tree that borrows its strings from the
 * packed bytes; both live until the caller releases them.
 *
 * Nesting is bounded on every way in: a value that comes from outside by VALUE_DEPTH_MAX, a packed
 * one by VALUE_DEPTH_PACKED, for what wraps it (an input, an error, a history) adds a few levels.
 * May use: base/buffer.h, error.h, memory.h. */
#ifndef TEND_BASE_VALUE_H
#define TEND_BASE_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

enum { VALUE_DEPTH_MAX = 200, VALUE_DEPTH_PACKED = 216 };

/* Our MessagePack extension types. */
enum { VALUE_EXT_NULL = 1, VALUE_EXT_SECRET = 2 };

enum value_kind {
    VALUE_NIL,
    VALUE_NULL, /* JSON's null */
    VALUE_BOOLEAN,
    VALUE_INTEGER,
    VALUE_DOUBLE,
    VALUE_TEXT, /* any bytes */
    VALUE_LIST,
    VALUE_MAP,
    VALUE_SECRET /* a secret's name */
};

struct value_member;

struct value {
    enum value_kind kind;
    union {
        bool boolean;
        int64_t integer;
        double number;
        struct bytes text; /* VALUE_TEXT and VALUE_SECRET */
        struct {
            const struct value *items;
            size_t count;
        } list;
        struct {
            const struct value_member *members;
            size_t count;
        } map;
    };
};

struct value_member {
    struct bytes key;
    struct value value;
};

/* A tree and the memory that it stands in. */
struct value_tree {
    struct value root;
    void *memory; /* chain of blocks */
};

/* Reads one packed value. The tree borrows the strings of `packed`. TEND_EFORMAT, TEND_ENOMEM. */
int value_read(struct bytes packed, struct value_tree *ret, struct error *err);
void value_tree_done(struct value_tree *tree);
/* The size of the first packed value in `packed`, or 0 if it isn't whole and well formed. */
size_t value_size(struct bytes packed);

/* Reading without ceremony: a missing or differently typed field gives the default.
 * `map` may be NULL or no map at all. */
const struct value *value_get(const struct value *map, const char *key); /* NULL if absent or nil */
struct bytes value_get_bytes(const struct value *map, const char *key);  /* no bytes if no text */
const struct value *value_get_map(const struct value *map, const char *key);  /* NULL if no map */
const struct value *value_get_list(const struct value *map, const char *key); /* NULL if no list */
double value_get_number(const struct value *map, const char *key, double otherwise);
/* A double that is a whole number counts: scripts divide. */
int64_t value_get_integer(const struct value *map, const char *key, int64_t otherwise);
bool value_get_boolean(const struct value *map, const char *key, bool otherwise);
bool value_is_number(const struct value *value);
double value_number(const struct value *value); /* of an integer or a double; 0 for the rest */
/* The packed bytes of a text as a zero-terminated copy; NULL without memory. memory_free() it. */
char *value_copy_text(const struct value *value);
const char *value_kind_name(enum value_kind kind); /* "nil", "null", "boolean", "integer", … */

/* Writing packed values: append to a buffer, in the smallest form. Texts and counts from 2^32 on,
 * and trees nested too deep, fail the buffer as if memory had run out. */
void pack_nil(struct buffer *out);
void pack_null(struct buffer *out);
void pack_boolean(struct buffer *out, bool boolean);
void pack_integer(struct buffer *out, int64_t integer);
void pack_double(struct buffer *out, double number);
void pack_bytes(struct buffer *out, struct bytes text);
void pack_text(struct buffer *out, const char *text); /* NULL packs nil */
void pack_secret(struct buffer *out, struct bytes name);
void pack_list(struct buffer *out, size_t count); /* then `count` values */
void pack_map(struct buffer *out, size_t count);  /* then `count` times key and value */
void pack_value(struct buffer *out, const struct value *value);
/* For a map or list whose count isn't known yet: open, write, then close with the count. */
size_t pack_map_open(struct buffer *out);
size_t pack_list_open(struct buffer *out);
void pack_close(struct buffer *out, size_t opened, size_t count);
/* One member: key, then the value. */
void pack_member_text(struct buffer *out, const char *key, const char *text);
void pack_member_bytes(struct buffer *out, const char *key, struct bytes text);
void pack_member_integer(struct buffer *out, const char *key, int64_t integer);
void pack_member_double(struct buffer *out, const char *key, double number);
void pack_member_boolean(struct buffer *out, const char *key, bool boolean);

#endif
