/* Redaction: known values in every writing, token shapes, and ordinary text left alone. The tokens
 * here are made up, and put together so that no scanner takes this file for a leak. */
#include "fixture.h"

#include <time.h>

#include "analysis/redact.h"
#include "base/text.h"

static char *masked(const char *text, const char *known, bool with_shapes, bool *changed) {
    struct buffer out = BUFFER_EMPTY;
    struct bytes list[] = {bytes_of(known)};
    int status = with_shapes ? redact_all(bytes_of(text), list, known != NULL, &out, changed)
                             : redact_known(bytes_of(text), list, known != NULL, &out, changed);
    assert_int_equal(status, 0);
    size_t size;
    return buffer_take(&out, &size);
}

static void assert_known(const char *text, const char *known, const char *expected) {
    bool changed;
    char *found = masked(text, known, false, &changed);
    assert_string_equal(found, expected);
    assert_int_equal(changed, strcmp(text, expected) != 0);
    memory_free(found);
}

/* Also: a second time changes nothing. */
static void assert_shape(const char *text, const char *expected) {
    bool changed, changed_again;
    char *found = masked(text, NULL, true, &changed);
    assert_string_equal(found, expected);
    assert_int_equal(changed, strcmp(text, expected) != 0);
    char *again = masked(found, NULL, true, &changed_again);
    assert_string_equal(again, expected);
    assert_false(changed_again);
    memory_free(found);
    memory_free(again);
}

static void known_value_is_masked_wherever_it_stands(void **state) {
    (void)state;
    assert_known("hunter2-blue", "hunter2-blue", "[masked]");
    assert_known("a hunter2-blue b hunter2-blue", "hunter2-blue", "a [masked] b [masked]");
    assert_known("xhunter2-bluehunter2-bluey", "hunter2-blue", "x[masked]y");
    assert_known("hunter2-blu", "hunter2-blue", "hunter2-blu");
    assert_known("", "hunter2-blue", "");
    assert_known("1 2 3", "2", "1 2 3"); /* too short to look for */
    assert_known("text", "", "text");
}

static void known_value_is_masked_when_percent_encoded(void **state) {
    (void)state;
    assert_known("u=a%2Fb%3d%26c&x=1", "a/b=&c", "u=[masked]&x=1");
    assert_known("u=a%2fb=%26c", "a/b=&c", "u=[masked]");
    assert_known("%61%2F%62%3D%26%63", "a/b=&c", "[masked]");
    assert_known("100% a/b=&c 5%", "a/b=&c", "100% [masked] 5%");
}

static void known_value_is_masked_with_json_escapes(void **state) {
    (void)state;
    assert_known("{\"k\":\"one\\ntwo\\\"three\"}", "one\ntwo\"three", "{\"k\":\"[masked]\"}");
    assert_known("\\u0061bcd\\/e", "abcd/e", "[masked]");
}

static void known_value_is_masked_inside_base64(void **state) {
    (void)state;
    static const char secret[] = "s3cr?t~>value";
    for (size_t before = 0; before < 7; before++) {
        for (size_t after = 0; after < 4; after++) {
            struct buffer plain = BUFFER_EMPTY, text = BUFFER_EMPTY;
            for (size_t i = 0; i < before; i++) buffer_add_byte(&plain, 'u');
            buffer_add_text(&plain, secret);
            for (size_t i = 0; i < after; i++) buffer_add_byte(&plain, 'z');
            text_add_base64(&text, buffer_bytes(&plain));
            for (int is_url = 0; is_url < 2; is_url++) {
                bool changed;
                for (char *c = text.data; is_url && *c; c++)
                    *c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
                char *found = masked(text.data, secret, false, &changed);
                assert_true(changed);
                /* Nothing of the value is left: only what its neighbours alone decide. */
                assert_in_range(strlen(found), 8, 8 + before * 4 / 3 + after * 4 / 3 + 4);
                memory_free(found);
            }
            buffer_done(&plain);
            buffer_done(&text);
        }
    }
}

static void tokens_are_known_by_their_shape(void **state) {
    (void)state;
    assert_shape("push with gh"
                 "p_0123456789abcdefABCDEF0123456789abcd now",
                 "push with [masked] now");
    assert_shape("github"
                 "_pat_11ABCDEFG0abcdefghij_KLMNOPQRSTUVWXYZ",
                 "[masked]");
    assert_shape("key AK"
                 "IAIOSFODNN7EXAMPLE.",
                 "key [masked].");
    assert_shape("xo"
                 "xb-123456789012-abcdefABCDEF",
                 "[masked]");
    assert_shape("https://hooks.slack"
                 ".com/services/T0000/B0000/XXXXXXXXXXXX",
                 "https://[masked]");
    assert_shape("sk_"
                 "live_0123456789abcdefABCD",
                 "[masked]");
    assert_shape("Incorrect API key provided: sk"
                 "-proj-abcdEFGH1234_-5678ijkl",
                 "Incorrect API key provided: [masked]");
    assert_shape("sk"
                 "-ant-api03-abcdefghij0123456789",
                 "[masked]");
    assert_shape("got ey"
                 "JhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.SflKxwRJSMeKKF2QT4",
                 "got [masked]");
}

static void private_keys_are_masked_to_their_end(void **state) {
    (void)state;
    assert_shape("a\n-----BEGIN RSA "
                 "PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nb",
                 "a\n[masked]\nb");
    assert_shape("-----BEGIN "
                 "PRIVATE KEY-----\\nMIIE",
                 "[masked]");
    assert_shape("-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
                 "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----");
}

