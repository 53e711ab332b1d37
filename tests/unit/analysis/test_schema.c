/* What analysis/schema.h promises. */
#include "analysis/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

/* Checks JSON text against a schema's text; the problems' lines, "" where it fits, or the error. */
static const char *check(const char *schema_text, const char *value_text) {
    static char answer[4096];
    struct buffer schema = BUFFER_EMPTY, value = BUFFER_EMPTY, problems = BUFFER_EMPTY;
    struct value_tree schema_tree, value_tree;
    struct error err = {0};
    bool is_valid = false;
    assert_int_equal(json_read(bytes_of(schema_text), &schema, &err), 0);
    assert_int_equal(json_read(bytes_of(value_text), &value, &err), 0);
    assert_int_equal(value_read(buffer_bytes(&schema), &schema_tree, &err), 0);
    assert_int_equal(value_read(buffer_bytes(&value), &value_tree, &err), 0);
    if (schema_check(&schema_tree.root, &value_tree.root, &problems, &is_valid, &err)) {
        snprintf(answer, sizeof answer, "error: %s", err.message);
    } else {
        snprintf(answer, sizeof answer, "%s", buffer_bytes(&problems).data);
        assert_int_equal(is_valid, answer[0] == '\0');
    }
    value_tree_done(&schema_tree);
    value_tree_done(&value_tree);
    buffer_done(&schema);
    buffer_done(&value);
    buffer_done(&problems);
    return answer;
}

static void types_are_checked_and_lists_of_types_accepted(void **state) {
    (void)state;
    assert_string_equal(check("{\"type\":\"integer\"}", "3"), "");
    assert_string_equal(check("{\"type\":\"integer\"}", "3.0"), "");
    assert_string_equal(check("{\"type\":\"integer\"}", "3.5"),
                        "answer: must be integer, is a number\n");
    assert_string_equal(check("{\"type\":[\"string\",\"null\"]}", "null"), "");
    assert_string_equal(check("{\"type\":[\"string\",\"null\"]}", "[]"),
                        "answer: must be string or null, is a list\n");
    assert_string_equal(check("{\"type\":\"array\"}", "[]"), "");
    assert_string_equal(check("{\"type\":\"array\"}", "{}"),
                        "answer: must be array, is an object\n");
}

static void problems_name_the_path_and_all_are_found(void **state) {
    (void)state;
    const char *schema =
        "{\"type\":\"object\",\"required\":[\"summary\",\"causes\"],\"additionalProperties\":false,"
        "\"properties\":{\"summary\":{\"type\":\"string\",\"minLength\":3},"
        "\"causes\":{\"type\":\"array\",\"minItems\":1,\"items\":{\"type\":\"object\","
        "\"required\":[\"cause\"],\"properties\":{\"confidence\":{\"maximum\":1}}}}}}";
    assert_string_equal(check(schema, "{\"summary\":\"fine\",\"causes\":[{\"cause\":1}]}"), "");
    assert_string_equal(
        check(schema, "{\"summary\":\"no\",\"causes\":[{\"confidence\":2}],\"extra\":1}"),
        "summary: too short: the least number of characters is 3\n"
        "causes[0].cause: missing\n"
        "causes[0].confidence: must be at most 1\n"
        "extra: must not be there\n");
    assert_string_equal(check(schema, "{\"summary\":\"long\"}"), "causes: missing\n");
}

static void enum_and_const_name_the_choices(void **state) {
    (void)state;
    assert_string_equal(check("{\"enum\":[\"fix\",\"wait\",1,null]}", "\"fix\""), "");
    assert_string_equal(check("{\"enum\":[\"fix\",\"wait\",1,null]}", "1.0"), "");
    assert_string_equal(check("{\"enum\":[\"fix\",\"wait\"]}", "\"ask\""),
                        "answer: must be one of \"fix\", \"wait\"\n");
    assert_string_equal(check("{\"const\":{\"a\":[1]}}", "{\"a\":[1]}"), "");
    assert_string_equal(check("{\"const\":true}", "false"), "answer: must be true\n");
}

