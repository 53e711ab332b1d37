/* libcurl, loaded when it is first needed: it costs 11 MiB and 20 ms (measured), and most commands
 * never speak to anybody. Its functions stand in this table under their names without "curl_".
 * May use: base/; libdl. May not use: libuv. */
#ifndef TEND_IO_CURL_LIBRARY_H
#define TEND_IO_CURL_LIBRARY_H

#include <curl/curl.h>

#include "base/error.h"

struct curl_library {
    void *handle;
    CURLcode (*global_init_mem)(long flags, curl_malloc_callback, curl_free_callback,
                                curl_realloc_callback, curl_strdup_callback, curl_calloc_callback);
    void (*global_cleanup)(void);
    CURL *(*easy_init)(void);
    CURLcode (*easy_setopt)(CURL *easy, CURLoption option, ...);
    CURLcode (*easy_getinfo)(CURL *easy, CURLINFO info, ...);
    void (*easy_cleanup)(CURL *easy);
    const char *(*easy_strerror)(CURLcode code);
    CURLM *(*multi_init)(void);
    CURLMcode (*multi_setopt)(CURLM *multi, CURLMoption option, ...);
    CURLMcode (*multi_add_handle)(CURLM *multi, CURL *easy);
    CURLMcode (*multi_remove_handle)(CURLM *multi, CURL *easy);
    CURLMcode (*multi_assign)(CURLM *multi, curl_socket_t socket, void *data);
    CURLMcode (*multi_socket_action)(CURLM *multi, curl_socket_t socket, int events, int *running);
    CURLMsg *(*multi_info_read)(CURLM *multi, int *left);
    CURLMcode (*multi_cleanup)(CURLM *multi);
    const char *(*multi_strerror)(CURLMcode code);
};

/* Loads and initialises; any thread, any number of times. TEND_EIO, kind "http": no libcurl here,
 * or one without a function that we need. */
int curl_library_open(struct curl_library *ret, struct error *err);
/* NULL handle allowed. */
void curl_library_close(struct curl_library *library);

#endif
