/* One answer from a chat model that speaks OpenAI's chat completions: request, answer, and where a
 * JSON Schema is given, the check of the answer and repair turns that show the model its errors.
 * Failed exchanges are reported, not retried: the engine has the one retry engine.
 * May use: base/, analysis/schema.h, io/http.h. May not use: Lua, the journal. */
#ifndef TEND_IO_CHAT_H
#define TEND_IO_CHAT_H

#include <stdint.h>

#include "base/value.h"
#include "io/http.h"

struct chat;

struct chat_request {
    const char *base_url;         /* includes /v1 */
    const char *key;              /* bearer token; NULL: none */
    const char *idempotency_key;  /* NULL: none */
    const char *model;            /* as the server names it */
    const struct value *messages; /* [{role, content}] */
    const struct value *schema;   /* JSON Schema; NULL: plain text */
    double temperature;           /* negative: the server's default */
    int64_t max_tokens;           /* 0: the server's default */
    int64_t timeout_us;
    int repair_turns; /* how often the model may mend an answer; default 2 where 0 */
};

/* Exactly one of both is set. *answer is a packed map {text, json?, usage = {input, output}, model,
 * finish_reason, repairs}. err->kind: "llm" or "timeout"; `is_transient` tells whether trying again
 * may help (network, 408, 425, 429, 5xx); `retry_after_us` from a Retry-After header or 0. */
typedef void chat_done(void *context, struct bytes answer, const struct error *err,
                       bool is_transient, int64_t retry_after_us);

/* Starts; *request is copied. */
int chat_start(struct http_client *client, const struct chat_request *request, chat_done *done,
               void *context, struct chat **ret, struct error *err);
void chat_abort(struct chat *chat); /* no callback; NULL allowed */

#endif
