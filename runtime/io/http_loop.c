/* curl's multi interface on libuv; see http_loop.h.
 *
 * curl calls back with sockets to watch (on_socket) and one moment to be called at (on_timeout);
 * neither may call curl again, so both only start libuv's handles. When one of these fires, curl is
 * given the news (multi_socket_action), and then asked which transfers have ended (deliver). */
#include "io/http_loop.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

#include "base/memory.h"

struct http_loop {
    uv_loop_t *loop;
    struct curl_library curl;
    CURLM *multi;
    uv_timer_t timer;
    http_loop_done *done;
    bool is_delivering; /* inside deliver(): what it reads must stay */
    bool is_closing;
};

struct http_socket {
    uv_poll_t poll;
    struct http_loop *loop;
    curl_socket_t fd;
};

/* ---- the end ------------------------------------------------------------------------------ */

static void on_timer_closed(uv_handle_t *handle) {
    struct http_loop *loop = handle->data;
    curl_library_close(&loop->curl);
    memory_free(loop);
}

static void close_now(struct http_loop *loop) {
    loop->curl.multi_cleanup(loop->multi); /* takes idle connections, and with them the sockets */
    loop->multi = NULL;
    uv_close((uv_handle_t *)&loop->timer, on_timer_closed);
}

struct http_loop *http_loop_free(struct http_loop *loop) {
    if (!loop || loop->is_closing) return NULL;
    loop->is_closing = true;
    if (!loop->is_delivering) close_now(loop);
    return NULL;
}

/* ---- news for curl ------------------------------------------------------------------------ */

static void deliver(struct http_loop *loop) {
    CURLMsg *message;
    int left;
    if (loop->is_delivering) return;
    loop->is_delivering = true;
    while (!loop->is_closing && (message = loop->curl.multi_info_read(loop->multi, &left))) {
        if (message->msg != CURLMSG_DONE) continue;
        CURL *easy = message->easy_handle; /* the message is gone once the handle is removed */
        CURLcode code = message->data.result;
        void *context = NULL;
        loop->curl.easy_getinfo(easy, CURLINFO_PRIVATE, &context);
        loop->curl.multi_remove_handle(loop->multi, easy);
        loop->done(context, easy, code);
    }
    loop->is_delivering = false;
    if (loop->is_closing) close_now(loop);
}

static void act(struct http_loop *loop, curl_socket_t fd, int events) {
    int running;
    if (loop->is_closing) return;
    loop->curl.multi_socket_action(loop->multi, fd, events, &running);
    deliver(loop);
}

static void on_poll(uv_poll_t *poll, int status, int events) {
    struct http_socket *socket = poll->data;
    int flags = status < 0 ? CURL_CSELECT_ERR : 0;
    if (events & UV_READABLE) flags |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE) flags |= CURL_CSELECT_OUT;
    act(socket->loop, socket->fd, flags);
}

static void on_timer(uv_timer_t *timer) { act(timer->data, CURL_SOCKET_TIMEOUT, 0); }

/* ---- what curl waits for ------------------------------------------------------------------- */

static void on_socket_closed(uv_handle_t *handle) { memory_free(handle->data); }

static struct http_socket *watch(struct http_loop *loop, curl_socket_t fd) {
    struct http_socket *socket = memory_new(sizeof *socket);
    if (!socket) return NULL;
    *socket = (struct http_socket){.loop = loop, .fd = fd};
    if (uv_poll_init_socket(loop->loop, &socket->poll, fd)) {
        memory_free(socket);
        return NULL;
    }
    socket->poll.data = socket;
    loop->curl.multi_assign(loop->multi, fd, socket);
    return socket;
}

static int unwatch(struct http_loop *loop, curl_socket_t fd, struct http_socket *socket) {
    if (!socket) return 0;
    loop->curl.multi_assign(loop->multi, fd, NULL);
    uv_poll_stop(&socket->poll);
    uv_close((uv_handle_t *)&socket->poll, on_socket_closed);
    return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *assigned) {
    struct http_loop *loop = context;
    struct http_socket *socket = assigned;
    (void)easy; /* a socket belongs to the loop, whoever uses it now */
    if (what == CURL_POLL_REMOVE) return unwatch(loop, fd, socket);
    if (!socket) socket = watch(loop, fd);
    if (!socket) return -1;
    int events = 0;
    if (what & CURL_POLL_IN) events |= UV_READABLE;
    if (what & CURL_POLL_OUT) events |= UV_WRITABLE;
    return uv_poll_start(&socket->poll, events, on_poll) ? -1 : 0;
}

static int on_timeout(CURLM *multi, long timeout_ms, void *context) {
    struct http_loop *loop = context;
    (void)multi;
    if (loop->is_closing) return 0;
    if (timeout_ms < 0) return uv_timer_stop(&loop->timer);
    uv_update_time(loop->loop); /* the loop's idea of now may be an iteration old */
    return uv_timer_start(&loop->timer, on_timer, (uint64_t)timeout_ms, 0) ? -1 : 0;
}

/* ---- the beginning -------------------------------------------------------------------------- */

static void block_sigpipe(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int http_loop_new(uv_loop_t *uv, http_loop_done *done, struct http_loop **ret, struct error *err) {
    struct http_loop *loop = memory_new(sizeof *loop);
    if (!loop) return error_no_memory(err);
    *loop = (struct http_loop){.loop = uv, .done = done};
    int status = curl_library_open(&loop->curl, err);
    if (status == 0 && !(loop->multi = loop->curl.multi_init())) status = error_no_memory(err);
    if (status) {
        curl_library_close(&loop->curl);
        memory_free(loop);
        return status;
    }
    uv_timer_init(uv, &loop->timer); /* can't fail */
    loop->timer.data = loop;
    loop->curl.multi_setopt(loop->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    loop->curl.multi_setopt(loop->multi, CURLMOPT_SOCKETDATA, loop);
    loop->curl.multi_setopt(loop->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
    loop->curl.multi_setopt(loop->multi, CURLMOPT_TIMERDATA, loop);
    block_sigpipe();
    *ret = loop;
    return 0;
}

const struct curl_library *http_loop_curl(const struct http_loop *loop) { return &loop->curl; }

int http_loop_add(struct http_loop *loop, CURL *easy, struct error *err) {
    CURLMcode code = loop->curl.multi_add_handle(loop->multi, easy);
    if (code == CURLM_OK) return 0;
    return error_set_kind(err, TEND_EIO, "http", "libcurl: %s", loop->curl.multi_strerror(code));
}

void http_loop_remove(struct http_loop *loop, CURL *easy) {
    loop->curl.multi_remove_handle(loop->multi, easy);
}
