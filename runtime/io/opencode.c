/* Following a session on an OpenCode server; see opencode.h.
 *
 * One call after the other, each a `step` of the table below: what is sent, what to do with the
 * answer, and where to begin again if the call failed on its way (a server that was killed and
 * restarted is simply met again, by way of `contact`). The way is
 *
 *   contact → models → find ─┬─→ status ⇄ (busy) permissions → reject
 *                   create ──┘     ↓ (idle)
 *                               messages → prompt → status …
 *                                  ↓ (the reply is complete)
 *                               shell… → collect → todos → diff
 *
 * Events are not listened to: they aren't replayed after a lost connection, so polling would be
 * needed beside them anyway.
 *
 * Measured with 1.18.33, beside what opencode_call.c says about permissions:
 * - A model that the server doesn't know is told nowhere: 204, and an idle session without a reply.
 *   So `models` asks first.
 * - The reply's order and end don't depend on the message id's place in the alphabet.
 * - The same prompt sent again resumes a session whose reply was interrupted (server killed),
 *   aborted or failed: what was done stays, the text stands twice in the prompt, the loop goes on.
 *   Sent to a busy session it does the same needlessly, so a session must have been idle without a
 *   complete reply for IDLE_GRACE_MS first.
 * - Message ids are unique on the server, not in a session: a prompt whose id another session has
 *   is accepted (204) and does nothing.
 * - An abort makes the reply end with MessageAbortedError; tool and child process end at once.
 * - A shell command's exit code isn't told.
 * - A permission request that is rejected with a message lets the session go on (the model reads
 * it); without one the session stops in the middle. */
#include "io/opencode.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "io/opencode_call.h"
#include "io/opencode_list.h"
#include "io/opencode_reply.h"
#include "io/opencode_request.h"

enum {
    FIRST_CONTACT_S = 30, /* a server never reached in this time is told as missing */
    TROUBLE_DELAY_MS = 1000,
    IDLE_GRACE_MS = 3000, /* a prompt makes the session busy within 0.3 s (measured) */
    PROMPTS_MAX = 5,
    NOTE_MAX = 300
};

struct opencode {
    struct http_client *client;
    struct http_exchange *exchange; /* the call under way */
    uv_timer_t delay, clock;
    int handles;                     /* open ones: the memory goes with the last */
    struct opencode_request request; /* all its texts are ours */
    char *authorization;             /* a secret; NULL: none */
    char *session_id, *permission_id;
    enum opencode_step step;
    enum opencode_step after_contact;
    opencode_done *done;
    void *context;
    bool is_over, is_loopback, was_reached;
    int64_t started_us, ends_at_us;
    int64_t idle_since_us; /* idle without a complete reply; 0: it isn't */
    int prompts;           /* sent by us */
    size_t shell_next;
    struct buffer messages, todos, diff; /* packed, of the last steps */
    char note[NOTE_MAX];                 /* the last trouble, for the error of the clock */
};

/* What a step does with a good answer. `root` is NULL where the body was empty; it stands in
 * *packed, which may be moved out. */
typedef void step_answer(struct opencode *opencode, const struct value *root,
                         struct buffer *packed);

static int64_t now_us(void) { return (int64_t)(uv_hrtime() / 1000); }

/* ---- memory
 * ---------------------------------------------------------------------------------------- */

static void opencode_free(struct opencode *opencode) {
    opencode_request_done(&opencode->request);
    if (opencode->authorization)
        sodium_memzero(opencode->authorization, strlen(opencode->authorization));
    memory_free(opencode->authorization);
    memory_free(opencode->session_id);
    memory_free(opencode->permission_id);
    buffer_done(&opencode->messages);
    buffer_done(&opencode->todos);
    buffer_done(&opencode->diff);
    memory_free(opencode);
}

static void on_closed(uv_handle_t *handle) {
    struct opencode *opencode = handle->data;
    if (--opencode->handles == 0) opencode_free(opencode);
}

