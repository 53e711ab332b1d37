/* Masking secrets in text: known values, and the shapes of well-known tokens.
 *
 * A known value is found as it is, percent-encoded, with JSON's escapes, and inside base64 at any
 * of its three alignments (as in `Authorization: Basic`). What is masked reads [masked]; masking
 * twice changes nothing more. Values shorter than REDACT_AT_LEAST bytes aren't looked for: they
 * would be found everywhere. The time is linear in the text, for each known value.
 * May use: base/. May not use: Lua, I/O. Any thread. */
#ifndef TEND_ANALYSIS_REDACT_H
#define TEND_ANALYSIS_REDACT_H

#include "base/value.h"

enum { REDACT_AT_LEAST = 4 };
#define REDACT_MASK "[masked]"

/* Appends `text` to *out, with known values masked; *changed says whether there was one.
 * 0 or TEND_ENOMEM. */
int redact_known(struct bytes text, const struct bytes *known, size_t count, struct buffer *out,
                 bool *changed);

/* The same, and token shapes too: for what comes from outside, goes to a model or is shown. */
int redact_all(struct bytes text, const struct bytes *known, size_t count, struct buffer *out,
               bool *changed);

/* For scripts. Input, a map: text; known = [text, …] (may be absent). Appends the packed text,
 * masked as by redact_all. TEND_EINPUT, TEND_ENOMEM. */
int redact_text(const struct value *input, struct buffer *out, struct error *err);

#endif
