/* HTTP exchanges; see http.h.
 *
 * The way of an exchange: http_start() copies the request, makes a curl handle and adds it to the
 * loop; curl calls on_header() and on_body() as the answer comes; on_ended() follows a redirect
 * (the same handle goes in again) or calls the caller back and releases everything.
 *
 * Redirects are followed here and not by libcurl, because libcurl only knows Authorization and
 * Cookie as credentials: Project-Access-Token or X-Api-Key it would carry anywhere. To another
 * origin (scheme, host, port) only harmless headers go along, and a body (307, 308) doesn't go at
 * all: then the redirect itself is the answer. */
#include "io/http.h"

#include <ctype.h>
#include <sodium.h>
#include <string.h>

#include "base/memory.h"
#include "io/http_failure.h"
#include "io/http_headers.h"
#include "io/http_loop.h"
#include "io/http_url.h"

enum {
    TIMEOUT_S = 60,
    CONNECT_TIMEOUT_S = 10,
    BODY_MAX_MIB = 16,
    HEADERS_MAX_KIB = 256, /* a real answer has 1 to 8 KiB */
    REDIRECTS_MAX = 10
};

struct http_client {
    uv_loop_t *loop;
    struct http_loop *curl_loop; /* NULL until the first exchange */
    struct http_exchange *first;
};

struct http_exchange {
    struct http_client *client;
    struct http_exchange *previous, *next;
    CURL *easy;
    struct curl_slist *headers;
    char *method, *url;
    char *body; /* NULL: none */
    size_t body_size;
    int64_t timeout_us, connect_timeout_us;
    size_t max_bytes;
    bool follow;
    bool (*may_follow)(void *context, const char *url);
    int redirects;
    int64_t started_us, hop_started_us;
    http_done *done;
    void *context;
    bool is_done; /* inside its callback: an abort does nothing */
    bool is_too_large, are_headers_too_large;
    struct buffer lines; /* header lines of the last response */
    struct buffer answer;
    char detail[CURL_ERROR_SIZE];
};

static const struct curl_library *curl_of(const struct http_exchange *exchange) {
    return http_loop_curl(exchange->client->curl_loop);
}

static int64_t now_us(void) { return (int64_t)(uv_hrtime() / 1000); }

/* ---- memory -------------------------------------------------------------------------------- */

static void link_exchange(struct http_client *client, struct http_exchange *exchange) {
    exchange->next = client->first;
    if (client->first) client->first->previous = exchange;
    client->first = exchange;
}

static void unlink_exchange(struct http_exchange *exchange) {
    struct http_client *client = exchange->client;
    if (exchange->previous) exchange->previous->next = exchange->next;
    else if (client->first == exchange) client->first = exchange->next;
    if (exchange->next) exchange->next->previous = exchange->previous;
    exchange->previous = exchange->next = NULL;
}

static void drop_body(struct http_exchange *exchange) {
    if (exchange->body) sodium_memzero(exchange->body, exchange->body_size);
    memory_free(exchange->body);
    exchange->body = NULL;
    exchange->body_size = 0;
}

static void free_text(char *text) { /* a URL may carry a token */
    if (text) sodium_memzero(text, strlen(text));
    memory_free(text);
}

/* The curl handle must be released already. */
static void exchange_free(struct http_exchange *exchange) {
    http_headers_free(exchange->headers);
    drop_body(exchange);
    free_text(exchange->url);
    memory_free(exchange->method);
    buffer_done(&exchange->lines);
    buffer_done(&exchange->answer);
    memory_free(exchange);
}

/* ---- the answer comes ----------------------------------------------------------------------- */

static size_t on_header(char *data, size_t one, size_t size, void *context) {
    struct http_exchange *exchange = context;
    (void)one; /* always 1 */
    /* A status line begins a new answer: after 100 Continue, or a proxy's. */
    if (size >= 5 && memcmp(data, "HTTP/", 5) == 0) buffer_clear(&exchange->lines);
    else buffer_add(&exchange->lines, data, size);
    exchange->are_headers_too_large = exchange->lines.size > HEADERS_MAX_KIB * 1024;
    return exchange->are_headers_too_large || exchange->lines.is_failed ? 0 : size;
}

static size_t on_body(char *data, size_t one, size_t size, void *context) {
    struct http_exchange *exchange = context;
    (void)one;
    if (size > exchange->max_bytes - exchange->answer.size) {
        exchange->is_too_large = true;
        return 0;
    }
    buffer_add(&exchange->answer, data, size);
    return exchange->answer.is_failed ? 0 : size;
}