static void lengths_count_characters_not_bytes(void **state) {
    (void)state;
    assert_string_equal(check("{\"maxLength\":2}", "\"äö\""), "");
    assert_string_equal(check("{\"maxLength\":2}", "\"äöü\""),
                        "answer: too long: the greatest number of characters is 2\n");
    assert_string_equal(check("{\"maxItems\":1}", "[1,2]"),
                        "answer: too many items: the greatest number is 1\n");
    assert_string_equal(check("{\"minimum\":0.5}", "0"), "answer: must be at least 0.5\n");
}

static void additional_properties_may_have_a_schema(void **state) {
    (void)state;
    const char *schema =
        "{\"properties\":{\"a\":{}},\"additionalProperties\":{\"type\":\"number\"}}";
    assert_string_equal(check(schema, "{\"a\":\"text\",\"b\":1}"), "");
    assert_string_equal(check(schema, "{\"b\":\"x\"}"), "b: must be number, is a string\n");
}

static void combinations_count_what_fits(void **state) {
    (void)state;
    const char *any = "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"number\"}]}";
    const char *one = "{\"oneOf\":[{\"minimum\":1},{\"minimum\":5}]}";
    assert_string_equal(check(any, "1"), "");
    assert_string_equal(check(any, "null"), "answer: fits none of the allowed forms (anyOf)\n");
    assert_string_equal(check(one, "3"), "");
    assert_string_equal(check(one, "7"),
                        "answer: fits more than one of the allowed forms (oneOf)\n");
    assert_string_equal(check(one, "0"), "answer: fits none of the allowed forms (oneOf)\n");
    assert_string_equal(check("{\"allOf\":[{\"minimum\":1},{\"maximum\":2}]}", "3"),
                        "answer: must be at most 2\n");
}

static void unknown_keywords_are_ignored_but_a_reference_is_an_error(void **state) {
    (void)state;
    assert_string_equal(check("{\"description\":\"x\",\"format\":\"email\"}", "1"), "");
    assert_string_equal(check("{\"items\":{\"$ref\":\"#/a\"}}", "[1]"),
                        "error: the schema for answer[0] uses $ref (#/a), which isn't supported: "
                        "write the schema out in its place");
}

static void a_wrong_schema_is_an_error_of_the_schema(void **state) {
    (void)state;
    assert_non_null(strstr(check("{\"type\":\"text\"}", "1"), "error: "));
    assert_non_null(strstr(check("{\"required\":\"a\"}", "{}"), "error: "));
    assert_non_null(strstr(check("{\"items\":3}", "[1]"), "error: "));
    assert_non_null(strstr(check("{\"minimum\":\"3\"}", "1"), "error: "));
}

/* 199 levels is what JSON may have here at most; each is one schema. */
static void a_deep_schema_is_walked_once(void **state) {
    (void)state;
    char schema[8192] = "";
    for (int i = 0; i < 33; i++) strcat(schema, "{\"anyOf\":[{\"allOf\":[{\"oneOf\":[");
    strcat(schema, "{}");
    for (int i = 0; i < 33; i++) strcat(schema, "]}]}]}");
    assert_string_equal(check(schema, "1"), "");
}

static void the_list_of_problems_is_bounded(void **state) {
    (void)state;
    char value[1024] = "[";
    for (int i = 0; i < 100; i++) strcat(value, i ? ",1" : "1");
    strcat(value, "]");
    const char *answer = check("{\"items\":{\"type\":\"string\"}}", value);
    int lines = 0;
    for (const char *c = answer; *c; c++) lines += *c == '\n';
    assert_int_equal(lines, SCHEMA_PROBLEMS_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_are_checked_and_lists_of_types_accepted),
        cmocka_unit_test(problems_name_the_path_and_all_are_found),
        cmocka_unit_test(enum_and_const_name_the_choices),
        cmocka_unit_test(lengths_count_characters_not_bytes),
        cmocka_unit_test(additional_properties_may_have_a_schema),
        cmocka_unit_test(combinations_count_what_fits),
        cmocka_unit_test(unknown_keywords_are_ignored_but_a_reference_is_an_error),
        cmocka_unit_test(a_wrong_schema_is_an_error_of_the_schema),
        cmocka_unit_test(a_deep_schema_is_walked_once),
        cmocka_unit_test(the_list_of_problems_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
