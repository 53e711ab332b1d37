/* Compression: what comes back is what was given, damage is an error, and values of all kinds take
 * little room. */
#include "support.h"

#include "journal/compress.h"

/* A log as services write them. */
static void add_log(struct buffer *out, size_t size_bytes) {
    for (unsigned i = 0; out->size < size_bytes; i++)
        buffer_add_format(out,
                          "{\"at\":\"2026-11-25T05:%02u:%02uZ\",\"level\":\"warn\",\"n\":%u}\n",
                          i / 60 % 60, i % 60, i * 2654435761u);
    out->size = size_bytes;
}

static void a_value_comes_back_as_it_was(void **state) {
    (void)state;
    const size_t sizes[] = {1024, 1025, 4000, 70000, 3000000};
    struct compressor compressor = {NULL, BUFFER_EMPTY};
    struct decompressor decompressor = {NULL};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct buffer raw = BUFFER_EMPTY, back = BUFFER_EMPTY;
        struct bytes frame;
        struct error err;
        add_log(&raw, sizes[i]);
        assert_true(compress(&compressor, buffer_bytes(&raw), &frame));
        assert_true(frame.size < sizes[i] / 2);
        buffer_add_text(&back, "before"); /* it appends */
        assert_int_equal(decompress(&decompressor, frame, &back, &err), 0);
        assert_int_equal(back.size, 6 + sizes[i]);
        assert_memory_equal(back.data + 6, raw.data, raw.size);
        buffer_done(&raw);
        buffer_done(&back);
    }
    compressor_done(&compressor);
    decompressor_done(&decompressor);
}

static void what_is_small_or_has_no_pattern_stays_as_it_is(void **state) {
    (void)state;
    struct compressor compressor = {NULL, BUFFER_EMPTY};
    struct buffer log = BUFFER_EMPTY;
    struct bytes frame;
    static char chance[5000];
    add_log(&log, COMPRESS_LEAST_BYTES - 1);
    fill_by_chance(chance, sizeof chance);
    assert_false(compress(&compressor, buffer_bytes(&log), &frame));
    assert_false(compress(&compressor, (struct bytes){chance, sizeof chance}, &frame));
    buffer_done(&log);
    compressor_done(&compressor);
}

/* Each byte in turn is changed, the frame is cut at each length: an error, or the same size. */
static void damage_is_an_error_and_bounded(void **state) {
    (void)state;
    struct compressor compressor = {NULL, BUFFER_EMPTY};
    struct decompressor decompressor = {NULL};
    struct buffer raw = BUFFER_EMPTY, copy = BUFFER_EMPTY, back = BUFFER_EMPTY;
    struct bytes frame;
    struct error err;
    add_log(&raw, 2000);
    assert_true(compress(&compressor, buffer_bytes(&raw), &frame));
    buffer_add(&copy, frame.data, frame.size);
    for (size_t i = 0; i < copy.size; i++) {
        for (int bit = 0; bit < 8; bit++) {
            copy.data[i] = (char)(copy.data[i] ^ 1 << bit);
            buffer_clear(&back);
            int status = decompress(&decompressor, buffer_bytes(&copy), &back, &err);
            if (status) assert_int_equal(status, TEND_EFORMAT);
            assert_true(back.size <= (copy.size / 4 + 1) * 128 * 1024);
            copy.data[i] = (char)(copy.data[i] ^ 1 << bit);
        }
        buffer_clear(&back);
        assert_int_equal(decompress(&decompressor, (struct bytes){copy.data, i}, &back, &err),
                         TEND_EFORMAT);
        assert_int_equal(back.size, 0);
    }
    /* a frame that claims to hold 2^40 bytes, in a header of its own */
    const char claim[] = {0x28, (char)0xb5, 0x2f, (char)0xfd, (char)0xe0, 0, 0, 0,
                          0,    0,          1,    0,          0,          1, 0, 0};
    assert_int_equal(decompress(&decompressor, (struct bytes){claim, sizeof claim}, &back, &err),
                     TEND_EFORMAT);
    buffer_done(&raw);
    buffer_done(&copy);
    buffer_done(&back);
    compressor_done(&compressor);
    decompressor_done(&decompressor);
}

/* ---- in the journal ---- */

static bool see_text(void *context, uint32_t sequence, struct bytes entry) {
    struct buffer *seen = context;
    (void)sequence;
    buffer_add(seen, entry.data, entry.size);
    return true;
}