/* ---- telling the caller ---------------------------------------------------------------------- */

static int64_t time_of(struct http_exchange *exchange, CURLINFO info) {
    curl_off_t us = 0;
    curl_of(exchange)->easy_getinfo(exchange->easy, info, &us);
    return exchange->hop_started_us - exchange->started_us + us;
}

static void read_timing(struct http_exchange *exchange, struct http_timing *timing) {
    *timing = (struct http_timing){
        .dns = time_of(exchange, CURLINFO_NAMELOOKUP_TIME_T),
        .connect = time_of(exchange, CURLINFO_CONNECT_TIME_T),
        .tls = time_of(exchange, CURLINFO_APPCONNECT_TIME_T),
        .first_byte = time_of(exchange, CURLINFO_STARTTRANSFER_TIME_T),
        .total = now_us() - exchange->started_us,
    };
}

/* Calls back once and releases the exchange. Nothing of the client may be touched afterwards: the
 * callback may have released it. */
static void finish(struct http_exchange *exchange, struct http_response *response,
                   const struct error *err) {
    curl_of(exchange)->easy_cleanup(exchange->easy);
    exchange->easy = NULL;
    unlink_exchange(exchange);
    exchange->is_done = true;
    exchange->done(exchange->context, err ? NULL : response, err);
    exchange_free(exchange);
}

static void finish_with_response(struct http_exchange *exchange) {
    const struct curl_library *curl = curl_of(exchange);
    struct http_response response = {0};
    struct error err;
    curl->easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &response.status);
    read_timing(exchange, &response.timing);
    int status = http_headers_pack(buffer_bytes(&exchange->lines), &response.headers, &err);
    response.url = exchange->url;
    response.body = exchange->answer;
    exchange->answer = BUFFER_EMPTY;
    finish(exchange, &response, status ? &err : NULL);
    buffer_done(&response.headers);
    buffer_done(&response.body);
}

static void tell_failure(struct http_exchange *exchange, CURLcode code, struct error *err) {
    const struct curl_library *curl = curl_of(exchange);
    struct http_failure failure = {
        .code = code,
        .url = exchange->url,
        .detail = exchange->detail[0] ? exchange->detail : curl->easy_strerror(code),
        .timeout_us = exchange->timeout_us,
        .connect_timeout_us = exchange->connect_timeout_us,
    };
    long status = 0;
    curl_off_t connected_us = 0;
    curl->easy_getinfo(exchange->easy, CURLINFO_OS_ERRNO, &failure.os_error);
    curl->easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
    curl->easy_getinfo(exchange->easy, CURLINFO_PRETRANSFER_TIME_T, &connected_us);
    failure.has_answer = status != 0;
    failure.is_connected = connected_us > 0;
    http_failure_tell(&failure, err);
}

static void finish_with_failure(struct http_exchange *exchange, CURLcode code) {
    struct error err;
    if (exchange->is_too_large)
        error_set_kind(&err, TEND_EIO, "http", "body larger than max_bytes (%zu)",
                       exchange->max_bytes);
    else if (exchange->are_headers_too_large)
        error_set_kind(&err, TEND_EIO, "http", "headers larger than %d KiB", HEADERS_MAX_KIB);
    else if (exchange->lines.is_failed || exchange->answer.is_failed) error_no_memory(&err);
    else tell_failure(exchange, code, &err);
    finish(exchange, NULL, &err);
}

/* ---- redirects --------------------------------------------------------------------------------
 */

static bool is_redirect(long status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Where the answer points to, or NULL if it is to be handed out as it is. */
static const char *redirect_target(struct http_exchange *exchange, long *status) {
    char *target = NULL;
    if (!exchange->follow) return NULL;
    curl_of(exchange)->easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, status);
    curl_of(exchange)->easy_getinfo(exchange->easy, CURLINFO_REDIRECT_URL, &target);
    return is_redirect(*status) ? target : NULL;
}

static bool keeps_method(const struct http_exchange *exchange, long status) {
    const char *method = exchange->method;
    if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0) return true;
    return status == 307 || status == 308 || (status != 303 && strcmp(method, "POST") != 0);
}

