/* What is sick, and what isn't: one test for each promise of the manual's chapter on judgement. */
#include "fixture.h"

/* A small, repeatable noise between -1 and 1. */
static double noise(size_t i) { return sin((double)i * 12.9898) * cos((double)i * 78.233); }

/* With a slope of 0.006 a bucket under it, this noise seems to rise, in the newest half too; but
 * the 95 % interval of the slope begins at -0.001. */
static double wide_noise(size_t i) { return 0.3 * noise(i); }

static struct scene healthy(void) {
    struct scene scene = scene_new();
    scene.service = "\"has_domain\":true,\"deployment\":{\"status\":\"SUCCESS\"}";
    double p95[BUCKETS];
    for (size_t i = 0; i < BUCKETS; i++) p95[i] = 180 + 20 * noise(i);
    scene_usage_flat(&scene, "CPU_USAGE", 0.4);
    scene_usage_flat(&scene, "CPU_LIMIT", 2);
    scene_usage_flat(&scene, "MEMORY_USAGE_GB", 0.3);
    scene_usage_flat(&scene, "MEMORY_LIMIT_GB", 1);
    scene_status_flat(&scene, 200, 100);
    scene_p95(&scene, p95);
    return scene;
}

static void healthy_service_is_silent_and_judged(void **state) {
    (void)state;
    struct scene scene = healthy();
    struct verdict verdict = scene_judge(&scene);
    assert_silent(&verdict);
    assert_int_equal(value_get_list(&verdict.tree.root, "not_judged")->list.count, 0);
    verdict_done(&verdict);
}

static void summary_says_what_was_measured(void **state) {
    (void)state;
    struct scene scene = scene_new();
    double cpu[BUCKETS], failed[BUCKETS], p95[BUCKETS];
    for (size_t i = 0; i < BUCKETS; i++) {
        cpu[i] = i < 15 ? 0.2 : 0.4;
        failed[i] = i == 3 ? 6 : NAN;
        p95[i] = 200;
    }
    cpu[20] = 1.5;
    scene_usage(&scene, "CPU_USAGE", cpu);
    scene_usage_flat(&scene, "CPU_LIMIT", 2);
    scene_status_flat(&scene, 200, 99);
    scene_status_flat(&scene, 204, 1);
    scene_status(&scene, 503, failed);
    scene_p95(&scene, p95);
    struct verdict verdict = scene_judge(&scene);
    const struct value *usage = metrics_of(&verdict, "cpu"), *http = metrics_of(&verdict, "http");
    assert_float_equal(value_get_number(usage, "average", 0), (3 + 14 * 0.4 + 1.5) / 30, 1e-4);
    assert_float_equal(value_get_number(usage, "maximum", 0), 1.5, 1e-9);
    assert_float_equal(value_get_number(usage, "latest", 0), 0.4, 1e-9);
    assert_float_equal(value_get_number(usage, "limit", 0), 2, 1e-9);
    assert_int_equal(value_get_integer(usage, "buckets", 0), 30);
    assert_true(bytes_are(value_get_bytes(usage, "unit"), "vCPU"));
    assert_null(metrics_of(&verdict, "memory"));
    assert_int_equal(value_get_integer(http, "requests", 0), 3006);
    assert_int_equal(value_get_integer(http, "failures", 0), 6);
    assert_int_equal(value_get_integer(value_get_map(http, "status"), "2xx", 0), 3000);
    assert_int_equal(value_get_integer(value_get_map(http, "status"), "5xx", 0), 6);
    assert_float_equal(value_get_number(http, "rate_5xx", 0), 100 * 6 / 3006.0, 1e-4);
    assert_float_equal(value_get_number(http, "p50", 0), 50, 1e-9);
    assert_float_equal(value_get_number(http, "p95", 0), 200, 1e-9);
    assert_float_equal(value_get_number(http, "p99", 0), 400, 1e-9);
    verdict_done(&verdict);
}

/* ---- levels ---------------------------------------------------------------------------------- */

static struct verdict judge_cpu(const double *percent, const char *service) {
    struct scene scene = scene_new();
    double cpu[BUCKETS];
    for (size_t i = 0; i < BUCKETS; i++) cpu[i] = percent[i] / 100 * 2;
    scene.service = service;
    scene_usage(&scene, "CPU_USAGE", cpu);
    scene_usage_flat(&scene, "CPU_LIMIT", 2);
    return scene_judge(&scene);
}

static void cpu_over_its_threshold_for_long_is_an_issue(void **state) {
    (void)state;
    double percent[BUCKETS];
    for (size_t i = 0; i < BUCKETS; i++) percent[i] = i < 10 ? 30 : 95;
    struct verdict verdict = judge_cpu(percent, NULL);
    const struct value *issue = issue_of(&verdict, "cpu");
    assert_issue(&verdict, "cpu", "critical");
    assert_float_equal(value_get_number(issue, "value", 0), 95, 1e-6);
    assert_float_equal(value_get_number(issue, "threshold", 0), 90, 1e-6);
    assert_true(bytes_are(value_get_bytes(issue, "unit"), "%"));
    assert_int_equal(value_get_integer(issue, "since", 0), START + 10 * STEP);
    assert_evidence(&verdict, "cpu", "over 90 % in 20 of 30 buckets and in 5 of the newest 5");
    verdict_done(&verdict);
}

static void cpu_between_the_thresholds_is_a_warning(void **state) {
    (void)state;
    double percent[BUCKETS];
    for (size_t i = 0; i < BUCKETS; i++) percent[i] = 80;
    struct verdict verdict = judge_cpu(percent, NULL);
    assert_issue(&verdict, "cpu", "warning");
    verdict_done(&verdict);
}

static void spikes_are_silent(void **state) {
    (void)state;
    double percent[BUCKETS];
    for (size_t i = 0; i < BUCKETS; i++) percent[i] = i % 3 == 0 ? 100 : 30;
    struct verdict verdict = judge_cpu(percent, NULL);
    assert_silent(&verdict);
    verdict_done(&verdict);
}

static void what_is_over_already_is_silent(void **state) {
    (void)state;
    double percent[BUCKETS];
    for (size_t i = 0; i < BUCKETS; i++) percent[i] = i < 27 ? 99 : 30;
    struct verdict verdict = judge_cpu(percent, NULL);
    assert_silent(&verdict);
    verdict_done(&verdict);
}

static void missing_limit_is_not_judged_and_not_healthy(void **state) {
    (void)state;
    struct scene scene = scene_new();
    scene_usage_flat(&scene, "CPU_USAGE", 8);
    scene_usage_flat(&scene, "MEMORY_USAGE_GB", 8);
    struct verdict verdict = scene_judge(&scene);
    assert_silent(&verdict);
    assert_not_judged(&verdict, "cpu", "no limit");
    assert_not_judged(&verdict, "memory", "no limit");
    verdict_done(&verdict);
}

