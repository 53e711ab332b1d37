/* The scanner for require: what is found in a source's text, and what must not be. */
#include "support.h"

static int keep(void *context, struct bytes module) {
    struct buffer *found = context;
    buffer_add(found, module.data, module.size);
    buffer_add_byte(found, '\n');
    return 0;
}

static void assert_found(const char *source, const char *wanted) {
    struct buffer found = BUFFER_EMPTY;
    assert_int_equal(source_requires(bytes_of(source), keep, &found), 0);
    if (strcmp(found.data ? found.data : "", wanted) != 0)
        fail_msg("in: %s\nfound: %s\nnot: %s", source, found.data ? found.data : "nothing", wanted);
    buffer_done(&found);
}

static void every_form_of_a_constant_require_is_found(void **state) {
    (void)state;
    assert_found("local m = require \"a.b\"", "a.b\n");
    assert_found("local m = require 'a'", "a\n");
    assert_found("require(\"a\")", "a\n");
    assert_found("require ( 'a' )", "a\n");
    assert_found("require\n  \"a\"", "a\n");
    assert_found("return require\"a\".field, (require 'b')('x')", "a\nb\n");
    assert_found("local ok, m = pcall(function() return require('a') end)", "a\n");
    assert_found("x = cond and require(\"a\") or require(\"b\")", "a\nb\n");
}

static void long_brackets_are_literals_too(void **state) {
    (void)state;
    assert_found("require [[a]]", "a\n");
    assert_found("require([==[a.b]==])", "a.b\n");
}

static void a_comment_between_require_and_its_name_is_no_matter(void **state) {
    (void)state;
    assert_found("require --[[ why ]] \"a\"", "a\n");
    assert_found("require -- why\n \"a\"", "a\n");
}

static void what_only_looks_like_one_is_left_alone(void **state) {
    (void)state;
    assert_found("-- require \"a\"\n--[[ require \"b\" ]]\n--[==[ ]] require 'c' ]==]", "");
    assert_found("local s = \"require 'a'\" .. 'require \"b\"'", "");
    assert_found("local s = [[ require 'a' ]] .. [=[ ]] require 'b' ]=]", "");
    assert_found("local s = 'it\\'s require \"a\"'", "");
    assert_found("x.require 'a' x:require 'b'", "");
    assert_found("my_require 'a' require2 'b' requires 'c'", "");
    assert_found("local name = 'a' require(name) require('a' .. name)", "a\n");
    assert_found("require = nil f(require, 'a')", "");
}

static void code_after_a_trap_is_still_read(void **state) {
    (void)state;
    assert_found("local s = '\\\\' require 'a'", "a\n");
    assert_found("local s = \"unfinished\nrequire 'a'", "a\n");
    assert_found("t[ [[x]] ] = 1 require 'a'", "a\n");
    assert_found("a[b[1]] = 2 require 'a'", "a\n");
    assert_found("x = 5 --[ not long\nrequire 'a'", "a\n");
    assert_found("x = 1 - -1 require 'a'", "a\n");
}

static void any_bytes_are_read_without_running_over_the_end(void **state) {
    static const char *const ends[] = {"require", "require(", "require '", "require \"a", "--",
                                       "--[",     "--[==",    "[[",        "[==[",        "'",
                                       "'\\",     "\"\\",     "re",        "require [",   ""};
    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t size = strlen(ends[i]);
        char *copy = memory_new(size + 1); /* exactly: so that a sanitizer sees one byte too far */
        char *exact = memory_resize(copy, size ? size : 1);
        memcpy(exact, ends[i], size);
        struct buffer found = BUFFER_EMPTY;
        assert_int_equal(source_requires((struct bytes){exact, size}, keep, &found), 0);
        buffer_done(&found);
        memory_free(exact);
    }
}

static int refuse(void *context, struct bytes module) {
    (void)module;
    ++*(int *)context;
    return TEND_ENOMEM;
}

static void the_visitors_error_ends_the_scan(void **state) {
    int count = 0;
    (void)state;
    assert_int_equal(source_requires(bytes_of("require 'a' require 'b'"), refuse, &count),
                     TEND_ENOMEM);
    assert_int_equal(count, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_a_constant_require_is_found),
        cmocka_unit_test(long_brackets_are_literals_too),
        cmocka_unit_test(a_comment_between_require_and_its_name_is_no_matter),
        cmocka_unit_test(what_only_looks_like_one_is_left_alone),
        cmocka_unit_test(code_after_a_trap_is_still_read),
        cmocka_unit_test(any_bytes_are_read_without_running_over_the_end),
        cmocka_unit_test(the_visitors_error_ends_the_scan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
