/* The calls to an OpenCode server; see opencode_call.h.
 *
 * Permissions, as measured with 1.18.33: a session's rules are appended to those of the agent and
 * of all configuration files, and the last rule that matches a tool and its argument decides. So
 * "deny everything" stands first and each tool that is allowed after it (the other way round
 * everything is denied, seen). A tool denied for every pattern isn't even offered to the model; a
 * call of it all the same answers "unavailable tool". `external_directory` (a path outside the
 * session's directory, in read as well as in a bash command) and `doom_loop` fall under "*": they
 * are denied, nobody is asked. The repository's own `opencode.json` (permission,
 * agent.build.permission, tools), its `.opencode/tool` and a plugin's permission.ask hook could not
 * widen that. But a plugin in `.opencode/plugin` runs inside the server's process and sees its
 * environment, password included, unless the server was started with
 * OPENCODE_DISABLE_PROJECT_CONFIG=1: then it is not loaded (seen). `shell` isn't subject to the
 * rules.
 *
 * A request that reaches the server in the first moment after its start is accepted and never
 * answered (6 of 6 times, as long as the port had just begun to listen). So a first contact has a
 * short clock and is asked again. */
#include "io/opencode_call.h"

#include <sodium.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"

enum {
    CONTACT_TIMEOUT_S = 3,
    ABORT_TIMEOUT_S = 10,
    CALL_TIMEOUT_S = 60 /* the first call for a directory sets much up */
};

int call_authorization(const char *password, char **ret, struct error *err) {
    static const char user[] = "opencode:", name[] = "Authorization: Basic ";
    if (!password) {
        *ret = NULL;
        return 0;
    }
    size_t plain_size = strlen(user) + strlen(password);
    size_t code_size = sodium_base64_ENCODED_LEN(plain_size, sodium_base64_VARIANT_ORIGINAL);
    char *plain = memory_new(plain_size + 1);
    char *line = memory_new(strlen(name) + code_size);
    if (plain && line) {
        strcat(strcpy(plain, user), password);
        strcpy(line, name);
        sodium_bin2base64(line + strlen(name), code_size, (unsigned char *)plain, plain_size,
                          sodium_base64_VARIANT_ORIGINAL);
    }
    if (plain) sodium_memzero(plain, plain_size);
    bool is_failed = !plain || !line;
    memory_free(plain);
    if (is_failed) {
        memory_free(line);
        return error_no_memory(err);
    }
    *ret = line;
    return 0;
}

/* ---- bodies
 * --------------------------------------------------------------------------------------- */

static int write_json(struct buffer *packed, struct buffer *out, struct error *err) {
    int status = buffer_check(packed, err);
    if (status == 0) status = json_write_packed(buffer_bytes(packed), out, err);
    buffer_done(packed);
    return status;
}

static void pack_rule(struct buffer *out, const char *permission, const char *action) {
    pack_map(out, 3);
    pack_member_text(out, "permission", permission);
    pack_member_text(out, "pattern", "*");
    pack_member_text(out, "action", action);
}

static int write_session(const struct opencode_request *request, struct buffer *out,
                         struct error *err) {
    struct buffer packed = BUFFER_EMPTY;
    size_t count = 0;
    while (request->allowed && request->allowed[count]) count++;
    pack_map(&packed, 3);
    pack_member_text(&packed, "title", request->title ? request->title : request->key);
    pack_text(&packed, "metadata");
    pack_map(&packed, 1);
    pack_member_text(&packed, "tend", request->key);
    pack_text(&packed, "permission");
    pack_list(&packed, count + 1);
    pack_rule(&packed, "*", "deny");
    for (size_t i = 0; i < count; i++) pack_rule(&packed, request->allowed[i], "allow");
    return write_json(&packed, out, err);
}

static int write_prompt(const struct opencode_request *request, struct buffer *out,
                        struct error *err) {
    struct buffer packed = BUFFER_EMPTY;
    pack_map(&packed, request->system ? 5 : 4);
    pack_member_text(&packed, "messageID", request->message_id);
    pack_text(&packed, "model");
    pack_map(&packed, 2);
    pack_member_text(&packed, "providerID", request->provider_id);
    pack_member_text(&packed, "modelID", request->model_id);
    /* Named, because the repository's configuration could set another default. */
    pack_member_text(&packed, "agent", "build");
    if (request->system) pack_member_text(&packed, "system", request->system);
    pack_text(&packed, "parts");
    pack_list(&packed, 1);
    pack_map(&packed, 2);
    pack_member_text(&packed, "type", "text");
    pack_member_text(&packed, "text", request->prompt);
    return write_json(&packed, out, err);
}

