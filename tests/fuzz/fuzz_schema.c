/* Any two JSON texts, up to the first zero and after it, as a schema and a value: no crash, and
 * what doesn't fit is told. `make fuzz` runs it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/schema.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read(const uint8_t *data, size_t size, struct buffer *packed, struct value_tree *tree) {
    return json_read((struct bytes){(const char *)data, size}, packed, NULL) == 0 &&
           value_read(buffer_bytes(packed), tree, NULL) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
    struct buffer packed[2] = {BUFFER_EMPTY, BUFFER_EMPTY}, problems = BUFFER_EMPTY;
    struct value_tree schema = {0}, value = {0};
    bool is_valid = false;
    if (zero && read(data, (size_t)(zero - data), &packed[0], &schema) &&
        read(zero + 1, size - (size_t)(zero - data) - 1, &packed[1], &value) &&
        schema_check(&schema.root, &value.root, &problems, &is_valid, NULL) == 0 &&
        is_valid == (problems.size > 0))
        abort();
    value_tree_done(&schema);
    value_tree_done(&value);
    buffer_done(&packed[0]);
    buffer_done(&packed[1]);
    buffer_done(&problems);
    return 0;
}
