/* Small questions about text. */
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

typedef void adder(struct buffer *out, struct bytes text);

static void assert_added(adder *add, const char *text, size_t size, const char *wanted) {
    struct buffer out = BUFFER_EMPTY;
    buffer_add_text(&out, ">");
    add(&out, (struct bytes){text, size});
    assert_string_equal(out.data + 1, wanted);
    buffer_done(&out);
}

#define ADDED(add, literal, wanted) assert_added(add, literal, sizeof(literal) - 1, wanted)

static void a_key_part_hides_only_what_separates_keys(void **state) {
    (void)state;
    ADDED(text_add_key, "deploy api", "deploy api");
    ADDED(text_add_key, "a/b#1 50%", "a%2Fb%231 50%25");
    ADDED(text_add_key, "caf\xc3\xa9 \xf0\x9f\x98\x80", "caf\xc3\xa9 \xf0\x9f\x98\x80");
    ADDED(text_add_key, "\xff\xc3", "%FF%C3");
    ADDED(text_add_key, "\xed\xa0\x80", "%ED%A0%80");
    ADDED(text_add_key, "", "");
}

static void a_query_part_keeps_only_unreserved_characters(void **state) {
    (void)state;
    ADDED(text_add_url, "AZaz09-._~", "AZaz09-._~");
    ADDED(text_add_url, "a b&c=d/\xc3\xa9+\0", "a%20b%26c%3Dd%2F%C3%A9%2B%00");
}

static void base64_is_the_standard_s(void **state) {
    (void)state;
    ADDED(text_add_base64, "", ""); /* RFC 4648, section 10 */
    ADDED(text_add_base64, "f", "Zg==");
    ADDED(text_add_base64, "fo", "Zm8=");
    ADDED(text_add_base64, "foo", "Zm9v");
    ADDED(text_add_base64, "foob", "Zm9vYg==");
    ADDED(text_add_base64, "fooba", "Zm9vYmE=");
    ADDED(text_add_base64, "foobar", "Zm9vYmFy");
    ADDED(text_add_base64, "\xff\xff\xfe\0", "///+AA==");
}

/* By the definition: decode, and look whether it is the shortest form of a code point. */
static size_t defined_length(const unsigned char *at, size_t size) {
    static const unsigned least[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = at[0] < 0x80 ? 1 : at[0] >> 5 == 6 ? 2 : at[0] >> 4 == 14 ? 3 : 4;
    if (length == 4 && at[0] >> 3 != 30) return 0;
    if (length > size) return 0;
    if (length == 1) return 1;
    unsigned code = at[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if (at[i] >> 6 != 2) return 0;
        code = code << 6 | (at[i] & 0x3f);
    }
    bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
    return code < least[length] || code > 0x10ffff || is_surrogate ? 0 : length;
}

static void utf8_is_what_the_definition_says(void **state) {
    (void)state;
    static const unsigned char edges[] = {0,    0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f,
                                          0xa0, 0xbf, 0xc0, 0xc2, 0xe0, 0xf0, 0xff};
    enum { EDGES = sizeof edges };
    for (unsigned i = 0; i < 256u * EDGES * EDGES * EDGES; i++) {
        unsigned rest = i / 256;
        unsigned char bytes[4] = {(unsigned char)i, edges[rest % EDGES],
                                  edges[rest / EDGES % EDGES], edges[rest / EDGES / EDGES]};
        for (size_t size = 1; size <= 4; size++)
            if (text_utf8_length((const char *)bytes, size) != defined_length(bytes, size))
                fail_msg("%02x %02x %02x %02x, %zu", bytes[0], bytes[1], bytes[2], bytes[3], size);
    }
    assert_int_equal(text_utf8_length("", 0), 0);
}

/* ---- files ------------------------------------------------------------------------------- */

static void write_sample(char *path, size_t size) {
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    char byte = 'x';
    for (size_t i = 0; i < size; i++) assert_int_equal(write(fd, &byte, 1), 1);
    close(fd);
}

static void a_file_is_read_up_to_the_bound(void **state) {
    (void)state;
    char path[] = "/tmp/tend-test-text-XXXXXX";
    struct buffer out = BUFFER_EMPTY;
    struct error err = {0};
    write_sample(path, 40000);
    buffer_add_text(&out, "old");
    assert_int_equal(text_read_file(path, 40000, &out, &err), 0);
    assert_int_equal(out.size, 40003);
    assert_memory_equal(out.data, "oldxxx", 6);
    assert_int_equal(text_read_file(path, 39999, &out, &err), TEND_EIO);
    assert_int_equal(out.size, 40003);
    assert_int_equal(out.data[out.size], '\0');
    assert_non_null(strstr(err.message, path));
    assert_non_null(strstr(err.message, "larger than 39999 bytes"));
    unlink(path);
    assert_int_equal(text_read_file(path, 40000, &out, &err), TEND_ENOENT);
    assert_non_null(strstr(err.message, path));
    buffer_done(&out);
}

static void what_is_no_file_is_an_error(void **state) {
    (void)state;
    struct buffer out = BUFFER_EMPTY;
    assert_int_equal(text_read_file("/tmp", 100, &out, NULL), TEND_EIO);
    assert_int_equal(text_read_file("/dev/null/x", 100, &out, NULL), TEND_ENOENT);
    assert_int_equal(out.size, 0);
    assert_int_equal(text_read_file("/dev/null", 0, &out, NULL), 0);
    buffer_done(&out);
}

static void ends_are_compared_as_a_whole(void **state) {
    (void)state;
    assert_true(text_has_prefix("tend.lua", "tend"));
    assert_true(text_has_prefix("tend", ""));
    assert_false(text_has_prefix("te", "tend"));
    assert_true(text_has_suffix("tend.lua", ".lua"));
    assert_true(text_has_suffix("tend", ""));
    assert_false(text_has_suffix("lua", ".lua"));
    assert_false(text_has_suffix("tend.luac", ".lua"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_part_hides_only_what_separates_keys),
        cmocka_unit_test(a_query_part_keeps_only_unreserved_characters),
        cmocka_unit_test(base64_is_the_standard_s),
        cmocka_unit_test(utf8_is_what_the_definition_says),
        cmocka_unit_test(a_file_is_read_up_to_the_bound),
        cmocka_unit_test(what_is_no_file_is_an_error),
        cmocka_unit_test(ends_are_compared_as_a_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
