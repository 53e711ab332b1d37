/* Log lines to patterns: what is masked, what stays, how they are counted and ranked. */
#include "fixture.h"

#include <time.h>

#include "analysis/patterns.h"

static void assert_masked(const char *line, const char *pattern) {
    struct buffer out = BUFFER_EMPTY;
    patterns_mask(bytes_of(line), &out);
    assert_string_equal(buffer_bytes(&out).data, pattern);
    buffer_done(&out);
}

static void what_changes_is_masked(void **state) {
    (void)state;
    assert_masked("took 153 ms, 12.5ms, -3", "took <number> ms, <number>ms, -<number>");
    assert_masked("order 0193f2aa-7c4b-7000-8000-00000000abcd failed", "order <id> failed");
    assert_masked("at 2026-11-25T02:07:23.123456Z and 2026/11/25 02:07:23,5 and 02:07:23",
                  "at <time> and <time> and <time>");
    assert_masked("2026-11-25 02:07:23 +0100 2026-11-25T02:07:23-05:00", "<time> +<number> <time>");
    assert_masked("connect ECONNREFUSED 10.0.3.7:5432", "connect ECONNREFUSED <address>");
    assert_masked("from fe80::1ff:fe23:4567:890a%2 or ::1", "from <address>%<number> or <address>");
    assert_masked("mail to ann.b+x@example.com bounced", "mail to <address> bounced");
    assert_masked("commit 9f86d081884c7d65 at 0x7ffd12", "commit <id> at <id>");
    assert_masked("req_8fK2mQ91xLpZ03 user_42 worker-7", "req_<id> user_<number> worker-<number>");
    assert_masked("\x1b[31merror\x1b[0m in 3", "error in <number>");
    assert_masked("GET /items/17/9?page=2 500",
                  "GET /items/<number>/<number>?page=<number> <number>");
}

static void names_stay_as_they_are(void **state) {
    (void)state;
    assert_masked("http2 over utf8 to s3, std::vector, deadbeef",
                  "http2 over utf8 to s3, std::vector, deadbeef");
    assert_masked("TypeError: Cannot read properties of undefined (reading 'total')",
                  "TypeError: Cannot read properties of undefined (reading 'total')");
    assert_masked("a:b 12:30", "a:b <number>:<number>");
    assert_masked("größer als 5", "größer als <number>");
    assert_masked("", "");
}

static struct verdict find_in(const char *json) {
    struct buffer packed = BUFFER_EMPTY;
    struct verdict ret = {.packed = BUFFER_EMPTY};
    struct value_tree tree;
    pack_json(&packed, json);
    assert_int_equal(value_read(buffer_bytes(&packed), &tree, NULL), 0);
    assert_int_equal(patterns_find(&tree.root, &ret.packed, NULL), 0);
    assert_int_equal(value_read(buffer_bytes(&ret.packed), &ret.tree, NULL), 0);
    value_tree_done(&tree);
    buffer_done(&packed);
    return ret;
}

static void lines_that_read_the_same_are_counted_together(void **state) {
    (void)state;
    struct verdict found = find_in(
        "{\"lines\":[{\"text\":\"rare\",\"at\":5},{\"text\":\"order 7 failed\",\"at\":30},"
        "{\"text\":\"order 9 failed\",\"at\":\"1970-01-01T00:00:20.5Z\"},{\"text\":\"untimed\"},"
        "{\"text\":\"order 8 failed\"}],\"limit\":2}");
    const struct value *list = &found.tree.root;
    assert_int_equal(list->list.count, 2);
    const struct value *first = &list->list.items[0], *second = &list->list.items[1];
    assert_true(bytes_are(value_get_bytes(first, "pattern"), "order <number> failed"));
    assert_true(bytes_are(value_get_bytes(first, "sample"), "order 7 failed"));
    assert_int_equal(value_get_integer(first, "count", 0), 3);
    assert_float_equal(value_get_number(first, "first", 0), 20.5, 1e-9);
    assert_float_equal(value_get_number(first, "last", 0), 30, 1e-9);
    assert_true(bytes_are(value_get_bytes(second, "pattern"), "rare"));
    verdict_done(&found);
    found = find_in("{\"lines\":[{\"text\":\"untimed\"}]}");
    assert_null(value_get(&found.tree.root.list.items[0], "first"));
    verdict_done(&found);
    found = find_in("{\"lines\":{}}");
    assert_int_equal(found.tree.root.list.count, 0);
    verdict_done(&found);
}

static void lines_must_be_given(void **state) {
    (void)state;
    struct value nothing = {.kind = VALUE_MAP};
    struct buffer out = BUFFER_EMPTY;
    struct error err = {0};
    assert_int_equal(patterns_find(&nothing, &out, &err), TEND_EINPUT);
    assert_string_equal(err.message, "lines must be a list");
    assert_int_equal(out.size, 0);
}

/* Twice the text takes about twice the time: a shape that looked at the rest of the line from each
 * of its words would take four times. */
static void hostile_lines_take_linear_time(void **state) {
    (void)state;
    static const char *const units[] = {"a", "1", "a.", "1:", "@a", "::", "0x", "\x1b[", "a-a1"};
    for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
        struct buffer line = BUFFER_EMPTY, out = BUFFER_EMPTY;
        while (line.size < 4000000) buffer_add_text(&line, units[u]);
        clock_t begun = clock();
        patterns_mask(buffer_bytes(&line), &out);
        double seconds = (double)(clock() - begun) / CLOCKS_PER_SEC;
        if (seconds > 20) fail_msg("\"%s\" repeated takes %.1f s", units[u], seconds);
        buffer_done(&line);
        buffer_done(&out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_changes_is_masked),
        cmocka_unit_test(names_stay_as_they_are),
        cmocka_unit_test(lines_that_read_the_same_are_counted_together),
        cmocka_unit_test(lines_must_be_given),
        cmocka_unit_test(hostile_lines_take_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
