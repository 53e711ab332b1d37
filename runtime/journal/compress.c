/* zstd frames; see compress.h. */
#include "journal/compress.h"

#include <zstd.h>

/* A block of a frame is at least four bytes and gives at most 128 KiB. */
enum { LEVEL = 1, BLOCK_LEAST_BYTES = 4, BLOCK_MOST_BYTES = 128 * 1024 };

void compressor_done(struct compressor *compressor) {
    ZSTD_freeCCtx(compressor->context);
    buffer_done(&compressor->frame);
    compressor->context = NULL;
}

bool compress(struct compressor *compressor, struct bytes raw, struct bytes *ret) {
    if (raw.size < COMPRESS_LEAST_BYTES) return false;
    if (!compressor->context) compressor->context = ZSTD_createCCtx();
    buffer_clear(&compressor->frame);
    size_t room = ZSTD_compressBound(raw.size);
    char *place = compressor->context ? buffer_grow(&compressor->frame, room) : NULL;
    if (!place) {
        buffer_done(&compressor->frame); /* a buffer that failed stays failed */
        return false;
    }
    size_t size = ZSTD_compressCCtx(compressor->context, place, room, raw.data, raw.size, LEVEL);
    if (ZSTD_isError(size) || size > raw.size - raw.size / 8) return false;
    *ret = (struct bytes){place, size};
    return true;
}

void decompressor_done(struct decompressor *decompressor) {
    ZSTD_freeDCtx(decompressor->context);
    decompressor->context = NULL;
}

int decompress(struct decompressor *decompressor, struct bytes frame, struct buffer *out,
               struct error *err) {
    unsigned long long size = ZSTD_getFrameContentSize(frame.data, frame.size);
    unsigned long long most = (frame.size / BLOCK_LEAST_BYTES + 1) * BLOCK_MOST_BYTES;
    if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > most)
        return error_set(err, TEND_EFORMAT, "a compressed value is damaged");
    if (!decompressor->context) decompressor->context = ZSTD_createDCtx();
    if (!decompressor->context) return error_no_memory(err);
    char *place = buffer_grow(out, size);
    if (!place) return error_no_memory(err);
    size_t got = ZSTD_decompressDCtx(decompressor->context, place, size, frame.data, frame.size);
    if (!ZSTD_isError(got) && got == size) return 0;
    out->size -= size;
    return error_set(err, TEND_EFORMAT, "a compressed value is damaged");
}
