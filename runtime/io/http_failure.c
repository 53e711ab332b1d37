/* Why a transfer failed; see http_failure.h. */
#include "io/http_failure.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "io/http_url.h"

enum { PEER_MAX = 300 };

static void write_peer(const struct http_failure *failure, bool with_port, char peer[PEER_MAX]) {
    struct http_url url;
    if (http_url_read(failure->url, &url, NULL)) {
        snprintf(peer, PEER_MAX, "the server");
        return;
    }
    int used = snprintf(peer, PEER_MAX, "%.*s", (int)(url.host.size < 255 ? url.host.size : 255),
                        url.host.data);
    if (with_port) snprintf(peer + used, (size_t)(PEER_MAX - used), ":%d", url.port);
}

static int tell(struct error *err, const char *what, const char *peer) {
    return error_set_kind(err, TEND_EIO, "http", "%s %s", what, peer);
}

static int tell_timeout(const struct http_failure *failure, const char *peer, struct error *err) {
    if (failure->is_connected || failure->timeout_us < failure->connect_timeout_us)
        return error_set_kind(err, TEND_EIO, "timeout", "no answer within %.10g s",
                              (double)failure->timeout_us / 1e6);
    return error_set_kind(err, TEND_EIO, "timeout", "no connection to %s within %.10g s", peer,
                          (double)failure->connect_timeout_us / 1e6);
}

static int tell_connect(const struct http_failure *failure, const char *peer, struct error *err) {
    if (failure->os_error == ECONNREFUSED) return tell(err, "connection refused by", peer);
    return error_set_kind(err, TEND_EIO, "http", "could not connect to %s: %s", peer,
                          failure->os_error ? strerror((int)failure->os_error) : failure->detail);
}

static int tell_broken(const struct http_failure *failure, const char *peer, struct error *err) {
    if (failure->has_answer)
        return error_set_kind(err, TEND_EIO, "http", "connection closed in the middle of the body");
    if (failure->code == CURLE_GOT_NOTHING)
        return error_set_kind(err, TEND_EIO, "http", "%s closed the connection without an answer",
                              peer);
    return error_set_kind(err, TEND_EIO, "http", "connection to %s broke: %s", peer,
                          failure->detail);
}

int http_failure_tell(const struct http_failure *failure, struct error *err) {
    char host[PEER_MAX], peer[PEER_MAX];
    write_peer(failure, false, host);
    write_peer(failure, true, peer);
    switch (failure->code) {
    case CURLE_OUT_OF_MEMORY: return error_no_memory(err);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return error_set_kind(err, TEND_EINPUT, "http", "not a URL that can be used: %.200s",
                              failure->url);
    case CURLE_COULDNT_RESOLVE_HOST: return tell(err, "could not resolve", host);
    case CURLE_COULDNT_RESOLVE_PROXY: return tell(err, "could not resolve the proxy for", host);
    case CURLE_COULDNT_CONNECT: return tell_connect(failure, peer, err);
    case CURLE_OPERATION_TIMEDOUT: return tell_timeout(failure, peer, err);
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_GOT_NOTHING: return tell_broken(failure, peer, err);
    case CURLE_BAD_CONTENT_ENCODING:
        return error_set_kind(err, TEND_EIO, "http", "the body can't be decoded: %s",
                              failure->detail);
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_USE_SSL_FAILED:
    case CURLE_PEER_FAILED_VERIFICATION:
        return error_set_kind(err, TEND_EIO, "http", "TLS: %s: %s", host, failure->detail);
    default: break;
    }
    return error_set_kind(err, TEND_EIO, "http", "%s: %s", peer, failure->detail);
}
