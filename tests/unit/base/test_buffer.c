/* A growing run of bytes, and comparing bytes. */
#include "base/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"

static void contents_are_kept_and_followed_by_a_zero(void **state) {
    (void)state;
    struct buffer buffer = BUFFER_EMPTY;
    for (int i = 0; i < 10000; i++) {
        buffer_add_byte(&buffer, (unsigned char)('a' + i % 26));
        assert_int_equal(buffer.data[buffer.size], '\0');
    }
    buffer_add_text(&buffer, "text");
    buffer_add_format(&buffer, "%d-%s", 42, "x");
    assert_int_equal(buffer.size, 10008);
    assert_string_equal(buffer.data + 10000, "text42-x");
    for (int i = 0; i < 10000; i++) assert_int_equal(buffer.data[i], 'a' + i % 26);
    buffer_done(&buffer);
    assert_null(buffer.data);
}

static void an_unused_buffer_reads_as_empty_text(void **state) {
    (void)state;
    struct buffer buffer = BUFFER_EMPTY;
    assert_string_equal(buffer_bytes(&buffer).data, "");
    assert_int_equal(buffer_bytes(&buffer).size, 0);
    buffer_add(&buffer, NULL, 0);
    assert_int_equal(buffer.size, 0);
    buffer_done(&buffer);
}

static void taken_contents_belong_to_the_caller(void **state) {
    (void)state;
    struct buffer buffer = BUFFER_EMPTY;
    size_t size = 99;
    char *data = buffer_take(&buffer, &size);
    assert_string_equal(data, "");
    assert_int_equal(size, 0);
    memory_free(data);
    buffer_add_text(&buffer, "abc");
    data = buffer_take(&buffer, NULL);
    assert_string_equal(data, "abc");
    assert_int_equal(buffer.size, 0);
    memory_free(data);
}

static void a_rewound_buffer_is_as_it_was(void **state) {
    (void)state;
    struct buffer buffer = BUFFER_EMPTY;
    struct buffer before = buffer;
    buffer_rewind(&buffer, &before);
    buffer_add_text(&buffer, "abc");
    before = buffer;
    for (int i = 0; i < 1000; i++) buffer_add_text(&buffer, "more");
    buffer.is_failed = true;
    buffer_rewind(&buffer, &before);
    assert_string_equal(buffer.data, "abc");
    assert_int_equal(buffer.size, 3);
    assert_int_equal(buffer_check(&buffer, NULL), 0);
    buffer_done(&buffer);
}

static void a_failed_buffer_says_so_until_it_is_cleared(void **state) {
    (void)state;
    struct buffer buffer = BUFFER_EMPTY;
    struct error err = {0};
    buffer_add_text(&buffer, "abc");
    buffer.is_failed = true;
    buffer_add_text(&buffer, "def");
    assert_null(buffer_grow(&buffer, 1));
    assert_null(buffer_take(&buffer, NULL));
    assert_int_equal(buffer.size, 3);
    assert_int_equal(buffer_check(&buffer, &err), TEND_ENOMEM);
    assert_int_equal(err.status, TEND_ENOMEM);
    buffer_clear(&buffer);
    buffer_add_text(&buffer, "x");
    assert_int_equal(buffer_check(&buffer, NULL), 0);
    assert_string_equal(buffer.data, "x");
    buffer_done(&buffer);
}

static void bytes_compare_unsigned_and_shorter_first(void **state) {
    (void)state;
    assert_int_equal(bytes_compare(bytes_of("a"), bytes_of("a")), 0);
    assert_true(bytes_compare(bytes_of("a"), bytes_of("ab")) < 0);
    assert_true(bytes_compare(bytes_of("b"), bytes_of("ab")) > 0);
    assert_true(bytes_compare(bytes_of("\xff"), bytes_of("a")) > 0);
    assert_true(bytes_compare(bytes_of(NULL), bytes_of("")) == 0);
    assert_true(bytes_equal(bytes_of(""), (struct bytes){NULL, 0}));
    assert_false(bytes_are(bytes_of("ab"), "a"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contents_are_kept_and_followed_by_a_zero),
        cmocka_unit_test(an_unused_buffer_reads_as_empty_text),
        cmocka_unit_test(taken_contents_belong_to_the_caller),
        cmocka_unit_test(a_rewound_buffer_is_as_it_was),
        cmocka_unit_test(a_failed_buffer_says_so_until_it_is_cleared),
        cmocka_unit_test(bytes_compare_unsigned_and_shorter_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
