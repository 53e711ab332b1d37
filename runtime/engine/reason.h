/* Why a run isn't going on, in one sentence, with what would let it.
 * May use: engine/record.h. Pure. */
#ifndef TEND_ENGINE_REASON_H
#define TEND_ENGINE_REASON_H

#include "engine/record.h"

/* Appends the sentence; nothing for a run that is running or has ended well. */
void reason_add(const struct record *record, struct buffer *out);

#endif
