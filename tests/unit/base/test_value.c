/* Packed values and trees: exact, canonical, bounded. msgpack-c is the second opinion: what we
 * write it reads and writes again to the same bytes, and the other way round. */
#include "base/value.h"

#include <math.h>
#include <msgpack.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/id.h"
#include "base/memory.h"

static struct bytes of(const void *data, size_t size_bytes) {
    return (struct bytes){data, size_bytes};
}

#define BYTES(literal) of(literal, sizeof(literal) - 1)

static void assert_bytes(struct bytes got, struct bytes wanted) {
    assert_int_equal(got.size, wanted.size);
    assert_memory_equal(got.data, wanted.data, wanted.size);
}

static void assert_packs_again(struct bytes packed, struct bytes wanted) {
    struct value_tree tree;
    struct buffer again = BUFFER_EMPTY;
    struct error err;
    assert_int_equal(value_read(packed, &tree, &err), 0);
    pack_value(&again, &tree.root);
    assert_bytes(buffer_bytes(&again), wanted);
    buffer_done(&again);
    value_tree_done(&tree);
}

static void assert_refused(struct bytes packed) {
    struct value_tree tree = {.root = {.kind = VALUE_SECRET}};
    struct error err = {0};
    assert_int_equal(value_size(packed), 0);
    assert_int_equal(value_read(packed, &tree, &err), TEND_EFORMAT);
    assert_int_equal(tree.root.kind, VALUE_SECRET); /* untouched */
    assert_true(err.message[0] != '\0');
}

/* ---- random values ----------------------------------------------------------------------- */

static uint64_t next(struct id_generator *chance, uint64_t below) {
    return id_generator_next(chance) % below;
}

/* All widths, both signs, and the edges between widths. */
static int64_t random_integer(struct id_generator *chance) {
    uint64_t bits = id_generator_next(chance) >> next(chance, 64);
    int64_t edge = (int64_t)(UINT64_C(1) << next(chance, 63));
    switch (next(chance, 4)) {
    case 0: return (int64_t)bits;
    case 1: return (int64_t)~bits;
    case 2: return edge - (int64_t)next(chance, 2);
    default: return -edge - (int64_t)next(chance, 2);
    }
}

static double random_double(struct id_generator *chance) {
    uint64_t bits = id_generator_next(chance);
    double number;
    memcpy(&number, &bits, sizeof number);
    return isnan(number) ? -0.0 : number;
}

static struct bytes random_text(struct id_generator *chance, char *room) {
    static const size_t sizes[] = {0, 1, 2, 4, 8, 16, 17, 31, 32, 255, 256};
    size_t size = sizes[next(chance, sizeof sizes / sizeof *sizes)];
    for (size_t i = 0; i < size; i++) room[i] = (char)id_generator_next(chance);
    return of(room, size);
}

enum { TEXT_MOST = 256 };

static size_t random_count(struct id_generator *chance) {
    return next(chance, 40) == 0 ? 14 + next(chance, 4) : next(chance, 5);
}

static void pack_random(struct buffer *out, struct id_generator *chance, int depth) {
    char room[TEXT_MOST];
    size_t count = random_count(chance);
    switch (next(chance, depth > 0 ? 9 : 7)) {
    case 0: pack_nil(out); break;
    case 1: pack_null(out); break;
    case 2: pack_boolean(out, next(chance, 2)); break;
    case 3: pack_integer(out, random_integer(chance)); break;
    case 4: pack_double(out, random_double(chance)); break;
    case 5: pack_bytes(out, random_text(chance, room)); break;
    case 6: pack_secret(out, random_text(chance, room)); break;
    case 7:
        pack_list(out, count);
        while (count-- > 0) pack_random(out, chance, depth - 1);
        break;
    case 8:
        pack_map(out, count);
        while (count-- > 0) {
            pack_bytes(out, random_text(chance, room));
            pack_random(out, chance, depth - 1);
        }
    }
}

static void msgpack_text(msgpack_packer *packer, struct bytes text) {
    msgpack_pack_str_with_body(packer, text.data, text.size);
}

static void msgpack_random(msgpack_packer *packer, struct id_generator *chance, int depth) {
    char room[TEXT_MOST];
    size_t count = random_count(chance);
    struct bytes text;
    switch (next(chance, depth > 0 ? 8 : 6)) {
    case 0: msgpack_pack_nil(packer); break;
    case 1: msgpack_pack_ext_with_body(packer, "", 1, 1); break;
    case 2: msgpack_pack_int64(packer, random_integer(chance)); break;
    case 3: msgpack_pack_double(packer, random_double(chance)); break;
    case 4: msgpack_text(packer, random_text(chance, room)); break;
    case 5:
        text = random_text(chance, room);
        msgpack_pack_ext_with_body(packer, text.data, text.size, 2);
        break;
    case 6:
        msgpack_pack_array(packer, count);
        while (count-- > 0) msgpack_random(packer, chance, depth - 1);
        break;
    case 7:
        msgpack_pack_map(packer, count);
        while (count-- > 0) {
            msgpack_text(packer, random_text(chance, room));
            msgpack_random(packer, chance, depth - 1);
        }
    }
}

