/* Header lines, both ways: the list that a request sends, which may hold secrets, and the map of
 * what an answer said.
 * May use: base/, libcurl's types, libsodium. Any thread. */
#ifndef TEND_IO_HTTP_HEADERS_H
#define TEND_IO_HTTP_HEADERS_H

#include <curl/curl.h>

#include "base/buffer.h"
#include "base/error.h"

/* A copy of `lines` ("Name: value", NULL-terminated; NULL: none) in libcurl's form, whose defaults
 * for Expect and Content-Type are switched off. TEND_EINPUT, kind "http": a line break, no colon,
 * no name (the message shows the name only, the value may be a secret). */
int http_headers_new(const char *const *lines, struct curl_slist **ret, struct error *err);
/* Overwrites the values before it releases them. NULL allowed; always returns NULL. */
struct curl_slist *http_headers_free(struct curl_slist *list);
/* Takes out what may carry credentials or belongs to a body: all but Accept…, User-Agent. */
void http_headers_cut(struct curl_slist **list);
/* Takes out Content-… : the body stays behind when a redirect turns a POST into a GET. */
void http_headers_cut_body(struct curl_slist **list);

/* Appends the packed map of header lines "Name: value\r\n" to *out; see http_response. */
int http_headers_pack(struct bytes lines, struct buffer *out, struct error *err);

#endif
