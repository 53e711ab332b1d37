/* Reading Railway's bodies: any order of keys, any shape, and bytes that are anything. */
#include "fixture.h"

#include "analysis/metrics.h"
#include "base/id.h"

static struct metrics read_text(const char *text) {
    struct metrics metrics = METRICS_EMPTY;
    assert_int_equal(metrics_read(bytes_of(text), &metrics, NULL), 0);
    return metrics;
}

static void keys_may_come_in_any_order(void **state) {
    (void)state;
    struct metrics metrics = read_text(
        "{\"extensions\":{\"a\":[1,{\"metrics\":[]}]},\"data\":{\"metrics\":[{\"values\":"
        "[{\"value\":1.5,\"ts\":100},{\"ts\":160,\"x\":{\"value\":7},\"value\":2}],"
        "\"tags\":{\"region\":\"eu\",\"serviceId\":\"abc\"},\"measurement\":\"MEMORY_USAGE_GB\"}"
        "]}}");
    assert_true(metrics.is_readable && metrics.has_data);
    assert_int_equal(metrics.series_count, 1);
    assert_int_equal(metrics.series[0].measurement, MEASURE_MEMORY);
    assert_string_equal(metrics.series[0].service_id, "abc");
    assert_int_equal(metrics.series[0].count, 2);
    assert_float_equal(metrics.samples[0].at, 100, 0);
    assert_float_equal(metrics.samples[0].value, 1.5, 0);
    assert_float_equal(metrics.samples[1].value, 2, 0);
    metrics_done(&metrics);
}

static void aliases_are_numbered(void **state) {
    (void)state;
    struct metrics metrics = read_text(
        "{\"data\":{\"status_12\":[{\"statusCode\":503,\"samples\":[{\"ts\":1,\"value\":2}]}],"
        "\"duration_12\":{\"samples\":[{\"ts\":1,\"p50\":3,\"p90\":4,\"p95\":5,\"p99\":6}]},"
        "\"status_x\":[],\"status_2\":null,\"status_3\":[]}}");
    assert_int_equal(metrics.series_count, 2);
    assert_int_equal(metrics.series[0].field.kind, FIELD_STATUS);
    assert_int_equal(metrics.series[0].field.number, 12);
    assert_int_equal(metrics.series[0].status_code, 503);
    assert_int_equal(metrics.series[1].field.kind, FIELD_DURATION);
    assert_float_equal(metrics.samples[1].p95, 5, 0);
    assert_true(metrics_has_field(&metrics, (struct field){FIELD_STATUS, 3}));
    assert_false(metrics_has_field(&metrics, (struct field){FIELD_STATUS, 2}));
    metrics_done(&metrics);
}

static void samples_that_are_none_are_passed_over(void **state) {
    (void)state;
    struct metrics metrics = read_text(
        "{\"data\":{\"metrics\":[{\"values\":[{\"ts\":1},{\"value\":1},{\"ts\":\"1\",\"value\":1},"
        "{\"ts\":-1,\"value\":1},{\"ts\":1,\"value\":-5},{\"ts\":1,\"value\":1e300},null,[],7,"
        "{\"ts\":5,\"value\":0}]},null,3,[],{\"values\":null}]}}");
    assert_int_equal(metrics.sample_count, 1);
    assert_int_equal(metrics.series_count, 2);
    metrics_done(&metrics);
}

static void errors_name_their_field(void **state) {
    (void)state;
    struct metrics metrics =
        read_text("{\"errors\":[{\"message\":\"whole\"},{\"path\":[\"status_2\",0],"
                  "\"message\":\"two\"}],\"data\":null}");
    assert_false(metrics.has_data);
    assert_string_equal(metrics_error_of(&metrics, (struct field){FIELD_STATUS, 2})->message,
                        "two");
    assert_string_equal(metrics_error_of(&metrics, (struct field){FIELD_STATUS, 1})->message,
                        "whole");
    assert_true(metrics_is_partial(&metrics, (struct field){FIELD_STATUS, 2}));
    assert_false(metrics_is_partial(&metrics, (struct field){FIELD_STATUS, 1}));
    metrics_done(&metrics);
}

static void message_is_one_line_cut_between_characters(void **state) {
    (void)state;
    struct buffer body = BUFFER_EMPTY;
    buffer_add_text(&body, "{\"errors\":[{\"message\":\"a\\nb");
    for (int i = 0; i < 200; i++) buffer_add_text(&body, "é");
    buffer_add_text(&body, "\"}]}");
    struct metrics metrics = read_text(body.data);
    assert_int_equal(strlen(metrics.errors[0].message), 159);
    assert_memory_equal(metrics.errors[0].message, "a bé", 5);
    metrics_done(&metrics);
    buffer_done(&body);
}

