/* Any bytes as text in which secrets are masked: no crash, what was masked stays as it is when it
 * is masked again, and a known value is nowhere in what comes out. `make fuzz` runs it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/patterns.h"
#include "analysis/redact.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct bytes known = {"hunter2-hunter2", 15};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes text = {(const char *)data, size};
    struct buffer once = BUFFER_EMPTY, twice = BUFFER_EMPTY, pattern = BUFFER_EMPTY;
    bool has_changed = false;
    if (redact_all(text, &known, 1, &once, &has_changed)) abort();
    if (once.size && memmem(once.data, once.size, known.data, known.size)) abort();
    if (redact_all(buffer_bytes(&once), &known, 1, &twice, &has_changed)) abort();
    if (!bytes_equal(buffer_bytes(&once), buffer_bytes(&twice))) abort();
    patterns_mask(text, &pattern);
    buffer_done(&once);
    buffer_done(&twice);
    buffer_done(&pattern);
    return 0;
}
