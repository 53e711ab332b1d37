/* HTTP exchanges through libcurl's multi interface, on one libuv loop. libcurl is loaded
 * (dlopen) and initialised at the first exchange, because it costs 11 MiB and 20 ms.
 * One client per loop and thread; connections are kept and shared by all its exchanges.
 * May use: base/; libuv, libcurl. May not use: Lua, the journal. */
#ifndef TEND_IO_HTTP_H
#define TEND_IO_HTTP_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/buffer.h"
#include "base/error.h"

struct http_client;
struct http_exchange;

struct http_request {
    const char *method;         /* NULL: GET, or POST where there is a body */
    const char *url;            /* http:// or https:// only */
    const char *const *headers; /* "Name: value", NULL-terminated; NULL: none */
    struct bytes body;          /* data NULL: none */
    int64_t timeout_us;         /* whole exchange; 0: 60 s */
    int64_t connect_timeout_us; /* 0: 10 s */
    size_t max_bytes;           /* of the decoded body; 0: 16 MiB */
    bool follow;                /* redirects, at most 10; credentials stay with their host */
    /* Asked before a redirect goes to another host, with the exchange's context; false ends the
     * exchange with an error of kind "permission". NULL: it may. */
    bool (*may_follow)(void *context, const char *url);
};

struct http_timing { /* microseconds from the start */
    int64_t dns, connect, tls, first_byte, total;
};

struct http_response {
    long status;
    struct buffer headers; /* packed map: lower-case name to text; repeated ones joined by ", " */
    struct buffer body;    /* decoded (gzip, br, zstd as libcurl can) */
    char *url;             /* the last one, after redirects */
    struct http_timing timing;
};

/* Called once, on the loop, unless the exchange was aborted. Exactly one of both is set; the
 * response is the callee's to read during the call (it may move the buffers out).
 * err->kind is "http" or "timeout"; the message is precise: "could not resolve api.example",
 * "connection refused by 127.0.0.1:1", "TLS: …", "body larger than max_bytes (16777216)",
 * "connection closed in the middle of the body", "no answer within 60 s". */
typedef void http_done(void *context, struct http_response *response, const struct error *err);

int http_client_new(uv_loop_t *loop, struct http_client **ret, struct error *err);
/* Aborts what is under way; the client's memory goes once the loop has closed its handles (run the
 * loop on). NULL allowed; always returns NULL. */
struct http_client *http_client_free(struct http_client *client);

/* Starts an exchange; everything in *request is copied. TEND_EINPUT: not a URL that we speak, a
 * header with a line break. */
int http_start(struct http_client *client, const struct http_request *request, http_done *done,
               void *context, struct http_exchange **ret, struct error *err);
/* Ends an exchange without a callback. NULL allowed. */
void http_abort(struct http_exchange *exchange);

/* "host" of a URL, lower case, without port; 0 or TEND_EINPUT. */
int http_url_host(const char *url, struct buffer *out, struct error *err);

#endif
