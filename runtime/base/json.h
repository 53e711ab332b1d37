/* JSON text to packed values and back, exactly: an integer stays an integer, a double keeps its
 * bits, `[]` stays a list, null is VALUE_NULL (SEMANTICS 10). Reading is yajl's parser feeding
 * MessagePack directly; writing sorts keys by bytes.
 * May use: base/. Any thread. */
#ifndef TEND_BASE_JSON_H
#define TEND_BASE_JSON_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/value.h"

/* Appends the packed form of one JSON text to *out. TEND_EFORMAT names the position
 * ("line 3, column 7", in characters); *out keeps its old size then. An escape of half a surrogate
 * pair becomes U+FFFD: programs that cut text write such. */
int json_read(struct bytes text, struct buffer *out, struct error *err);

struct json_style {
    int indent; /* blanks a level; 0: all in one line */
};

/* Appends JSON text. Kind "value", TEND_EINPUT: NaN, an infinity, a secret; the message names the
 * path. nil at the top is written null. Bytes that aren't UTF-8 become U+FFFD. */
int json_write(const struct value *value, struct json_style style, struct buffer *out,
               struct error *err);
/* The same for a packed value, in one line. */
int json_write_packed(struct bytes packed, struct buffer *out, struct error *err);

#endif
