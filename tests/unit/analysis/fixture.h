/* A project of one service for the tests of judgement: figures are given bucket by bucket, the
 * bodies are written as Railway writes them, and what was judged is read back.
 * 30 buckets of a minute from a full hour on unless a test says otherwise; NAN is a bucket without
 * a sample. */
#ifndef TEND_TEST_ANALYSIS_FIXTURE_H
#define TEND_TEST_ANALYSIS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/judge.h"
#include "base/json.h"
#include "base/memory.h"

#define UNUSED __attribute__((unused))

enum { BUCKETS = 30, START = 1790002800, STEP = 60 };

/* The defaults of stdlib/thresholds.lua. */
static const char THRESHOLDS[] =
    "{\"buckets\":{\"at_least\":10,\"grace_steps\":3,\"grace_max_seconds\":180},"
    "\"persistent\":{\"percent\":60,\"newest\":3,\"newest_of\":5},"
    "\"cpu\":{\"warning\":70,\"critical\":90},\"memory\":{\"warning\":90,\"critical\":97},"
    "\"saturated\":{\"limit_over\":1,\"within_percent\":5,\"slower\":1.3},"
    "\"slope\":{\"warning\":6,\"critical\":1,\"gained_percent\":10,\"drop_percent\":40,"
    "\"peak_percent\":90,\"peaks\":2,\"grown\":2},"
    "\"disk\":{\"warning\":80,\"critical\":90,\"full_within_hours\":24},"
    "\"error_rate_5xx\":{\"warning\":1,\"critical\":5},"
    "\"error_rate_4xx\":{\"warning\":10,\"not_counted\":[401,404,429,499]},"
    "\"errors\":{\"requests\":20,\"failures\":5,\"buckets\":3,\"fast_buckets\":3,"
    "\"fast_requests\":50,\"fast_percent\":50},"
    "\"latency_p95\":{\"warning\":1000,\"critical\":3000,\"requests\":20},"
    "\"deployment\":{\"author_minutes\":30}}";

struct scene {
    size_t count; /* buckets */
    double step;
    double to_extra;          /* seconds that the window goes on after the last bucket */
    struct buffer usage;      /* items of data.metrics */
    struct buffer status;     /* items of status_1 */
    struct buffer durations;  /* samples of duration_1 */
    const char *metrics_body; /* instead of what is in `usage` */
    const char *http_body;    /* instead of what is in `status` and `durations` */
    const char *second_http_body;
    const char *service;    /* more members of the service, JSON without braces */
    const char *thresholds; /* instead of THRESHOLDS */
    bool is_silent;         /* no answers at all */
};

struct verdict {
    struct buffer packed;
    struct value_tree tree;
};

UNUSED static struct scene scene_new(void) {
    return (struct scene){.count = BUCKETS, .step = STEP};
}

UNUSED static double bucket_time(const struct scene *scene, size_t bucket) {
    return START + (double)bucket * scene->step;
}

UNUSED static void add_samples(const struct scene *scene, struct buffer *out,
                               const double *values) {
    bool is_first = true;
    for (size_t i = 0; i < scene->count; i++) {
        if (isnan(values[i])) continue;
        buffer_add_format(out, "%s{\"ts\":%.0f,\"value\":%.17g}", is_first ? "" : ",",
                          bucket_time(scene, i), values[i]);
        is_first = false;
    }
}

UNUSED static void scene_usage(struct scene *scene, const char *measurement, const double *values) {
    buffer_add_format(&scene->usage,
                      "%s{\"measurement\":\"%s\",\"tags\":{\"serviceId\":\"s1\"},"
                      "\"values\":[",
                      scene->usage.size ? "," : "", measurement);
    add_samples(scene, &scene->usage, values);
    buffer_add_text(&scene->usage, "]}");
}

UNUSED static void scene_usage_flat(struct scene *scene, const char *measurement, double value) {
    double values[600];
    for (size_t i = 0; i < scene->count; i++) values[i] = value;
    scene_usage(scene, measurement, values);
}

