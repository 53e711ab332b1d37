/* A copy of an opencode_request that lives as long as its session is followed.
 * May use: base/, http_url.h. */
#ifndef TEND_IO_OPENCODE_REQUEST_H
#define TEND_IO_OPENCODE_REQUEST_H

#include <stdbool.h>

#include "io/opencode.h"

/* TEND_EINPUT, kind "agent" (or "http" for the URL): what can't be asked for, a server off loopback
 * without a password among it. */
int opencode_request_check(const struct opencode_request *request, bool *is_loopback,
                           struct error *err);
/* Replaces every text in *request by a copy, and the zeros by the defaults. After a failure, too,
 * opencode_request_done() releases what is there. */
int opencode_request_own(struct opencode_request *request, struct error *err);
/* Of a request whose texts are owned; the password is overwritten. */
void opencode_request_done(struct opencode_request *request);

#endif
