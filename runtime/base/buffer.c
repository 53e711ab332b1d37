/* A growing run of bytes; see buffer.h. */
#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

void buffer_done(struct buffer *buffer) {
    memory_free(buffer->data);
    *buffer = BUFFER_EMPTY;
}

void buffer_clear(struct buffer *buffer) {
    buffer->size = 0;
    buffer->is_failed = false;
    if (buffer->data) buffer->data[0] = '\0';
}

void buffer_rewind(struct buffer *buffer, const struct buffer *before) {
    buffer->size = before->size;
    buffer->is_failed = before->is_failed;
    if (buffer->data) buffer->data[buffer->size] = '\0';
}

static bool reserve(struct buffer *buffer, size_t more) {
    if (buffer->is_failed) return false;
    if (buffer->size + more < buffer->capacity) return true;
    size_t capacity = buffer->capacity ? buffer->capacity : 64;
    while (capacity <= buffer->size + more) capacity += capacity / 2 + 16;
    char *data = memory_resize(buffer->data, capacity);
    if (!data) {
        buffer->is_failed = true;
        return false;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

char *buffer_grow(struct buffer *buffer, size_t size_bytes) {
    if (!reserve(buffer, size_bytes)) return NULL;
    char *place = buffer->data + buffer->size;
    buffer->size += size_bytes;
    buffer->data[buffer->size] = '\0';
    return place;
}

void buffer_add(struct buffer *buffer, const void *data, size_t size_bytes) {
    char *place = buffer_grow(buffer, size_bytes);
    if (place && size_bytes) memcpy(place, data, size_bytes);
}

void buffer_add_text(struct buffer *buffer, const char *text) {
    buffer_add(buffer, text, strlen(text));
}

void buffer_add_byte(struct buffer *buffer, unsigned char byte) { buffer_add(buffer, &byte, 1); }

void buffer_add_format(struct buffer *buffer, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (size >= 0) {
        char *place = buffer_grow(buffer, (size_t)size);
        if (place) vsnprintf(place, (size_t)size + 1, format, again);
    }
    va_end(again);
}

int buffer_check(const struct buffer *buffer, struct error *err) {
    return buffer->is_failed ? error_no_memory(err) : 0;
}

struct bytes buffer_bytes(const struct buffer *buffer) {
    return (struct bytes){buffer->data ? buffer->data : "", buffer->size};
}

char *buffer_take(struct buffer *buffer, size_t *size_bytes) {
    if (!reserve(buffer, 0)) return NULL;
    char *data = buffer->data;
    data[buffer->size] = '\0';
    if (size_bytes) *size_bytes = buffer->size;
    *buffer = BUFFER_EMPTY;
    return data;
}

struct bytes bytes_of(const char *text) {
    return (struct bytes){text ? text : "", text ? strlen(text) : 0};
}

bool bytes_equal(struct bytes a, struct bytes b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool bytes_are(struct bytes a, const char *text) { return bytes_equal(a, bytes_of(text)); }

int bytes_compare(struct bytes a, struct bytes b) {
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size ? memcmp(a.data, b.data, size) : 0;
    if (order) return order;
    return a.size < b.size ? -1 : a.size > b.size;
}
