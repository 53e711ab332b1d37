/* Exact JSON: every value comes back bit for bit, and nonsense is an error. */
#include "support.h"

#include <math.h>

#include "engine/exact.h"

static int number_of(void *context, struct bytes id, int64_t *ret, struct error *err) {
    (void)context, (void)err;
    *ret = bytes_are(id, "known") ? 77 : 0;
    return 0;
}

static int read_text(const char *json, struct buffer *out, struct error *err) {
    struct buffer plain = packed(json);
    struct value_tree tree;
    assert_int_equal(value_read(buffer_bytes(&plain), &tree, err), 0);
    int status = exact_read(&tree.root, number_of, NULL, out, err);
    value_tree_done(&tree);
    buffer_done(&plain);
    return status;
}

/* To JSON and back; `wanted`: how it looks, NULL: no matter. */
static void check_round(struct buffer *value, const char *wanted) {
    struct buffer text = BUFFER_EMPTY, back = BUFFER_EMPTY;
    struct error err;
    assert_int_equal(exact_write(buffer_bytes(value), &text, &err), 0);
    if (wanted) assert_string_equal(text.data, wanted);
    if (read_text(text.data, &back, &err)) fail_msg("%s: %s", text.data, err.message);
    assert_true(bytes_equal(buffer_bytes(value), buffer_bytes(&back)));
    buffer_done(&text);
    buffer_done(&back);
    buffer_done(value);
}

static void scalars_come_back(void **state) {
    (void)state;
    static const double numbers[] = {0.0,     -0.0,     1.0,       0.1, 1e300,
                                     -5e-324, INFINITY, -INFINITY, NAN, 123456789.125};
    static const int64_t integers[] = {0, -1, INT64_MIN, INT64_MAX, 9007199254740993};
    struct buffer value = BUFFER_EMPTY;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        pack_double(&value, numbers[i]);
        check_round(&value, NULL);
    }
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) {
        pack_integer(&value, integers[i]);
        check_round(&value, NULL);
    }
    pack_nil(&value), check_round(&value, "{\"$nil\":true}");
    pack_null(&value), check_round(&value, "null");
    pack_boolean(&value, false), check_round(&value, "false");
    pack_double(&value, INFINITY), check_round(&value, "{\"$double\":\"7ff0000000000000\"}");
    pack_secret(&value, bytes_of("NAME")), check_round(&value, "{\"$secret\":\"NAME\"}");
    uint64_t bits = 0x7ff8000000000123; /* a NaN that carries something */
    double number;
    memcpy(&number, &bits, sizeof number);
    pack_double(&value, number), check_round(&value, "{\"$double\":\"7ff8000000000123\"}");
}

static void texts_of_any_bytes_come_back(void **state) {
    (void)state;
    struct buffer value = BUFFER_EMPTY;
    char all[256];
    for (int i = 0; i < 256; i++) all[i] = (char)i;
    for (size_t size = 0; size <= 256; size++) {
        pack_bytes(&value, (struct bytes){all, size});
        check_round(&value, NULL);
        pack_bytes(&value, (struct bytes){all + size, 256 - size});
        check_round(&value, NULL);
    }
    pack_text(&value, "ü\n\x01\"\\\xef\xbf\xbd"), check_round(&value, NULL);
    pack_bytes(&value, (struct bytes){"\xff", 1}), check_round(&value, "{\"$bytes\":\"/w==\"}");
}

static void maps_keep_their_order_and_odd_keys(void **state) {
    (void)state;
    struct buffer value = BUFFER_EMPTY;
    pack_map(&value, 2);
    pack_member_integer(&value, "z", 1);
    pack_member_integer(&value, "a", 2);
    check_round(&value, "{\"z\":1,\"a\":2}");
    pack_map(&value, 1);
    pack_member_boolean(&value, "$nil", true);
    check_round(&value, "{\"$map\":[[\"$nil\",true]]}");
    pack_map(&value, 1);
    pack_bytes(&value, (struct bytes){"k\xfe", 2});
    pack_list(&value, 0);
    check_round(&value, "{\"$map\":[[{\"$bytes\":\"a/4=\"},[]]]}");
    pack_map(&value, 1);
    pack_bytes(&value, bytes_of(""));
    pack_map(&value, 0);
    check_round(&value, "{\"\":{}}");
}

static void deep_and_odd_forms_come_back(void **state) {
    (void)state;
    struct buffer value = BUFFER_EMPTY;
    for (int depth = 1; depth <= VALUE_DEPTH_PACKED; depth += 5) {
        for (int i = 0; i < depth; i++) {
            pack_map(&value, 1);
            pack_bytes(&value, (struct bytes){"\xfe", 1});
        }
        pack_integer(&value, depth);
        check_round(&value, NULL);
    }
    buffer_add(&value, "\xcd\x00\x05", 3); /* 5, in a form that is longer than it has to be */
    check_round(&value, "{\"$packed\":\"zQAF\"}");
}

static void numbers_of_runs_are_looked_up(void **state) {
    (void)state;
    struct buffer out = BUFFER_EMPTY;
    struct error err;
    assert_int_equal(read_text("[{\"$run\":\"known\"},{\"$run\":\"else\"}]", &out, &err), 0);
    assert_json(buffer_bytes(&out), "[77,0]");
    buffer_done(&out);
}

static void what_is_not_understood_is_an_error(void **state) {
    (void)state;
    static const char *const texts[] = {"{\"$what\":1}",
                                        "{\"$bytes\":1}",
                                        "{\"$bytes\":\"*\"}",
                                        "{\"$double\":\"7ff\"}",
                                        "{\"$double\":\"7ff000000000000g\"}",
                                        "{\"$packed\":\"\"}",
                                        "{\"$packed\":\"wQ==\"}",
                                        "{\"$packed\":\"AQE=\"}",
                                        "{\"$map\":{}}",
                                        "{\"$map\":[[1]]}",
                                        "{\"$map\":[[1,2]]}",
                                        "{\"$secret\":1}",
                                        "{\"$run\":1}",
                                        "[[{\"$\":1}]]"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct buffer out = BUFFER_EMPTY;
        struct error err;
        if (read_text(texts[i], &out, &err) != TEND_EFORMAT) fail_msg("%s was taken", texts[i]);
        assert_non_null(strstr(err.message, "is not understood"));
        buffer_done(&out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_come_back),
        cmocka_unit_test(texts_of_any_bytes_come_back),
        cmocka_unit_test(maps_keep_their_order_and_odd_keys),
        cmocka_unit_test(deep_and_odd_forms_come_back),
        cmocka_unit_test(numbers_of_runs_are_looked_up),
        cmocka_unit_test(what_is_not_understood_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
