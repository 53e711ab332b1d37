/* A map from bytes to a pointer; see map.h. */
#include "base/map.h"

#include <stdint.h>
#include <string.h>

#include "base/memory.h"

static uint64_t hash(struct bytes key) {
    uint64_t h = 1469598103934665603ULL;
    for (size_t i = 0; i < key.size; i++) h = (h ^ (unsigned char)key.data[i]) * 1099511628211ULL;
    return h ^ (h >> 29);
}

void map_done(struct map *map) {
    for (size_t i = 0; i < map->capacity; i++) memory_free(map->slots[i].key);
    memory_free(map->slots);
    *map = (struct map){NULL, 0, 0};
}

/* The slot of a key, or the free one where it would go. The map has a free slot. */
static struct map_slot *find(const struct map *map, struct bytes key) {
    size_t i = hash(key) & (map->capacity - 1);
    for (;; i = (i + 1) & (map->capacity - 1)) {
        struct map_slot *slot = &map->slots[i];
        if (!slot->key) return slot;
        if (bytes_equal((struct bytes){slot->key, slot->size}, key)) return slot;
    }
}

void *map_get(const struct map *map, struct bytes key) {
    return map->capacity ? find(map, key)->value : NULL;
}

static int grow(struct map *map) {
    struct map bigger = {NULL, map->capacity ? map->capacity * 2 : 16, map->count};
    bigger.slots = memory_new(bigger.capacity * sizeof *bigger.slots);
    if (!bigger.slots) return TEND_ENOMEM;
    for (size_t i = 0; i < map->capacity; i++) {
        struct map_slot *slot = &map->slots[i];
        if (slot->key) *find(&bigger, (struct bytes){slot->key, slot->size}) = *slot;
    }
    memory_free(map->slots);
    *map = bigger;
    return 0;
}

int map_set(struct map *map, struct bytes key, void *value) {
    if (map->count * 4 >= map->capacity * 3 && grow(map)) return TEND_ENOMEM;
    struct map_slot *slot = find(map, key);
    if (!slot->key) {
        slot->key = memory_copy(key.data, key.size);
        if (!slot->key) return TEND_ENOMEM;
        slot->size = key.size;
        map->count++;
    }
    slot->value = value;
    return 0;
}

void *map_remove(struct map *map, struct bytes key) {
    if (!map->capacity) return NULL;
    struct map_slot *slot = find(map, key);
    void *value = slot->value;
    if (!slot->key) return NULL;
    memory_free(slot->key);
    *slot = (struct map_slot){NULL, 0, NULL};
    map->count--;
    /* What follows in the same cluster may have probed past this slot: put it again. */
    for (size_t i = ((size_t)(slot - map->slots) + 1) & (map->capacity - 1); map->slots[i].key;
         i = (i + 1) & (map->capacity - 1)) {
        struct map_slot moved = map->slots[i];
        map->slots[i] = (struct map_slot){NULL, 0, NULL};
        *find(map, (struct bytes){moved.key, moved.size}) = moved;
    }
    return value;
}

bool map_next(const struct map *map, size_t *at, struct bytes *key, void **value) {
    while (*at < map->capacity) {
        const struct map_slot *slot = &map->slots[(*at)++];
        if (!slot->key) continue;
        *key = (struct bytes){slot->key, slot->size};
        *value = slot->value;
        return true;
    }
    return false;
}
