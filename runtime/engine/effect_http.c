/* http{…}: options to a request of io/http.h, its answer to a result. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/effect_kinds.h"
#include "engine/option.h"
#include "io/http.h"

struct building {
    struct effect *effect;
    const struct value *options;
    struct texts headers;
    struct buffer url, body, line;
    bool has_body;
};

static int add_header(struct building *b, const char *name, const struct value *value,
                      struct error *err) {
    buffer_clear(&b->line);
    buffer_add_format(&b->line, "%s: ", name);
    int status = secrets_text(b->effect->place->services->secrets, value, &b->line, err);
    if (!status && texts_add(&b->headers, &b->line)) status = error_no_memory(err);
    return status;
}

static int add_text_header(struct building *b, const char *name, const char *text,
                           struct error *err) {
    struct value value = {.kind = VALUE_TEXT, .text = bytes_of(text)};
    return add_header(b, name, &value, err);
}

static bool has_header(const struct building *b, const char *name) {
    size_t size = strlen(name);
    for (size_t i = 0; i < b->headers.count; i++)
        if (strncasecmp(b->headers.items[i], name, size) == 0 && b->headers.items[i][size] == ':')
            return true;
    return false;
}

static int add_headers(struct building *b, struct error *err) {
    const struct value *headers = value_get_map(b->options, "headers");
    int status = 0;
    for (size_t i = 0; headers && i < headers->map.count && !status; i++) {
        char *name =
            memory_copy(headers->map.members[i].key.data, headers->map.members[i].key.size);
        status =
            name ? add_header(b, name, &headers->map.members[i].value, err) : error_no_memory(err);
        memory_free(name);
    }
    return status;
}

/* auth = {bearer = token} or {basic = {user = …, password = …}} */
static int add_auth(struct building *b, struct error *err) {
    const struct value *auth = value_get_map(b->options, "auth");
    const struct value *bearer = value_get(auth, "bearer"), *basic = value_get_map(auth, "basic");
    struct secrets *secrets = b->effect->place->services->secrets;
    struct buffer plain = BUFFER_EMPTY;
    int status = 0;
    if (!auth) return 0;
    buffer_clear(&b->line);
    buffer_add_text(&b->line, bearer ? "Authorization: Bearer " : "Authorization: Basic ");
    if (bearer) status = secrets_text(secrets, bearer, &b->line, err);
    if (!bearer) status = secrets_text(secrets, value_get(basic, "user"), &plain, err);
    if (!bearer && !status) {
        buffer_add_byte(&plain, ':');
        status = secrets_text(secrets, value_get(basic, "password"), &plain, err);
        text_add_base64(&b->line, buffer_bytes(&plain));
    }
    if (plain.data) sodium_memzero(plain.data, plain.size);
    buffer_done(&plain);
    if (!status && texts_add(&b->headers, &b->line)) status = error_no_memory(err);
    return status;
}

static int add_pairs(struct building *b, const struct value *map, struct buffer *out, char first,
                     struct error *err) {
    struct buffer text = BUFFER_EMPTY;
    int status = 0;
    for (size_t i = 0; map && i < map->map.count && !status; i++) {
        if (i || first) buffer_add_byte(out, (unsigned char)(i ? '&' : first));
        text_add_url(out, map->map.members[i].key);
        buffer_add_byte(out, '=');
        buffer_clear(&text);
        status = secrets_text(b->effect->place->services->secrets, &map->map.members[i].value,
                              &text, err);
        text_add_url(out, buffer_bytes(&text));
    }
    buffer_done(&text);
    return status;
}

static int add_url(struct building *b, struct error *err) {
    struct bytes url = value_get_bytes(b->options, "url");
    buffer_add(&b->url, url.data, url.size);
    const struct value *query = value_get_map(b->options, "query");
    return add_pairs(b, query, &b->url, b->url.data && strchr(b->url.data, '?') ? '&' : '?', err);
}

