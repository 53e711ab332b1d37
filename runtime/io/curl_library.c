/* Loading libcurl; see curl_library.h. The library stays mapped once loaded (RTLD_NODELETE): the
 * TLS library behind it registers functions that run at exit. curl_global_init_mem() and its
 * counterpart count their calls and hold a lock (libcurl 7.84 and later), so every client may call
 * them from its own thread. */
#include "io/curl_library.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#include "base/memory.h"

static void *curl_allocate(size_t size_bytes) { return memory_resize(NULL, size_bytes); }

static void *curl_allocate_zeroed(size_t count, size_t size_bytes) {
    size_t total;
    if (__builtin_mul_overflow(count, size_bytes, &total)) return NULL;
    return memory_new(total);
}

struct symbol {
    const char *name;
    size_t place; /* of the function pointer in the table */
};

#define SYMBOL(field)                                                                              \
    { "curl_" #field, offsetof(struct curl_library, field) }

static const struct symbol symbols[] = {
    SYMBOL(global_init_mem),     SYMBOL(global_cleanup),  SYMBOL(easy_init),
    SYMBOL(easy_setopt),         SYMBOL(easy_getinfo),    SYMBOL(easy_cleanup),
    SYMBOL(easy_strerror),       SYMBOL(multi_init),      SYMBOL(multi_setopt),
    SYMBOL(multi_add_handle),    SYMBOL(multi_assign),    SYMBOL(multi_remove_handle),
    SYMBOL(multi_socket_action), SYMBOL(multi_info_read), SYMBOL(multi_cleanup),
    SYMBOL(multi_strerror),
};

static int find_symbols(struct curl_library *library, struct error *err) {
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        void *function = dlsym(library->handle, symbols[i].name);
        if (!function)
            return error_set_kind(err, TEND_EIO, "http", "libcurl.so.4 has no %s: it is too old",
                                  symbols[i].name);
        memcpy((char *)library + symbols[i].place, &function, sizeof function);
    }
    return 0;
}

int curl_library_open(struct curl_library *ret, struct error *err) {
    struct curl_library library = {0};
    library.handle = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!library.handle)
        return error_set_kind(err, TEND_EIO, "http",
                              "libcurl.so.4 can't be loaded (install libcurl4): %s", dlerror());
    int status = find_symbols(&library, err);
    if (status == 0 &&
        library.global_init_mem(CURL_GLOBAL_DEFAULT, curl_allocate, memory_free, memory_resize,
                                memory_copy_text, curl_allocate_zeroed) != CURLE_OK)
        status = error_set_kind(err, TEND_EIO, "http", "libcurl could not be initialised");
    if (status) {
        dlclose(library.handle);
        return status;
    }
    *ret = library;
    return 0;
}

void curl_library_close(struct curl_library *library) {
    if (!library->handle) return;
    library->global_cleanup();
    dlclose(library->handle);
    library->handle = NULL;
}