static void deep_nesting_is_passed_over(void **state) {
    (void)state;
    struct buffer body = BUFFER_EMPTY;
    buffer_add_text(&body, "{\"data\":{\"metrics\":");
    for (int i = 0; i < 100000; i++) buffer_add_byte(&body, '[');
    for (int i = 0; i < 100000; i++) buffer_add_byte(&body, ']');
    buffer_add_text(&body, "}}");
    struct metrics metrics = read_text(body.data);
    assert_true(metrics.is_readable);
    assert_int_equal(metrics.series_count, 0);
    metrics_done(&metrics);
    buffer_done(&body);
}

/* ---- bytes that are anything ----------------------------------------------------------------- */

static const char *const SEEDS[] = {
    "{\"data\":{\"metrics\":[{\"measurement\":\"CPU_USAGE\",\"tags\":{\"serviceId\":\"s1\"},"
    "\"values\":[{\"ts\":1790002860,\"value\":0.25},{\"ts\":1790002920,\"value\":1e3}]}]},"
    "\"errors\":[{\"message\":\"caf\\u00e9\",\"path\":[\"metrics\",0]}]}",
    "{\"data\":{\"status_1\":[{\"statusCode\":500,\"samples\":[{\"ts\":1790002860,\"value\":9}]}],"
    "\"duration_1\":{\"samples\":[{\"ts\":1790002860,\"p50\":1,\"p90\":2,\"p95\":3,\"p99\":4}]}},"
    "\"errors\":[{\"message\":null,\"path\":[\"status_2\"]}]}",
};

/* Changes, drops, repeats or inserts up to four pieces. */
static void mutate(struct id_generator *generator, struct buffer *body) {
    static const char *const pieces[] = {"{",
                                         "}",
                                         "[",
                                         "]",
                                         ",",
                                         ":",
                                         "\"",
                                         "null",
                                         "1e999",
                                         "-1",
                                         "99999999999999999999",
                                         "\\ud800",
                                         "\xff",
                                         "\"samples\"",
                                         "\"ts\":",
                                         "true",
                                         "0.0"};
    uint64_t rounds = id_generator_next(generator) % 4 + 1;
    for (uint64_t round = 0; round < rounds && body->size > 2; round++) {
        size_t place = id_generator_next(generator) % body->size;
        size_t size = id_generator_next(generator) % 12;
        uint64_t kind = id_generator_next(generator) % 4;
        if (size > body->size - place) size = body->size - place;
        struct buffer next = BUFFER_EMPTY;
        const char *piece = pieces[id_generator_next(generator) % (sizeof pieces / sizeof *pieces)];
        buffer_add(&next, body->data, place);
        if (kind == 0) buffer_add_byte(&next, (unsigned char)id_generator_next(generator));
        if (kind == 1) buffer_add_text(&next, piece);
        if (kind == 2) buffer_add(&next, body->data + place, size);
        size_t skipped = kind == 3 ? size : kind == 0 ? 1 : 0;
        buffer_add(&next, body->data + place + skipped, body->size - place - skipped);
        buffer_done(body);
        *body = next;
    }
}

static void mutated_bodies_are_judged_or_not_but_never_crash(void **state) {
    (void)state;
    struct id_generator generator = {20261125};
    size_t readable = 0;
    for (int i = 0; i < 100000; i++) {
        struct buffer body = BUFFER_EMPTY;
        buffer_add_text(&body, SEEDS[i % 2]);
        mutate(&generator, &body);
        struct metrics metrics = METRICS_EMPTY;
        assert_int_equal(metrics_read(buffer_bytes(&body), &metrics, NULL), 0);
        readable += metrics.is_readable;
        metrics_done(&metrics);
        if (i % 10 < 2) {
            struct scene scene = scene_new();
            scene.service = "\"has_domain\":true,\"volumes\":[{\"size_mb\":1}]";
            char *text = memory_copy(body.data, body.size);
            for (size_t n = 0; n < body.size; n++)
                if (!text[n]) text[n] = ' ';
            if (i % 2) scene.http_body = text;
            else scene.metrics_body = text;
            struct verdict verdict = scene_judge(&scene);
            verdict_done(&verdict);
            memory_free(text);
        }
        buffer_done(&body);
    }
    /* Some must still be readable, else this tested only the parser's refusal. */
    assert_in_range(readable, 1000, 99000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_may_come_in_any_order),
        cmocka_unit_test(aliases_are_numbered),
        cmocka_unit_test(samples_that_are_none_are_passed_over),
        cmocka_unit_test(errors_name_their_field),
        cmocka_unit_test(message_is_one_line_cut_between_characters),
        cmocka_unit_test(deep_nesting_is_passed_over),
        cmocka_unit_test(mutated_bodies_are_judged_or_not_but_never_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
