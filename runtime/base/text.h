/* Small questions about text. May use: base/buffer.h; libsodium. */
#ifndef TEND_BASE_TEXT_H
#define TEND_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* Percent-encodes `/ # %` and bytes that aren't UTF-8: a name as a part of a step key. */
void text_add_key(struct buffer *out, struct bytes name);
/* Percent-encodes everything but unreserved characters: a part of a URL's query. */
void text_add_url(struct buffer *out, struct bytes text);
/* Length of the valid UTF-8 sequence at `text` (1 to 4), or 0. */
size_t text_utf8_length(const char *text, size_t size_bytes);
/* Appends the bytes that standard base64 stands for; false: it is none, or no memory. */
bool text_read_base64(struct bytes text, struct buffer *out);
/* Appends standard base64. */
void text_add_base64(struct buffer *out, struct bytes bytes);
/* Reads a whole file. TEND_ENOENT, TEND_EIO, TEND_ENOMEM; appends to *out. */
int text_read_file(const char *path, size_t max_bytes, struct buffer *out, struct error *err);
bool text_has_prefix(const char *text, const char *prefix);
bool text_has_suffix(const char *text, const char *suffix);

#endif
