/* Effects: what a step does to the outside world, started on a worker's loop once the barrier has
 * passed. One function per primitive turns its packed options into a request of io/, and what comes
 * back into a packed result or error. Secrets become text here, and only here.
 * May use: services, io/. */
#ifndef TEND_ENGINE_EFFECT_H
#define TEND_ENGINE_EFFECT_H

#include <uv.h>

#include "engine/services.h"
#include "io/http.h"
#include "lua/ask.h"

struct effect;

struct effect_place { /* of a worker */
    uv_loop_t *loop;
    struct http_client *http;
    struct services *services;
    struct pulse *pulse; /* of its thread */
    crash_slot *mark;    /* of its thread; NULL: none */
    bool is_crowded;     /* others wait for room in memory: what only waits leaves at once */
};

struct effect_request {
    enum ask_kind kind;          /* ASK_HTTP, ASK_LLM, ASK_AGENT, ASK_EXEC */
    const struct value *options; /* the call's arguments; borrowed for the call */
    const char *idempotency_key;
    uint32_t failures; /* recorded failed attempts */
    uint32_t attempt;
    const char *run, *key,
        *where; /* whose it is, and where the script asked; borrowed, for tests */
};

/* Called once, on the loop; exactly one of result and error has bytes. */
typedef void effect_done(void *context, struct bytes result, struct bytes error, bool is_retryable,
                         int64_t retry_after_us);

/* 0: started (*ret) or ended at once? Never: `done` always comes later. An error (*err with kind)
 * means that it could not start; it isn't retryable unless err->status is TEND_EIO. */
int effect_start(const struct effect_place *place, const struct effect_request *request,
                 effect_done *done, void *context, struct effect **ret, struct error *err);
/* Ends it without a callback. is_cancelled: the session at the other end is ended too; otherwise
 * (shutdown) it goes on and is found again. NULL allowed. */
void effect_abort(struct effect *effect, bool is_cancelled);

/* Packs {message, kind, retryable}. */
void effect_pack_error(struct buffer *out, const char *kind, const char *message,
                       bool is_retryable);

#endif
