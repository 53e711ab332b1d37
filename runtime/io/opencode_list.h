/* Finding something in what an OpenCode server lists: models, sessions, permission requests. Pure.
 * What is found borrows from the list; any list may be NULL.
 * May use: base/. */
#ifndef TEND_IO_OPENCODE_LIST_H
#define TEND_IO_OPENCODE_LIST_H

#include <stdbool.h>

#include "base/value.h"

enum { LIST_WHY_MAX = 700 };

/* In the answer of /config/providers. If it isn't there, `why` gets "has no provider x (it has a,
 * b)" or the like. */
bool list_has_model(const struct value *root, const char *provider_id, const char *model_id,
                    char why[LIST_WHY_MAX]);
/* The newest session that carries the key in its metadata, or NULL. */
const struct value *list_find_session(const struct value *sessions, const char *key);
/* The id of the first request that this session waits for, or NULL. */
const struct value *list_find_permission(const struct value *requests, const char *session_id);

#endif