static int check_target(struct http_exchange *exchange, const char *target, bool *is_elsewhere,
                        struct error *err) {
    struct http_url from, to;
    if (exchange->redirects >= REDIRECTS_MAX)
        return error_set_kind(err, TEND_EIO, "http", "more than %d redirects, the last to %.200s",
                              REDIRECTS_MAX, target);
    int status = http_url_read(exchange->url, &from, err);
    if (status == 0) status = http_url_read(target, &to, err);
    if (status) {
        error_context(err, "redirected");
        return status;
    }
    *is_elsewhere = !http_url_same_origin(&from, &to);
    if (*is_elsewhere && exchange->may_follow && !exchange->may_follow(exchange->context, target))
        return error_set_kind(err, TEND_EINPUT, "permission",
                              "redirected to %.200s, which this workflow may not reach", target);
    return 0;
}

static int turn_into_get(struct http_exchange *exchange, struct error *err) {
    char *method = memory_copy_text("GET");
    if (!method) return error_no_memory(err);
    memory_free(exchange->method);
    exchange->method = method;
    drop_body(exchange);
    http_headers_cut_body(&exchange->headers);
    return 0;
}

static int begin(struct http_exchange *exchange, struct error *err);

static int go_to(struct http_exchange *exchange, const char *target, long status, bool is_elsewhere,
                 struct error *err) {
    char *url = memory_copy_text(target);
    if (!url) return error_no_memory(err);
    free_text(exchange->url);
    exchange->url = url;
    exchange->redirects++;
    int result = keeps_method(exchange, status) ? 0 : turn_into_get(exchange, err);
    if (is_elsewhere) http_headers_cut(&exchange->headers);
    buffer_clear(&exchange->lines);
    buffer_clear(&exchange->answer);
    return result ? result : begin(exchange, err);
}

static void follow(struct http_exchange *exchange, const char *target, long status) {
    struct error err;
    bool is_elsewhere = false;
    int result = check_target(exchange, target, &is_elsewhere, &err);
    if (result == 0 && is_elsewhere && exchange->body && keeps_method(exchange, status)) {
        finish_with_response(exchange);
        return;
    }
    if (result == 0) result = go_to(exchange, target, status, is_elsewhere, &err);
    if (result) finish(exchange, NULL, &err);
}

static void on_ended(void *context, CURL *easy, CURLcode code) {
    struct http_exchange *exchange = context;
    long status = 0;
    (void)easy; /* the exchange's */
    const char *target = code == CURLE_OK ? redirect_target(exchange, &status) : NULL;
    if (target) follow(exchange, target, status);
    else if (code == CURLE_OK) finish_with_response(exchange);
    else finish_with_failure(exchange, code);
}

/* ---- starting ----------------------------------------------------------------------------------
 */

static long to_ms(int64_t us) {
    int64_t ms = (us + 999) / 1000;
    return ms < 1 ? 1 : ms > INT32_MAX ? INT32_MAX : (long)ms;
}

/* What stays the same over all redirects. */
static int prepare(struct http_exchange *exchange, struct error *err) {
    const struct curl_library *curl = curl_of(exchange);
    exchange->easy = curl->easy_init();
    if (!exchange->easy) return error_no_memory(err);
    CURL *easy = exchange->easy;
    curl->easy_setopt(easy, CURLOPT_PRIVATE, exchange);
    curl->easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->detail);
    curl->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl->easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl->easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl->easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl->easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl->easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl->easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
    curl->easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl->easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
    if (curl->easy_setopt(easy, CURLOPT_USERAGENT, "tend/" TEND_VERSION) != CURLE_OK ||
        curl->easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "") != CURLE_OK)
        return error_no_memory(err);
    if (curl->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") != CURLE_OK)
        return error_set_kind(err, TEND_EIO, "http", "libcurl is older than 7.85");
    return 0;
}

static void set_body(struct http_exchange *exchange) {
    const struct curl_library *curl = curl_of(exchange);
    const char *method = exchange->method;
    bool has_body = exchange->body || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
                    strcmp(method, "PATCH") == 0;
    curl->easy_setopt(exchange->easy, CURLOPT_HTTPGET, 1L); /* clears an earlier hop's */
    curl->easy_setopt(exchange->easy, CURLOPT_NOBODY, strcmp(method, "HEAD") == 0 ? 1L : 0L);
    if (!has_body) return;
    curl->easy_setopt(exchange->easy, CURLOPT_POSTFIELDS, exchange->body ? exchange->body : "");
    curl->easy_setopt(exchange->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)exchange->body_size);
}