static void nine_samples_are_too_few(void **state) {
    (void)state;
    double percent[BUCKETS];
    for (size_t i = 0; i < BUCKETS; i++) percent[i] = i < 21 ? NAN : 99;
    struct verdict verdict = judge_cpu(percent, NULL);
    assert_silent(&verdict);
    assert_not_judged(&verdict, "cpu", "too few samples: 9 of at least 10");
    verdict_done(&verdict);
    percent[3] = 99;
    verdict = judge_cpu(percent, NULL);
    assert_issue(&verdict, "cpu", "critical");
    verdict_done(&verdict);
}

static void unfinished_bucket_is_dropped(void **state) {
    (void)state;
    struct scene scene = scene_new();
    double cpu[BUCKETS + 1];
    scene.count = BUCKETS;
    for (size_t i = 0; i < BUCKETS; i++) cpu[i] = 0.5;
    cpu[BUCKETS - 1] = 1.5; /* begins within the window, ends after it */
    scene.to_extra = -1;
    scene_usage(&scene, "CPU_USAGE", cpu);
    scene_usage_flat(&scene, "CPU_LIMIT", 2);
    struct verdict verdict = scene_judge(&scene);
    assert_int_equal(value_get_integer(metrics_of(&verdict, "cpu"), "buckets", 0), BUCKETS - 1);
    assert_float_equal(value_get_number(metrics_of(&verdict, "cpu"), "maximum", 0), 0.5, 1e-9);
    verdict_done(&verdict);
}

static void database_memory_is_at_most_a_warning(void **state) {
    (void)state;
    for (int is_database = 0; is_database < 2; is_database++) {
        struct scene scene = scene_new();
        scene.service = is_database ? "\"is_database\":true" : NULL;
        scene_usage_flat(&scene, "MEMORY_USAGE_GB", 0.99);
        scene_usage_flat(&scene, "MEMORY_LIMIT_GB", 1);
        struct verdict verdict = scene_judge(&scene);
        assert_issue(&verdict, "memory", is_database ? "warning" : "critical");
        verdict_done(&verdict);
    }
}

static void threshold_of_the_service_goes_before_the_common_one(void **state) {
    (void)state;
    double percent[BUCKETS];
    for (size_t i = 0; i < BUCKETS; i++) percent[i] = 80;
    struct verdict verdict = judge_cpu(percent, "\"thresholds\":{\"cpu\":{\"warning\":85}}");
    assert_silent(&verdict);
    verdict_done(&verdict);
    verdict = judge_cpu(percent, "\"thresholds\":{\"cpu\":{\"critical\":75}}");
    assert_issue(&verdict, "cpu", "critical");
    verdict_done(&verdict);
    verdict = judge_cpu(percent, "\"thresholds\":{\"cpu\":{\"warning\":false}}");
    assert_silent(&verdict);
    verdict_done(&verdict);
}

static void saturated_core_with_slower_answers_is_a_warning(void **state) {
    (void)state;
    for (int is_slower = 0; is_slower < 2; is_slower++) {
        struct scene scene = scene_new();
        double cpu[BUCKETS], p95[BUCKETS];
        for (size_t i = 0; i < BUCKETS; i++) {
            cpu[i] = 1 + 0.03 * noise(i);
            p95[i] = is_slower ? 200 + 10 * (double)i : 200;
        }
        scene_usage(&scene, "CPU_USAGE", cpu);
        scene_usage_flat(&scene, "CPU_LIMIT", 8);
        scene_status_flat(&scene, 200, 100);
        scene_p95(&scene, p95);
        struct verdict verdict = scene_judge(&scene);
        if (is_slower) assert_issue(&verdict, "cpu", "warning");
        else assert_silent(&verdict);
        verdict_done(&verdict);
    }
}

static void what_is_no_saturated_core_is_silent(void **state) {
    (void)state;
    static const double cores[] = {1.5, 0.99}, limits[] = {8, 1};
    for (size_t n = 0; n < 2; n++) {
        struct scene scene = scene_new();
        double p95[BUCKETS];
        for (size_t i = 0; i < BUCKETS; i++) p95[i] = 200 + 10 * (double)i;
        scene.service = "\"thresholds\":{\"cpu\":{\"warning\":false,\"critical\":false}}";
        scene_usage_flat(&scene, "CPU_USAGE", cores[n]);
        scene_usage_flat(&scene, "CPU_LIMIT", limits[n]);
        scene_status_flat(&scene, 200, 100);
        scene_p95(&scene, p95);
        struct verdict verdict = scene_judge(&scene);
        assert_silent(&verdict);
        verdict_done(&verdict);
    }
}

static void limit_of_zero_is_unknown_and_one_sample_of_it_is_enough(void **state) {
    (void)state;
    double once[BUCKETS];
    struct scene scene = scene_new();
    scene_usage_flat(&scene, "CPU_USAGE", 1);
    scene_usage_flat(&scene, "CPU_LIMIT", 0);
    struct verdict verdict = scene_judge(&scene);
    assert_not_judged(&verdict, "cpu", "no limit");
    verdict_done(&verdict);
    for (size_t i = 0; i < BUCKETS; i++) once[i] = i == 4 ? 1 : NAN;
    scene = scene_new();
    scene_usage_flat(&scene, "CPU_USAGE", 1);
    scene_usage(&scene, "CPU_LIMIT", once);
    verdict = scene_judge(&scene);
    assert_issue(&verdict, "cpu", "critical");
    verdict_done(&verdict);
}

/* ---- deployments in the window --------------------------------------------------------------- */

static void levels_use_what_came_after_the_deployment_and_its_grace(void **state) {
    (void)state;
    double percent[BUCKETS];
    char service[64];
    /* Bad before bucket 10 and in the three buckets of grace, good since. */
    for (size_t i = 0; i < BUCKETS; i++) percent[i] = i < 13 ? 99 : 30;
    snprintf(service, sizeof service, "\"deployed_at\":%d", START + 10 * STEP);
    struct verdict verdict = judge_cpu(percent, service);
    assert_silent(&verdict);
    assert_judged(&verdict, "cpu");
    verdict_done(&verdict);
    /* Good before, bad since: only 17 of 30 buckets, but all that count. */
    for (size_t i = 0; i < BUCKETS; i++) percent[i] = i < 13 ? 30 : 99;
    verdict = judge_cpu(percent, service);
    assert_issue(&verdict, "cpu", "critical");
    assert_evidence(&verdict, "cpu", "in 17 of 17 buckets");
    verdict_done(&verdict);
}

static void fresh_deployment_is_not_judged_by_levels(void **state) {
    (void)state;
    double percent[BUCKETS];
    char service[64];
    for (size_t i = 0; i < BUCKETS; i++) percent[i] = 99;
    snprintf(service, sizeof service, "\"deployed_at\":%d", START + 20 * STEP);
    struct verdict verdict = judge_cpu(percent, service);
    assert_silent(&verdict);
    assert_not_judged(&verdict, "cpu", "deployed 10 min ago");
    verdict_done(&verdict);
}

