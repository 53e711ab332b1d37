/* Ids, hashes and chance that repeats. The expected hashes were made by another implementation
 * (Python's hashlib), the generator's numbers are the published ones for its seed. */
#include "base/id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void assert_uuid(const char *text, char version) {
    assert_int_equal(strlen(text), 36);
    for (int i = 0; i < 36; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        assert_true(is_dash ? text[i] == '-' : strchr("0123456789abcdef", text[i]) != NULL);
    }
    assert_int_equal(text[14], version);
    assert_non_null(strchr("89ab", text[19]));
}

static void a_uuid7_carries_its_time(void **state) {
    (void)state;
    char text[ID_UUID_TEXT];
    id_uuid7(INT64_C(0x0123456789ab) * 1000 + 500, text);
    assert_uuid(text, '7');
    assert_memory_equal(text, "01234567-89ab-7800", 18);
    id_uuid7(-5, text);
    assert_memory_equal(text, "00000000-0000-7000", 18);
}

static void uuid7s_sort_by_the_microsecond_and_differ_within_it(void **state) {
    (void)state;
    char last[ID_UUID_TEXT] = "", text[ID_UUID_TEXT], twin[ID_UUID_TEXT];
    for (int64_t us = 1764036443123000; us < 1764036443126000; us++) {
        id_uuid7(us, text);
        id_uuid7(us, twin);
        assert_uuid(text, '7');
        assert_true(strcmp(last, text) < 0);
        assert_string_not_equal(text, twin);
        strcpy(last, strcmp(text, twin) > 0 ? text : twin);
    }
}

static void a_uuid4_is_made_of_the_given_bytes(void **state) {
    (void)state;
    unsigned char bytes[16];
    char text[ID_UUID_TEXT];
    for (int i = 0; i < 16; i++) bytes[i] = (unsigned char)(0xf0 + i);
    id_uuid4(bytes, text);
    assert_uuid(text, '4');
    assert_string_equal(text, "f0f1f2f3-f4f5-46f7-b8f9-fafbfcfdfeff");
    assert_int_equal(bytes[6], 0xf6); /* the caller's stay */
}

static void a_hash_is_blake2b_of_lengths_and_parts(void **state) {
    (void)state;
    char text[ID_HASH_TEXT];
    id_hash(NULL, 0, text);
    assert_string_equal(text, "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
    const struct bytes parts[] = {bytes_of("ab"), bytes_of("c")};
    id_hash(parts, 2, text);
    assert_string_equal(text, "20263e794775e4edf2b306c0f306af9e50175c831c857604b481e847f790bf95");
}

static void parts_cut_elsewhere_hash_differently(void **state) {
    (void)state;
    char one[ID_HASH_TEXT], other[ID_HASH_TEXT];
    const struct bytes left[] = {bytes_of("ab"), bytes_of("c")};
    const struct bytes right[] = {bytes_of("a"), bytes_of("bc")};
    id_hash(left, 2, one);
    id_hash(right, 2, other);
    assert_string_not_equal(one, other);
}

static void chance_fills_and_differs(void **state) {
    (void)state;
    unsigned char one[32] = {0}, other[32] = {0};
    id_random(one, sizeof one);
    id_random(other, sizeof other);
    assert_memory_not_equal(one, other, sizeof one);
    id_random(one, 0);
}

static void a_generator_repeats_for_its_seed(void **state) {
    (void)state;
    struct id_generator generator = {1234567};
    assert_true(id_generator_next(&generator) == UINT64_C(6457827717110365317));
    assert_true(id_generator_next(&generator) == UINT64_C(3203168211198807973));
    const struct bytes parts[] = {bytes_of("run"), bytes_of("1")};
    id_generator_init(&generator, parts, 2);
    assert_true(id_generator_next(&generator) == UINT64_C(0x4cade25ff21f2b3));
    assert_true(id_generator_next(&generator) == UINT64_C(0x86a25b83baa60009));
    assert_true(id_generator_next(&generator) == UINT64_C(0xd4a738a9a0c72196));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_uuid7_carries_its_time),
        cmocka_unit_test(uuid7s_sort_by_the_microsecond_and_differ_within_it),
        cmocka_unit_test(a_uuid4_is_made_of_the_given_bytes),
        cmocka_unit_test(a_hash_is_blake2b_of_lengths_and_parts),
        cmocka_unit_test(parts_cut_elsewhere_hash_differently),
        cmocka_unit_test(chance_fills_and_differs),
        cmocka_unit_test(a_generator_repeats_for_its_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