static void msgpack_c_reads_what_we_write_and_writes_the_same_bytes(void **state) {
    (void)state;
    struct id_generator chance = {1};
    struct buffer ours = BUFFER_EMPTY;
    for (int i = 0; i < 3000; i++) {
        buffer_clear(&ours);
        pack_random(&ours, &chance, 6);
        msgpack_unpacked unpacked;
        msgpack_unpacked_init(&unpacked);
        size_t used = 0;
        assert_int_equal(msgpack_unpack_next(&unpacked, ours.data, ours.size, &used),
                         MSGPACK_UNPACK_SUCCESS);
        assert_int_equal(used, ours.size);
        msgpack_sbuffer theirs;
        msgpack_packer packer;
        msgpack_sbuffer_init(&theirs);
        msgpack_packer_init(&packer, &theirs, msgpack_sbuffer_write);
        msgpack_pack_object(&packer, unpacked.data);
        assert_bytes(of(theirs.data, theirs.size), buffer_bytes(&ours));
        msgpack_sbuffer_destroy(&theirs);
        msgpack_unpacked_destroy(&unpacked);
    }
    buffer_done(&ours);
}

static void we_read_what_msgpack_c_writes_and_write_the_same_bytes(void **state) {
    (void)state;
    struct id_generator chance = {2};
    for (int i = 0; i < 3000; i++) {
        msgpack_sbuffer theirs;
        msgpack_packer packer;
        msgpack_sbuffer_init(&theirs);
        msgpack_packer_init(&packer, &theirs, msgpack_sbuffer_write);
        msgpack_random(&packer, &chance, 6);
        struct bytes packed = of(theirs.data, theirs.size);
        assert_int_equal(value_size(packed), packed.size);
        assert_packs_again(packed, packed);
        msgpack_sbuffer_destroy(&theirs);
    }
}

/* ---- forms ------------------------------------------------------------------------------- */

static void integers_take_their_smallest_form(void **state) {
    (void)state;
    static const struct {
        int64_t integer;
        size_t size_bytes;
    } cases[] = {
        {0, 1},
        {127, 1},
        {128, 2},
        {255, 2},
        {256, 3},
        {65535, 3},
        {65536, 5},
        {UINT32_MAX, 5},
        {INT64_C(1) << 32, 9},
        {INT64_MAX, 9},
        {-1, 1},
        {-32, 1},
        {-33, 2},
        {-128, 2},
        {-129, 3},
        {-32768, 3},
        {-32769, 5},
        {INT32_MIN, 5},
        {(int64_t)INT32_MIN - 1, 9},
        {INT64_MIN, 9},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer out = BUFFER_EMPTY;
        struct value_tree tree;
        pack_integer(&out, cases[i].integer);
        assert_int_equal(out.size, cases[i].size_bytes);
        assert_int_equal(value_read(buffer_bytes(&out), &tree, NULL), 0);
        assert_int_equal(tree.root.kind, VALUE_INTEGER);
        assert_true(tree.root.integer == cases[i].integer);
        value_tree_done(&tree);
        buffer_done(&out);
    }
}

static void a_double_keeps_its_bits(void **state) {
    (void)state;
    const double cases[] = {1.0, -0.0, 0.1 + 0.2, 5e-324, INFINITY, NAN, 9007199254740993.0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer out = BUFFER_EMPTY;
        struct value_tree tree;
        pack_double(&out, cases[i]);
        assert_int_equal((unsigned char)out.data[0], 0xcb);
        assert_int_equal(value_read(buffer_bytes(&out), &tree, NULL), 0);
        assert_int_equal(tree.root.kind, VALUE_DOUBLE);
        assert_memory_equal(&tree.root.number, &cases[i], sizeof(double));
        value_tree_done(&tree);
        buffer_done(&out);
    }
}

