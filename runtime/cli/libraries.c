/* Libraries; see libraries.h. Those that the program is linked with say their version; those that
 * it loads when they are needed are asked by name, as the one who needs them does. */
#include "cli/libraries.h"

#include <dlfcn.h>
#include <lmdb.h>
#include <lua.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>
#include <yajl/yajl_version.h>

static void add(struct library *list, size_t *count, const char *name, const char *version) {
    const char *slash = version ? strchr(version, '/') : NULL; /* "libcurl/7.88.1 OpenSSL/…" */
    if (slash) version = slash + 1;
    list[*count].name = name;
    snprintf(list[*count].version, sizeof list->version, "%.*s",
             version ? (int)strcspn(version, " ") : 0, version ? version : "");
    *count += 1;
}

/* A library that is loaded on first use, with a function that gives its version as text. */
static void add_loaded(struct library *list, size_t *count, const char *name, const char *file,
                       const char *function) {
    const char *(*ask)(void) = NULL;
    void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL), *symbol;
    if (handle && (symbol = dlsym(handle, function))) memcpy(&ask, &symbol, sizeof ask);
    add(list, count, name, ask ? ask() : NULL);
}

size_t libraries_list(struct library list[LIBRARIES_MAX]) {
    size_t count = 0;
    char yajl[32], lmdb[40];
    int major, minor, patch;
    int number = yajl_version();
    snprintf(yajl, sizeof yajl, "%d.%d.%d", number / 10000, number / 100 % 100, number % 100);
    (void)mdb_version(&major, &minor, &patch);
    snprintf(lmdb, sizeof lmdb, "%d.%d.%d", major, minor, patch);
    add(list, &count, "lua", LUA_VERSION_MAJOR "." LUA_VERSION_MINOR "." LUA_VERSION_RELEASE);
    add(list, &count, "lmdb", lmdb);
    add(list, &count, "libuv", uv_version_string());
    add(list, &count, "yajl", yajl);
    add(list, &count, "libsodium", sodium_version_string());
    add_loaded(list, &count, "libcurl", "libcurl.so.4", "curl_version");
    return count;
}
