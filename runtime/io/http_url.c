/* Reading the start of a URL; see http_url.h. */
#include "io/http_url.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "io/http.h"

static int refuse(const char *url, const char *why, struct error *err) {
    return error_set_kind(err, TEND_EINPUT, "http", "not a URL that can be used: %.200s (%s)", url,
                          why);
}

static bool has_strange_bytes(const char *url) {
    for (const char *c = url; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f || *c == '\\') return true;
    return false;
}

/* "host", "host:port" or "[address]:port"; *port is left alone where none is written. */
static bool read_host(struct bytes authority, struct bytes *host, struct bytes *port) {
    const char *end = authority.data + authority.size;
    const char *host_end;
    *host = authority;
    if (authority.size > 0 && authority.data[0] == '[') {
        host_end = memchr(authority.data, ']', authority.size);
        if (!host_end) return false;
        *host = (struct bytes){authority.data + 1, (size_t)(host_end - authority.data) - 1};
        host_end++;
    } else {
        host_end = memchr(authority.data, ':', authority.size);
        if (!host_end) host_end = end;
        host->size = (size_t)(host_end - authority.data);
    }
    if (host_end < end && *host_end != ':') return false;
    *port = host_end < end ? (struct bytes){host_end + 1, (size_t)(end - host_end) - 1}
                           : (struct bytes){end, 0};
    return host->size > 0;
}

/* Percent signs would be decoded by libcurl: "ev%69l" must not pass as another name. */
static bool is_host(struct bytes host) {
    for (size_t i = 0; i < host.size; i++) {
        unsigned char c = (unsigned char)host.data[i];
        if (!isalnum(c) && !strchr(".-_:", c) && c < 0x80) return false;
    }
    return true;
}

static bool read_port(struct bytes digits, int *port) {
    if (digits.size == 0) return true;
    if (digits.size > 5) return false;
    int number = 0;
    for (size_t i = 0; i < digits.size; i++) {
        if (!isdigit((unsigned char)digits.data[i])) return false;
        number = number * 10 + (digits.data[i] - '0');
    }
    *port = number;
    return number > 0 && number < 65536;
}

int http_url_read(const char *url, struct http_url *ret, struct error *err) {
    struct http_url parts = {.is_tls = strncasecmp(url, "https://", 8) == 0};
    if (!parts.is_tls && strncasecmp(url, "http://", 7) != 0)
        return refuse(url, "only http:// and https:// are spoken", err);
    if (has_strange_bytes(url)) return refuse(url, "a space, backslash or control byte", err);
    const char *start = url + (parts.is_tls ? 8 : 7);
    struct bytes authority = {start, strcspn(start, "/?#")};
    const char *at = memchr(authority.data, '@', authority.size);
    if (at) {
        size_t skipped = (size_t)(at - authority.data) + 1;
        authority = (struct bytes){at + 1, authority.size - skipped};
        if (memchr(authority.data, '@', authority.size)) return refuse(url, "two @ signs", err);
    }
    struct bytes port;
    parts.port = parts.is_tls ? 443 : 80;
    if (!read_host(authority, &parts.host, &port)) return refuse(url, "no host", err);
    if (!is_host(parts.host)) return refuse(url, "not a host's name", err);
    if (!read_port(port, &parts.port)) return refuse(url, "not a port", err);
    *ret = parts;
    return 0;
}

bool http_url_same_origin(const struct http_url *a, const struct http_url *b) {
    return a->is_tls == b->is_tls && a->port == b->port && a->host.size == b->host.size &&
           strncasecmp(a->host.data, b->host.data, a->host.size) == 0;
}

bool http_url_is_loopback(const struct http_url *url) {
    struct bytes host = url->host;
    if (bytes_are(host, "::1")) return true;
    if (host.size == 9 && strncasecmp(host.data, "localhost", 9) == 0) return true;
    if (host.size < 5 || memcmp(host.data, "127.", 4) != 0) return false;
    for (size_t i = 0; i < host.size; i++)
        if (!isdigit((unsigned char)host.data[i]) && host.data[i] != '.') return false;
    return true;
}

int http_url_host(const char *url, struct buffer *out, struct error *err) {
    struct http_url parts;
    int status = http_url_read(url, &parts, err);
    if (status) return status;
    for (size_t i = 0; i < parts.host.size; i++)
        buffer_add_byte(out, (unsigned char)tolower((unsigned char)parts.host.data[i]));
    return buffer_check(out, err);
}