static void wider_forms_from_elsewhere_are_read(void **state) {
    (void)state;
    assert_packs_again(BYTES("\xd3\0\0\0\0\0\0\0\x05"), BYTES("\x05"));
    assert_packs_again(BYTES("\xd0\xff"), BYTES("\xff"));
    assert_packs_again(BYTES("\xca\x3f\xc0\0\0"), BYTES("\xcb\x3f\xf8\0\0\0\0\0\0"));
    assert_packs_again(BYTES("\xc4\x02hi"), BYTES("\xa2hi"));
    assert_packs_again(BYTES("\xdb\0\0\0\x02hi"), BYTES("\xa2hi"));
    assert_packs_again(BYTES("\xdd\0\0\0\x01\xc0"), BYTES("\x91\xc0"));
    assert_packs_again(BYTES("\xdf\0\0\0\x01\xd9\x01k\xc3"), BYTES("\x81\xa1k\xc3"));
}

static void an_unsigned_integer_beyond_int64_becomes_a_double(void **state) {
    (void)state;
    struct value_tree tree;
    assert_int_equal(value_read(BYTES("\xcf\x80\0\0\0\0\0\0\0"), &tree, NULL), 0);
    assert_int_equal(tree.root.kind, VALUE_DOUBLE);
    assert_true(tree.root.number == 0x1p63);
    value_tree_done(&tree);
    assert_int_equal(value_read(BYTES("\xcf\x7f\xff\xff\xff\xff\xff\xff\xff"), &tree, NULL), 0);
    assert_int_equal(tree.root.kind, VALUE_INTEGER);
    assert_true(tree.root.integer == INT64_MAX);
    value_tree_done(&tree);
}

static void null_and_secret_are_kinds_of_their_own(void **state) {
    (void)state;
    struct buffer out = BUFFER_EMPTY;
    pack_null(&out);
    assert_bytes(buffer_bytes(&out), BYTES("\xd4\x01\0"));
    buffer_clear(&out);
    pack_secret(&out, bytes_of("token"));
    assert_bytes(buffer_bytes(&out), BYTES("\xc7\x05\x02token"));
    struct value_tree tree;
    assert_int_equal(value_read(buffer_bytes(&out), &tree, NULL), 0);
    assert_int_equal(tree.root.kind, VALUE_SECRET);
    assert_true(bytes_are(tree.root.text, "token"));
    value_tree_done(&tree);
    buffer_done(&out);
}

static void malformed_bytes_are_refused(void **state) {
    (void)state;
    assert_refused(BYTES(""));
    assert_refused(BYTES("\xc1"));         /* never used by MessagePack */
    assert_refused(BYTES("\xd9\x05hell")); /* cut short */
    assert_refused(BYTES("\xcb\0\0"));
    assert_refused(BYTES("\x92\x01"));
    assert_refused(BYTES("\x81\xa1k"));
    assert_refused(BYTES("\x81\x01\x02"));      /* a key that isn't text */
    assert_refused(BYTES("\x81\xc4\x01k\x02")); /* bin as a key */
    assert_refused(BYTES("\x81\x90\x02"));
    assert_refused(BYTES("\xd4\x01\x01")); /* null with other data */
    assert_refused(BYTES("\xd5\x01\0\0"));
    assert_refused(BYTES("\xd4\x03\0"));               /* an extension that isn't ours */
    assert_refused(BYTES("\xdd\xff\xff\xff\xff\xc0")); /* a count beyond the bytes */
    assert_refused(BYTES("\xc9\xff\xff\xff\xff\x02"));
}

static void bytes_behind_a_value_are_refused_but_its_size_is_known(void **state) {
    (void)state;
    struct value_tree tree;
    struct error err;
    struct bytes two = BYTES("\x92\x01\xa1x\xc0");
    assert_int_equal(value_size(two), 4);
    assert_int_equal(value_read(two, &tree, &err), TEND_EFORMAT);
}

/* ---- bounds ------------------------------------------------------------------------------ */

static void add_nested(struct buffer *out, int depth, bool is_map) {
    for (int i = 0; i < depth; i++) {
        if (is_map) pack_map(out, 1), pack_text(out, "k");
        else pack_list(out, 1);
    }
    pack_nil(out);
}

static void depth_216_is_read_and_217_refused(void **state) {
    (void)state;
    for (int is_map = 0; is_map < 2; is_map++) {
        struct buffer out = BUFFER_EMPTY;
        add_nested(&out, 216, is_map);
        assert_packs_again(buffer_bytes(&out), buffer_bytes(&out));
        buffer_clear(&out);
        add_nested(&out, 217, is_map);
        assert_refused(buffer_bytes(&out));
        buffer_done(&out);
    }
}