static void passwords_in_urls_are_masked(void **state) {
    (void)state;
    assert_shape("postgres://app:s3cr@t@db.internal:5432/x",
                 "postgres://app:[masked]@db.internal:5432/x");
    assert_shape("redis://:pw@h redis://h:6379/0", "redis://:[masked]@h redis://h:6379/0");
    assert_shape("http://localhost:8080/a@b", "http://localhost:8080/a@b");
}

static void values_behind_telling_words_are_masked(void **state) {
    (void)state;
    assert_shape("Authorization: Bearer abc.def", "Authorization: Bearer [masked]");
    assert_shape("{\"authorization\": \"Basic dXNlcjpwdw==\", \"a\": 1}",
                 "{\"authorization\": \"Basic [masked]\", \"a\": 1}");
    assert_shape("Project-Access-Token: 0f8fad5b-d9cb-469f-a165-70867728950e",
                 "Project-Access-Token: [masked]");
    assert_shape("RAILWAY_TOKEN=0f8fad5b-d9cb-469f-a165-70867728950e", "RAILWAY_TOKEN=[masked]");
    assert_shape("using token 0f8fad5b-d9cb-469f-a165-70867728950e", "using token [masked]");
    assert_shape("DB_PASSWORD='two words' x", "DB_PASSWORD='[masked]' x");
    assert_shape("{\\\"password\\\":\\\"hunter\\\"}", "{\\\"password\\\":\\\"[masked]\"}");
    assert_shape("clientSecret: 8a7b6c5d4e", "clientSecret: [masked]");
    assert_shape("Cookie: a=1; sid=abc\nnext", "Cookie: [masked]\nnext");
    assert_shape("curl -H \"Authorization: Bearer t0k\" https://x",
                 "curl -H \"Authorization: Bearer [masked]\" https://x");
}

static void ordinary_text_is_left_alone(void **state) {
    (void)state;
    static const char *const texts[] = {
        "deployment 0f8fad5b-d9cb-469f-a165-70867728950e failed",
        "Unexpected token } in JSON at position 12",
        "password authentication failed for user \"app\"",
        "token: undefined, secret: null, password: none",
        "max_tokens: 4096, completion tokens 128",
        "GET /tokens/17 200 in 3 ms",
        "the task-list risk-analysis sk-1",
        "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
        "10.0.3.7:5432 refused; see https://example.com/a?b=c#d",
        "größe: 5 €, token",
        "secret=",
        "token",
        "authorization:",
        "password",
        "://:@",
        "eyJ",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) assert_shape(texts[i], texts[i]);
}

static void script_gets_the_masked_text(void **state) {
    (void)state;
    struct buffer packed = BUFFER_EMPTY, out = BUFFER_EMPTY;
    struct value_tree tree, result;
    pack_json(&packed, "{\"text\":\"one swordfish, password=x, two\",\"known\":[\"swordfish\"]}");
    assert_int_equal(value_read(buffer_bytes(&packed), &tree, NULL), 0);
    assert_int_equal(redact_text(&tree.root, &out, NULL), 0);
    assert_int_equal(value_read(buffer_bytes(&out), &result, NULL), 0);
    assert_true(bytes_are(result.root.text, "one [masked], password=[masked], two"));
    value_tree_done(&tree);
    value_tree_done(&result);
    buffer_done(&packed);
    buffer_done(&out);
    struct value nothing = {.kind = VALUE_MAP};
    assert_int_equal(redact_text(&nothing, &out, NULL), TEND_EINPUT);
}

static void hostile_text_takes_linear_time(void **state) {
    (void)state;
    static const char *const units[] = {
        "a",
        "token=",
        "token ",
        "eyJ",
        "eyJ.",
        "eyJaaaaaaaaaaa.",
        "sk-",
        "://a:",
        "://a:b@",
        "-----BEGIN ",
        "-----BEGIN X PRIVATE KEY",
        "password=\"",
        "cookie:",
        "%61",
        "\\u0061",
        "xoxb-",
        "bearer ",
        "\\\\",
    };
    for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
        struct buffer text = BUFFER_EMPTY, out = BUFFER_EMPTY;
        struct bytes known[] = {bytes_of("aaaaaaaaaaaaaaaaaaaaaaaab"), bytes_of("token=token!")};
        bool changed;
        while (text.size < 2000000) buffer_add_text(&text, units[u]);
        clock_t begun = clock();
        assert_int_equal(redact_all(buffer_bytes(&text), known, 2, &out, &changed), 0);
        double seconds = (double)(clock() - begun) / CLOCKS_PER_SEC;
        if (seconds > 20) fail_msg("\"%s\" repeated takes %.1f s", units[u], seconds);
        buffer_done(&text);
        buffer_done(&out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_value_is_masked_wherever_it_stands),
        cmocka_unit_test(known_value_is_masked_when_percent_encoded),
        cmocka_unit_test(known_value_is_masked_with_json_escapes),
        cmocka_unit_test(known_value_is_masked_inside_base64),
        cmocka_unit_test(tokens_are_known_by_their_shape),
        cmocka_unit_test(private_keys_are_masked_to_their_end),
        cmocka_unit_test(passwords_in_urls_are_masked),
        cmocka_unit_test(values_behind_telling_words_are_masked),
        cmocka_unit_test(ordinary_text_is_left_alone),
        cmocka_unit_test(script_gets_the_masked_text),
        cmocka_unit_test(hostile_text_takes_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