static void close_all(struct opencode *opencode) {
    opencode->is_over = true;
    uv_close((uv_handle_t *)&opencode->delay, on_closed);
    uv_close((uv_handle_t *)&opencode->clock, on_closed);
}

/* ---- the end
 * ---------------------------------------------------------------------------------------- */

static void fail(struct opencode *opencode, const struct error *err, bool is_transient) {
    opencode->is_over = true; /* a detach in the callback does nothing */
    opencode->done(opencode->context, (struct bytes){0}, err, is_transient);
    close_all(opencode);
}

static void fail_with(struct opencode *opencode, bool is_transient, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void fail_with(struct opencode *opencode, bool is_transient, const char *format, ...) {
    struct error err;
    char text[ERROR_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    error_set_kind(&err, TEND_EIO, "agent", "%s", text);
    fail(opencode, &err, is_transient);
}

static void fail_no_memory(struct opencode *opencode) {
    struct error err;
    error_no_memory(&err);
    fail(opencode, &err, false);
}

/* `how` says what became of the session. */
static void fail_timeout(struct opencode *opencode, const char *how) {
    struct error err;
    const char *note = opencode->note;
    error_set_kind(&err, TEND_EIO, "timeout",
                   "the agent's session %s was not done within %.10g s%s%s%s%s",
                   opencode->session_id ? opencode->session_id : "(not begun)",
                   (double)opencode->request.timeout_us / 1e6, how, *note ? " (last: " : "", note,
                   *note ? ")" : "");
    fail(opencode, &err, true);
}

static int read_kept(const struct buffer *packed, struct value_tree *tree, struct error *err) {
    return packed->size ? value_read(buffer_bytes(packed), tree, err) : 0;
}

static void deliver(struct opencode *opencode) {
    struct value_tree messages = {0}, todos = {0}, diff = {0};
    struct buffer out = BUFFER_EMPTY;
    struct error err;
    int status = read_kept(&opencode->messages, &messages, &err);
    if (status == 0) status = read_kept(&opencode->todos, &todos, &err);
    if (status == 0) status = read_kept(&opencode->diff, &diff, &err);
    struct reply_source source = {&messages.root,       &todos.root,
                                  &diff.root,           opencode->request.message_id,
                                  opencode->session_id, opencode->request.directory};
    if (status == 0) status = reply_pack(&source, &out, &err);
    value_tree_done(&messages);
    value_tree_done(&todos);
    value_tree_done(&diff);
    if (status) {
        fail(opencode, &err, false);
    } else {
        opencode->is_over = true;
        opencode->done(opencode->context, buffer_bytes(&out), NULL, false);
        close_all(opencode);
    }
    buffer_done(&out);
}

/* ---- sending
 * ------------------------------------------------------------------------------------------ */

static int start_call(struct opencode *opencode, enum opencode_step step, http_done *done,
                      void *context, struct http_exchange **ret, struct error *err) {
    struct call call = {.step = step,
                        .request = &opencode->request,
                        .authorization = opencode->authorization,
                        .session_id = opencode->session_id,
                        .permission_id = opencode->permission_id,
                        .command = opencode->request.shell[opencode->shell_next],
                        .left_us = opencode->ends_at_us - now_us()};
    return call_start(opencode->client, &call, done, context, ret, err);
}

static void on_call_ended(void *context, struct http_response *response, const struct error *err);

static int begin(struct opencode *opencode, enum opencode_step step, struct error *err) {
    opencode->step = step;
    return start_call(opencode, step, on_call_ended, opencode, &opencode->exchange, err);
}

static void go(struct opencode *opencode, enum opencode_step step) {
    struct error err;
    if (begin(opencode, step, &err)) fail(opencode, &err, false);
}

static void on_delay(uv_timer_t *timer) {
    struct opencode *opencode = timer->data;
    go(opencode, opencode->step);
}

static void go_later(struct opencode *opencode, enum opencode_step step, int64_t delay_us) {
    opencode->step = step;
    uv_update_time(opencode->delay.loop);
    uv_timer_start(&opencode->delay, on_delay, (uint64_t)((delay_us + 999) / 1000), 0);
}

static void poll_again(struct opencode *opencode) {
    go_later(opencode, STEP_STATUS, opencode->request.poll_us);
}

/* ---- the model and the session
 * ------------------------------------------------------------------------ */

/* It answered without a password: on loopback that is for its owner to decide. */
static void answer_contact(struct opencode *opencode, const struct value *root,
                           struct buffer *packed) {
    (void)root;
    (void)packed;
    if (opencode->is_loopback) go(opencode, opencode->after_contact);
    else
        fail_with(opencode, false,
                  "the OpenCode server at %s answers without a password and isn't on loopback: "
                  "start it with OPENCODE_SERVER_PASSWORD",
                  opencode->request.base_url);
}

static void answer_models(struct opencode *opencode, const struct value *root,
                          struct buffer *packed) {
    char why[LIST_WHY_MAX];
    (void)packed;
    if (list_has_model(root, opencode->request.provider_id, opencode->request.model_id, why))
        go(opencode, STEP_FIND);
    else fail_with(opencode, false, "the OpenCode server %s: see TEND_AGENT_MODEL", why);
}

static void take_session(struct opencode *opencode, const struct value *session) {
    memory_free(opencode->session_id);
    opencode->session_id = value_copy_text(value_get(session, "id"));
    opencode->idle_since_us = 0;
    if (opencode->session_id) go(opencode, STEP_STATUS);
    else fail_no_memory(opencode);
}

static void answer_find(struct opencode *opencode, const struct value *root,
                        struct buffer *packed) {
    const struct value *session = list_find_session(root, opencode->request.key);
    (void)packed;
    if (session && value_get_bytes(session, "id").size) take_session(opencode, session);
    else go(opencode, STEP_CREATE);
}

static void answer_create(struct opencode *opencode, const struct value *root,
                          struct buffer *packed) {
    (void)packed;
    if (value_get_bytes(root, "id").size) take_session(opencode, root);
    else fail_with(opencode, false, "the OpenCode server made a session without an id");
}

/* ---- while it works
 * ---------------------------------------------------------------------------------- */

static void keep_note(struct opencode *opencode, struct bytes text) {
    snprintf(opencode->note, NOTE_MAX, "%.*s", (int)(text.size < 200 ? text.size : 200),
             text.size ? text.data : "");
}

static void answer_status(struct opencode *opencode, const struct value *root,
                          struct buffer *packed) {
    const struct value *status = value_get_map(root, opencode->session_id);
    struct bytes type = value_get_bytes(status, "type");
    (void)packed;
    if (!status || bytes_are(type, "idle")) {
        go(opencode, STEP_MESSAGES);
        return;
    }
    opencode->idle_since_us = 0;
    keep_note(opencode, value_get_bytes(status, "message")); /* why it tries again, if it does */
    go(opencode, STEP_PERMISSIONS);
}

static void answer_permissions(struct opencode *opencode, const struct value *root,
                               struct buffer *packed) {
    const struct value *id = list_find_permission(root, opencode->session_id);
    (void)packed;
    if (!id) {
        poll_again(opencode);
        return;
    }
    memory_free(opencode->permission_id);
    opencode->permission_id = value_copy_text(id);
    if (opencode->permission_id) go(opencode, STEP_REJECT);
    else fail_no_memory(opencode);
}

static void answer_reject(struct opencode *opencode, const struct value *root,
                          struct buffer *packed) {
    (void)root;
    (void)packed;
    poll_again(opencode);
}

/* ---- idle: prompt it, wait, or be done
 * ------------------------------------------------------------- */

static void send_prompt(struct opencode *opencode, enum reply_state state) {
    if (opencode->prompts < PROMPTS_MAX) {
        opencode->prompts++;
        go(opencode, STEP_PROMPT);
        return;
    }
    if (state == REPLY_ABSENT)
        fail_with(opencode, false,
                  "the OpenCode server took the prompt %d times and does not hold it: another "
                  "session there seems to have the message id %s",
                  PROMPTS_MAX, opencode->request.message_id);
    else
        fail_with(opencode, true, "the agent's session %s ended %d times without a reply",
                  opencode->session_id, PROMPTS_MAX);
}

static void answer_prompt(struct opencode *opencode, const struct value *root,
                          struct buffer *packed) {
    (void)root;
    (void)packed;
    opencode->idle_since_us = now_us();
    poll_again(opencode);
}

static bool has_been_idle_long_enough(struct opencode *opencode) {
    if (opencode->idle_since_us == 0) opencode->idle_since_us = now_us();
    return now_us() - opencode->idle_since_us >= IDLE_GRACE_MS * 1000;
}

/* A reply that failed before we prompted is an earlier attempt's: this attempt resumes it. */
static void take_failure(struct opencode *opencode, const struct reply *reply) {
    if (opencode->prompts == 0) {
        send_prompt(opencode, reply->state);
        return;
    }
    fail_with(opencode, reply->is_transient, "the agent's session %s failed: %.*s: %.*s",
              opencode->session_id, (int)reply->error_name.size, reply->error_name.data,
              (int)(reply->error_message.size < 600 ? reply->error_message.size : 600),
              reply->error_message.data);
}

/* Commands that an earlier attempt ran to the end are passed over. */
static void run_shell(struct opencode *opencode, const struct value *messages) {
    const char *const *shell = opencode->request.shell;
    while (shell[opencode->shell_next] &&
           reply_has_shell(messages, opencode->request.message_id, shell[opencode->shell_next]))
        opencode->shell_next++;
    go(opencode, shell[opencode->shell_next] ? STEP_SHELL : STEP_COLLECT);
}

static void answer_messages(struct opencode *opencode, const struct value *root,
                            struct buffer *packed) {
    struct reply reply = reply_read(root, opencode->request.message_id);
    bool is_first = reply.state == REPLY_ABSENT && opencode->prompts == 0;
    (void)packed;
    if (reply.state == REPLY_DONE) run_shell(opencode, root);
    else if (reply.state == REPLY_FAILED) take_failure(opencode, &reply);
    else if (is_first || has_been_idle_long_enough(opencode)) send_prompt(opencode, reply.state);
    else poll_again(opencode);
}

static void answer_shell(struct opencode *opencode, const struct value *root,
                         struct buffer *packed) {
    (void)root;
    (void)packed;
    opencode->shell_next++;
    bool has_more = opencode->request.shell[opencode->shell_next] != NULL;
    go(opencode, has_more ? STEP_SHELL : STEP_COLLECT);
}

/* ---- what it did
 * --------------------------------------------------------------------------------------- */

static void keep(struct buffer *place, struct buffer *packed) {
    buffer_done(place);
    *place = *packed;
    *packed = BUFFER_EMPTY;
}

static void answer_collect(struct opencode *opencode, const struct value *root,
                           struct buffer *packed) {
    (void)root;
    keep(&opencode->messages, packed);
    go(opencode, STEP_TODOS);
}

static void answer_todos(struct opencode *opencode, const struct value *root,
                         struct buffer *packed) {
    (void)root;
    keep(&opencode->todos, packed);
    go(opencode, STEP_DIFF);
}

static void answer_diff(struct opencode *opencode, const struct value *root,
                        struct buffer *packed) {
    (void)root;
    keep(&opencode->diff, packed);
    deliver(opencode);
}

static void answer_abort(struct opencode *opencode, const struct value *root,
                         struct buffer *packed) {
    (void)root;
    (void)packed;
    fail_timeout(opencode, " and was aborted");
}

/* ---- the table
 * ------------------------------------------------------------------------------------------ */

struct step_kind {
    step_answer *answer;
    enum opencode_step after_trouble; /* where to go on if the call or its answer was lost */
};

static const struct step_kind step_kinds[] = {
    [STEP_CONTACT] = {answer_contact, STEP_CONTACT},
    [STEP_MODELS] = {answer_models, STEP_MODELS},
    [STEP_FIND] = {answer_find, STEP_FIND},
    [STEP_CREATE] = {answer_create, STEP_FIND}, /* it may have been made */
    [STEP_STATUS] = {answer_status, STEP_STATUS},
    [STEP_PERMISSIONS] = {answer_permissions, STEP_STATUS},
    [STEP_REJECT] = {answer_reject, STEP_STATUS},
    [STEP_MESSAGES] = {answer_messages, STEP_STATUS},
    [STEP_PROMPT] = {answer_prompt, STEP_STATUS}, /* it may have arrived */
    [STEP_SHELL] = {answer_shell, STEP_STATUS},   /* looks whether it was run */
    [STEP_COLLECT] = {answer_collect, STEP_COLLECT},
    [STEP_TODOS] = {answer_todos, STEP_TODOS},
    [STEP_DIFF] = {answer_diff, STEP_DIFF},
    [STEP_ABORT] = {answer_abort, STEP_ABORT},
};

/* ---- answers that aren't as they should be
 * --------------------------------------------------------------- */

/* The way to the server failed, or the server did: try again in a moment, until the clock. */
static void take_trouble(struct opencode *opencode, const char *what) {
    bool is_missing = !opencode->was_reached &&
                      now_us() - opencode->started_us > FIRST_CONTACT_S * INT64_C(1000000);
    snprintf(opencode->note, NOTE_MAX, "%s", what);
    opencode->idle_since_us = 0;
    if (is_missing) {
        fail_with(opencode, true, "no OpenCode server at %s: %s", opencode->request.base_url, what);
        return;
    }
    if (opencode->step != STEP_CONTACT)
        opencode->after_contact = step_kinds[opencode->step].after_trouble;
    go_later(opencode, STEP_CONTACT, TROUBLE_DELAY_MS * 1000);
}

static void take_refusal(struct opencode *opencode, const struct http_response *response) {
    struct bytes body = buffer_bytes(&response->body);
    fail_with(opencode, false, "the OpenCode server at %s refused a call (status %ld): %.*s",
              opencode->request.base_url, response->status,
              (int)(body.size < 400 ? body.size : 400), body.data);
}

/* To a contact, made without it, 401 is the good answer. */
static void take_wrong_password(struct opencode *opencode) {
    if (opencode->step == STEP_CONTACT) {
        go(opencode, opencode->after_contact);
        return;
    }
    fail_with(opencode, false,
              "the OpenCode server at %s refused the password: see OPENCODE_SERVER_PASSWORD",
              opencode->request.base_url);
}

/* A session that is gone (the server lost its data) is made anew, once for each prompt. */
static void take_not_found(struct opencode *opencode, const struct http_response *response) {
    if (opencode->step == STEP_REJECT) { /* somebody else has answered */
        poll_again(opencode);
        return;
    }
    if (!opencode->session_id || opencode->prompts >= PROMPTS_MAX) {
        take_refusal(opencode, response);
        return;
    }
    opencode->prompts++;
    go(opencode, STEP_FIND);
}

/* Whether the status is one that a step's answer may be read from. */
static bool is_good(struct opencode *opencode, const struct http_response *response) {
    char what[64];
    long status = response->status;
    if (status / 100 == 2) return true;
    snprintf(what, sizeof what, "status %ld from the server", status);
    if (status == 401 || status == 403) take_wrong_password(opencode);
    else if (status == 404) take_not_found(opencode, response);
    else if (status == 409 || status == 408 || status == 429 || status >= 500)
        take_trouble(opencode, what); /* 409: a shell command while the session is busy */
    else take_refusal(opencode, response);
    return false;
}

static void take_answer(struct opencode *opencode, const struct http_response *response) {
    struct buffer packed = BUFFER_EMPTY;
    struct value_tree tree = {0};
    struct error err;
    int status = 0;
    if (response->body.size) {
        status = json_read(buffer_bytes(&response->body), &packed, &err);
        if (status == 0) status = value_read(buffer_bytes(&packed), &tree, &err);
    }
    if (status)
        fail_with(opencode, false, "%s doesn't answer like an OpenCode server: %.200s",
                  opencode->request.base_url, err.message);
    else
        step_kinds[opencode->step].answer(opencode, response->body.size ? &tree.root : NULL,
                                          &packed);
    value_tree_done(&tree);
    buffer_done(&packed);
}

static void on_call_ended(void *context, struct http_response *response, const struct error *err) {
    struct opencode *opencode = context;
    opencode->exchange = NULL;
    if (opencode->step == STEP_ABORT && (err || response->status != 200)) {
        fail_timeout(opencode, " and could not be aborted");
        return;
    }
    if (err && err->status != TEND_EIO) {
        fail(opencode, err, false);
        return;
    }
    if (err) {
        take_trouble(opencode, err->message);
        return;
    }
    opencode->was_reached = true;
    if (is_good(opencode, response)) take_answer(opencode, response);
}

static void on_clock(uv_timer_t *timer) {
    struct opencode *opencode = timer->data;
    http_abort(opencode->exchange);
    opencode->exchange = NULL;
    uv_timer_stop(&opencode->delay);
    if (opencode->session_id) go(opencode, STEP_ABORT);
    else fail_timeout(opencode, "");
}

/* ---- the start
 * -------------------------------------------------------------------------------------------- */

static void init_handles(struct opencode *opencode, uv_loop_t *loop) {
    uv_timer_init(loop, &opencode->delay);
    uv_timer_init(loop, &opencode->clock);
    opencode->delay.data = opencode->clock.data = opencode;
    opencode->handles = 2;
    uv_update_time(loop);
    uv_timer_start(&opencode->clock, on_clock,
                   (uint64_t)((opencode->request.timeout_us + 999) / 1000), 0);
}

int opencode_start(uv_loop_t *loop, struct http_client *client,
                   const struct opencode_request *request, opencode_done *done, void *context,
                   struct opencode **ret, struct error *err) {
    bool is_loopback;
    int status = opencode_request_check(request, &is_loopback, err);
    if (status) return status;
    struct opencode *opencode = memory_new(sizeof *opencode);
    if (!opencode) return error_no_memory(err);
    opencode->client = client;
    opencode->request = *request;
    opencode->done = done;
    opencode->context = context;
    opencode->started_us = now_us();
    opencode->is_loopback = is_loopback;
    opencode->after_contact = STEP_MODELS;
    status = opencode_request_own(&opencode->request, err);
    if (status == 0) status = call_authorization(request->password, &opencode->authorization, err);
    if (status) {
        opencode_free(opencode);
        return status;
    }
    opencode->ends_at_us = opencode->started_us + opencode->request.timeout_us;
    init_handles(opencode, loop);
    status = begin(opencode, STEP_CONTACT, err);
    if (status) close_all(opencode);
    else *ret = opencode;
    return status;
}

/* ---- letting go
 * --------------------------------------------------------------------------------------------- */

void opencode_detach(struct opencode *opencode) {
    if (!opencode || opencode->is_over) return;
    http_abort(opencode->exchange);
    close_all(opencode);
}

static void on_abort_ended(void *context, struct http_response *response, const struct error *err) {
    (void)context; /* nobody waits for it */
    (void)response;
    (void)err;
}

void opencode_abort(struct opencode *opencode) {
    struct http_exchange *exchange;
    if (!opencode || opencode->is_over) return;
    if (opencode->session_id)
        (void)start_call(opencode, STEP_ABORT, on_abort_ended, NULL, &exchange,
                         NULL); /* best effort */
    opencode_detach(opencode);
}
