/* Why a transfer failed, in a sentence that a person can act on.
 * May use: base/, http_url.h, libcurl's types. Any thread. */
#ifndef TEND_IO_HTTP_FAILURE_H
#define TEND_IO_HTTP_FAILURE_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct http_failure {
    CURLcode code;
    const char *url;
    const char *detail; /* libcurl's own words, may be "" */
    long os_error;      /* errno of the failed connect, or 0 */
    bool is_connected;  /* a connection stood when it failed */
    bool has_answer;    /* a status line had come */
    int64_t timeout_us;
    int64_t connect_timeout_us;
};

/* Fills *err and returns its status: kind "timeout" or "http"; TEND_EINPUT for a URL that libcurl
 * won't take, TEND_ENOMEM, otherwise TEND_EIO. */
int http_failure_tell(const struct http_failure *failure, struct error *err);

#endif
