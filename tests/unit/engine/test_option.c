/* Options that many calls take. */
#include "support.h"

#include "engine/option.h"

static const int64_t second = 1000000;

static void durations_are_seconds_or_text(void **state) {
    struct buffer options =
        packed("{\"a\":2,\"b\":0.25,\"c\":\"1m30s\",\"d\":true,\"e\":-1,\"f\":1e300}");
    struct value_tree tree;
    struct error err;
    int64_t us = 77;
    (void)state;
    assert_int_equal(value_read(buffer_bytes(&options), &tree, NULL), 0);
    assert_int_equal(duration_read(&tree.root, "absent", &us, &err), 0);
    assert_int_equal(us, 77);
    assert_int_equal(duration_read(&tree.root, "a", &us, &err), 0);
    assert_int_equal(us, 2 * second);
    assert_int_equal(duration_read(&tree.root, "b", &us, &err), 0);
    assert_int_equal(us, second / 4);
    assert_int_equal(duration_read(&tree.root, "c", &us, &err), 0);
    assert_int_equal(us, 90 * second);
    static const char *const wrong[] = {"d", "e", "f"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(duration_read(&tree.root, wrong[i], &us, &err), TEND_EINPUT);
        assert_holds(err.message, "is no duration");
        assert_int_equal(us, 90 * second);
    }
    value_tree_done(&tree);
    buffer_done(&options);
}

static void sizes_are_bytes_or_text(void **state) {
    static const struct {
        const char *options;
        size_t bytes;
    } good[] = {{"{\"s\":4096}", 4096},
                {"{\"s\":\"3KiB\"}", 3072},
                {"{\"s\":\"256MiB\"}", (size_t)256 << 20},
                {"{\"s\":\"1GiB\"}", (size_t)1 << 30}};
    static const char *const wrong[] = {"{\"s\":0}",        "{\"s\":-1}",
                                        "{\"s\":\"much\"}", "{\"s\":\"5 parsecs\"}",
                                        "{\"s\":true}",     "{\"s\":\"\"}"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good + sizeof wrong / sizeof *wrong; i++) {
        bool is_good = i < sizeof good / sizeof *good;
        struct buffer options =
            packed(is_good ? good[i].options : wrong[i - sizeof good / sizeof *good]);
        struct value_tree tree;
        struct error err;
        size_t bytes = 77;
        assert_int_equal(value_read(buffer_bytes(&options), &tree, NULL), 0);
        assert_int_equal(size_read(&tree.root, "absent", &bytes, &err), 0);
        assert_int_equal(bytes, 77);
        assert_int_equal(size_read(&tree.root, "s", &bytes, &err), is_good ? 0 : TEND_EINPUT);
        assert_int_equal(bytes, is_good ? good[i].bytes : 77);
        value_tree_done(&tree);
        buffer_done(&options);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_seconds_or_text),
        cmocka_unit_test(sizes_are_bytes_or_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
