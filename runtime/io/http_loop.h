/* libcurl's multi interface on one libuv loop: curl says which sockets and which moment it waits
 * for, libuv waits. Knows transfers only as curl's easy handles.
 * May use: base/, curl_library.h; libuv. One thread. */
#ifndef TEND_IO_HTTP_LOOP_H
#define TEND_IO_HTTP_LOOP_H

#include <uv.h>

#include "io/curl_library.h"

struct http_loop;

/* A transfer has ended; the handle is out of the multi handle already and may be added again. */
typedef void http_loop_done(void *context, CURL *easy, CURLcode code);

/* Loads libcurl. `done` gets what curl keeps as CURLOPT_PRIVATE. Blocks SIGPIPE in this thread,
 * since a peer that went away is told by a return value. */
int http_loop_new(uv_loop_t *loop, http_loop_done *done, struct http_loop **ret, struct error *err);
/* All transfers must be removed before. The memory goes when the loop has closed the handles. NULL
 * allowed; always returns NULL. */
struct http_loop *http_loop_free(struct http_loop *loop);

const struct curl_library *http_loop_curl(const struct http_loop *loop);
int http_loop_add(struct http_loop *loop, CURL *easy, struct error *err);
void http_loop_remove(struct http_loop *loop, CURL *easy); /* of a transfer under way */

#endif
