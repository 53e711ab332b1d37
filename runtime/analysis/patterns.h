/* Log lines to patterns: what changes from line to line (numbers, ids, times, addresses) becomes a
 * mark, and lines that then read the same are counted together. A thousand lines of one trouble
 * become one pattern with a count. One pass over each line, no backtracking: the time is linear in
 * the text, whatever stands in it.
 * May use: base/. May not use: Lua, I/O. */
#ifndef TEND_ANALYSIS_PATTERNS_H
#define TEND_ANALYSIS_PATTERNS_H

#include "base/value.h"

/* Input, a map: lines = [{text, at}], `at` seconds since 1970 or RFC 3339 text or absent; limit
 * (absent: 20). A line is looked at up to its first 1,000 bytes.
 * Appends a packed list [{pattern, count, first, last, sample}], the most frequent first (then the
 * latest, then by bytes); first and last are seconds since 1970, absent where no line had a time;
 * sample is the first line as it was.
 * TEND_EINPUT, TEND_ENOMEM. */
int patterns_find(const struct value *input, struct buffer *out, struct error *err);

/* Appends one line's pattern. */
void patterns_mask(struct bytes line, struct buffer *out);

#endif
