/* Text on a terminal: nothing of it steers, and it is as wide as it says. */
#include "support.h"

#include "cli/glyph.h"

static void assert_shown(const char *text, size_t size, bool keeps_lines, const char *wanted) {
    struct buffer out = BUFFER_EMPTY;
    buffer_add_text(&out, "");
    glyph_add(&out, (struct bytes){text, size}, keeps_lines);
    assert_string_equal(out.data ? out.data : "", wanted);
    buffer_done(&out);
}

static void what_steers_a_terminal_is_spelled_out(void **state) {
    (void)state;
    assert_shown("a\033[2J\rb\b\a", 9, false, "a\\x1b[2J\\x0db\\x08\\x07");
    assert_shown("\xc2\x9b"
                 "2J",
                 4, false, "\\x9b2J"); /* the one-byte form of ESC [ */
    assert_shown("\x9b"
                 "2J",
                 3, false, "\\x9b2J");
    assert_shown("a\xe2\x80\xae"
                 "b",
                 5, false, "a\\u{202e}b"); /* right to left from here */
    assert_shown("\x7f\0x", 3, false, "\\x7f\\x00x");
    assert_shown("a\nb\tc", 5, false, "a\\nb\\tc");
    assert_shown("a\nb\tc\r", 6, true, "a\nb\tc\\x0d");
}

static void what_does_not_stays_as_it_is(void **state) {
    (void)state;
    assert_shown("größe 日本 👍", 19, false, "größe 日本 👍");
    assert_shown("\xff\xc3", 2, false, "\\xff\\xc3");
}

static void widths_are_columns(void **state) {
    (void)state;
    assert_int_equal(glyph_width(bytes_of("größe")), 5);
    assert_int_equal(glyph_width(bytes_of("日本")), 4);
    assert_int_equal(glyph_width(bytes_of("e\xcc\x81")), 1);
    assert_int_equal(glyph_width(bytes_of("\033[m")), 6);
    assert_int_equal(glyph_width(bytes_of("👍")), 2);
}

static void a_line_is_cut_between_characters(void **state) {
    struct buffer out = BUFFER_EMPTY;
    (void)state;
    setenv("LC_ALL", "C.UTF-8", 1);
    assert_int_equal(glyph_add_fit(&out, bytes_of("日本語日本語"), 6), 5);
    assert_string_equal(out.data, "日本…");
    buffer_clear(&out);
    assert_int_equal(glyph_add_fit(&out, bytes_of("abc"), 3), 3);
    assert_string_equal(out.data, "abc");
    buffer_clear(&out);
    setenv("LC_ALL", "C", 1);
    assert_int_equal(glyph_add_fit(&out, bytes_of("abcdef"), 4), 4);
    assert_string_equal(out.data, "abc~");
    buffer_done(&out);
}

static void a_pipe_has_neither_colours_nor_a_cursor(void **state) {
    int ends[2];
    (void)state;
    setenv("TERM", "xterm", 1);
    assert_int_equal(pipe(ends), 0);
    assert_false(glyph_has_cursor(ends[1]));
    assert_false(glyph_has_colours(ends[1]));
    close(ends[0]);
    close(ends[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_steers_a_terminal_is_spelled_out),
        cmocka_unit_test(what_does_not_stays_as_it_is),
        cmocka_unit_test(widths_are_columns),
        cmocka_unit_test(a_line_is_cut_between_characters),
        cmocka_unit_test(a_pipe_has_neither_colours_nor_a_cursor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
