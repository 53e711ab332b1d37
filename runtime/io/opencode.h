/* A session on an OpenCode server, followed to its end: found again by its metadata or created,
 * prompted with a message id that the caller chose (so that the same prompt is never given twice to
 * a session that finished it), polled until it is idle and complete, permission requests answered
 * `reject`, and what it did collected. The session outlives us: a restarted caller gives the same
 * key and message id and picks it up.
 * May use: base/, io/http.h; libuv. May not use: Lua, the journal. */
#ifndef TEND_IO_OPENCODE_H
#define TEND_IO_OPENCODE_H

#include <stdint.h>

#include "base/value.h"
#include "io/http.h"

struct opencode;

struct opencode_request {
    const char *base_url;
    const char *password;  /* Basic auth, user "opencode"; NULL: none */
    const char *directory; /* absolute */
    const char *title;
    const char *key;                    /* idempotency key: in the session's metadata as "tend" */
    const char *message_id;             /* "msg_…" */
    const char *provider_id, *model_id; /* of TEND_AGENT_MODEL */
    const char *prompt;
    const char *system;         /* NULL: the server's */
    const char *const *allowed; /* tools allowed, NULL-terminated; everything else is denied */
    const char *const
        *shell;         /* commands run through the session's shell once it is done; NULL: none */
    int64_t timeout_us; /* one clock over everything; 0: 30 min */
    int64_t poll_us;    /* 0: 1 s */
};

/* Exactly one of both is set. *result is a packed map {session_id, text, todos[{content, status,
 * priority}], diff[], files[], commands[{command, output}], usage = {input, output}, cost,
 * finish_reason}. err->kind: "agent" or "timeout"; distinct messages for: no server, wrong
 * password, no such model, the session's own error, a server without password off loopback. */
typedef void opencode_done(void *context, struct bytes result, const struct error *err,
                           bool is_transient);

int opencode_start(uv_loop_t *loop, struct http_client *client,
                   const struct opencode_request *request, opencode_done *done, void *context,
                   struct opencode **ret, struct error *err);
/* Forgets the session without touching it (shutdown, kill): no callback. NULL allowed. */
void opencode_detach(struct opencode *opencode);
/* Tells the server to abort the session, then forgets it: no callback. NULL allowed. */
void opencode_abort(struct opencode *opencode);

#endif
