/* JSON both ways: exact, sorted, strict, and clear about where something is wrong. */
#include "base/json.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/id.h"
#include "base/memory.h"

static struct bytes of(const void *data, size_t size_bytes) {
    return (struct bytes){data, size_bytes};
}

#define BYTES(literal) of(literal, sizeof(literal) - 1)

static void read_ok(const char *text, struct buffer *packed) {
    struct error err = {0};
    if (json_read(bytes_of(text), packed, &err) != 0) fail_msg("%s: %s", text, err.message);
}

/* Reads and writes again. */
static void assert_becomes(const char *text, const char *wanted) {
    struct buffer packed = BUFFER_EMPTY, again = BUFFER_EMPTY;
    read_ok(text, &packed);
    assert_int_equal(json_write_packed(buffer_bytes(&packed), &again, NULL), 0);
    assert_string_equal(again.data, wanted);
    buffer_done(&packed);
    buffer_done(&again);
}

static void assert_stays(const char *text) { assert_becomes(text, text); }

static void assert_packed(const char *text, struct bytes wanted) {
    struct buffer packed = BUFFER_EMPTY;
    read_ok(text, &packed);
    assert_int_equal(packed.size, wanted.size);
    assert_memory_equal(packed.data, wanted.data, wanted.size);
    buffer_done(&packed);
}

static void assert_bad(struct bytes text, const char *where) {
    struct buffer out = BUFFER_EMPTY;
    struct error err = {0};
    buffer_add_text(&out, "old");
    assert_int_equal(json_read(text, &out, &err), TEND_EFORMAT);
    assert_string_equal(out.data, "old");
    assert_string_equal(err.kind, "value");
    if (!strstr(err.message, where)) fail_msg("\"%s\" lacks \"%s\"", err.message, where);
    buffer_done(&out);
}

/* ---- numbers ----------------------------------------------------------------------------- */

static void integers_of_64_bits_stay_integers(void **state) {
    (void)state;
    assert_packed("42", BYTES("\x2a"));
    assert_packed("-0", BYTES("\0"));
    assert_packed("9223372036854775807", BYTES("\xcf\x7f\xff\xff\xff\xff\xff\xff\xff"));
    assert_packed("-9223372036854775808", BYTES("\xd3\x80\0\0\0\0\0\0\0"));
    assert_stays("[9007199254740991,9007199254740992,9007199254740993,-9007199254740993]");
    assert_stays("[9223372036854775806,9223372036854775807,-9223372036854775808]");
}

static void larger_integers_become_doubles(void **state) {
    (void)state;
    assert_packed("9223372036854775808", BYTES("\xcb\x43\xe0\0\0\0\0\0\0"));
    assert_packed("-9223372036854775809", BYTES("\xcb\xc3\xe0\0\0\0\0\0\0"));
    assert_becomes("[123456789012345678901234567890]", "[1.2345678901234568e+29]");
}

static void doubles_stay_doubles_and_keep_their_bits(void **state) {
    (void)state;
    assert_packed("1.0", BYTES("\xcb\x3f\xf0\0\0\0\0\0\0"));
    assert_packed("1e3", BYTES("\xcb\x40\x8f\x40\0\0\0\0\0"));
    assert_packed("-0.0", BYTES("\xcb\x80\0\0\0\0\0\0\0"));
    assert_stays("[1.0,-0.0,0.1,0.30000000000000004,1e+300,1.7976931348623157e+308]");
    assert_becomes("[1E3,1e-400,5e-324]", "[1000.0,0.0,4.94065645841247e-324]");
}

static void any_double_comes_back_through_text(void **state) {
    (void)state;
    struct id_generator chance = {5};
    struct buffer text = BUFFER_EMPTY, packed = BUFFER_EMPTY;
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = id_generator_next(&chance);
        struct value value = {.kind = VALUE_DOUBLE};
        memcpy(&value.number, &bits, sizeof bits);
        if (!isfinite(value.number)) continue;
        buffer_clear(&text);
        buffer_clear(&packed);
        assert_int_equal(json_write(&value, (struct json_style){0}, &text, NULL), 0);
        read_ok(text.data, &packed);
        struct value_tree tree;
        assert_int_equal(value_read(buffer_bytes(&packed), &tree, NULL), 0);
        assert_int_equal(tree.root.kind, VALUE_DOUBLE);
        assert_memory_equal(&tree.root.number, &bits, sizeof bits);
        value_tree_done(&tree);
    }
    buffer_done(&text);
    buffer_done(&packed);
}

