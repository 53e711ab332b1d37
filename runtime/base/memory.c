/* The one door to the heap; see memory.h. */
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

void *memory_new(size_t size_bytes) { return calloc(1, size_bytes ? size_bytes : 1); }

void *memory_resize(void *memory, size_t size_bytes) {
    return realloc(memory, size_bytes ? size_bytes : 1);
}

char *memory_copy(const void *data, size_t size_bytes) {
    char *copy = malloc(size_bytes + 1);
    if (!copy) return NULL;
    if (size_bytes) memcpy(copy, data, size_bytes);
    copy[size_bytes] = '\0';
    return copy;
}

char *memory_copy_text(const char *text) { return memory_copy(text, strlen(text)); }

void memory_free(void *memory) { free(memory); }
