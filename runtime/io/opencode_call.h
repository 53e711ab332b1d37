/* The calls that are made to an OpenCode server, as requests: where they go and what they carry.
 * May use: base/, http.h. */
#ifndef TEND_IO_OPENCODE_CALL_H
#define TEND_IO_OPENCODE_CALL_H

#include "base/buffer.h"
#include "io/opencode.h"

/* "BASE/path?directory=…" */
int call_url(const char *base_url, const char *path, const char *directory, struct buffer *out,
             struct error *err);
/* "Authorization: Basic …" of user "opencode", to be zeroed and released by the caller; *ret NULL
 * without a password. */
int call_authorization(const char *password, char **ret, struct error *err);

/* Bodies, as JSON. */
int call_write_session(const struct opencode_request *request, struct buffer *out,
                       struct error *err);
int call_write_prompt(const struct opencode_request *request, struct buffer *out,
                      struct error *err);
int call_write_shell(const char *command, struct buffer *out, struct error *err);

#endif