static void a_number_beyond_a_double_names_its_position(void **state) {
    (void)state;
    assert_bad(BYTES("[1,\n  1e999]"), "line 2, column 3");
    assert_bad(BYTES("1e999"), "line 1, column 1");
    assert_bad(BYTES("{\"\xc3\xa9\":-1e999}"), "line 1, column 6");
}

/* ---- texts ------------------------------------------------------------------------------- */

static void escapes_are_decoded_and_written_only_where_needed(void **state) {
    (void)state;
    assert_becomes("\"a\\/b\\u0041\\u00e9\\u20ac\"", "\"a/bA\xc3\xa9\xe2\x82\xac\"");
    assert_becomes("\"\\ud83d\\ude00\\uDBFF\\uDFFF\"", "\"\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf\"");
    assert_stays("\"\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f\x7f/\"");
    assert_packed("\"a\\u0000b\"", BYTES("\xa3"
                                         "a\0b"));
}

static void half_a_surrogate_pair_becomes_a_replacement_character(void **state) {
    (void)state;
    assert_becomes("\"\\ud83dx\"", "\"\xef\xbf\xbdx\"");
    assert_becomes("\"x\\ud83d\"", "\"x\xef\xbf\xbd\"");
    assert_becomes("\"\\ud83d\\u0041\"", "\"\xef\xbf\xbd"
                                         "A\"");
    assert_becomes("\"\\ude00\\ud83d\\ude00\"", "\"\xef\xbf\xbd\xf0\x9f\x98\x80\"");
    assert_becomes("{\"\\ud83d\" : \"\\ud83d\\n\"}", "{\"\xef\xbf\xbd\":\"\xef\xbf\xbd\\n\"}");
}

static void strings_with_escapes_are_found_among_other_tokens(void **state) {
    (void)state;
    assert_becomes(" { \"a\\n\" : [ 1 , -2.5e1, true,null, \"x\\t\",\"\\\"\" ,{}, \"\\\\\" ] ,"
                   "\n\t\"b\\\\\":false , \"\" : \"\" } ",
                   "{\"\":\"\",\"a\\n\":[1,-25.0,true,null,\"x\\t\",\"\\\"\",{},\"\\\\\"],"
                   "\"b\\\\\":false}");
}

static void bytes_that_are_not_utf8_are_refused_in_and_replaced_out(void **state) {
    (void)state;
    assert_bad(BYTES("\"ab\xff\""), "line 1, column 4");
    assert_bad(BYTES("\"\xc0\xaf\""), "isn't UTF-8");     /* overlong */
    assert_bad(BYTES("\"\xed\xa0\x80\""), "isn't UTF-8"); /* a surrogate */
    assert_bad(BYTES("\"\xf4\x90\x80\x80\""), "isn't UTF-8");
    assert_bad(BYTES("\"\xe2\x82"), "isn't UTF-8");
    struct value value = {.kind = VALUE_TEXT, .text = BYTES("a\xff\xe2\x82z\xc3\xa9")};
    struct buffer out = BUFFER_EMPTY;
    assert_int_equal(json_write(&value, (struct json_style){0}, &out, NULL), 0);
    assert_string_equal(out.data, "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\xc3\xa9\"");
    buffer_done(&out);
}

/* ---- structure --------------------------------------------------------------------------- */

static void empty_lists_and_maps_stay_what_they_are(void **state) {
    (void)state;
    assert_packed("[]", BYTES("\x90"));
    assert_packed("{}", BYTES("\x80"));
    assert_packed("null", BYTES("\xd4\x01\0"));
    assert_stays("{\"a\":[],\"b\":{},\"c\":[[],{}],\"d\":null}");
}

static void keys_are_sorted_by_bytes(void **state) {
    (void)state;
    assert_becomes("{\"b\":1,\"a\":2,\"\xc3\xa9\":3,\"B\":4,\"\":5,\"aa\":6}",
                   "{\"\":5,\"B\":4,\"a\":2,\"aa\":6,\"b\":1,\"\xc3\xa9\":3}");
}

static void of_equal_keys_the_last_counts(void **state) {
    (void)state;
    assert_becomes("{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}");
}

static void canonical_bytes_come_out_for_any_count(void **state) {
    (void)state;
    struct buffer text = BUFFER_EMPTY, counted = BUFFER_EMPTY;
    pack_list(&counted, 70000);
    for (int i = 0; i < 70000; i++) {
        buffer_add_format(&text, "%s%d", i ? "," : "[", i);
        pack_integer(&counted, i);
    }
    buffer_add_text(&text, "]");
    assert_packed(text.data, buffer_bytes(&counted));
    buffer_done(&text);
    buffer_done(&counted);
}

