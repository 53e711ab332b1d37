/* What all effects share; see effect.h. */
#include "engine/effect.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "engine/effect_kinds.h"
#include "engine/mock.h"

void effect_pack_error(struct buffer *out, const char *kind, const char *message,
                       bool is_retryable) {
    pack_map(out, 3);
    pack_member_text(out, "message", message);
    pack_member_text(out, "kind", kind);
    pack_member_boolean(out, "retryable", is_retryable);
}

static struct effect *effect_free(struct effect *effect) {
    if (!effect) return NULL;
    value_tree_done(&effect->options);
    buffer_done(&effect->options_bytes);
    memory_free(effect);
    return NULL;
}

static int start_kind(struct effect *effect, const struct effect_request *request,
                      struct error *err) {
    struct mock *mock = effect->place->services->mock;
    if (mock) return mock_start(mock, effect, request, err);
    switch (request->kind) {
    case ASK_HTTP: return effect_http_start(effect, request, err);
    case ASK_EXEC: return effect_exec_start(effect, request, err);
    case ASK_LLM: return effect_llm_start(effect, request, err);
    case ASK_AGENT: return effect_agent_start(effect, request, err);
    default: return error_set(err, TEND_EINPUT, "%s is no effect", ask_kind_name(request->kind));
    }
}

int effect_start(const struct effect_place *place, const struct effect_request *request,
                 effect_done *done, void *context, struct effect **ret, struct error *err) {
    struct effect *effect = memory_new(sizeof *effect);
    if (!effect) return error_no_memory(err);
    effect->place = place;
    effect->done = done;
    effect->context = context;
    pack_value(&effect->options_bytes, request->options);
    int status = buffer_check(&effect->options_bytes, err);
    if (!status) status = value_read(buffer_bytes(&effect->options_bytes), &effect->options, err);
    struct effect_request own = *request;
    own.options = &effect->options.root;
    if (!status) status = start_kind(effect, &own, err);
    if (status) effect_free(effect);
    else *ret = effect;
    return status;
}

void effect_abort(struct effect *effect, bool is_cancelled) {
    if (!effect) return;
    effect->abort(effect, is_cancelled);
    effect_free(effect);
}

void effect_succeed(struct effect *effect, struct bytes result) {
    effect->done(effect->context, result, (struct bytes){NULL, 0}, false, 0);
    effect_free(effect);
}

void effect_fail(struct effect *effect, struct bytes error, bool is_retryable,
                 int64_t retry_after_us) {
    effect->done(effect->context, (struct bytes){NULL, 0}, error, is_retryable, retry_after_us);
    effect_free(effect);
}

size_t effect_max_bytes(const struct effect *effect, const struct value *options) {
    return (size_t)value_get_integer(options, "max_bytes",
                                     (int64_t)effect->place->services->limits.body_bytes);
}

bool effect_names_limit(const struct effect *effect, struct error *err) {
    if (!strstr(err->message, "max_bytes")) return false;
    size_t size = strlen(err->message);
    if (!value_get(&effect->options.root, "max_bytes"))
        snprintf(err->message + size, sizeof err->message - size,
                 "; give the call `max_bytes`, or raise the limit (limits.body in tend.lua, or "
                 "--limit body=…)");
    return true;
}

void effect_fail_with(struct effect *effect, const struct error *err, bool is_retryable,
                      int64_t retry_after_us) {
    struct buffer packed = BUFFER_EMPTY;
    effect_pack_error(&packed, err->kind[0] ? err->kind : "error", err->message, is_retryable);
    effect_fail(effect, buffer_bytes(&packed), is_retryable, retry_after_us);
    buffer_done(&packed);
}

int texts_add(struct texts *texts, struct buffer *text) {
    char **items = memory_resize(texts->items, (texts->count + 2) * sizeof *items);
    if (items) texts->items = items;
    char *contents = items ? buffer_take(text, NULL) : NULL;
    if (!contents) return TEND_ENOMEM;
    items[texts->count++] = contents;
    items[texts->count] = NULL;
    return 0;
}

void texts_done(struct texts *texts) {
    for (size_t i = 0; i < texts->count; i++) {
        sodium_memzero(texts->items[i], strlen(texts->items[i]));
        memory_free(texts->items[i]);
    }
    memory_free(texts->items);
    *texts = (struct texts){NULL, 0};
}

int effect_setting(struct effect *effect, const char *section, const char *key, struct buffer *out,
                   struct error *err) {
    struct services *services = effect->place->services;
    const struct value *settings = &services->settings_tree.root;
    const struct value *value =
        value_get(section ? value_get_map(settings, section) : settings, key);
    return value ? secrets_text(services->secrets, value, out, err) : 0;
}
