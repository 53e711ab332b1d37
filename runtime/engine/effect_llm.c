/* llm{…}: options to a request of io/chat.h. The model's prefix says who serves it: `openai/` is
 * what settings.openai.base_url serves. What is sent is masked first. */
#include <string.h>

#include "base/memory.h"
#include "engine/effect_kinds.h"
#include "engine/option.h"
#include "io/chat.h"

static const int64_t timeout_default_us = 300000000;

struct asking {
    struct buffer base_url, key, model, messages;
    struct value_tree tree;
};

static void asking_done(struct asking *asking) {
    buffer_done(&asking->base_url);
    buffer_done(&asking->key);
    buffer_done(&asking->model);
    buffer_done(&asking->messages);
    value_tree_done(&asking->tree);
}

static void pack_message(struct buffer *out, const char *role, struct bytes content) {
    pack_map(out, 2);
    pack_member_text(out, "role", role);
    pack_member_bytes(out, "content", content);
}

static int read_messages(struct effect *effect, struct asking *asking, struct error *err) {
    const struct value *options = &effect->options.root,
                       *messages = value_get_list(options, "messages");
    struct bytes system = value_get_bytes(options, "system");
    struct buffer masked = BUFFER_EMPTY;
    bool changed = false;
    pack_list(&asking->messages, (messages ? messages->list.count : 1) + (system.size ? 1 : 0));
    if (system.size) pack_message(&asking->messages, "system", system);
    for (size_t i = 0; messages && i < messages->list.count; i++)
        pack_value(&asking->messages, &messages->list.items[i]);
    if (!messages) pack_message(&asking->messages, "user", value_get_bytes(options, "prompt"));
    int status = buffer_check(&asking->messages, err);
    if (!status)
        status = secrets_mask(effect->place->services->secrets, buffer_bytes(&asking->messages),
                              &masked, &changed, err);
    if (changed) {
        buffer_done(&asking->messages);
        asking->messages = masked;
    }
    return status ? status : value_read(buffer_bytes(&asking->messages), &asking->tree, err);
}

static int read_model(struct effect *effect, struct asking *asking, struct error *err) {
    const struct value *model = value_get(&effect->options.root, "model");
    int status = model ? secrets_text(effect->place->services->secrets, model, &asking->model, err)
                       : effect_setting(effect, NULL, "model", &asking->model, err);
    if (status) return status;
    if (!asking->model.size)
        return error_set_kind(err, TEND_EINPUT, "llm",
                              "no model: give `model`, or set TEND_MODEL, such as openai/NAME");
    if (strncmp(asking->model.data, "openai/", 7) != 0)
        return error_set_kind(
            err, TEND_EINPUT, "llm",
            "model '%.100s': the name begins with who serves it; this version speaks "
            "openai/… (what OPENAI_BASE_URL serves)",
            asking->model.data);
    status = effect_setting(effect, "openai", "base_url", &asking->base_url, err);
    return status ? status : effect_setting(effect, "openai", "api_key", &asking->key, err);
}

static void on_done(void *context, struct bytes answer, const struct error *err, bool is_transient,
                    int64_t retry_after_us) {
    struct effect *effect = context;
    if (err) effect_fail_with(effect, err, is_transient, retry_after_us);
    else effect_succeed(effect, answer);
}

static void abort_llm(struct effect *effect, bool is_cancelled) {
    (void)is_cancelled;
    chat_abort(effect->handle);
}

int effect_llm_start(struct effect *effect, const struct effect_request *request,
                     struct error *err) {
    struct asking asking = {0};
    struct chat *chat;
    int64_t timeout_us = timeout_default_us;
    int status = duration_read(request->options, "timeout", &timeout_us, err);
    if (!status) status = read_model(effect, &asking, err);
    if (!status) status = read_messages(effect, &asking, err);
    if (!status) {
        struct chat_request chat_request = {
            .base_url = asking.base_url.data,
            .key = asking.key.size ? asking.key.data : NULL,
            .idempotency_key = request->idempotency_key,
            .model = asking.model.data + 7,
            .messages = &asking.tree.root,
            .schema = value_get_map(request->options, "schema"),
            .temperature = value_get_number(request->options, "temperature", -1),
            .max_tokens = value_get_integer(request->options, "max_tokens", 0),
            .timeout_us = timeout_us};
        status = chat_start(effect->place->http, &chat_request, on_done, effect, &chat, err);
    }
    if (!status) {
        effect->handle = chat;
        effect->abort = abort_llm;
    }
    asking_done(&asking);
    return status;
}