static void grace_is_at_most_three_minutes(void **state) {
    (void)state;
    struct scene scene = scene_new();
    char service[64];
    double cpu[BUCKETS];
    scene.step = 300;
    for (size_t i = 0; i < BUCKETS; i++) cpu[i] = 1.9;
    /* Eleven buckets since; three steps of grace would leave eight. */
    double at = bucket_time(&scene, 19);
    snprintf(service, sizeof service, "\"deployed_at\":%.0f", at);
    scene.service = service;
    scene_usage(&scene, "CPU_USAGE", cpu);
    scene_usage_flat(&scene, "CPU_LIMIT", 2);
    struct verdict verdict = scene_judge(&scene);
    assert_issue(&verdict, "cpu", "critical");
    verdict_done(&verdict);
}

/* ---- memory that rises ----------------------------------------------------------------------- */

static struct verdict judge_memory(const double *gb, double limit, const double *requests,
                                   const char *service) {
    struct scene scene = scene_new();
    scene.service = service;
    scene_usage(&scene, "MEMORY_USAGE_GB", gb);
    if (limit > 0) scene_usage_flat(&scene, "MEMORY_LIMIT_GB", limit);
    if (requests) scene_status(&scene, 200, requests);
    return scene_judge(&scene);
}

static void rising_memory_is_critical_within_an_hour_of_the_limit(void **state) {
    (void)state;
    double gb[BUCKETS];
    for (size_t i = 0; i < BUCKETS; i++) gb[i] = 0.2 + 0.01 * (double)i + 0.002 * noise(i);
    struct verdict verdict = judge_memory(gb, 1, NULL, NULL);
    assert_issue(&verdict, "memory", "critical");
    assert_evidence(&verdict, "memory", "memory rises by 0.6");
    const struct value *issue = issue_of(&verdict, "memory");
    assert_float_equal(value_get_number(issue, "value", 0), 0.51 / 0.6, 0.02);
    assert_true(bytes_are(value_get_bytes(issue, "unit"), "hours to the limit"));
    assert_float_equal(value_get_number(metrics_of(&verdict, "memory"), "slope_per_hour", 0), 0.6,
                       0.01);
    verdict_done(&verdict);
}

static void rising_memory_is_a_warning_within_six_hours(void **state) {
    (void)state;
    double gb[BUCKETS];
    for (size_t i = 0; i < BUCKETS; i++) gb[i] = 0.2 + 0.004 * (double)i;
    struct verdict verdict = judge_memory(gb, 1, NULL, NULL);
    assert_issue(&verdict, "memory", "warning");
    verdict_done(&verdict);
}

static void small_gain_is_silent(void **state) {
    (void)state;
    double gb[BUCKETS];
    /* 9 % of the limit gained, which at this height is an hour from it. */
    for (size_t i = 0; i < BUCKETS; i++) gb[i] = 0.7 + 0.003 * (double)i;
    struct verdict verdict = judge_memory(gb, 1, NULL, NULL);
    assert_silent(&verdict);
    verdict_done(&verdict);
}

static void noise_without_a_trend_is_silent(void **state) {
    (void)state;
    double gb[BUCKETS];
    for (size_t i = 0; i < BUCKETS; i++) gb[i] = 0.5 + 0.2 * noise(i);
    struct verdict verdict = judge_memory(gb, 1, NULL, NULL);
    assert_silent(&verdict);
    verdict_done(&verdict);
}

static void noise_that_seems_to_rise_is_silent(void **state) {
    (void)state;
    double gb[BUCKETS];
    for (size_t i = 0; i < BUCKETS; i++) gb[i] = 1.4 + 0.006 * (double)i + wide_noise(i);
    struct verdict verdict = judge_memory(gb, 2, NULL, NULL);
    assert_silent(&verdict);
    verdict_done(&verdict);
}

static void few_points_since_a_drop_are_silent(void **state) {
    (void)state;
    double gb[BUCKETS];
    for (size_t i = 0; i < BUCKETS; i++)
        gb[i] = i < 21 ? 0.5 + 0.021 * (double)i : 0.1 + 0.05 * (double)(i - 21);
    struct verdict verdict = judge_memory(gb, 1, NULL, NULL);
    assert_silent(&verdict);
    verdict_done(&verdict);
}

static void cache_that_filled_and_stays_is_silent(void **state) {
    (void)state;
    double gb[BUCKETS];
    for (size_t i = 0; i < BUCKETS; i++)
        gb[i] = (i < 14 ? 0.2 + 0.03 * (double)i : 0.62) + 0.004 * noise(i);
    struct verdict verdict = judge_memory(gb, 1, NULL, NULL);
    assert_silent(&verdict);
    verdict_done(&verdict);
}

static void garbage_collector_is_silent(void **state) {
    (void)state;
    double gb[BUCKETS];
    for (size_t i = 0; i < BUCKETS; i++) gb[i] = 0.3 + 0.04 * (double)(i % 10);
    struct verdict verdict = judge_memory(gb, 1, NULL, NULL);
    assert_silent(&verdict);
    verdict_done(&verdict);
    /* Nor while it rises for longer than before, until it is higher than it ever was. */
    for (size_t i = 0; i < BUCKETS; i++)
        gb[i] = i < 10 ? 0.2 + 0.06 * (double)i : 0.2 + 0.025 * (double)(i - 10);
    verdict = judge_memory(gb, 1, NULL, NULL);
    assert_silent(&verdict);
    verdict_done(&verdict);
    for (size_t i = 0; i < BUCKETS; i++)
        gb[i] = i < 10 ? 0.2 + 0.03 * (double)i : 0.2 + 0.03 * (double)(i - 10);
    verdict = judge_memory(gb, 1, NULL, NULL);
    assert_issue(&verdict, "memory", "critical");
    verdict_done(&verdict);
}

static void sawtooth_that_reaches_the_limit_is_a_leak(void **state) {
    (void)state;
    double gb[BUCKETS];
    for (size_t i = 0; i < BUCKETS; i++) gb[i] = 0.2 + 0.09 * (double)(i % 9);
    struct verdict verdict = judge_memory(gb, 1, NULL, NULL);
    assert_issue(&verdict, "memory", "warning");
    assert_evidence(&verdict, "memory", "3 times");
    verdict_done(&verdict);
}

static void slope_is_cut_at_a_drop(void **state) {
    (void)state;
    double gb[BUCKETS];
    /* Rises, is killed at the limit, rises again: a line through both would fall. */
    for (size_t i = 0; i < BUCKETS; i++)
        gb[i] = i < 15 ? 0.5 + 0.03 * (double)i : 0.1 + 0.03 * (double)(i - 15);
    struct verdict verdict = judge_memory(gb, 1, NULL, NULL);
    assert_issue(&verdict, "memory", "critical");
    assert_int_equal(value_get_integer(issue_of(&verdict, "memory"), "since", 0),
                     START + 15 * STEP);
    verdict_done(&verdict);
}

