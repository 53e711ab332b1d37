/* A growing run of bytes. Always followed by a zero that doesn't count, so `data` can be read as
 * text. An append that finds no memory sets `is_failed` and does nothing more: a writer appends
 * freely and asks once at the end (buffer_check).
 * May use: base/error.h, base/memory.h. One thread. */
#ifndef TEND_BASE_BUFFER_H
#define TEND_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Bytes that belong to somebody else; not zero-terminated. */
struct bytes {
    const char *data;
    size_t size;
};

struct buffer {
    char *data; /* NULL while empty and never used */
    size_t size;
    size_t capacity;
    bool is_failed;
};

#define BUFFER_EMPTY ((struct buffer){NULL, 0, 0, false})

void buffer_done(struct buffer *buffer);  /* releases; usable again afterwards */
void buffer_clear(struct buffer *buffer); /* size 0, memory kept */
/* Takes back what was appended since `before`, a copy of the struct made then. */
void buffer_rewind(struct buffer *buffer, const struct buffer *before);
void buffer_add(struct buffer *buffer, const void *data, size_t size_bytes);
void buffer_add_text(struct buffer *buffer, const char *text);
void buffer_add_byte(struct buffer *buffer, unsigned char byte);
void buffer_add_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Room for `size_bytes` more; the place to write them, or NULL. Counts them as written. */
char *buffer_grow(struct buffer *buffer, size_t size_bytes);
/* 0, or TEND_ENOMEM if any append failed. */
int buffer_check(const struct buffer *buffer, struct error *err);
struct bytes buffer_bytes(const struct buffer *buffer);
/* Moves the contents out; the caller frees them with memory_free(). Never NULL unless failed. */
char *buffer_take(struct buffer *buffer, size_t *size_bytes);

struct bytes bytes_of(const char *text); /* of a zero-terminated text; NULL gives no bytes */
bool bytes_equal(struct bytes a, struct bytes b);
bool bytes_are(struct bytes a, const char *text);
int bytes_compare(struct bytes a, struct bytes b); /* by unsigned bytes, shorter first */

#endif
