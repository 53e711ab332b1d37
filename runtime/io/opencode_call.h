/* The calls that are made to an OpenCode server, as requests: where they go, what they carry, how
 * long they may take.
 * May use: base/, http.h. */
#ifndef TEND_IO_OPENCODE_CALL_H
#define TEND_IO_OPENCODE_CALL_H

#include "io/opencode.h"

/* In the order in which they are made. */
enum opencode_step {
    STEP_CONTACT, /* is anybody there, and does it ask for a password? */
    STEP_MODELS,
    STEP_FIND,
    STEP_CREATE,
    STEP_STATUS,
    STEP_PERMISSIONS,
    STEP_REJECT,
    STEP_MESSAGES,
    STEP_PROMPT,
    STEP_SHELL,
    STEP_COLLECT, /* the messages again, once nothing more will come */
    STEP_TODOS,
    STEP_DIFF,
    STEP_ABORT
};

struct call { /* borrows all of it, until call_start() returns */
    enum opencode_step step;
    const struct opencode_request *request;
    const char *authorization; /* a whole header line; NULL: none */
    const char *session_id;
    const char *permission_id; /* for STEP_REJECT */
    const char *command;       /* for STEP_SHELL */
    int64_t left_us;           /* on the session's clock */
};

int call_start(struct http_client *client, const struct call *call, http_done *done, void *context,
               struct http_exchange **ret, struct error *err);

/* "Authorization: Basic …" of user "opencode", to be zeroed and released by the caller; *ret NULL
 * without a password. */
int call_authorization(const char *password, char **ret, struct error *err);

#endif
