/* The parts of a URL that decide who is spoken to. Stricter than libcurl's own reading on purpose:
 * what two readers could understand differently is refused, because the host found here is what
 * permissions and credentials are judged by.
 * May use: base/. Any thread. */
#ifndef TEND_IO_HTTP_URL_H
#define TEND_IO_HTTP_URL_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"

struct http_url { /* borrows the URL's text */
    bool is_tls;
    struct bytes host; /* as written; an IPv6 address without its brackets */
    int port;          /* 80 and 443 where none is written */
};

/* 0, or TEND_EINPUT, kind "http": not http(s), no host, characters that have no business there. */
int http_url_read(const char *url, struct http_url *ret, struct error *err);
/* Same scheme, host and port. */
bool http_url_same_origin(const struct http_url *a, const struct http_url *b);
/* localhost, 127.0.0.0/8 or ::1, as written. */
bool http_url_is_loopback(const struct http_url *url);

#endif
