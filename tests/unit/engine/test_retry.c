/* The one retry engine: what a policy may say, and how long the waits are. */
#include "support.h"

#include "engine/retry.h"

static const int64_t second = 1000000;

static int read_policy(const char *json, bool is_default, struct retry_policy *ret,
                       struct error *err) {
    struct buffer options = packed(json);
    struct value_tree tree;
    assert_int_equal(value_read(buffer_bytes(&options), &tree, NULL), 0);
    int status = retry_read(&tree.root, is_default, ret, err);
    value_tree_done(&tree);
    buffer_done(&options);
    return status;
}

static struct retry_policy policy_of(const char *json, bool is_default) {
    struct retry_policy policy;
    struct error err;
    if (read_policy(json, is_default, &policy, &err)) fail_msg("%s: %s", json, err.message);
    return policy;
}

static void the_default_is_four_attempts_from_a_second(void **state) {
    (void)state;
    struct retry_policy policy = policy_of("{}", true);
    assert_int_equal(policy.attempts, 4);
    assert_int_equal(policy.backoff, RETRY_EXPONENTIAL);
    assert_int_equal(policy.initial_us, second);
    assert_int_equal(policy.max_us, 300 * second);
    assert_true(policy.factor == 2.0 && policy.has_jitter);
    assert_int_equal(policy_of("{}", false).attempts, 1);
}

static void false_is_one_attempt_and_true_the_default(void **state) {
    (void)state;
    assert_int_equal(policy_of("{\"retry\":false}", true).attempts, 1);
    assert_int_equal(policy_of("{\"retry\":true}", false).attempts, 4);
    assert_int_equal(policy_of("{\"retry\":{}}", false).attempts, 4);
}

static void every_field_is_read(void **state) {
    (void)state;
    struct retry_policy policy = policy_of(
        "{\"retry\":{\"attempts\":7,\"backoff\":\"linear\",\"initial\":\"500ms\",\"max\":\"1m\","
        "\"factor\":3,\"jitter\":false}}",
        true);
    assert_int_equal(policy.attempts, 7);
    assert_int_equal(policy.backoff, RETRY_LINEAR);
    assert_int_equal(policy.initial_us, second / 2);
    assert_int_equal(policy.max_us, 60 * second);
    assert_true(policy.factor == 3.0 && !policy.has_jitter);
}

static void what_is_wrong_is_named_and_nothing_is_written(void **state) {
    static const struct {
        const char *options, *part;
    } wrong[] = {{"{\"retry\":5}", "retry is a table or false"},
                 {"{\"retry\":\"often\"}", "retry is a table or false"},
                 {"{\"retry\":{\"attempts\":0}}", "retry.attempts"},
                 {"{\"retry\":{\"attempts\":-1}}", "retry.attempts"},
                 {"{\"retry\":{\"attempts\":4294967296}}", "retry.attempts"},
                 {"{\"retry\":{\"factor\":0.5}}", "retry.factor"},
                 {"{\"retry\":{\"backoff\":\"slow\"}}", "retry.backoff"},
                 {"{\"retry\":{\"initial\":\"soon\"}}", "initial is no duration"},
                 {"{\"retry\":{\"max\":-1}}", "max is no duration"}};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct retry_policy policy = {.attempts = 99};
        struct error err = {0};
        assert_int_equal(read_policy(wrong[i].options, true, &policy, &err), TEND_EINPUT);
        assert_holds(err.message, wrong[i].part);
        assert_string_equal(err.kind, "error");
        assert_int_equal(policy.attempts, 99);
    }
}

static void waits_grow_as_the_backoff_says(void **state) {
    struct retry_policy policy = {4, RETRY_EXPONENTIAL, 1000000, 300000000, 2.0, false};
    (void)state;
    assert_int_equal(retry_wait_us(&policy, 1, 0, 0), 1 * second);
    assert_int_equal(retry_wait_us(&policy, 2, 0, 0), 2 * second);
    assert_int_equal(retry_wait_us(&policy, 5, 0, 0), 16 * second);
    policy.backoff = RETRY_LINEAR;
    assert_int_equal(retry_wait_us(&policy, 1, 0, 0), 1 * second);
    assert_int_equal(retry_wait_us(&policy, 5, 0, 0), 5 * second);
    policy.backoff = RETRY_CONSTANT;
    assert_int_equal(retry_wait_us(&policy, 5, 0, 0), 1 * second);
}

static void no_wait_is_longer_than_max_however_many_failures(void **state) {
    (void)state;
    for (int backoff = RETRY_EXPONENTIAL; backoff <= RETRY_LINEAR; backoff++) {
        struct retry_policy policy = {
            UINT32_MAX, (enum retry_backoff)backoff, 1000000, 300000000, 1e9, false};
        assert_int_equal(retry_wait_us(&policy, UINT32_MAX, 0, 0), 300 * second);
        assert_int_equal(retry_wait_us(&policy, 5000, 0, 0), 300 * second);
    }
}

static void a_factor_of_one_ends_all_the_same(void **state) {
    struct retry_policy policy = {UINT32_MAX, RETRY_EXPONENTIAL, 1000000, 300000000, 1.0, false};
    (void)state;
    assert_int_equal(retry_wait_us(&policy, 100000, 0, 0), 1 * second);
}

static void full_jitter_is_anything_up_to_the_wait(void **state) {
    struct retry_policy policy = {4, RETRY_CONSTANT, 1000000, 300000000, 2.0, true};
    (void)state;
    assert_int_equal(retry_wait_us(&policy, 1, 0, 0), 0);
    assert_int_equal(retry_wait_us(&policy, 1, 0.5, 0), second / 2);
    assert_true(retry_wait_us(&policy, 1, 0.999999, 0) < second);
}

static void retry_after_is_the_least_wait(void **state) {
    struct retry_policy policy = {4, RETRY_CONSTANT, 1000000, 300000000, 2.0, true};
    (void)state;
    assert_int_equal(retry_wait_us(&policy, 1, 0.1, 7 * second), 7 * second);
    assert_int_equal(retry_wait_us(&policy, 1, 0.1, 1), second / 10);
    assert_int_equal(retry_wait_us(&policy, 1, 0.1, 1000 * second),
                     1000 * second); /* max isn't its */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_is_four_attempts_from_a_second),
        cmocka_unit_test(false_is_one_attempt_and_true_the_default),
        cmocka_unit_test(every_field_is_read),
        cmocka_unit_test(what_is_wrong_is_named_and_nothing_is_written),
        cmocka_unit_test(waits_grow_as_the_backoff_says),
        cmocka_unit_test(no_wait_is_longer_than_max_however_many_failures),
        cmocka_unit_test(a_factor_of_one_ends_all_the_same),
        cmocka_unit_test(full_jitter_is_anything_up_to_the_wait),
        cmocka_unit_test(retry_after_is_the_least_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