static void slope_is_cut_at_a_deployment(void **state) {
    (void)state;
    double gb[BUCKETS];
    char service[64];
    for (size_t i = 0; i < BUCKETS; i++) gb[i] = i < 12 ? 0.2 + 0.05 * (double)i : 0.75;
    struct verdict verdict = judge_memory(gb, 1, NULL, NULL);
    snprintf(service, sizeof service, "\"deployed_at\":%d", START + 12 * STEP);
    verdict_done(&verdict);
    for (size_t i = 0; i < BUCKETS; i++) gb[i] = i < 12 ? 0.75 : 0.2 + 0.03 * (double)(i - 12);
    verdict = judge_memory(gb, 1, NULL, service);
    assert_issue(&verdict, "memory", "critical");
    verdict_done(&verdict);
}

static void memory_that_follows_the_requests_is_silent(void **state) {
    (void)state;
    double gb[BUCKETS], requests[BUCKETS], steady[BUCKETS];
    for (size_t i = 0; i < BUCKETS; i++) {
        gb[i] = 0.2 + 0.01 * (double)i;
        requests[i] = 100 + 10 * (double)i;
        steady[i] = 100 + 0.2 * (double)i; /* grows too, but by far less */
    }
    struct verdict verdict = judge_memory(gb, 1, requests, NULL);
    assert_silent(&verdict);
    verdict_done(&verdict);
    verdict = judge_memory(gb, 1, steady, NULL);
    assert_issue(&verdict, "memory", "critical");
    verdict_done(&verdict);
}

static void memory_without_a_limit_warns_once_it_doubled(void **state) {
    (void)state;
    double gb[BUCKETS];
    for (size_t i = 0; i < BUCKETS; i++) gb[i] = 1 + 0.02 * (double)i;
    struct verdict verdict = judge_memory(gb, 0, NULL, NULL);
    assert_silent(&verdict);
    assert_not_judged(&verdict, "memory", "no limit");
    verdict_done(&verdict);
    for (size_t i = 0; i < BUCKETS; i++) gb[i] = 1 + 0.05 * (double)i;
    verdict = judge_memory(gb, 0, NULL, NULL);
    assert_issue(&verdict, "memory", "warning");
    assert_true(bytes_are(value_get_bytes(issue_of(&verdict, "memory"), "unit"), "GB an hour"));
    assert_float_equal(value_get_number(issue_of(&verdict, "memory"), "value", 0), 3, 0.01);
    verdict_done(&verdict);
}

static void level_and_slope_make_one_issue(void **state) {
    (void)state;
    double gb[BUCKETS];
    for (size_t i = 0; i < BUCKETS; i++) gb[i] = 0.85 + 0.0049 * (double)i;
    struct verdict verdict = judge_memory(gb, 1, NULL, NULL);
    assert_issue(&verdict, "memory", "critical");
    assert_evidence(&verdict, "memory", "memory rises by");
    assert_evidence(&verdict, "memory", "over 90 %");
    verdict_done(&verdict);
    /* Both critical: the level's figures, and since when it rises. */
    for (size_t i = 0; i < BUCKETS; i++) gb[i] = 0.93 + 0.0035 * (double)i;
    verdict = judge_memory(gb, 1, NULL, NULL);
    assert_issue(&verdict, "memory", "critical");
    assert_true(bytes_are(value_get_bytes(issue_of(&verdict, "memory"), "unit"), "%"));
    assert_int_equal(value_get_integer(issue_of(&verdict, "memory"), "since", 0), START);
    verdict_done(&verdict);
}

/* ---- disk ------------------------------------------------------------------------------------ */

static struct verdict judge_disk(double used_gb, double growth_gb, const char *service) {
    struct scene scene = scene_new();
    double gb[BUCKETS];
    for (size_t i = 0; i < BUCKETS; i++) gb[i] = used_gb - growth_gb * (double)(BUCKETS - 1 - i);
    scene.service = service;
    if (used_gb > 0) scene_usage(&scene, "DISK_USAGE_GB", gb);
    return scene_judge(&scene);
}

static void full_volume_is_an_issue(void **state) {
    (void)state;
    struct verdict verdict =
        judge_disk(0, 0, "\"volumes\":[{\"size_mb\":5000,\"current_mb\":4100}]");
    assert_issue(&verdict, "disk", "warning");
    assert_float_equal(value_get_number(issue_of(&verdict, "disk"), "value", 0), 82, 1e-6);
    verdict_done(&verdict);
    verdict = judge_disk(0, 0,
                         "\"volumes\":[{\"size_mb\":5000,\"current_mb\":400},"
                         "{\"size_mb\":1000,\"current_mb\":950}]");
    assert_issue(&verdict, "disk", "critical");
    verdict_done(&verdict);
    verdict = judge_disk(0, 0, "\"volumes\":[{\"size_mb\":5000,\"current_mb\":3900}]");
    assert_silent(&verdict);
    verdict_done(&verdict);
}

static void volume_that_fills_within_a_day_is_an_issue(void **state) {
    (void)state;
    const char *volume = "\"volumes\":[{\"size_mb\":10000,\"current_mb\":5000}]";
    struct verdict verdict = judge_disk(5, 0.005, volume);
    assert_issue(&verdict, "disk", "warning");
    assert_evidence(&verdict, "disk", "full in 16.7 h");
    verdict_done(&verdict);
    verdict = judge_disk(5, 0.003, volume);
    assert_silent(&verdict);
    verdict_done(&verdict);
    verdict = judge_disk(8.5, 0.005, volume);
    assert_issue(&verdict, "disk", "critical");
    verdict_done(&verdict);
}

static void noise_of_a_disk_is_no_growth(void **state) {
    (void)state;
    struct scene scene = scene_new();
    double gb[BUCKETS];
    for (size_t i = 0; i < BUCKETS; i++) gb[i] = 5 + 0.01 * (double)i + 2 * wide_noise(i);
    scene.service = "\"volumes\":[{\"size_mb\":10000}]";
    scene_usage(&scene, "DISK_USAGE_GB", gb);
    struct verdict verdict = scene_judge(&scene);
    assert_silent(&verdict);
    verdict_done(&verdict);
}

static void volume_without_a_size_is_not_judged(void **state) {
    (void)state;
    struct verdict verdict = judge_disk(0, 0, "\"volumes\":[{\"current_mb\":4100}]");
    assert_not_judged(&verdict, "disk", "isn't known");
    verdict_done(&verdict);
}

/* ---- failures -------------------------------------------------------------------------------- */

static struct verdict judge_codes(int code, const double *good, const double *bad,
                                  const char *service) {
    struct scene scene = scene_new();
    scene.service = service;
    scene_status(&scene, 200, good);
    scene_status(&scene, code, bad);
    return scene_judge(&scene);
}

static void fill(double *values, double value) {
    for (size_t i = 0; i < BUCKETS; i++) values[i] = value;
}

