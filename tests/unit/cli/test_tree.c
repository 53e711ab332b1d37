/* The tree of what is under way: where things stand, and that it fits any screen. */
#include "support.h"

#include "cli/tree.h"

static const int64_t second_us = 1000000;

static void begin(struct tree *tree, const char *run, const char *key, const char *kind,
                  const char *child) {
    struct step_begin begin = {run, "check", key, kind, 1, 0, child};
    tree_begin(tree, &begin, second_us);
}

static void end(struct tree *tree, const char *run, const char *key) {
    tree_end(tree, run, key, "step", "done", 1500000, "", second_us);
}

static struct tree_style style_of(size_t columns, size_t rows) {
    return (struct tree_style){
        .columns = columns, .rows = rows, .now_us = second_us, .wall_us = second_us};
}

static void assert_drawn(const struct tree *tree, const struct tree_style *style,
                         const char *wanted) {
    struct tree_lines lines = {BUFFER_EMPTY, 0, {0}};
    tree_draw(tree, style, &lines);
    assert_string_equal(lines.text.data, wanted);
    buffer_done(&lines.text);
}

static void steps_stand_below_their_branch_and_children_below_their_invoke(void **state) {
    struct tree *tree = tree_new();
    struct tree_style style = style_of(60, 20);
    (void)state;
    begin(tree, "run-1", "both", "parallel", NULL);
    begin(tree, "run-1", "both/left/look", "exec", NULL);
    begin(tree, "run-1", "both/right/child", "invoke", "run-2");
    begin(tree, "run-2", "inner%2fstep", "step", NULL);
    begin(tree, "run-1", "both/left/gone", "exec", NULL);
    end(tree, "run-1", "both/left/gone");
    assert_drawn(tree, &style,
                 "| check run-1\n"
                 "  | both (parallel), 2 under way\n"
                 "    | left\n"
                 "      + gone 1.5 s\n"
                 "      | look (exec)\n"
                 "    | right\n"
                 "      | child (invoke)\n"
                 "        | inner/step\n");
    tree_end(tree, "run-1", "both", "parallel", "failed", 2 * second_us, "no\nroom", second_us);
    assert_drawn(tree, &style, "| check run-1\n  x both (parallel) 2.0 s: no\\nroom\n");
    tree_free(tree);
}

static void an_attempt_that_failed_is_shown_until_the_next_begins(void **state) {
    struct tree *tree = tree_new();
    struct tree_style style = style_of(60, 20);
    struct step_begin again = {"r", "check", "call", "http", 2, 0, NULL};
    (void)state;
    begin(tree, "r", "call", "http", NULL);
    tree_end(tree, "r", "call", "http", "retrying", 0, "refused", second_us);
    assert_drawn(tree, &style, "| check r\n  ~ call (http) attempt 1 failed: refused\n");
    tree_begin(tree, &again, second_us);
    assert_drawn(tree, &style, "| check r\n  | call (http) attempt 2\n");
    tree_free(tree);
}

static void what_has_ended_is_kept_to_the_last_few(void **state) {
    struct tree *tree = tree_new();
    struct tree_style style = style_of(60, 40);
    struct tree_lines lines = {BUFFER_EMPTY, 0, {0}};
    char key[20];
    (void)state;
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "s%d", i);
        begin(tree, "r", key, "step", NULL);
        end(tree, "r", key);
    }
    tree_draw(tree, &style, &lines);
    assert_int_equal(lines.count, 14);
    assert_non_null(strstr(lines.text.data, "... 988 ended before\n"));
    assert_null(strstr(lines.text.data, "+ s987 "));
    assert_non_null(strstr(lines.text.data, "+ s988 "));
    buffer_done(&lines.text);
    tree_free(tree);
}

/* Whatever there is to show: never more rows than the screen has, never a line that fills one. */
static void it_fits_every_screen(void **state) {
    struct tree *tree = tree_new();
    struct tree_lines lines = {BUFFER_EMPTY, 0, {0}};
    char key[200];
    (void)state;
    for (int i = 0; i < 300; i++) {
        snprintf(key, sizeof key, "side by side/a branch with a long name %d/日本語 %d", i % 60, i);
        begin(tree, "r", key, "exec", NULL);
        if (i % 3 == 0) end(tree, "r", key);
    }
    for (size_t rows = 3; rows < 60; rows += 4)
        for (size_t columns = 20; columns < 130; columns += 17) {
            struct tree_style style = style_of(columns, rows);
            style.is_last = rows % 8 == 3;
            tree_draw(tree, &style, &lines);
            assert_true(lines.count > 0 && lines.count < rows);
            for (size_t i = 0; i < lines.count; i++) assert_true(lines.widths[i] < columns);
        }
    buffer_done(&lines.text);
    tree_free(tree);
}

static void the_end_says_how_each_run_ended(void **state) {
    struct tree *tree = tree_new();
    struct tree_style style = style_of(70, 20);
    struct record record = {.id = "r", .workflow = "check", .status = RUN_FAILED};
    (void)state;
    begin(tree, "r", "a", "step", NULL);
    end(tree, "r", "a");
    begin(tree, "r", "b", "sleep", NULL);
    snprintf(record.message, sizeof record.message, "\033[2Jbad");
    tree_run(tree, &record, 4 * second_us);
    style.is_last = true;
    assert_false(tree_is_active(tree));
    assert_drawn(tree, &style,
                 "x check r 3.0 s: \\x1b[2Jbad\n"
                 "  + a 1.5 s\n"
                 "  0 b (sleep) 0 ms\n"
                 "check failed in 3.0 s, 1 step\n");
    tree_free(tree);
}

static void a_child_s_end_that_comes_late_is_no_run_of_its_own(void **state) {
    struct tree *tree = tree_new();
    struct record record = {.id = "run-2", .workflow = "child", .status = RUN_COMPLETED};
    (void)state;
    record.parent = 1;
    begin(tree, "run-1", "child", "invoke", "run-2");
    tree_run(tree, &record, second_us); /* its invoke tells */
    end(tree, "run-1", "child");
    tree_run(tree, &record, second_us);
    struct tree_style style = style_of(60, 20);
    assert_drawn(tree, &style, "| check run-1\n  + child 1.5 s\n");
    tree_free(tree);
}

static void durations_are_short(void **state) {
    static const struct {
        int64_t us;
        const char *text;
    } cases[] = {{999, "0 ms"},        {12345, "12 ms"},      {1250000, "1.2 s"},
                 {125000000, "2m05s"}, {3720000000, "1h02m"}, {270000000000, "3d03h"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer out = BUFFER_EMPTY;
        tree_add_duration(&out, cases[i].us);
        assert_string_equal(out.data, cases[i].text);
        buffer_done(&out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_stand_below_their_branch_and_children_below_their_invoke),
        cmocka_unit_test(an_attempt_that_failed_is_shown_until_the_next_begins),
        cmocka_unit_test(what_has_ended_is_kept_to_the_last_few),
        cmocka_unit_test(it_fits_every_screen),
        cmocka_unit_test(the_end_says_how_each_run_ended),
        cmocka_unit_test(a_child_s_end_that_comes_late_is_no_run_of_its_own),
        cmocka_unit_test(durations_are_short),
    };
    setenv("LC_ALL", "C", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
