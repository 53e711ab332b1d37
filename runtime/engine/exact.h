/* Values as JSON that gives back every bit: what JSON can't say stands as an object with one key
 * that begins with `$`.
 *
 *   {"$nil":true}              nil                     {"$secret":"NAME"}  a secret's handle
 *   {"$double":"7ff0000000000000"}  NaN, an infinity: the bits
 *   {"$bytes":"BASE64"}        a text that isn't UTF-8
 *   {"$map":[[KEY,VALUE],…]}   a map with a key that isn't UTF-8, or that looks like one of these
 *   {"$run":"ID"}              the number of the run with this id, where there is one
 *   {"$packed":"BASE64"}       the packed form: of a value that is nested too deep
 *
 * Keys stand in the value's order. May use: base/. Any thread. */
#ifndef TEND_ENGINE_EXACT_H
#define TEND_ENGINE_EXACT_H

#include "base/value.h"

/* Appends one packed value as JSON in one line. TEND_EFORMAT, TEND_ENOMEM. */
int exact_write(struct bytes packed, struct buffer *out, struct error *err);
/* Appends {"$packed":…} of anything. */
void exact_write_packed(struct bytes packed, struct buffer *out);
/* Appends a text: a JSON string, or {"$bytes":…}. */
void exact_write_text(struct bytes text, struct buffer *out);

/* Gives the number of a run; 0 in *ret: there is none. */
typedef int exact_number_of(void *context, struct bytes id, int64_t *ret, struct error *err);
/* Appends the packed value that a JSON value means. TEND_EFORMAT: it means none. */
int exact_read(const struct value *json, exact_number_of *number_of, void *context,
               struct buffer *out, struct error *err);

#endif
