/* The calls to an OpenCode server; see opencode_call.h.
 *
 * Permissions, as measured with 1.18.33: a session's rules are appended to those of the agent and of
 * all configuration files, and the last rule that matches a tool and its argument decides. So
 * "deny everything" stands first and each tool that is allowed after it (the other way round
 * everything is denied, seen). A tool denied for every pattern isn't even offered to the model; a
 * call of it all the same answers "unavailable tool". `external_directory` (a path outside the
 * session's directory, in read as well as in a bash command) and `doom_loop` fall under "*": they are
 * denied, nobody is asked. The repository's own `opencode.json` (permission, agent.build.permission,
 * tools), its `.opencode/tool` and a plugin's permission.ask hook could not widen that.
 * But a plugin in `.opencode/plugin` runs inside the server's process and sees its environment,
 * password included, unless the server was started with OPENCODE_DISABLE_PROJECT_CONFIG=1: then it
 * is not loaded (seen). `shell` isn't subject to the rules. */
#include "io/opencode_call.h"

#include <sodium.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"

int call_url(const char *base_url, const char *path, const char *directory, struct buffer *out,
             struct error *err) {
    size_t size = strlen(base_url);
    while (size && base_url[size - 1] == '/') size--;
    buffer_add(out, base_url, size);
    buffer_add_text(out, path);
    buffer_add_text(out, "?directory=");
    text_add_url(out, bytes_of(directory));
    return buffer_check(out, err);
}

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

/* ---- bodies --------------------------------------------------------------------------------------- */

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

int call_write_session(const struct opencode_request *request, struct buffer *out,
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

int call_write_prompt(const struct opencode_request *request, struct buffer *out,
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

int call_write_shell(const char *command, struct buffer *out, struct error *err) {
    struct buffer packed = BUFFER_EMPTY;
    pack_map(&packed, 2);
    pack_member_text(&packed, "agent", "build");
    pack_member_text(&packed, "command", command);
    return write_json(&packed, out, err);
}
