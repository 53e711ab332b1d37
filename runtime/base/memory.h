/* The one door to the heap. Everything that tend allocates goes through here (Lua, libuv and
 * libcurl are handed these functions too), so that a test can make the Nth allocation fail.
 * May use: nothing. Any thread. */
#ifndef TEND_BASE_MEMORY_H
#define TEND_BASE_MEMORY_H

#include <stddef.h>

/* NULL when there is no memory. Zeroed where it says so. */
void *memory_new(size_t size_bytes); /* zeroed */
void *memory_resize(void *memory, size_t size_bytes);
/* A copy of `size_bytes` bytes plus a closing zero. */
char *memory_copy(const void *data, size_t size_bytes);
char *memory_copy_text(const char *text);
void memory_free(void *memory); /* NULL allowed */

#endif
