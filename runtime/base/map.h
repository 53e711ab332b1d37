/* A map from bytes to a pointer, for things that are looked up by name many thousand times: a run's
 * steps by key, runs by number. (A new file in base/ because the engine and the Lua host both need
 * it.) Keys are copied; values are the caller's. Open addressing, linear probing.
 * May use: base/buffer.h, base/memory.h. One thread. */
#ifndef TEND_BASE_MAP_H
#define TEND_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

struct map_slot {
    char *key; /* NULL: free */
    size_t size;
    void *value;
};

struct map {
    struct map_slot *slots;
    size_t capacity, count;
};

void map_done(struct map *map);                         /* keys only: values are the caller's */
void *map_get(const struct map *map, struct bytes key); /* NULL if absent */
/* Sets a value that isn't NULL; 0 or TEND_ENOMEM. */
int map_set(struct map *map, struct bytes key, void *value);
/* Takes the value out; NULL if absent. */
void *map_remove(struct map *map, struct bytes key);
/* Walks: start with *at = 0; false at the end. No changes meanwhile. */
bool map_next(const struct map *map, size_t *at, struct bytes *key, void **value);

#endif