static void a_tree_deeper_than_216_is_not_packed(void **state) {
    (void)state;
    static struct value levels[218];
    for (int i = 0; i < 217; i++) {
        levels[i].kind = VALUE_LIST;
        levels[i].list.items = &levels[i + 1];
        levels[i].list.count = 1;
    }
    struct buffer out = BUFFER_EMPTY;
    pack_value(&out, &levels[1]);
    assert_int_equal(buffer_check(&out, NULL), 0);
    buffer_clear(&out);
    pack_value(&out, &levels[0]);
    assert_int_equal(buffer_check(&out, NULL), TEND_ENOMEM);
    buffer_done(&out);
}

/* Each level claims as many elements as there are bytes left: memory taken before the elements
 * were seen would be 200 times 24 MB here. */
static void claimed_counts_take_no_memory(void **state) {
    (void)state;
    size_t size = 1 << 20;
    char *bytes = memory_new(size);
    memset(bytes, 0xc1, size);
    for (size_t i = 0; i < 200; i++) {
        size_t left = size - (i + 1) * 5;
        bytes[i * 5] = (char)0xdd;
        for (int j = 0; j < 4; j++) bytes[i * 5 + 1 + (size_t)j] = (char)(left >> (24 - 8 * j));
    }
    assert_refused(of(bytes, size));
    memory_free(bytes);
}

static void random_bytes_never_crash_the_reader(void **state) {
    (void)state;
    struct id_generator chance = {3};
    char bytes[64];
    size_t read = 0;
    for (int i = 0; i < 100000; i++) {
        size_t size = next(&chance, sizeof bytes);
        for (size_t j = 0; j < size; j++) bytes[j] = (char)id_generator_next(&chance);
        struct value_tree tree;
        size_t first = value_size(of(bytes, size));
        assert_true(first <= size);
        if (first == 0) continue;
        assert_int_equal(value_read(of(bytes, first), &tree, NULL), 0);
        value_tree_done(&tree);
        read++;
    }
    assert_true(read > 1000); /* the input isn't all refused */
}

static void every_cut_and_every_changed_byte_is_survived(void **state) {
    (void)state;
    struct id_generator chance = {4};
    struct buffer out = BUFFER_EMPTY;
    for (int i = 0; i < 300; i++) {
        buffer_clear(&out);
        pack_random(&out, &chance, 4);
        for (size_t cut = 0; cut < out.size; cut++) {
            char *copy = memory_copy(out.data, cut); /* so that a sanitizer sees its end */
            assert_int_equal(value_size(of(copy, cut)), 0);
            memory_free(copy);
            char before = out.data[cut];
            struct value_tree tree;
            out.data[cut] = (char)id_generator_next(&chance);
            if (value_read(buffer_bytes(&out), &tree, NULL) == 0) value_tree_done(&tree);
            out.data[cut] = before;
        }
    }
    buffer_done(&out);
}

/* ---- open and close ---------------------------------------------------------------------- */

static void a_closed_list_has_the_bytes_of_a_counted_one(void **state) {
    (void)state;
    static const size_t counts[] = {0, 1, 15, 16, 65535, 65536};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct buffer counted = BUFFER_EMPTY, closed = BUFFER_EMPTY;
        pack_list(&counted, counts[i]);
        size_t opened = pack_list_open(&closed);
        for (size_t j = 0; j < counts[i]; j++) {
            pack_integer(&counted, (int64_t)j);
            pack_integer(&closed, (int64_t)j);
        }
        pack_close(&closed, opened, counts[i]);
        assert_bytes(buffer_bytes(&closed), buffer_bytes(&counted));
        buffer_done(&counted);
        buffer_done(&closed);
    }
}

static void open_maps_and_lists_nest(void **state) {
    (void)state;
    struct buffer out = BUFFER_EMPTY;
    pack_text(&out, "before");
    size_t start = out.size;
    size_t map = pack_map_open(&out);
    pack_text(&out, "list");
    size_t list = pack_list_open(&out);
    pack_integer(&out, 1);
    size_t empty = pack_map_open(&out);
    pack_close(&out, empty, 0);
    pack_close(&out, list, 2);
    pack_member_boolean(&out, "yes", true);
    pack_close(&out, map, 2);
    assert_bytes(of(out.data + start, out.size - start),
                 BYTES("\x82\xa4list\x92\x01\x80\xa3yes\xc3"));
    buffer_done(&out);
}

/* ---- looking ----------------------------------------------------------------------------- */

static void add_sample(struct buffer *out) {
    pack_map(out, 9);
    pack_member_text(out, "name", "old");
    pack_member_text(out, "name", "tend");
    pack_member_text(out, "none", NULL);
    pack_member_integer(out, "limit", 7);
    pack_member_double(out, "half", 3.5);
    pack_member_double(out, "whole", 10.0);
    pack_member_boolean(out, "on", true);
    pack_text(out, "list"), pack_list(out, 0);
    pack_text(out, "map"), pack_map(out, 0);
}