static int write_shell(const char *command, struct buffer *out, struct error *err) {
    struct buffer packed = BUFFER_EMPTY;
    pack_map(&packed, 2);
    pack_member_text(&packed, "agent", "build");
    pack_member_text(&packed, "command", command);
    return write_json(&packed, out, err);
}

static int write_reject(struct buffer *out, struct error *err) {
    struct buffer packed = BUFFER_EMPTY;
    pack_map(&packed, 2);
    pack_member_text(&packed, "reply", "reject");
    pack_member_text(&packed, "message", "This is not allowed here. Go on without it.");
    return write_json(&packed, out, err);
}

static int write_body(const struct call *call, struct buffer *out, struct error *err) {
    switch (call->step) {
    case STEP_CREATE: return write_session(call->request, out, err);
    case STEP_PROMPT: return write_prompt(call->request, out, err);
    case STEP_SHELL: return write_shell(call->command, out, err);
    case STEP_REJECT: return write_reject(out, err);
    default: return 0;
    }
}

/* ---- requests
 * --------------------------------------------------------------------------------------- */

static const char *method_of(enum opencode_step step) {
    switch (step) {
    case STEP_CREATE:
    case STEP_PROMPT:
    case STEP_REJECT:
    case STEP_SHELL:
    case STEP_ABORT: return "POST";
    default: return "GET";
    }
}

static void write_path(const struct call *call, struct buffer *out) {
    const char *of_session = NULL;
    switch (call->step) {
    case STEP_CONTACT: buffer_add_text(out, "/global/health"); break;
    case STEP_MODELS: buffer_add_text(out, "/config/providers"); break;
    case STEP_FIND:
    case STEP_CREATE: buffer_add_text(out, "/session"); break;
    case STEP_STATUS: buffer_add_text(out, "/session/status"); break;
    case STEP_PERMISSIONS: buffer_add_text(out, "/permission"); break;
    case STEP_REJECT: buffer_add_format(out, "/permission/%s/reply", call->permission_id); break;
    case STEP_MESSAGES:
    case STEP_COLLECT: of_session = "message"; break;
    case STEP_PROMPT: of_session = "prompt_async"; break;
    case STEP_SHELL: of_session = "shell"; break;
    case STEP_TODOS: of_session = "todo"; break;
    case STEP_DIFF: of_session = "diff"; break;
    case STEP_ABORT: of_session = "abort"; break;
    }
    if (of_session) buffer_add_format(out, "/session/%s/%s", call->session_id, of_session);
}

static int write_url(const struct call *call, struct buffer *out, struct error *err) {
    const char *base_url = call->request->base_url;
    size_t size = strlen(base_url);
    while (size && base_url[size - 1] == '/') size--;
    buffer_add(out, base_url, size);
    write_path(call, out);
    if (call->step != STEP_CONTACT) {
        buffer_add_text(out, "?directory=");
        text_add_url(out, bytes_of(call->request->directory));
    }
    return buffer_check(out, err);
}

static int64_t timeout_us(const struct call *call) {
    int64_t most_us = call->step == STEP_CONTACT ? CONTACT_TIMEOUT_S : CALL_TIMEOUT_S;
    if (call->step == STEP_ABORT) return ABORT_TIMEOUT_S * INT64_C(1000000);
    most_us *= 1000000;
    if (call->step == STEP_SHELL || most_us > call->left_us) most_us = call->left_us;
    return most_us < 1 ? 1 : most_us;
}

int call_start(struct http_client *client, const struct call *call, http_done *done, void *context,
               struct http_exchange **ret, struct error *err) {
    struct buffer url = BUFFER_EMPTY, body = BUFFER_EMPTY;
    const char *headers[3] = {"Content-Type: application/json"};
    if (call->step != STEP_CONTACT) headers[1] = call->authorization;
    int status = write_url(call, &url, err);
    if (status == 0) status = write_body(call, &body, err);
    if (status == 0) {
        struct http_request request = {.method = method_of(call->step),
                                       .url = url.data,
                                       .headers = headers,
                                       .body = {body.data, body.size},
                                       .timeout_us = timeout_us(call)};
        status = http_start(client, &request, done, context, ret, err);
    }
    buffer_done(&url);
    buffer_done(&body);
    return status;
}
