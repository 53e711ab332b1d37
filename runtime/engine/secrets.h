/* Secrets: read at the moment of use, and remembered so that they can be masked wherever they
 * appear in what enters the journal. May use: base/, analysis/redact.h; the environment. Any
 * thread. */
#ifndef TEND_ENGINE_SECRETS_H
#define TEND_ENGINE_SECRETS_H

#include "base/value.h"

struct secrets;

int secrets_new(struct secrets **ret, struct error *err);
struct secrets *secrets_free(struct secrets *secrets); /* zeroes what it remembers */

/* Appends the value of a secret. TEND_ENOENT, kind "permission": it isn't set; the message says
 * how. */
int secrets_read(struct secrets *secrets, struct bytes name, struct buffer *out, struct error *err);
/* Appends the text of a value that may be a secret (a text, a number, a handle). */
int secrets_text(struct secrets *secrets, const struct value *value, struct buffer *out,
                 struct error *err);
/* Remembers the secrets that are named anywhere in a packed value. */
void secrets_learn(struct secrets *secrets, struct bytes packed);
/* Masks what is known in a packed value: *changed says whether `out` holds a masked copy; otherwise
 * nothing was appended. */
int secrets_mask(struct secrets *secrets, struct bytes packed, struct buffer *out, bool *changed,
                 struct error *err);
/* Appends a text, masked: before it is cut, for half a secret isn't known any more. 0, TEND_ENOMEM.
 */
int secrets_mask_text(struct secrets *secrets, struct bytes text, struct buffer *out);

#endif