static void a_field_is_found_by_kind_or_the_default_is_given(void **state) {
    (void)state;
    struct buffer out = BUFFER_EMPTY;
    struct value_tree tree;
    add_sample(&out);
    assert_int_equal(value_read(buffer_bytes(&out), &tree, NULL), 0);
    const struct value *map = &tree.root;
    assert_true(bytes_are(value_get_bytes(map, "name"), "tend")); /* the last of two */
    assert_null(value_get(map, "none"));
    assert_null(value_get(map, "absent"));
    assert_int_equal(value_get_bytes(map, "limit").size, 0);
    assert_int_equal(value_get_integer(map, "limit", 1), 7);
    assert_int_equal(value_get_integer(map, "name", 1), 1);
    assert_int_equal(value_get_integer(map, "whole", 1), 10);
    assert_int_equal(value_get_integer(map, "half", 1), 1);
    assert_true(value_get_number(map, "half", 0) == 3.5);
    assert_true(value_get_number(map, "limit", 0) == 7.0);
    assert_true(value_get_boolean(map, "on", false));
    assert_true(value_get_boolean(map, "limit", true));
    assert_non_null(value_get_list(map, "list"));
    assert_null(value_get_list(map, "map"));
    assert_non_null(value_get_map(map, "map"));
    assert_null(value_get_map(map, "list"));
    assert_null(value_get(NULL, "name"));
    assert_null(value_get(value_get(map, "name"), "name"));
    value_tree_done(&tree);
    buffer_done(&out);
}

static void a_whole_double_outside_int64_is_no_integer(void **state) {
    (void)state;
    static const double cases[] = {0x1p63, -0x1.0000000000001p63, INFINITY, NAN};
    struct value_member member = {bytes_of("n"), {.kind = VALUE_DOUBLE}};
    struct value map = {.kind = VALUE_MAP, .map = {&member, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        member.value.number = cases[i];
        assert_int_equal(value_get_integer(&map, "n", 5), 5);
    }
    member.value.number = -0x1p63;
    assert_true(value_get_integer(&map, "n", 5) == INT64_MIN);
}

static void a_text_is_copied_with_its_zeros(void **state) {
    (void)state;
    struct value text = {.kind = VALUE_TEXT, .text = BYTES("a\0b")};
    struct value number = {.kind = VALUE_INTEGER};
    char *copy = value_copy_text(&text);
    assert_memory_equal(copy, "a\0b", 4);
    memory_free(copy);
    assert_null(value_copy_text(&number));
    assert_null(value_copy_text(NULL));
}

static void a_done_tree_can_be_done_again(void **state) {
    (void)state;
    struct value_tree tree;
    assert_int_equal(value_read(BYTES("\x91\x01"), &tree, NULL), 0);
    value_tree_done(&tree);
    assert_int_equal(tree.root.kind, VALUE_NIL);
    value_tree_done(&tree);
    value_tree_done(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(msgpack_c_reads_what_we_write_and_writes_the_same_bytes),
        cmocka_unit_test(we_read_what_msgpack_c_writes_and_write_the_same_bytes),
        cmocka_unit_test(integers_take_their_smallest_form),
        cmocka_unit_test(a_double_keeps_its_bits),
        cmocka_unit_test(wider_forms_from_elsewhere_are_read),
        cmocka_unit_test(an_unsigned_integer_beyond_int64_becomes_a_double),
        cmocka_unit_test(null_and_secret_are_kinds_of_their_own),
        cmocka_unit_test(malformed_bytes_are_refused),
        cmocka_unit_test(bytes_behind_a_value_are_refused_but_its_size_is_known),
        cmocka_unit_test(depth_216_is_read_and_217_refused),
        cmocka_unit_test(a_tree_deeper_than_216_is_not_packed),
        cmocka_unit_test(claimed_counts_take_no_memory),
        cmocka_unit_test(random_bytes_never_crash_the_reader),
        cmocka_unit_test(every_cut_and_every_changed_byte_is_survived),
        cmocka_unit_test(a_closed_list_has_the_bytes_of_a_counted_one),
        cmocka_unit_test(open_maps_and_lists_nest),
        cmocka_unit_test(a_field_is_found_by_kind_or_the_default_is_given),
        cmocka_unit_test(a_whole_double_outside_int64_is_no_integer),
        cmocka_unit_test(a_text_is_copied_with_its_zeros),
        cmocka_unit_test(a_done_tree_can_be_done_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