UNUSED static void scene_status(struct scene *scene, int code, const double *values) {
    buffer_add_format(&scene->status, "%s{\"statusCode\":%d,\"samples\":[",
                      scene->status.size ? "," : "", code);
    add_samples(scene, &scene->status, values);
    buffer_add_text(&scene->status, "]}");
}

UNUSED static void scene_status_flat(struct scene *scene, int code, double value) {
    double values[600];
    for (size_t i = 0; i < scene->count; i++) values[i] = value;
    scene_status(scene, code, values);
}

UNUSED static void scene_p95(struct scene *scene, const double *p95) {
    for (size_t i = 0; i < scene->count; i++)
        if (!isnan(p95[i]))
            buffer_add_format(&scene->durations,
                              "%s{\"ts\":%.0f,\"p50\":%.17g,\"p90\":1,\"p95\":%.17g,\"p99\":%.17g}",
                              scene->durations.size ? "," : "", bucket_time(scene, i), p95[i] / 4,
                              p95[i], p95[i] * 2);
}

/* `given`, or else the parts in turn. */
UNUSED static void pack_body(struct buffer *out, const char *given, const char *const parts[5]) {
    struct buffer body = BUFFER_EMPTY;
    if (given) buffer_add_text(&body, given);
    for (size_t i = 0; !given && i < 5; i++) buffer_add_text(&body, parts[i]);
    pack_bytes(out, buffer_bytes(&body));
    buffer_done(&body);
}

UNUSED static void pack_json(struct buffer *out, const char *text) {
    assert_int_equal(json_read(bytes_of(text), out, NULL), 0);
}

UNUSED static void pack_http(struct buffer *out, const struct scene *scene, const char *body) {
    pack_map(out, 2);
    pack_text(out, "body");
    pack_body(out, body,
              (const char *[5]){"{\"data\":{\"status_1\":[", buffer_bytes(&scene->status).data,
                                "],\"duration_1\":{\"samples\":[",
                                buffer_bytes(&scene->durations).data, "]}}}"});
    pack_text(out, "services");
    pack_json(out, "[\"s1\"]");
}

UNUSED static void pack_scene(struct buffer *out, const struct scene *scene) {
    struct buffer service = BUFFER_EMPTY;
    buffer_add_format(&service, "[{\"id\":\"s1\",\"name\":\"api\"%s%s}]", scene->service ? "," : "",
                      scene->service ? scene->service : "");
    pack_map(out, scene->is_silent ? 4 : 6);
    pack_text(out, "window");
    pack_map(out, 2);
    pack_member_integer(out, "from", START);
    pack_member_double(out, "to", bucket_time(scene, scene->count) + scene->to_extra);
    pack_member_double(out, "step", scene->step);
    if (!scene->is_silent) {
        pack_text(out, "metrics");
        pack_body(out, scene->metrics_body,
                  (const char *[5]){"{\"data\":{\"metrics\":[", buffer_bytes(&scene->usage).data,
                                    "]}}", "", ""});
        pack_text(out, "http");
        pack_list(out, scene->second_http_body ? 2 : 1);
        pack_http(out, scene, scene->http_body);
        if (scene->second_http_body) pack_http(out, scene, scene->second_http_body);
    }
    pack_text(out, "services");
    pack_json(out, buffer_bytes(&service).data);
    pack_text(out, "thresholds");
    pack_json(out, scene->thresholds ? scene->thresholds : THRESHOLDS);
    buffer_done(&service);
}

/* Judges, and releases the scene. */
UNUSED static struct verdict scene_judge(struct scene *scene) {
    struct buffer input = BUFFER_EMPTY;
    struct value_tree tree;
    struct verdict ret = {.packed = BUFFER_EMPTY};
    struct error err = {0};
    pack_scene(&input, scene);
    assert_int_equal(value_read(buffer_bytes(&input), &tree, &err), 0);
    if (judge_project(&tree.root, &ret.packed, &err) != 0) fail_msg("%s", err.message);
    assert_int_equal(value_read(buffer_bytes(&ret.packed), &ret.tree, &err), 0);
    value_tree_done(&tree);
    buffer_done(&input);
    buffer_done(&scene->usage);
    buffer_done(&scene->status);
    buffer_done(&scene->durations);
    return ret;
}