static void failing_requests_are_critical_over_five_percent(void **state) {
    (void)state;
    double good[BUCKETS], bad[BUCKETS];
    fill(good, 75);
    for (size_t i = 0; i < BUCKETS; i++) bad[i] = i < 12 ? 0 : 25;
    struct verdict verdict = judge_codes(500, good, bad, NULL);
    const struct value *issue = issue_of(&verdict, "error_rate_5xx");
    assert_issue(&verdict, "error_rate_5xx", "critical");
    assert_float_equal(value_get_number(issue, "value", 0), 100 * 450 / 2700.0, 1e-3);
    assert_int_equal(value_get_integer(issue, "since", 0), START + 12 * STEP);
    assert_evidence(&verdict, "error_rate_5xx", "5xx 16.7 % of 2700 requests, 450 failed; Wilson");
    assert_evidence(&verdict, "error_rate_5xx", "5 of the newest 5 buckets with traffic over 5 %");
    assert_evidence(&verdict, "error_rate_5xx", "500 (450)");
    verdict_done(&verdict);
}

static void failing_requests_warn_over_one_percent(void **state) {
    (void)state;
    double good[BUCKETS], bad[BUCKETS];
    fill(good, 97);
    fill(bad, 3);
    struct verdict verdict = judge_codes(502, good, bad, NULL);
    assert_issue(&verdict, "error_rate_5xx", "warning");
    verdict_done(&verdict);
}

static void few_requests_are_not_judged(void **state) {
    (void)state;
    double good[BUCKETS], bad[BUCKETS];
    fill(good, NAN);
    fill(bad, NAN);
    for (size_t i = 25; i < 30; i++) good[i] = 2, bad[i] = 1;
    struct verdict verdict = judge_codes(500, good, bad, "\"has_domain\":true");
    assert_silent(&verdict);
    assert_not_judged(&verdict, "error_rate_5xx", "too few requests: 15 of at least 20");
    verdict_done(&verdict);
}

static void failures_of_four_requests_in_a_hundred_prove_nothing(void **state) {
    (void)state;
    double good[BUCKETS], bad[BUCKETS];
    fill(good, 1);
    fill(bad, 0);
    /* 3 failures: too few, though 9 % of 33. */
    for (size_t i = 27; i < 30; i++) bad[i] = 1;
    struct verdict verdict = judge_codes(500, good, bad, NULL);
    assert_silent(&verdict);
    verdict_done(&verdict);
    /* 5 failures of 2,900 are 0.17 %: the rate is low. */
    fill(good, 97);
    for (size_t i = 25; i < 30; i++) bad[i] = 1;
    verdict = judge_codes(500, good, bad, NULL);
    assert_silent(&verdict);
    verdict_done(&verdict);
    /* 7 failures of 387 are 1.8 %, but the lower bound is under 1 %. */
    fill(good, 12.67);
    for (size_t i = 23; i < 30; i++) bad[i] = 1;
    verdict = judge_codes(500, good, bad, NULL);
    assert_silent(&verdict);
    verdict_done(&verdict);
}

static void one_bad_minute_is_silent(void **state) {
    (void)state;
    double good[BUCKETS], bad[BUCKETS];
    fill(good, 100);
    fill(bad, 0);
    /* All failures in one bucket, even the newest. */
    bad[29] = 150;
    struct verdict verdict = judge_codes(500, good, bad, NULL);
    assert_no_issue(&verdict, "error_rate_5xx");
    verdict_done(&verdict);
    /* In three, but over since a while. */
    bad[29] = 0;
    bad[10] = bad[11] = bad[12] = 100;
    verdict = judge_codes(500, good, bad, NULL);
    assert_silent(&verdict);
    verdict_done(&verdict);
    /* Until so many buckets have failures as the table asks for. */
    fill(bad, 0);
    for (size_t i = 24; i < 30; i++) bad[i] = 100;
    verdict = judge_codes(500, good, bad,
                          "\"thresholds\":{\"errors\":{\"buckets\":7,"
                          "\"fast_percent\":false}}");
    assert_no_issue(&verdict, "error_rate_5xx");
    verdict_done(&verdict);
}

static void newest_buckets_are_those_with_traffic(void **state) {
    (void)state;
    double good[BUCKETS], bad[BUCKETS];
    fill(good, NAN);
    fill(bad, NAN);
    /* Called every fifth minute, failing half the time. */
    for (size_t i = 0; i < BUCKETS; i += 5) good[i] = 10, bad[i] = 10;
    struct verdict verdict = judge_codes(500, good, bad, NULL);
    assert_issue(&verdict, "error_rate_5xx", "critical");
    verdict_done(&verdict);
}

static void fast_path_is_critical_at_once(void **state) {
    (void)state;
    double good[BUCKETS], bad[BUCKETS];
    char service[64];
    fill(good, 20);
    fill(bad, 0);
    for (size_t i = 27; i < 30; i++) good[i] = 5, bad[i] = 15;
    snprintf(service, sizeof service, "\"deployed_at\":%d", START + 24 * STEP);
    struct verdict verdict = judge_codes(503, good, bad, service);
    assert_issue(&verdict, "error_rate_5xx", "critical");
    assert_evidence(&verdict, "error_rate_5xx", "75.0 % of the 60 requests in the newest 3");
    assert_not_judged(&verdict, "error_rate_4xx", "deployed 6 min ago");
    verdict_done(&verdict);
    /* Within the grace of a deployment it isn't used: a restart's own failures. */
    for (size_t i = 27; i < 30; i++) good[i] = 50, bad[i] = 150;
    for (int ago = 4; ago < 6; ago++) {
        snprintf(service, sizeof service, "\"deployed_at\":%d", START + (30 - ago) * STEP);
        verdict = judge_codes(503, good, bad, service);
        assert_silent(&verdict);
        assert_not_judged(&verdict, "error_rate_5xx", ago == 4 ? "deployed 4" : "deployed 5");
        verdict_done(&verdict);
    }
    snprintf(service, sizeof service, "\"deployed_at\":%d", START + 24 * STEP);
    /* 48 requests are too few for it. */
    fill(bad, 0);
    for (size_t i = 27; i < 30; i++) good[i] = 1, bad[i] = 15;
    verdict = judge_codes(503, good, bad, service);
    assert_silent(&verdict);
    verdict_done(&verdict);
}

static void refused_requests_warn_and_are_never_critical(void **state) {
    (void)state;
    double good[BUCKETS], bad[BUCKETS];
    fill(good, 20);
    fill(bad, 80);
    struct verdict verdict = judge_codes(422, good, bad, NULL);
    assert_issue(&verdict, "error_rate_4xx", "warning");
    assert_int_equal(issue_count(&verdict), 1);
    verdict_done(&verdict);
    fill(good, 95);
    fill(bad, 5);
    verdict = judge_codes(422, good, bad, NULL);
    assert_silent(&verdict);
    verdict_done(&verdict);
}