/* One hop: what a redirect changes, then off it goes. */
static int begin(struct http_exchange *exchange, struct error *err) {
    const struct curl_library *curl = curl_of(exchange);
    CURL *easy = exchange->easy;
    exchange->hop_started_us = now_us();
    int64_t left_us = exchange->timeout_us - (exchange->hop_started_us - exchange->started_us);
    exchange->detail[0] = '\0';
    set_body(exchange);
    curl->easy_setopt(easy, CURLOPT_TIMEOUT_MS, to_ms(left_us));
    curl->easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, to_ms(exchange->connect_timeout_us));
    curl->easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->headers);
    if (curl->easy_setopt(easy, CURLOPT_CUSTOMREQUEST,
                          strcmp(exchange->method, "HEAD") ? exchange->method : NULL) ||
        curl->easy_setopt(easy, CURLOPT_URL, exchange->url))
        return error_no_memory(err);
    return http_loop_add(exchange->client->curl_loop, easy, err);
}

static int check_method(const char *method, struct error *err) {
    for (const char *c = method; *c; c++)
        if (!isalpha((unsigned char)*c) && *c != '-') method = "";
    if (*method) return 0;
    return error_set_kind(err, TEND_EINPUT, "http", "not a method: letters only, like GET");
}

static int copy_request(struct http_exchange *exchange, const struct http_request *request,
                        struct error *err) {
    const char *method = request->method ? request->method : request->body.data ? "POST" : "GET";
    struct http_url parts;
    int status = http_url_read(request->url, &parts, err);
    if (status == 0) status = check_method(method, err);
    if (status == 0) status = http_headers_new(request->headers, &exchange->headers, err);
    if (status) return status;
    exchange->method = memory_copy_text(method);
    exchange->url = memory_copy_text(request->url);
    if (request->body.data) {
        exchange->body = memory_copy(request->body.data, request->body.size);
        exchange->body_size = exchange->body ? request->body.size : 0;
    }
    if (!exchange->method || !exchange->url || (request->body.data && !exchange->body))
        return error_no_memory(err);
    return 0;
}

static struct http_exchange *exchange_new(struct http_client *client,
                                          const struct http_request *request) {
    struct http_exchange *exchange = memory_new(sizeof *exchange);
    if (!exchange) return NULL;
    exchange->client = client;
    exchange->timeout_us = request->timeout_us ? request->timeout_us : TIMEOUT_S * INT64_C(1000000);
    exchange->connect_timeout_us = request->connect_timeout_us
                                       ? request->connect_timeout_us
                                       : CONNECT_TIMEOUT_S * INT64_C(1000000);
    exchange->max_bytes = request->max_bytes ? request->max_bytes : (size_t)BODY_MAX_MIB << 20;
    exchange->follow = request->follow;
    exchange->may_follow = request->may_follow;
    exchange->started_us = now_us();
    return exchange;
}

int http_start(struct http_client *client, const struct http_request *request, http_done *done,
               void *context, struct http_exchange **ret, struct error *err) {
    int status = 0;
    if (!client->curl_loop) status = http_loop_new(client->loop, on_ended, &client->curl_loop, err);
    if (status) return status;
    struct http_exchange *exchange = exchange_new(client, request);
    if (!exchange) return error_no_memory(err);
    exchange->done = done;
    exchange->context = context;
    status = copy_request(exchange, request, err);
    if (status == 0) status = prepare(exchange, err);
    if (status == 0) status = begin(exchange, err);
    if (status) {
        if (exchange->easy) curl_of(exchange)->easy_cleanup(exchange->easy);
        exchange_free(exchange);
        return status;
    }
    link_exchange(client, exchange);
    *ret = exchange;
    return 0;
}

void http_abort(struct http_exchange *exchange) {
    if (!exchange || exchange->is_done) return;
    http_loop_remove(exchange->client->curl_loop, exchange->easy);
    curl_of(exchange)->easy_cleanup(exchange->easy);
    unlink_exchange(exchange);
    exchange_free(exchange);
}

/* ---- the client ---------------------------------------------------------------------------------
 */

int http_client_new(uv_loop_t *loop, struct http_client **ret, struct error *err) {
    struct http_client *client = memory_new(sizeof *client);
    if (!client) return error_no_memory(err);
    client->loop = loop;
    *ret = client;
    return 0;
}

struct http_client *http_client_free(struct http_client *client) {
    if (!client) return NULL;
    while (client->first) http_abort(client->first);
    http_loop_free(client->curl_loop);
    memory_free(client);
    return NULL;
}
