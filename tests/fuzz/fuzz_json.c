/* Any bytes as JSON text: no crash, and what is read is written to text that reads to the same
 * text again.
 * `make fuzz` runs it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int is_so) {
    if (!is_so) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes input = {(const char *)data, size};
    struct buffer packed = BUFFER_EMPTY, text = BUFFER_EMPTY, again = BUFFER_EMPTY;
    struct error err;
    if (json_read(input, &packed, &err) == 0) {
        require(value_size(buffer_bytes(&packed)) == packed.size);
        require(json_write_packed(buffer_bytes(&packed), &text, &err) == 0);
        buffer_clear(&packed);
        require(json_read(buffer_bytes(&text), &packed, &err) == 0);
        require(json_write_packed(buffer_bytes(&packed), &again, &err) == 0);
        require(bytes_equal(buffer_bytes(&text), buffer_bytes(&again)));
    }
    buffer_done(&packed);
    buffer_done(&text);
    buffer_done(&again);
    return 0;
}
