/* Which bytes of a text are to be masked. Two halves of redaction fill it: known values
 * (redact.c) and token shapes (token.c).
 * May use: base/. One thread. */
#ifndef TEND_ANALYSIS_MARKS_H
#define TEND_ANALYSIS_MARKS_H

#include "base/buffer.h"

struct marks {
    struct bytes text;     /* borrowed */
    unsigned char *is_set; /* one a byte; NULL until the first mark */
    bool is_failed;        /* no memory */
};

/* Cuts the range at the end of the text. */
void marks_add(struct marks *marks, size_t start, size_t size);
void marks_done(struct marks *marks);
/* Marks the shapes of well-known tokens. */
void token_mark_all(struct marks *marks);

#endif