static void a_text_is_appended_behind_what_is_there(void **state) {
    (void)state;
    struct buffer out = BUFFER_EMPTY;
    pack_integer(&out, 1);
    read_ok("[2]", &out);
    assert_int_equal(out.size, 3);
    assert_memory_equal(out.data, "\x01\x91\x02", 3);
    buffer_done(&out);
}

static void what_is_not_json_is_refused_with_its_position(void **state) {
    (void)state;
    assert_bad(BYTES(""), "line 1, column 1");
    assert_bad(of(NULL, 0), "line 1, column 1");
    assert_bad(BYTES(" \n "), "line 2, column 2");
    assert_bad(BYTES("{\"a\":x}"), "line 1, column 6");
    assert_bad(BYTES("[1 2]"), "line 1, column 4");
    assert_bad(BYTES("[1,]"), "line 1, column 4");
    assert_bad(BYTES("{\"a\":1,}"), "line 1, column 8");
    assert_bad(BYTES("[1]\n[2]"), "line 2, column 1");
    assert_bad(BYTES("1 2"), "trailing garbage");
    assert_bad(BYTES("\"a\nb\""), "line 1, column 3");
    assert_bad(BYTES("\"a\\x\""), "line 1, column 4");
    assert_bad(BYTES("\"\\u00g0\""), "line 1, column 6");
    assert_bad(BYTES("\"abc"), "line 1, column 5");
    assert_bad(BYTES("[1,[2,{\"a\":3"), "premature EOF");
    static const char *const others[] = {
        "tru", "nul",      "-",  "1.",  ".5",    "+1",      "01", "[01]",   "0x10",
        "NaN", "Infinity", "1e", "'a'", "{1:2}", "{\"a\"}", "]",  "/*c*/1", "\xef\xbb\xbf\x31",
        "[1}", "{]"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_bad(bytes_of(others[i]), "line 1");
    assert_bad(BYTES("1\0"), "line 1");
}

static void add_nested(struct buffer *out, int depth) {
    for (int i = 0; i < depth; i++) buffer_add_text(out, i % 2 ? "{\"k\":" : "[");
    buffer_add_text(out, "0");
    for (int i = depth - 1; i >= 0; i--) buffer_add_text(out, i % 2 ? "}" : "]");
}

static void depth_200_is_read_and_written_and_201_refused(void **state) {
    (void)state;
    struct buffer text = BUFFER_EMPTY;
    add_nested(&text, 200);
    assert_stays(text.data);
    buffer_clear(&text);
    add_nested(&text, 201);
    assert_bad(buffer_bytes(&text), "nested deeper than 200");
    buffer_done(&text);
}

static void random_bytes_never_crash_the_reader(void **state) {
    (void)state;
    struct id_generator chance = {6};
    static const char likely[] = "[]{}\",:\\u0d8dc0aeE+-.1 \n\ttruefalsn";
    struct buffer out = BUFFER_EMPTY;
    size_t read = 0;
    for (int i = 0; i < 100000; i++) {
        char bytes[48];
        size_t size = id_generator_next(&chance) % sizeof bytes;
        for (size_t j = 0; j < size; j++) {
            uint64_t bits = id_generator_next(&chance);
            bytes[j] = bits >> 60 ? likely[bits % (sizeof likely - 1)] : (char)bits;
        }
        buffer_clear(&out);
        if (i % 4 == 0) size %= 6; /* short ones are sometimes right */
        if (json_read(of(bytes, size), &out, NULL) != 0) continue;
        assert_int_equal(value_size(buffer_bytes(&out)), out.size);
        read++;
    }
    assert_true(read > 100);
    buffer_done(&out);
}

static void every_cut_of_a_text_is_survived(void **state) {
    (void)state;
    struct bytes text =
        BYTES("{\"a\\ud83d\\ude00\":[1,-2.5e+3,\"\xc3\xa9\\n\",true,null],\"b\":{}}");
    struct buffer out = BUFFER_EMPTY;
    for (size_t size = 0; size < text.size; size++) {
        char *copy = memory_copy(text.data, size); /* so that a sanitizer sees its end */
        assert_int_equal(json_read(of(copy, size), &out, NULL), TEND_EFORMAT);
        assert_int_equal(out.size, 0);
        memory_free(copy);
    }
    buffer_done(&out);
}

/* ---- writing ----------------------------------------------------------------------------- */

static void assert_unwritable(const struct value *value, const char *message) {
    struct buffer out = BUFFER_EMPTY;
    struct error err = {0};
    buffer_add_text(&out, "old");
    assert_int_equal(json_write(value, (struct json_style){0}, &out, &err), TEND_EINPUT);
    assert_string_equal(out.data, "old");
    assert_string_equal(err.kind, "value");
    if (!strstr(err.message, message)) fail_msg("\"%s\" lacks \"%s\"", err.message, message);
    buffer_done(&out);
}

static void what_json_does_not_have_is_refused_by_path(void **state) {
    (void)state;
    struct value_member x = {BYTES("x"), {.kind = VALUE_DOUBLE, .number = NAN}};
    struct value items[3] = {{.kind = VALUE_NIL}, {.kind = VALUE_NULL}, {.kind = VALUE_MAP}};
    items[2].map.members = &x;
    items[2].map.count = 1;
    struct value_member member = {BYTES("items"), {.kind = VALUE_LIST, .list = {items, 3}}};
    struct value_member result = {BYTES("result"), {.kind = VALUE_MAP, .map = {&member, 1}}};
    struct value root = {.kind = VALUE_MAP, .map = {&result, 1}};
    assert_unwritable(&root, "result.items[3].x is NaN");
    x.value.number = -INFINITY;
    assert_unwritable(&root, "result.items[3].x is an infinity");
    x.value = (struct value){.kind = VALUE_SECRET, .text = BYTES("token")};
    x.key = BYTES("a key");
    assert_unwritable(&root, "result.items[3][\"a key\"] is a secret");
    assert_unwritable(&x.value, "the value is a secret");
}

static void nil_is_written_null(void **state) {
    (void)state;
    struct value nil = {.kind = VALUE_NIL};
    struct buffer out = BUFFER_EMPTY;
    assert_int_equal(json_write(&nil, (struct json_style){0}, &out, NULL), 0);
    assert_string_equal(out.data, "null");
    buffer_done(&out);
}

static void indented_text_breaks_lines_but_not_in_what_is_empty(void **state) {
    (void)state;
    struct buffer packed = BUFFER_EMPTY, out = BUFFER_EMPTY;
    struct value_tree tree;
    read_ok("{\"b\":[1,[2]],\"a\":{},\"c\":[]}", &packed);
    assert_int_equal(value_read(buffer_bytes(&packed), &tree, NULL), 0);
    assert_int_equal(json_write(&tree.root, (struct json_style){2}, &out, NULL), 0);
    assert_string_equal(out.data,
                        "{\n  \"a\": {},\n  \"b\": [\n    1,\n    [\n      2\n    ]\n  ],\n"
                        "  \"c\": []\n}");
    value_tree_done(&tree);
    buffer_done(&packed);
    buffer_done(&out);
}

static void a_malformed_packed_value_is_refused(void **state) {
    (void)state;
    struct buffer out = BUFFER_EMPTY;
    assert_int_equal(json_write_packed(BYTES("\x91"), &out, NULL), TEND_EFORMAT);
    assert_int_equal(out.size, 0);
    buffer_done(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_of_64_bits_stay_integers),
        cmocka_unit_test(larger_integers_become_doubles),
        cmocka_unit_test(doubles_stay_doubles_and_keep_their_bits),
        cmocka_unit_test(any_double_comes_back_through_text),
        cmocka_unit_test(a_number_beyond_a_double_names_its_position),
        cmocka_unit_test(escapes_are_decoded_and_written_only_where_needed),
        cmocka_unit_test(half_a_surrogate_pair_becomes_a_replacement_character),
        cmocka_unit_test(strings_with_escapes_are_found_among_other_tokens),
        cmocka_unit_test(bytes_that_are_not_utf8_are_refused_in_and_replaced_out),
        cmocka_unit_test(empty_lists_and_maps_stay_what_they_are),
        cmocka_unit_test(keys_are_sorted_by_bytes),
        cmocka_unit_test(of_equal_keys_the_last_counts),
        cmocka_unit_test(canonical_bytes_come_out_for_any_count),
        cmocka_unit_test(a_text_is_appended_behind_what_is_there),
        cmocka_unit_test(what_is_not_json_is_refused_with_its_position),
        cmocka_unit_test(depth_200_is_read_and_written_and_201_refused),
        cmocka_unit_test(random_bytes_never_crash_the_reader),
        cmocka_unit_test(every_cut_of_a_text_is_survived),
        cmocka_unit_test(what_json_does_not_have_is_refused_by_path),
        cmocka_unit_test(nil_is_written_null),
        cmocka_unit_test(indented_text_breaks_lines_but_not_in_what_is_empty),
        cmocka_unit_test(a_malformed_packed_value_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
