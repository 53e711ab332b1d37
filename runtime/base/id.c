/* Names that don't collide; see id.h. */
#include "base/id.h"

#include <sodium.h>
#include <string.h>

/* sodium_init() may be called again and again, from any thread. It fails only on a machine without
 * a source of chance, where nothing can be named; libsodium ends the process then, as its
 * randombytes_buf() would. */
static void ready(void) {
    if (sodium_init() < 0) sodium_misuse();
}

void id_random(void *ret, size_t size_bytes) {
    ready();
    randombytes_buf(ret, size_bytes);
}

/* ---- UUIDs ------------------------------------------------------------------------------- */

static void format_uuid(unsigned char bytes[16], unsigned version, char text[ID_UUID_TEXT]) {
    static const char digits[] = "0123456789abcdef";
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | version << 4);
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80); /* RFC 9562's variant */
    char *at = text;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
        *at++ = digits[bytes[i] >> 4];
        *at++ = digits[bytes[i] & 15];
    }
    *at = '\0';
}

/* 48 bits of milliseconds, then the part of the millisecond in 12 bits (RFC 9562, 6.2, method 3),
 * so that ids of one process sort by the microsecond; the rest is chance. */
void id_uuid7(int64_t wall_us, char text[ID_UUID_TEXT]) {
    unsigned char bytes[16];
    uint64_t us = wall_us > 0 ? (uint64_t)wall_us : 0;
    uint64_t ms = us / 1000, part = us % 1000 * 4096 / 1000;
    id_random(bytes, sizeof bytes);
    for (int i = 0; i < 6; i++) bytes[i] = (unsigned char)(ms >> (40 - 8 * i));
    bytes[6] = (unsigned char)(part >> 8);
    bytes[7] = (unsigned char)part;
    format_uuid(bytes, 7, text);
}

void id_uuid4(const unsigned char random[16], char text[ID_UUID_TEXT]) {
    unsigned char bytes[16];
    memcpy(bytes, random, sizeof bytes);
    format_uuid(bytes, 4, text);
}

/* ---- hashes ------------------------------------------------------------------------------ */

/* Lengths go in as eight bytes, smallest first, on every machine: hashes are stored. */
static void hash_parts(const struct bytes *parts, size_t count, unsigned char hash[ID_HASH_BYTES]) {
    ready();
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, ID_HASH_BYTES);
    for (size_t i = 0; i < count; i++) {
        unsigned char length[8];
        for (int j = 0; j < 8; j++) length[j] = (unsigned char)((uint64_t)parts[i].size >> 8 * j);
        crypto_generichash_update(&state, length, sizeof length);
        crypto_generichash_update(&state, (const unsigned char *)parts[i].data, parts[i].size);
    }
    crypto_generichash_final(&state, hash, ID_HASH_BYTES);
}

void id_hash(const struct bytes *parts, size_t count, char text[ID_HASH_TEXT]) {
    unsigned char hash[ID_HASH_BYTES];
    hash_parts(parts, count, hash);
    sodium_bin2hex(text, ID_HASH_TEXT, hash, sizeof hash);
}

/* ---- chance that repeats ----------------------------------------------------------------- */

void id_generator_init(struct id_generator *generator, const struct bytes *parts, size_t count) {
    unsigned char hash[ID_HASH_BYTES];
    hash_parts(parts, count, hash);
    generator->state = 0;
    for (int i = 0; i < 8; i++) generator->state |= (uint64_t)hash[i] << 8 * i;
}

/* splitmix64 by Sebastiano Vigna (public domain). */
uint64_t id_generator_next(struct id_generator *generator) {
    uint64_t z = generator->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}
