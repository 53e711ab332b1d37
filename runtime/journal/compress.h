/* Large values, compressed with zstd: its level 1, contexts kept. What is small, or doesn't get
 * smaller by an eighth, stays as it is; whoever stores a value marks which of the two it is.
 *
 * Decompression is bounded: a frame says its size, and a size that its bytes can't make is damage,
 * found before memory is asked for. libzstd's contexts come from its own allocator: the calls that
 * take another are not part of its stable interface.
 * May be used by: journal/. May use: base/, libzstd. One thread each. */
#ifndef TEND_JOURNAL_COMPRESS_H
#define TEND_JOURNAL_COMPRESS_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"

enum { COMPRESS_LEAST_BYTES = 1024 };

struct compressor { /* all zero: new */
    void *context;
    struct buffer frame;
};

void compressor_done(struct compressor *compressor);
/* True: *ret is the frame, borrowed until the next call. False: `raw` is to be stored as it is (too
 * small, too little saved, no memory). */
bool compress(struct compressor *compressor, struct bytes raw, struct bytes *ret);

struct decompressor { /* all zero: new */
    void *context;
};

void decompressor_done(struct decompressor *decompressor);
/* Appends what the frame holds. TEND_EFORMAT: it is no whole frame. TEND_ENOMEM. */
int decompress(struct decompressor *decompressor, struct bytes frame, struct buffer *out,
               struct error *err);

#endif
