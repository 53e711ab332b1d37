/* The insides of an effect, for the files that know one kind each. */
#ifndef TEND_ENGINE_EFFECT_KINDS_H
#define TEND_ENGINE_EFFECT_KINDS_H

#include "engine/effect.h"

struct effect {
    const struct effect_place *place;
    effect_done *done;
    void *context;
    struct value_tree options; /* of its own copy: what the answer is judged by */
    struct buffer options_bytes;
    void (*abort)(struct effect *effect, bool is_cancelled);
    void *handle; /* the exchange, process, chat or session */
};

/* Each starts effect->handle and sets effect->abort. */
int effect_http_start(struct effect *effect, const struct effect_request *request,
                      struct error *err);
int effect_exec_start(struct effect *effect, const struct effect_request *request,
                      struct error *err);
int effect_llm_start(struct effect *effect, const struct effect_request *request,
                     struct error *err);
int effect_agent_start(struct effect *effect, const struct effect_request *request,
                       struct error *err);

/* As if the exchange or the child had ended so: {status, headers, body, url}, {code, signal,
 * stdout, stderr}. Ends the effect. */
void effect_http_answered(struct effect *effect, const struct value *answer);
void effect_exec_answered(struct effect *effect, const struct value *answer);

/* Tell the engine and free the effect. The packed buffer is the caller's. */
void effect_succeed(struct effect *effect, struct bytes result);
void effect_fail(struct effect *effect, struct bytes error, bool is_retryable,
                 int64_t retry_after_us);
void effect_fail_with(struct effect *effect, const struct error *err, bool is_retryable,
                      int64_t retry_after_us);

/* The call's max_bytes, or the limit for all. */
size_t effect_max_bytes(const struct effect *effect, const struct value *options);
/* Is it the error of more bytes than that? Then it names the setting. */
bool effect_names_limit(const struct effect *effect, struct error *err);

/* A NULL-terminated array of texts whose memory goes at once. */
struct texts {
    char **items;
    size_t count;
};
int texts_add(struct texts *texts, struct buffer *text); /* takes the text's contents */
void texts_done(struct texts *texts);                    /* zeroes them: they may be secret */

/* The settings of now: settings.SECTION.KEY as text, secrets read; nothing appended if absent. */
int effect_setting(struct effect *effect, const char *section, const char *key, struct buffer *out,
                   struct error *err);

#endif
