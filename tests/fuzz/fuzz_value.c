/* Any bytes as a packed value: no crash, and what is read is written again to bytes that read the
 * same; as JSON, if it can be, it reads back too.
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

/* Reading the canonical form and packing it changes nothing more. */
static void check_canonical(struct bytes canonical) {
    struct value_tree tree;
    struct buffer again = BUFFER_EMPTY;
    require(value_size(canonical) == canonical.size);
    require(value_read(canonical, &tree, NULL) == 0);
    pack_value(&again, &tree.root);
    require(bytes_equal(buffer_bytes(&again), canonical));
    value_tree_done(&tree);
    buffer_done(&again);
}

static void check_json(const struct value *value) {
    struct buffer text = BUFFER_EMPTY, packed = BUFFER_EMPTY;
    struct error err;
    /* What wraps a value may nest a little deeper than what is read from outside. */
    if (json_write(value, (struct json_style){0}, &text, &err) == 0 &&
        json_read(buffer_bytes(&text), &packed, &err))
        require(strstr(err.message, "deep") != NULL);
    buffer_done(&text);
    buffer_done(&packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes packed = {(const char *)data, size};
    struct value_tree tree;
    struct buffer out = BUFFER_EMPTY;
    packed.size = value_size(packed);
    if (packed.size == 0) return 0;
    require(value_read(packed, &tree, NULL) == 0);
    pack_value(&out, &tree.root);
    require(buffer_check(&out, NULL) == 0);
    check_canonical(buffer_bytes(&out));
    check_json(&tree.root);
    value_tree_done(&tree);
    buffer_done(&out);
    return 0;
}