static void what_clients_cause_is_not_counted(void **state) {
    (void)state;
    static const int codes[] = {401, 404, 429, 499};
    double good[BUCKETS], bad[BUCKETS];
    fill(good, 20);
    fill(bad, 80);
    for (size_t i = 0; i < 4; i++) {
        struct verdict verdict = judge_codes(codes[i], good, bad, NULL);
        assert_silent(&verdict);
        verdict_done(&verdict);
    }
    struct verdict verdict =
        judge_codes(404, good, bad, "\"thresholds\":{\"error_rate_4xx\":{\"not_counted\":{}}}");
    assert_issue(&verdict, "error_rate_4xx", "warning");
    verdict_done(&verdict);
}

static void service_without_a_domain_has_no_rates(void **state) {
    (void)state;
    struct scene scene = scene_new();
    scene_usage_flat(&scene, "CPU_USAGE", 0.1);
    scene_usage_flat(&scene, "CPU_LIMIT", 1);
    scene_usage_flat(&scene, "MEMORY_USAGE_GB", 0.1);
    scene_usage_flat(&scene, "MEMORY_LIMIT_GB", 1);
    struct verdict verdict = scene_judge(&scene);
    assert_silent(&verdict);
    assert_int_equal(value_get_list(&verdict.tree.root, "not_judged")->list.count, 0);
    verdict_done(&verdict);
}

/* ---- latency --------------------------------------------------------------------------------- */

static struct verdict judge_p95(const double *requests, const double *p95) {
    struct scene scene = scene_new();
    scene_status(&scene, 200, requests);
    scene_p95(&scene, p95);
    return scene_judge(&scene);
}

static void slow_answers_are_an_issue(void **state) {
    (void)state;
    double requests[BUCKETS], p95[BUCKETS];
    fill(requests, 50);
    fill(p95, 1500);
    struct verdict verdict = judge_p95(requests, p95);
    assert_issue(&verdict, "latency_p95", "warning");
    assert_true(bytes_are(value_get_bytes(issue_of(&verdict, "latency_p95"), "unit"), "ms"));
    verdict_done(&verdict);
    fill(p95, 4000);
    verdict = judge_p95(requests, p95);
    assert_issue(&verdict, "latency_p95", "critical");
    verdict_done(&verdict);
}

static void slow_buckets_of_few_requests_do_not_count(void **state) {
    (void)state;
    double requests[BUCKETS], p95[BUCKETS];
    /* Two thirds are slow, but of 19 requests. */
    for (size_t i = 0; i < BUCKETS; i++) {
        requests[i] = i % 3 ? 19 : 20;
        p95[i] = i % 3 ? 5000 : 200;
    }
    struct verdict verdict = judge_p95(requests, p95);
    assert_silent(&verdict);
    assert_judged(&verdict, "latency_p95");
    verdict_done(&verdict);
    fill(requests, 19);
    verdict = judge_p95(requests, p95);
    assert_not_judged(&verdict, "latency_p95", "too few samples");
    verdict_done(&verdict);
}

/* ---- deployments ----------------------------------------------------------------------------- */

static struct verdict judge_deployment(const char *status, int minutes_ago, bool is_serving,
                                       const char *more) {
    struct scene scene = scene_new();
    char service[256];
    snprintf(service, sizeof service,
             "\"deployment\":{\"status\":\"%s\",\"created_at\":%d,\"updated_at\":%d,"
             "\"is_serving\":%s}%s",
             status, START, START + (BUCKETS - minutes_ago) * STEP, is_serving ? "true" : "false",
             more);
    scene.service = service;
    return scene_judge(&scene);
}

static void crashed_deployment_is_an_issue(void **state) {
    (void)state;
    struct verdict verdict = judge_deployment("CRASHED", 7, false, "");
    assert_issue(&verdict, "deployment", "critical");
    assert_evidence(&verdict, "deployment", "CRASHED 7 min ago; nothing serves");
    verdict_done(&verdict);
    verdict = judge_deployment("CRASHED", 7, true, "");
    assert_issue(&verdict, "deployment", "warning");
    verdict_done(&verdict);
}

static void failed_build_waits_for_its_author(void **state) {
    (void)state;
    struct verdict verdict = judge_deployment("FAILED", 29, true, "");
    assert_silent(&verdict);
    verdict_done(&verdict);
    verdict = judge_deployment("FAILED", 30, true, "");
    assert_issue(&verdict, "deployment", "warning");
    verdict_done(&verdict);
    verdict = judge_deployment("FAILED", 1, false, "");
    assert_issue(&verdict, "deployment", "critical");
    verdict_done(&verdict);
}

static void what_somebody_wanted_is_no_trouble(void **state) {
    (void)state;
    static const char *const statuses[] = {"SUCCESS", "SKIPPED",  "REMOVED",  "NEEDS_APPROVAL",
                                           "QUEUED",  "SLEEPING", "BUILDING", "INITIALIZING"};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        struct verdict verdict = judge_deployment(statuses[i], 7, false, "");
        assert_silent(&verdict);
        verdict_done(&verdict);
    }
    struct scene never = scene_new();
    struct verdict verdict = scene_judge(&never);
    assert_silent(&verdict);
    verdict_done(&verdict);
}

/* ---- roles ----------------------------------------------------------------------------------- */

static void cron_service_has_no_verdict_on_usage_or_a_crash(void **state) {
    (void)state;
    struct verdict verdict = judge_deployment("CRASHED", 7, false, ",\"is_cron\":true");
    assert_silent(&verdict);
    assert_int_equal(value_get_list(&verdict.tree.root, "not_judged")->list.count, 0);
    verdict_done(&verdict);
    double percent[BUCKETS];
    for (size_t i = 0; i < BUCKETS; i++) percent[i] = 99;
    verdict = judge_cpu(percent, "\"is_cron\":true");
    assert_silent(&verdict);
    verdict_done(&verdict);
    verdict = judge_cpu(percent, "\"role\":\"cron\"");
    assert_silent(&verdict);
    verdict_done(&verdict);
    struct scene scene = scene_new();
    scene.service = "\"is_cron\":true";
    for (size_t i = 0; i < BUCKETS; i++) percent[i] = 9000;
    scene_status_flat(&scene, 200, 100);
    scene_p95(&scene, percent);
    verdict = scene_judge(&scene);
    assert_silent(&verdict);
    verdict_done(&verdict);
}

static void sleeping_service_says_so(void **state) {
    (void)state;
    double percent[BUCKETS];
    fill(percent, NAN);
    struct verdict verdict = judge_cpu(percent, "\"is_sleepy\":true");
    assert_not_judged(&verdict, "cpu", "sleeping");
    verdict_done(&verdict);
    /* Nine full buckets and one in which it woke. */
    for (size_t i = 20; i < BUCKETS; i++) percent[i] = 99;
    verdict = judge_cpu(percent, "\"is_sleepy\":true");
    assert_silent(&verdict);
    assert_not_judged(&verdict, "cpu", "too few samples: 9");
    verdict_done(&verdict);
    verdict = judge_cpu(percent, NULL);
    assert_issue(&verdict, "cpu", "critical");
    verdict_done(&verdict);
}

