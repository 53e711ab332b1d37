/* Small questions about text; see text.h. */
#include <sodium.h>

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* ---- UTF-8 ------------------------------------------------------------------------------- */

static bool is_between(char byte, unsigned least, unsigned most) {
    unsigned char unsigned_byte = (unsigned char)byte;
    return unsigned_byte >= least && unsigned_byte <= most;
}

/* The second byte's range shuts out overlong forms, surrogates and what is beyond U+10FFFF
 * (Unicode, table 3-7). */
static bool is_second(unsigned char first, char second) {
    switch (first) {
    case 0xe0: return is_between(second, 0xa0, 0xbf);
    case 0xed: return is_between(second, 0x80, 0x9f);
    case 0xf0: return is_between(second, 0x90, 0xbf);
    case 0xf4: return is_between(second, 0x80, 0x8f);
    default: return is_between(second, 0x80, 0xbf);
    }
}

static size_t length_by_first(unsigned char first) {
    if (first < 0x80) return 1;
    if (first < 0xc2 || first > 0xf4) return 0;
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

size_t text_utf8_length(const char *text, size_t size_bytes) {
    if (size_bytes == 0) return 0;
    unsigned char first = (unsigned char)text[0];
    size_t length = length_by_first(first);
    if (length > size_bytes) return 0;
    if (length > 1 && !is_second(first, text[1])) return 0;
    for (size_t i = 2; i < length; i++)
        if (!is_between(text[i], 0x80, 0xbf)) return 0;
    return length;
}

/* ---- encodings --------------------------------------------------------------------------- */

static void add_percent(struct buffer *out, char byte) {
    static const char digits[] = "0123456789ABCDEF";
    unsigned char bits = (unsigned char)byte;
    char code[3] = {'%', digits[bits >> 4], digits[bits & 15]};
    buffer_add(out, code, sizeof code);
}

void text_add_key(struct buffer *out, struct bytes name) {
    for (size_t i = 0; i < name.size;) {
        size_t length = text_utf8_length(name.data + i, name.size - i);
        char c = name.data[i];
        if (length == 0 || c == '/' || c == '#' || c == '%') add_percent(out, c);
        else buffer_add(out, name.data + i, length);
        i += length ? length : 1;
    }
}

static bool is_unreserved(char c) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
    return c == '-' || c == '.' || c == '_' || c == '~';
}

void text_add_url(struct buffer *out, struct bytes text) {
    for (size_t i = 0; i < text.size; i++) {
        if (is_unreserved(text.data[i])) buffer_add_byte(out, (unsigned char)text.data[i]);
        else add_percent(out, text.data[i]);
    }
}

/* Up to three bytes as four characters. */
static void add_base64_group(struct buffer *out, const unsigned char *at, size_t size) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned bits = (unsigned)at[0] << 16;
    if (size > 1) bits |= (unsigned)at[1] << 8;
    if (size > 2) bits |= at[2];
    char group[4] = {digits[bits >> 18], digits[bits >> 12 & 63],
                     size > 1 ? digits[bits >> 6 & 63] : '=', size > 2 ? digits[bits & 63] : '='};
    buffer_add(out, group, sizeof group);
}

void text_add_base64(struct buffer *out, struct bytes bytes) {
    const unsigned char *at = (const unsigned char *)bytes.data;
    for (size_t left = bytes.size; left > 0;) {
        size_t size = left < 3 ? left : 3;
        add_base64_group(out, at, size);
        at += size;
        left -= size;
    }
}

bool text_read_base64(struct bytes text, struct buffer *out) {
    size_t size = 0, before = out->size;
    char *place = buffer_grow(out, text.size); /* more than it takes */
    bool is_good =
        place && sodium_base642bin((unsigned char *)place, text.size, text.data, text.size, NULL,
                                   &size, NULL, sodium_base64_VARIANT_ORIGINAL) == 0;
    if (place) out->size = before + (is_good ? size : 0);
    return is_good;
}

/* ---- files ------------------------------------------------------------------------------- */

static int system_error(const char *path, struct error *err) {
    int status = errno == ENOENT || errno == ENOTDIR ? TEND_ENOENT : TEND_EIO;
    return error_set(err, status, "can't read %s: %s", path, strerror(errno));
}

static int open_for_reading(const char *path) {
    int fd;
    do fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    return fd;
}

/* Reads to the end. A size told beforehand would be wrong for /proc, a pipe, or a file that
 * grows meanwhile. */
static int read_all(int fd, const char *path, size_t max_bytes, struct buffer *out,
                    struct error *err) {
    size_t total = 0;
    char chunk[16384];
    for (;;) {
        ssize_t got = read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_error(path, err);
        if (got == 0) return buffer_check(out, err);
        total += (size_t)got;
        if (total > max_bytes)
            return error_set(err, TEND_EIO, "%s is larger than %zu bytes", path, max_bytes);
        buffer_add(out, chunk, (size_t)got);
    }
}

int text_read_file(const char *path, size_t max_bytes, struct buffer *out, struct error *err) {
    int fd = open_for_reading(path);
    if (fd < 0) return system_error(path, err);
    struct buffer before = *out;
    int status = read_all(fd, path, max_bytes, out, err);
    close(fd);
    if (status != 0) buffer_rewind(out, &before);
    return status;
}

/* ---- ends -------------------------------------------------------------------------------- */

bool text_has_prefix(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool text_has_suffix(const char *text, const char *suffix) {
    size_t text_bytes = strlen(text), suffix_bytes = strlen(suffix);
    return suffix_bytes <= text_bytes && strcmp(text + text_bytes - suffix_bytes, suffix) == 0;
}