UNUSED static void verdict_done(struct verdict *verdict) {
    value_tree_done(&verdict->tree);
    buffer_done(&verdict->packed);
}

/* NULL if there is none; fails if there are two. */
UNUSED static const struct value *verdict_find(const struct verdict *verdict, const char *list_name,
                                               const char *metric) {
    const struct value *list = value_get_list(&verdict->tree.root, list_name), *found = NULL;
    assert_non_null(list);
    for (size_t i = 0; i < list->list.count; i++) {
        const struct value *item = &list->list.items[i];
        if (!bytes_are(value_get_bytes(item, "metric"), metric)) continue;
        assert_true(bytes_are(value_get_bytes(item, "service"), "api"));
        assert_null(found);
        found = item;
    }
    return found;
}

UNUSED static const struct value *issue_of(const struct verdict *verdict, const char *metric) {
    return verdict_find(verdict, "issues", metric);
}

UNUSED static size_t issue_count(const struct verdict *verdict) {
    return value_get_list(&verdict->tree.root, "issues")->list.count;
}

UNUSED static void assert_text_has(struct bytes text, const char *part) {
    if (!memmem(text.data, text.size, part, strlen(part)))
        fail_msg("\"%.*s\" lacks \"%s\"", (int)text.size, text.data, part);
}

UNUSED static void assert_issue(const struct verdict *verdict, const char *metric,
                                const char *severity) {
    const struct value *issue = issue_of(verdict, metric);
    if (!issue) fail_msg("no issue of %s", metric);
    struct bytes found = value_get_bytes(issue, "severity");
    if (!bytes_are(found, severity))
        fail_msg("%s is %.*s, not %s", metric, (int)found.size, found.data, severity);
    assert_true(value_get_list(issue, "evidence")->list.count > 0);
}

UNUSED static void assert_evidence(const struct verdict *verdict, const char *metric,
                                   const char *part) {
    const struct value *evidence = value_get_list(issue_of(verdict, metric), "evidence");
    for (size_t i = 0; i < evidence->list.count; i++) {
        struct bytes text = evidence->list.items[i].text;
        if (memmem(text.data, text.size, part, strlen(part))) return;
    }
    struct bytes first = evidence->list.items[0].text;
    fail_msg("no evidence of %s says \"%s\" but \"%.*s\"", metric, part, (int)first.size,
             first.data);
}

UNUSED static void assert_no_issue(const struct verdict *verdict, const char *metric) {
    const struct value *issue = issue_of(verdict, metric);
    if (!issue) return;
    struct bytes text = value_get_list(issue, "evidence")->list.items[0].text;
    fail_msg("%s: %.*s", metric, (int)text.size, text.data);
}

UNUSED static void assert_silent(const struct verdict *verdict) {
    const struct value *issues = value_get_list(&verdict->tree.root, "issues");
    if (!issues->list.count) return;
    struct bytes text = value_get_list(&issues->list.items[0], "evidence")->list.items[0].text;
    fail_msg("not silent: %.*s", (int)text.size, text.data);
}

UNUSED static void assert_not_judged(const struct verdict *verdict, const char *metric,
                                     const char *why) {
    const struct value *item = verdict_find(verdict, "not_judged", metric);
    if (!item) fail_msg("%s isn't in not_judged", metric);
    assert_text_has(value_get_bytes(item, "why"), why);
}

UNUSED static void assert_judged(const struct verdict *verdict, const char *metric) {
    const struct value *item = verdict_find(verdict, "not_judged", metric);
    if (!item) return;
    struct bytes why = value_get_bytes(item, "why");
    fail_msg("%s wasn't judged: %.*s", metric, (int)why.size, why.data);
}

/* services[1].metrics[name] */
UNUSED static const struct value *metrics_of(const struct verdict *verdict, const char *name) {
    const struct value *services = value_get_list(&verdict->tree.root, "services");
    assert_int_equal(services->list.count, 1);
    return value_get_map(value_get_map(&services->list.items[0], "metrics"), name);
}

#endif
