/* Copies of requests; see opencode_request.h. */
#include "io/opencode_request.h"

#include <sodium.h>
#include <string.h>

#include "base/memory.h"
#include "io/http_url.h"

enum { TIMEOUT_S = 30 * 60, POLL_MS = 1000 };

int opencode_request_check(const struct opencode_request *request, bool *is_loopback,
                           struct error *err) {
    struct http_url url;
    int status = http_url_read(request->base_url, &url, err);
    if (status) {
        error_context(err, "OPENCODE_BASE_URL");
        return status;
    }
    if (!request->directory || request->directory[0] != '/')
        return error_set_kind(err, TEND_EINPUT, "agent",
                              "the agent's directory must be an absolute path, not %s",
                              request->directory ? request->directory : "nothing");
    if (strncmp(request->message_id, "msg", 3) != 0)
        return error_set_kind(err, TEND_EINPUT, "agent", "a message id begins with msg: %s",
                              request->message_id);
    *is_loopback = http_url_is_loopback(&url);
    if (*is_loopback || request->password) return 0;
    return error_set_kind(err, TEND_EINPUT, "agent",
                          "the OpenCode server at %s isn't on loopback and no password is set: "
                          "anybody could run commands on it; set OPENCODE_SERVER_PASSWORD there "
                          "and here",
                          request->base_url);
}

static bool copy_text(const char **place) {
    if (!*place) return true;
    *place = memory_copy_text(*place);
    return *place != NULL;
}

/* A NULL-terminated list; an empty one where there is none. */
static bool copy_texts(const char *const **place) {
    size_t count = 0;
    const char *const *from = *place;
    while (from && from[count]) count++;
    const char **copies = memory_new((count + 1) * sizeof *copies);
    *place = copies;
    for (size_t i = 0; copies && i < count; i++)
        if (!(copies[i] = memory_copy_text(from[i]))) return false;
    return copies != NULL;
}

int opencode_request_own(struct opencode_request *request, struct error *err) {
    bool is_copied = copy_text(&request->base_url);
    is_copied &= copy_text(&request->password);
    is_copied &= copy_text(&request->directory);
    is_copied &= copy_text(&request->title);
    is_copied &= copy_text(&request->key);
    is_copied &= copy_text(&request->message_id);
    is_copied &= copy_text(&request->provider_id);
    is_copied &= copy_text(&request->model_id);
    is_copied &= copy_text(&request->prompt);
    is_copied &= copy_text(&request->system);
    is_copied &= copy_texts(&request->allowed);
    is_copied &= copy_texts(&request->shell);
    if (!request->timeout_us) request->timeout_us = TIMEOUT_S * INT64_C(1000000);
    if (!request->poll_us) request->poll_us = POLL_MS * 1000;
    return is_copied ? 0 : error_no_memory(err);
}

static void free_texts(const char *const *texts) {
    for (size_t i = 0; texts && texts[i]; i++) memory_free((char *)texts[i]);
    memory_free((void *)texts);
}

void opencode_request_done(struct opencode_request *request) {
    if (request->password) sodium_memzero((char *)request->password, strlen(request->password));
    memory_free((char *)request->base_url);
    memory_free((char *)request->password);
    memory_free((char *)request->directory);
    memory_free((char *)request->title);
    memory_free((char *)request->key);
    memory_free((char *)request->message_id);
    memory_free((char *)request->provider_id);
    memory_free((char *)request->model_id);
    memory_free((char *)request->prompt);
    memory_free((char *)request->system);
    free_texts(request->allowed);
    free_texts(request->shell);
}
