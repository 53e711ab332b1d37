/* Reading an OpenCode session's messages: how far the answer to one prompt is, and at the end what
 * the session did. Pure.
 * May use: base/. */
#ifndef TEND_IO_OPENCODE_REPLY_H
#define TEND_IO_OPENCODE_REPLY_H

#include <stdbool.h>

#include "base/value.h"

enum reply_state {
    REPLY_ABSENT,  /* the session doesn't hold the prompt */
    REPLY_PENDING, /* it does, and no answer is complete */
    REPLY_FAILED,  /* the answer ended with an error */
    REPLY_DONE
};

struct reply { /* borrows from the messages */
    enum reply_state state;
    struct bytes finish;                    /* of REPLY_DONE: "stop" is the good one */
    struct bytes error_name, error_message; /* of REPLY_FAILED */
    bool is_transient;                      /* of REPLY_FAILED: the provider may recover */
};

/* The reply to a prompt is judged by `parentID`, not by the last message: a shell command appends
 * messages of its own. `messages` may be NULL. */
struct reply reply_read(const struct value *messages, const char *message_id);

/* Whether a shell command of ours was already run to its end in this session. */
bool reply_has_shell(const struct value *messages, const char *message_id, const char *command);

struct reply_source {
    const struct value *messages, *todos, *diff;
    const char *message_id, *session_id, *directory;
};

/* Appends the packed result of opencode.h to *out. */
int reply_pack(const struct reply_source *source, struct buffer *out, struct error *err);

#endif