static int add_body(struct building *b, struct error *err) {
    const struct value *json = value_get(b->options, "json"),
                       *form = value_get_map(b->options, "form");
    const struct value *body = value_get(b->options, "body");
    const char *type = json   ? "application/json"
                       : form ? "application/x-www-form-urlencoded"
                              : NULL;
    int status = 0;
    b->has_body = json || form || body;
    if (json) status = json_write(json, (struct json_style){0}, &b->body, err);
    else if (form) status = add_pairs(b, form, &b->body, 0, err);
    else if (body) status = secrets_text(b->effect->place->services->secrets, body, &b->body, err);
    if (!status && type && !has_header(b, "Content-Type"))
        status = add_text_header(b, "Content-Type", type, err);
    return status;
}

static bool is_safe(const char *method) {
    return strcasecmp(method, "GET") == 0 || strcasecmp(method, "HEAD") == 0 ||
           strcasecmp(method, "OPTIONS") == 0;
}

static int add_own_headers(struct building *b, const char *method, const char *idempotency_key,
                           struct error *err) {
    int status = 0;
    if (!has_header(b, "User-Agent"))
        status = add_text_header(b, "User-Agent", "tend/" TEND_VERSION, err);
    if (!status && !is_safe(method) && !has_header(b, "Idempotency-Key"))
        status = add_text_header(b, "Idempotency-Key", idempotency_key, err);
    return status;
}

/* ---- the answer ---- */

static bool is_ok(const struct value *options, long status) {
    const struct value *ok = value_get_list(options, "ok");
    if (!ok) return status >= 200 && status <= 299;
    for (size_t i = 0; i < ok->list.count; i++)
        if (value_is_number(&ok->list.items[i]) && (long)value_number(&ok->list.items[i]) == status)
            return true;
    return false;
}

static struct bytes cut(struct bytes text, size_t max) {
    return (struct bytes){text.data ? text.data : "", text.size < max ? text.size : max};
}

static void pack_response(const struct http_response *response, struct bytes body,
                          struct buffer *out) {
    const struct http_timing *timing = &response->timing;
    pack_map(out, 5);
    pack_member_integer(out, "status", response->status);
    pack_text(out, "headers");
    if (response->headers.size) buffer_add(out, response->headers.data, response->headers.size);
    else pack_map(out, 0);
    pack_member_bytes(out, "body", body);
    pack_member_text(out, "url", response->url ? response->url : "");
    pack_text(out, "timing");
    pack_map(out, 5);
    pack_member_double(out, "dns", (double)timing->dns / 1e6);
    pack_member_double(out, "connect", (double)timing->connect / 1e6);
    pack_member_double(out, "tls", (double)timing->tls / 1e6);
    pack_member_double(out, "first_byte", (double)timing->first_byte / 1e6);
    pack_member_double(out, "total", (double)timing->total / 1e6);
}

static bool is_transient(long status) {
    return status == 408 || status == 425 || status == 429 || status >= 500;
}

enum { RETRY_AFTER_MAX_S = 365 * 24 * 3600 };

/* Retry-After: seconds; a date is left to the ordinary wait. */
static int64_t retry_after_us(const struct http_response *response) {
    struct value_tree tree;
    int64_t wait_us = 0;
    if (!response->headers.size || value_read(buffer_bytes(&response->headers), &tree, NULL))
        return 0;
    struct bytes text = value_get_bytes(&tree.root, "retry-after");
    char digits[16];
    if (text.size && text.size < sizeof digits) {
        memcpy(digits, text.data, text.size);
        digits[text.size] = '\0';
        long long seconds = strtoll(digits, NULL, 10);
        wait_us = (seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S) * INT64_C(1000000);
    }
    value_tree_done(&tree);
    return wait_us > 0 ? wait_us : 0;
}

