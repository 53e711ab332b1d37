/* agent{…}: options to a session of io/opencode.h. The message id is made of the step's idempotency
 * key and the number of recorded failed attempts: the same after a crash, new after a failure. */
#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/memory.h"
#include "engine/effect_kinds.h"
#include "engine/option.h"
#include "io/opencode.h"

static const char *const allowed_tools[] = {"read",      "glob", "grep", "list",
                                            "todowrite", "edit", "bash", NULL};

struct asking {
    struct buffer base_url, password, model, prompt;
    char message_id[64];
    char *directory, *title, *system;
    struct texts shell;
};

static void asking_done(struct asking *asking) {
    buffer_done(&asking->base_url);
    buffer_done(&asking->password);
    buffer_done(&asking->model);
    buffer_done(&asking->prompt);
    memory_free(asking->directory);
    memory_free(asking->title);
    memory_free(asking->system);
    texts_done(&asking->shell);
}

static int read_shell(struct effect *effect, struct asking *asking, struct error *err) {
    const struct value *shell = value_get_list(&effect->options.root, "shell");
    int status = 0;
    for (size_t i = 0; shell && i < shell->list.count && !status; i++) {
        struct buffer text = BUFFER_EMPTY;
        if (shell->list.items[i].kind != VALUE_TEXT)
            return error_set_kind(err, TEND_EINPUT, "agent",
                                  "shell is a list of commands, each a text");
        buffer_add(&text, shell->list.items[i].text.data, shell->list.items[i].text.size);
        if (texts_add(&asking->shell, &text)) status = error_no_memory(err);
        buffer_done(&text);
    }
    return status;
}

/* The prompt goes to a model: known secrets are masked. */
static int read_prompt(struct effect *effect, struct asking *asking, struct error *err) {
    struct buffer packed = BUFFER_EMPTY, masked = BUFFER_EMPTY;
    struct value_tree tree;
    bool changed = false;
    pack_bytes(&packed, value_get_bytes(&effect->options.root, "prompt"));
    int status = secrets_mask(effect->place->services->secrets, buffer_bytes(&packed), &masked,
                              &changed, err);
    if (!status) status = value_read(buffer_bytes(changed ? &masked : &packed), &tree, err);
    if (!status) {
        buffer_add(&asking->prompt, tree.root.text.data, tree.root.text.size);
        value_tree_done(&tree);
        status = buffer_check(&asking->prompt, err);
    }
    buffer_done(&packed);
    buffer_done(&masked);
    return status;
}

static int read_server(struct effect *effect, struct asking *asking, struct error *err) {
    const struct value *model = value_get(&effect->options.root, "model");
    int status = effect_setting(effect, "opencode", "base_url", &asking->base_url, err);
    if (!status) status = effect_setting(effect, "opencode", "password", &asking->password, err);
    if (!status)
        status = model ? secrets_text(effect->place->services->secrets, model, &asking->model, err)
                       : effect_setting(effect, NULL, "agent_model", &asking->model, err);
    if (status) return status;
    char *slash = asking->model.data ? strchr(asking->model.data, '/') : NULL;
    if (!slash)
        return error_set_kind(err, TEND_EINPUT, "agent",
                              "no agent model: give `model`, or set TEND_AGENT_MODEL, as "
                              "PROVIDER/MODEL, the way the agent's server names it");
    *slash = '\0'; /* provider and model side by side */
    return 0;
}

static void make_message_id(const struct effect_request *request, char *text, size_t size) {
    char failures[16], digits[ID_HASH_TEXT];
    snprintf(failures, sizeof failures, "%u", request->failures);
    struct bytes parts[] = {bytes_of(request->idempotency_key), bytes_of(failures)};
    id_hash(parts, 2, digits);
    snprintf(text, size, "msg_%.26s", digits);
}

static void on_done(void *context, struct bytes result, const struct error *err,
                    bool is_transient) {
    struct effect *effect = context;
    if (err) effect_fail_with(effect, err, is_transient, 0);
    else effect_succeed(effect, result);
}

static void abort_agent(struct effect *effect, bool is_cancelled) {
    if (is_cancelled) opencode_abort(effect->handle);
    else opencode_detach(effect->handle);
}

static int start(struct effect *effect, const struct effect_request *request,
                 const struct asking *asking, struct error *err) {
    struct opencode *opencode;
    struct opencode_request session = {
        .base_url = asking->base_url.data,
        .password = asking->password.size ? asking->password.data : NULL,
        .directory = asking->directory,
        .title = asking->title ? asking->title : "tend",
        .key = request->idempotency_key,
        .message_id = asking->message_id,
        .provider_id = asking->model.data,
        .model_id = asking->model.data + strlen(asking->model.data) + 1,
        .prompt = asking->prompt.data,
        .system = asking->system,
        .allowed = allowed_tools,
        .shell = (const char *const *)asking->shell.items};
    int status = duration_read(request->options, "timeout", &session.timeout_us, err);
    if (!status) status = duration_read(request->options, "poll", &session.poll_us, err);
    if (!status)
        status = opencode_start(effect->place->loop, effect->place->http, &session, on_done, effect,
                                &opencode, err);
    if (status) return status;
    effect->handle = opencode;
    effect->abort = abort_agent;
    return 0;
}

int effect_agent_start(struct effect *effect, const struct effect_request *request,
                       struct error *err) {
    struct asking asking = {0};
    make_message_id(request, asking.message_id, sizeof asking.message_id);
    asking.directory = value_copy_text(value_get(request->options, "directory"));
    asking.title = value_copy_text(value_get(request->options, "title"));
    asking.system = value_copy_text(value_get(request->options, "system"));
    int status = read_prompt(effect, &asking, err);
    if (!status) status = read_shell(effect, &asking, err);
    if (!status) status = read_server(effect, &asking, err);
    if (!status) status = start(effect, request, &asking, err);
    asking_done(&asking);
    return status;
}