/* ---- answers that aren't whole --------------------------------------------------------------- */

static void assert_usage_not_judged(struct scene *scene, const char *why) {
    scene->service = "\"has_domain\":true";
    struct verdict verdict = scene_judge(scene);
    assert_silent(&verdict);
    assert_not_judged(&verdict, "cpu", why);
    assert_not_judged(&verdict, "memory", why);
    verdict_done(&verdict);
}

static void unreadable_metrics_are_not_judged(void **state) {
    (void)state;
    static const char *const bodies[] = {"", "<html>Bad gateway</html>", "{\"data\":{\"metrics\":[",
                                         "{\"data\":{\"metrics\":[{\"a\":1e999}]}}"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct scene scene = scene_new();
        scene.metrics_body = bodies[i];
        assert_usage_not_judged(&scene, "the answer can't be read");
    }
}

static void metrics_without_data_are_not_judged(void **state) {
    (void)state;
    struct scene scene = scene_new();
    scene.metrics_body = "{\"data\":null,\"errors\":[{\"message\":\"Problem\\nhere\"}]}";
    assert_usage_not_judged(&scene, "refused: Problem here");
    scene = scene_new();
    scene.metrics_body = "{\"data\":{\"metrics\":null},"
                         "\"errors\":[{\"path\":[\"metrics\"],\"message\":\"Timed out\"}]}";
    assert_usage_not_judged(&scene, "refused: Timed out");
    scene = scene_new();
    scene.metrics_body = "{\"data\":null}";
    assert_usage_not_judged(&scene, "no figures in the answer");
    scene = scene_new();
    scene.metrics_body = "[1,2]";
    assert_usage_not_judged(&scene, "no figures in the answer");
    scene = scene_new();
    scene.is_silent = true;
    assert_usage_not_judged(&scene, "no figures were asked for");
}

static void refused_alias_costs_only_its_own_judgement(void **state) {
    (void)state;
    struct scene scene = healthy();
    scene.http_body = "{\"data\":null,\"errors\":[{\"message\":\"No domain\","
                      "\"path\":[\"status_1\"]}]}";
    struct verdict verdict = scene_judge(&scene);
    assert_silent(&verdict);
    assert_not_judged(&verdict, "error_rate_5xx", "refused: No domain");
    assert_not_judged(&verdict, "error_rate_4xx", "refused: No domain");
    assert_not_judged(&verdict, "latency_p95", "refused: No domain");
    assert_judged(&verdict, "cpu");
    assert_judged(&verdict, "memory");
    assert_null(metrics_of(&verdict, "http"));
    verdict_done(&verdict);
}

static void partial_alias_is_not_judged(void **state) {
    (void)state;
    struct scene scene = healthy();
    scene.http_body =
        "{\"data\":{\"status_1\":[null,{\"statusCode\":200,\"samples\":[{\"ts\":1790002800,"
        "\"value\":9}]}],\"duration_1\":{\"samples\":[]}},"
        "\"errors\":[{\"message\":\"Shard down\",\"path\":[\"status_1\",0,\"samples\"]}]}";
    struct verdict verdict = scene_judge(&scene);
    assert_not_judged(&verdict, "error_rate_5xx", "refused: Shard down");
    verdict_done(&verdict);
}

static void second_answer_fills_what_the_first_refused(void **state) {
    (void)state;
    struct scene scene = healthy();
    scene.http_body = "{\"data\":null,\"errors\":[{\"message\":\"x\",\"path\":[\"status_9\"]}]}";
    scene.second_http_body =
        "{\"data\":{\"status_1\":[{\"samples\":[{\"value\":90,\"ts\":1790002860},"
        "{\"ts\":1790002920,\"value\":30},{\"ts\":null,\"value\":5},{\"value\":5},7,null],"
        "\"statusCode\":200,\"more\":{\"samples\":[{\"ts\":1790002860,\"value\":1}]}}],"
        "\"duration_1\":{\"samples\":[]}}}";
    struct verdict verdict = scene_judge(&scene);
    assert_judged(&verdict, "error_rate_5xx");
    assert_int_equal(value_get_integer(metrics_of(&verdict, "http"), "requests", 0), 120);
    verdict_done(&verdict);
}

static void figures_of_others_stay_with_them(void **state) {
    (void)state;
    struct scene scene = healthy();
    scene.metrics_body = "{\"data\":{\"metrics\":[{\"values\":[{\"ts\":1790002860,\"value\":9}],"
                         "\"measurement\":\"CPU_USAGE\",\"tags\":{\"serviceId\":\"s2\"}},"
                         "{\"measurement\":\"CPU_USAGE\",\"tags\":{\"serviceId\":\"s1\"},"
                         "\"values\":[{\"ts\":1790002860,\"value\":0.5}]}]}}";
    struct verdict verdict = scene_judge(&scene);
    assert_float_equal(value_get_number(metrics_of(&verdict, "cpu"), "average", 0), 0.5, 1e-9);
    verdict_done(&verdict);
}

static void input_that_does_not_fit_is_an_error(void **state) {
    (void)state;
    static const char *const inputs[][2] = {
        {"{}", "step must be a second or more"},
        {"{\"window\":{\"from\":0,\"to\":100,\"step\":0.5}}", "step must be"},
        {"{\"window\":{\"from\":100,\"to\":100,\"step\":1}}", "from before to"},
        {"{\"window\":{\"from\":0,\"to\":1000000,\"step\":1}}", "at most 10000"},
        {"{\"window\":{\"from\":0,\"to\":100,\"step\":1},\"services\":[{\"id\":\"a\"}]}",
         "id and name"},
        {"{\"window\":{\"from\":0,\"to\":100,\"step\":1},\"thresholds\":{},"
         "\"services\":[{\"id\":\"a\",\"name\":\"web\"}]}",
         "service web: thresholds.buckets.at_least must be a number"},
    };
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        struct buffer packed = BUFFER_EMPTY, out = BUFFER_EMPTY;
        struct value_tree tree;
        struct error err = {0};
        pack_json(&packed, inputs[i][0]);
        assert_int_equal(value_read(buffer_bytes(&packed), &tree, &err), 0);
        assert_int_equal(judge_project(&tree.root, &out, &err), TEND_EINPUT);
        assert_text_has(bytes_of(err.message), inputs[i][1]);
        assert_string_equal(err.kind, "value");
        assert_int_equal(out.size, 0);
        value_tree_done(&tree);
        buffer_done(&packed);
        buffer_done(&out);
    }
}

/* ---- the demo -------------------------------------------------------------------------------- */

/* Twenty seconds in steps of one: 40 requests a second of which a quarter fails, 1.5 MB a second
 * leaked under a limit of 256 MB. */
