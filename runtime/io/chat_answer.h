/* Reading what a chat completions server answered: the model's text, or which of the many ways of
 * failing it was. Pure.
 * May use: base/, analysis/schema.h, http.h's response. */
#ifndef TEND_IO_CHAT_ANSWER_H
#define TEND_IO_CHAT_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/value.h"
#include "io/http.h"

struct chat_answer { /* borrows from the tree and the buffers below, chat_answer_done() ends all */
    struct buffer text;
    struct bytes model, finish_reason; /* as the server told; may be no bytes */
    int64_t input_tokens, output_tokens;
    struct buffer packed;
    struct value_tree tree;
};

struct chat_trouble {
    struct error err;
    bool is_transient;
    int64_t retry_after_us;
    bool wants_completion_tokens; /* the server knows max_tokens only by its newer name */
};

/* 0 and *ret, or *trouble, whose message begins with "model NAME:". Tokens that were used are told
 * in *ret even where the answer is useless (cut off, refused, empty). */
int chat_answer_read(const struct http_response *response, const char *model,
                     struct chat_answer *ret, struct chat_trouble *trouble);
void chat_answer_done(struct chat_answer *answer);

/* The JSON document in a model's text, also where it stands in a ``` fence, packed and checked
 * against the schema. *problems gets one line for each thing that is wrong; none: it fits. */
int chat_answer_document(struct bytes text, const struct value *schema, struct buffer *packed,
                         struct buffer *problems, struct error *err);

#endif
