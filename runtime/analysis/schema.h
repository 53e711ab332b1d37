/* JSON Schema, the part that answers of language models are checked by: does a value fit, and if
 * not, where and why, in words that a model (or a person) can mend it by.
 *
 * Keywords: type (also a list of types), enum, const, properties, required, additionalProperties
 * (boolean or schema), items, minItems, maxItems, minLength, maxLength (characters), minimum,
 * maximum, anyOf, oneOf, allOf; true and false as schemas. Others are ignored, as the standard has
 * it, except `$ref`, which would leave a part unchecked: that is an error.
 * May use: base/. Any thread. Pure. */
#ifndef TEND_ANALYSIS_SCHEMA_H
#define TEND_ANALYSIS_SCHEMA_H

#include <stdbool.h>

#include "base/value.h"

/* Appends one line "path: what" for each problem to *problems ("plan.causes[2].cause: missing"; the
 * root is called "answer"), at most SCHEMA_PROBLEMS_MAX. TEND_EINPUT, kind "value": the schema
 * itself is wrong or nested too deeply; the message names the place. TEND_ENOMEM. */
enum { SCHEMA_PROBLEMS_MAX = 20 };
int schema_check(const struct value *schema, const struct value *value, struct buffer *problems,
                 bool *is_valid, struct error *err);

#endif