static void check_value(struct journal *journal, struct bytes wanted) {
    struct buffer entry = BUFFER_EMPTY, bundle = BUFFER_EMPTY, value = BUFFER_EMPTY;
    struct error err;
    assert_int_equal(journal_entries(journal, 1, see_text, &entry, &err), 0);
    assert_int_equal(journal_bundle(journal, bytes_of("hash"), &bundle, &err), 0);
    assert_int_equal(journal_state(journal, bytes_of("key"), &value, NULL, &err), 0);
    assert_true(bytes_equal(buffer_bytes(&entry), wanted));
    assert_true(bytes_equal(buffer_bytes(&bundle), wanted));
    assert_true(bytes_equal(buffer_bytes(&value), wanted));
    buffer_done(&entry);
    buffer_done(&bundle);
    buffer_done(&value);
}

/* Entry, bundle and state hold `contents` each. */
static void store_value(struct journal *journal, struct bytes contents) {
    create_run(journal, 1, 2);
    struct journal_transition transition = {.number = 1, .entries = &contents, .entry_count = 1};
    struct journal_state_write write = {bytes_of("key"), contents};
    struct journal_bundle bundle = {bytes_of("hash"), contents};
    struct journal_batch batch = {.transitions = &transition,
                                  .transition_count = 1,
                                  .state_writes = &write,
                                  .state_write_count = 1,
                                  .bundles = &bundle,
                                  .bundle_count = 1};
    must_commit(journal, &batch);
}

static void large_values_take_little_room(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct buffer log = BUFFER_EMPTY;
    add_log(&log, 4000000);
    store_value(journal, buffer_bytes(&log));
    check_value(journal, buffer_bytes(&log));
    journal_close(journal);
    journal = open_journal(*state, JOURNAL_CLIENT);
    check_value(journal, buffer_bytes(&log));
    journal_close(journal);
    /* 12 MB of values, and what is allocated ahead (twice what they may need) */
    FILE *stream = fopen(path_in(*state, "journal.mdb"), "rb");
    char block[4096];
    size_t used = 0;
    while (fread(block, sizeof block, 1, stream) == 1) {
        bool is_blank = true;
        for (size_t i = 0; i < sizeof block; i++) is_blank = is_blank && !block[i];
        used += is_blank ? 0 : sizeof block;
    }
    fclose(stream);
    buffer_done(&log);
    assert_true(used > 300000 && used < 6000000);
}

static void values_without_pattern_are_stored_too(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    static char chance[50000];
    fill_by_chance(chance, sizeof chance);
    store_value(journal, (struct bytes){chance, sizeof chance});
    check_value(journal, (struct bytes){chance, sizeof chance});
    journal_close(journal);
}

/* Small and large entries in one commit, in their order. */
static void entries_of_all_sizes_come_in_order(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct buffer log = BUFFER_EMPTY, wanted = BUFFER_EMPTY, seen = BUFFER_EMPTY;
    const size_t sizes[] = {1, 900, 10, 5000, 0, 1100, 90000, 3, 600, 600, 600, 600};
    enum { COUNT = sizeof sizes / sizeof *sizes };
    struct bytes entries[COUNT];
    struct error err;
    add_log(&log, 100000);
    create_run(journal, 1, 2);
    for (size_t i = 0; i < COUNT; i++) {
        entries[i] = (struct bytes){log.data + i, sizes[i]};
        buffer_add(&wanted, log.data + i, sizes[i]);
    }
    struct journal_transition transition = {.number = 1, .entries = entries, .entry_count = COUNT};
    assert_int_equal(commit_one(journal, &transition, &err), 0);
    assert_int_equal(journal_entries(journal, 1, see_text, &seen, &err), 0);
    assert_true(bytes_equal(buffer_bytes(&seen), buffer_bytes(&wanted)));
    buffer_done(&log);
    buffer_done(&wanted);
    buffer_done(&seen);
    journal_close(journal);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_comes_back_as_it_was),
        cmocka_unit_test(what_is_small_or_has_no_pattern_stays_as_it_is),
        cmocka_unit_test(damage_is_an_error_and_bounded),
        HOME_TEST(large_values_take_little_room),
        HOME_TEST(values_without_pattern_are_stored_too),
        HOME_TEST(entries_of_all_sizes_come_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
