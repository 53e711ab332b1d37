/* Names that don't collide: run ids, content hashes, chance. May use: base/buffer.h; libsodium. */
#ifndef TEND_BASE_ID_H
#define TEND_BASE_ID_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum { ID_UUID_TEXT = 37, ID_HASH_BYTES = 32, ID_HASH_TEXT = 65 };

/* A UUIDv7: sorts by time. `wall_us` is its time. */
void id_uuid7(int64_t wall_us, char text[ID_UUID_TEXT]);
/* A UUIDv4 from 16 given random bytes. */
void id_uuid4(const unsigned char random[16], char text[ID_UUID_TEXT]);
/* BLAKE2b-256 of the parts, each preceded by its length, as 64 lower-case hex digits. */
void id_hash(const struct bytes *parts, size_t count, char text[ID_HASH_TEXT]);
/* From the operating system's generator. */
void id_random(void *ret, size_t size_bytes);

/* A small generator with a state of its own (splitmix64), for what must come out the same on
 * every replay: seeded by hash, never by time. */
struct id_generator {
    uint64_t state;
};
void id_generator_init(struct id_generator *generator, const struct bytes *parts, size_t count);
uint64_t id_generator_next(struct id_generator *generator);

#endif