static void unexpected(struct effect *effect, const struct http_response *response) {
    struct secrets *secrets = effect->place->services->secrets;
    struct buffer packed = BUFFER_EMPTY, message = BUFFER_EMPTY, url = BUFFER_EMPTY;
    struct buffer body = BUFFER_EMPTY;
    bool is_retryable = is_transient(response->status);
    secrets_mask_text(secrets, bytes_of(response->url ? response->url : "the server"), &url);
    secrets_mask_text(secrets, cut(buffer_bytes(&response->body), SIZE_MAX), &body);
    buffer_add_format(&message, "HTTP %ld from ", response->status);
    struct bytes shown = cut(buffer_bytes(&url), 300);
    buffer_add(&message, shown.data, shown.size);
    pack_map(&packed, 4);
    pack_member_bytes(&packed, "message", buffer_bytes(&message));
    pack_member_text(&packed, "kind", "http");
    pack_member_boolean(&packed, "retryable", is_retryable);
    pack_text(&packed, "response");
    pack_response(response, cut(buffer_bytes(&body), 65536), &packed);
    buffer_done(&message);
    buffer_done(&body);
    buffer_done(&url);
    effect_fail(effect, buffer_bytes(&packed), is_retryable, retry_after_us(response));
    buffer_done(&packed);
}

static void on_done(void *context, struct http_response *response, const struct error *err) {
    struct effect *effect = context;
    struct buffer packed = BUFFER_EMPTY;
    if (!response) {
        struct error told = *err;
        bool is_too_large = effect_names_limit(effect, &told);
        effect_fail_with(effect, &told, !is_too_large, 0);
        return;
    }
    if (!is_ok(&effect->options.root, response->status)) {
        unexpected(effect, response);
        return;
    }
    pack_response(response, cut(buffer_bytes(&response->body), SIZE_MAX), &packed);
    effect_succeed(effect, buffer_bytes(&packed));
    buffer_done(&packed);
}

void effect_http_answered(struct effect *effect, const struct value *answer) {
    struct http_response response = {.status = (long)value_get_integer(answer, "status", 200)};
    const struct value *headers = value_get_map(answer, "headers");
    struct bytes body = value_get_bytes(answer, "body");
    response.url = value_copy_text(value_get(answer, "url"));
    if (headers) pack_value(&response.headers, headers);
    buffer_add(&response.body, body.data, body.size);
    on_done(effect, &response, NULL);
    buffer_done(&response.headers);
    buffer_done(&response.body);
    memory_free(response.url);
}

static void abort_http(struct effect *effect, bool is_cancelled) {
    (void)is_cancelled;
    http_abort(effect->handle);
}

static int build(struct building *b, const char *method, const char *key, struct error *err) {
    int status = add_url(b, err);
    if (!status) status = add_headers(b, err);
    if (!status) status = add_auth(b, err);
    if (!status) status = add_body(b, err);
    if (!status) status = add_own_headers(b, method, key, err);
    if (!status && (b->url.is_failed || b->body.is_failed)) status = error_no_memory(err);
    return status;
}

int effect_http_start(struct effect *effect, const struct effect_request *request,
                      struct error *err) {
    struct building b = {.effect = effect, .options = request->options};
    int64_t timeout_us = 0;
    char *given = value_copy_text(value_get(request->options, "method"));
    bool has_body = value_get(request->options, "json") || value_get(request->options, "body") ||
                    value_get(request->options, "form");
    const char *method = given ? given : has_body ? "POST" : "GET";
    int status = duration_read(request->options, "timeout", &timeout_us, err);
    if (!status) status = build(&b, method, request->idempotency_key, err);
    struct http_request http = {.method = method,
                                .url = b.url.data ? b.url.data : "",
                                .headers = (const char *const *)b.headers.items,
                                .body =
                                    b.has_body ? buffer_bytes(&b.body) : (struct bytes){NULL, 0},
                                .timeout_us = timeout_us,
                                .max_bytes = effect_max_bytes(effect, request->options),
                                .follow = value_get_boolean(request->options, "follow", true)};
    struct http_exchange *exchange;
    if (!status) status = http_start(effect->place->http, &http, on_done, effect, &exchange, err);
    if (!status) {
        effect->handle = exchange;
        effect->abort = abort_http;
    }
    texts_done(&b.headers);
    buffer_done(&b.url);
    buffer_done(&b.body);
    buffer_done(&b.line);
    memory_free(given);
    return status;
}