static struct verdict judge_demo(bool is_sick, double start_mb, int deployed_seconds_ago) {
    struct scene scene = scene_new();
    double gb[20], good[20], bad[20], p95[20];
    char service[128];
    scene.count = 20;
    scene.step = 1;
    scene.to_extra = 0.4;
    for (size_t i = 0; i < 20; i++) {
        double leaked = is_sick ? 1.5 * (double)i + 0.3 * noise(i) : 0.5 * noise(i);
        gb[i] = (start_mb + leaked) / 1000;
        good[i] = is_sick ? 30 : 40;
        bad[i] = is_sick ? 10 : NAN;
        p95[i] = 12 + noise(i);
    }
    snprintf(service, sizeof service, "\"has_domain\":true,\"deployed_at\":%d",
             START + 20 - deployed_seconds_ago);
    scene.service = service;
    scene_usage_flat(&scene, "CPU_USAGE", 0.1);
    scene_usage_flat(&scene, "CPU_LIMIT", 1);
    scene_usage(&scene, "MEMORY_USAGE_GB", gb);
    scene_usage_flat(&scene, "MEMORY_LIMIT_GB", 0.256);
    scene_status(&scene, 200, good);
    scene_status(&scene, 500, bad);
    scene_p95(&scene, p95);
    return scene_judge(&scene);
}

static void demo_is_found_sick(void **state) {
    (void)state;
    struct verdict verdict = judge_demo(true, 60, 300);
    assert_issue(&verdict, "error_rate_5xx", "critical");
    assert_issue(&verdict, "memory", "critical");
    assert_int_equal(issue_count(&verdict), 2);
    verdict_done(&verdict);
    /* After 14 seconds there are ten buckets: the failures show already. */
    verdict = judge_demo(true, 60, 13);
    assert_issue(&verdict, "error_rate_5xx", "critical");
    verdict_done(&verdict);
    verdict = judge_demo(true, 60, 12);
    assert_not_judged(&verdict, "error_rate_5xx", "deployed 12 s ago");
    verdict_done(&verdict);
    verdict = judge_demo(true, 240, 300);
    assert_issue(&verdict, "memory", "critical");
    assert_evidence(&verdict, "memory", "of 0.256 GB (median)");
    verdict_done(&verdict);
}

static void demo_is_found_recovered(void **state) {
    (void)state;
    struct verdict verdict = judge_demo(false, 60, 40);
    assert_silent(&verdict);
    assert_int_equal(value_get_list(&verdict.tree.root, "not_judged")->list.count, 0);
    verdict_done(&verdict);
    verdict = judge_demo(false, 60, 5);
    assert_silent(&verdict);
    verdict_done(&verdict);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(healthy_service_is_silent_and_judged),
        cmocka_unit_test(summary_says_what_was_measured),
        cmocka_unit_test(cpu_over_its_threshold_for_long_is_an_issue),
        cmocka_unit_test(cpu_between_the_thresholds_is_a_warning),
        cmocka_unit_test(spikes_are_silent),
        cmocka_unit_test(what_is_over_already_is_silent),
        cmocka_unit_test(missing_limit_is_not_judged_and_not_healthy),
        cmocka_unit_test(nine_samples_are_too_few),
        cmocka_unit_test(unfinished_bucket_is_dropped),
        cmocka_unit_test(database_memory_is_at_most_a_warning),
        cmocka_unit_test(threshold_of_the_service_goes_before_the_common_one),
        cmocka_unit_test(saturated_core_with_slower_answers_is_a_warning),
        cmocka_unit_test(what_is_no_saturated_core_is_silent),
        cmocka_unit_test(limit_of_zero_is_unknown_and_one_sample_of_it_is_enough),
        cmocka_unit_test(levels_use_what_came_after_the_deployment_and_its_grace),
        cmocka_unit_test(fresh_deployment_is_not_judged_by_levels),
        cmocka_unit_test(grace_is_at_most_three_minutes),
        cmocka_unit_test(rising_memory_is_critical_within_an_hour_of_the_limit),
        cmocka_unit_test(rising_memory_is_a_warning_within_six_hours),
        cmocka_unit_test(small_gain_is_silent),
        cmocka_unit_test(noise_without_a_trend_is_silent),
        cmocka_unit_test(noise_that_seems_to_rise_is_silent),
        cmocka_unit_test(few_points_since_a_drop_are_silent),
        cmocka_unit_test(cache_that_filled_and_stays_is_silent),
        cmocka_unit_test(garbage_collector_is_silent),
        cmocka_unit_test(sawtooth_that_reaches_the_limit_is_a_leak),
        cmocka_unit_test(slope_is_cut_at_a_drop),
        cmocka_unit_test(slope_is_cut_at_a_deployment),
        cmocka_unit_test(memory_that_follows_the_requests_is_silent),
        cmocka_unit_test(memory_without_a_limit_warns_once_it_doubled),
        cmocka_unit_test(level_and_slope_make_one_issue),
        cmocka_unit_test(full_volume_is_an_issue),
        cmocka_unit_test(volume_that_fills_within_a_day_is_an_issue),
        cmocka_unit_test(noise_of_a_disk_is_no_growth),
        cmocka_unit_test(volume_without_a_size_is_not_judged),
        cmocka_unit_test(failing_requests_are_critical_over_five_percent),
        cmocka_unit_test(failing_requests_warn_over_one_percent),
        cmocka_unit_test(few_requests_are_not_judged),
        cmocka_unit_test(failures_of_four_requests_in_a_hundred_prove_nothing),
        cmocka_unit_test(one_bad_minute_is_silent),
        cmocka_unit_test(newest_buckets_are_those_with_traffic),
        cmocka_unit_test(fast_path_is_critical_at_once),
        cmocka_unit_test(refused_requests_warn_and_are_never_critical),
        cmocka_unit_test(what_clients_cause_is_not_counted),
        cmocka_unit_test(service_without_a_domain_has_no_rates),
        cmocka_unit_test(slow_answers_are_an_issue),
        cmocka_unit_test(slow_buckets_of_few_requests_do_not_count),
        cmocka_unit_test(crashed_deployment_is_an_issue),
        cmocka_unit_test(failed_build_waits_for_its_author),
        cmocka_unit_test(what_somebody_wanted_is_no_trouble),
        cmocka_unit_test(cron_service_has_no_verdict_on_usage_or_a_crash),
        cmocka_unit_test(sleeping_service_says_so),
        cmocka_unit_test(unreadable_metrics_are_not_judged),
        cmocka_unit_test(metrics_without_data_are_not_judged),
        cmocka_unit_test(refused_alias_costs_only_its_own_judgement),
        cmocka_unit_test(partial_alias_is_not_judged),
        cmocka_unit_test(second_answer_fills_what_the_first_refused),
        cmocka_unit_test(figures_of_others_stay_with_them),
        cmocka_unit_test(input_that_does_not_fit_is_an_error),
        cmocka_unit_test(demo_is_found_sick),
        cmocka_unit_test(demo_is_found_recovered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
