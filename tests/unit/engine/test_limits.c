/* Limits: which there are, what they may be, and what is said of the wrong ones. */
#include "support.h"

#include "engine/limits.h"

static int read_limits(const char *json, const char *const *given, struct limits *ret,
                       struct error *err) {
    struct buffer bytes = packed(json);
    struct value_tree tree;
    assert_int_equal(value_read(buffer_bytes(&bytes), &tree, err), 0);
    int status = limits_read(&tree.root, given, ret, err);
    value_tree_done(&tree);
    buffer_done(&bytes);
    return status;
}

static void the_defaults_are_those_of_the_manual(void **state) {
    struct limits limits;
    struct error err;
    (void)state;
    assert_int_equal(limits_read(NULL, NULL, &limits, &err), 0);
    assert_int_equal(limits.memory_bytes, 256 << 20);
    assert_int_equal(limits.value_bytes, 64 << 20);
    assert_int_equal(limits.body_bytes, 16 << 20);
    assert_int_equal(limits.steps, 101000);
    assert_int_equal(limits.watchdog_us, 30000000);
    assert_int_equal(limits.cancel_grace_us, 60000000);
}

static void the_command_s_go_over_the_file_s(void **state) {
    static const char *const given[] = {"watchdog=2s", "steps=5", "value=100", "body=2KiB", NULL};
    struct limits limits;
    struct error err;
    (void)state;
    assert_int_equal(read_limits("{\"watchdog\":\"9s\",\"memory\":\"1GiB\",\"steps\":7,"
                                 "\"cancel_grace\":0.5,\"body\":1000}",
                                 given, &limits, &err),
                     0);
    assert_int_equal(limits.watchdog_us, 2000000);
    assert_int_equal(limits.steps, 5);
    assert_int_equal(limits.value_bytes, 100);
    assert_int_equal(limits.body_bytes, 2048);
    assert_int_equal(limits.memory_bytes, 1 << 30);
    assert_int_equal(limits.cancel_grace_us, 500000);
}

static void assert_wrong(const char *json, const char *given, const char *part) {
    const char *const list[] = {given, NULL};
    struct limits limits = {.steps = 77};
    struct error err;
    assert_int_equal(read_limits(json, given ? list : NULL, &limits, &err), TEND_EINPUT);
    assert_holds(err.message, part);
    assert_int_equal(limits.steps, 77); /* untouched */
}

static void a_wrong_one_is_told_with_what_is_allowed(void **state) {
    (void)state;
    assert_wrong("{\"watchdo\":\"1s\"}", NULL, "limits: there is no limit 'watchdo'; there are");
    assert_wrong("{\"memory\":\"lots\"}", NULL, "limits: memory is no size");
    assert_wrong("{\"value\":0}", NULL, "value is no size");
    assert_wrong("{\"watchdog\":0}", NULL, "watchdog must be longer");
    assert_wrong("{\"watchdog\":true}", NULL, "watchdog is no duration");
    assert_wrong("{\"steps\":\"many\"}", NULL, "steps must be a positive integer");
    assert_wrong("{\"steps\":-1}", NULL, "steps must be a positive integer");
    assert_wrong("{\"steps\":1.5}", NULL, "steps must be a positive integer");
    assert_wrong("5", NULL, "it must be a table");
    assert_wrong("[1]", NULL, "it must name them");
    assert_wrong("{}", "steps", "it wants NAME=VALUE");
    assert_wrong("{}", "=5", "there is no limit ''");
    assert_wrong("{}", "steps=", "steps must be a positive integer");
    assert_wrong("{}", "value=1zb", "value is no size");
}

static void a_value_over_its_limit_is_named_with_the_setting(void **state) {
    struct limits limits = {.value_bytes = 1 << 20};
    struct error err;
    (void)state;
    assert_int_equal(limits_check_value(&limits, "the value of x", 1 << 20, &err), 0);
    assert_int_equal(limits_check_value(&limits, "the value of x", (1 << 20) + 1, &err),
                     TEND_EINPUT);
    assert_string_equal(err.kind, "value");
    assert_holds(err.message, "the value of x has 1048577 bytes, over the limit of 1 MiB a value");
    assert_holds(err.message, "limits.value in tend.lua, or --limit value=…");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_are_those_of_the_manual),
        cmocka_unit_test(the_command_s_go_over_the_file_s),
        cmocka_unit_test(a_wrong_one_is_told_with_what_is_allowed),
        cmocka_unit_test(a_value_over_its_limit_is_named_with_the_setting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
