/* The estimates, against values worked out elsewhere, and against data that would fool others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "analysis/statistics.h"

static void median_is_the_middle(void **state) {
    (void)state;
    double odd[] = {9, 1, 5}, even[] = {4, 1, 3, 2};
    assert_float_equal(statistics_median(odd, 3), 5, 0);
    assert_float_equal(statistics_median(even, 4), 2.5, 0);
    assert_true(isnan(statistics_median(odd, 0)));
}

/* Expected values: the closed form, computed with 50 digits. */
static void wilson_is_careful_with_few(void **state) {
    (void)state;
    assert_float_equal(statistics_wilson_lower(1, 3), 0.0614919, 1e-6);
    assert_float_equal(statistics_wilson_lower(201, 812), 0.2190770, 1e-4);
    assert_float_equal(statistics_wilson_lower(0, 50), 0, 1e-12);
    assert_float_equal(statistics_wilson_lower(0, 0), 0, 0);
    assert_true(statistics_wilson_lower(50, 50) > 0.92);
}

static void trend_of_a_line_is_its_slope(void **state) {
    (void)state;
    double x[20], y[20];
    struct trend trend;
    for (size_t i = 0; i < 20; i++) x[i] = (double)i * 60, y[i] = 3 + x[i] * 0.25;
    assert_int_equal(statistics_trend(x, y, 20, &trend, NULL), 0);
    assert_float_equal(trend.slope, 0.25, 1e-12);
    assert_float_equal(trend.lower, 0.25, 1e-12);
    assert_float_equal(trend.upper, 0.25, 1e-12);
}

static void trend_is_not_moved_by_outliers(void **state) {
    (void)state;
    double x[30], y[30];
    struct trend trend;
    for (size_t i = 0; i < 30; i++) x[i] = (double)i, y[i] = 2 * x[i];
    y[3] = 500, y[17] = -900, y[29] = 0;
    assert_int_equal(statistics_trend(x, y, 30, &trend, NULL), 0);
    assert_float_equal(trend.slope, 2, 0.01);
    assert_true(trend.lower > 1.5);
}

static void trend_of_noise_includes_zero(void **state) {
    (void)state;
    double x[30], y[30];
    struct trend trend;
    for (size_t i = 0; i < 30; i++) x[i] = (double)i, y[i] = sin((double)i * 12.9898) * 43;
    assert_int_equal(statistics_trend(x, y, 30, &trend, NULL), 0);
    assert_true(trend.lower < 0 && trend.upper > 0);
}

/* Sen's own way for ten points: C = 1.96 * sqrt(125), ranks 11 and 34 of 45. */
static void trend_interval_has_sens_ranks(void **state) {
    (void)state;
    double x[10], y[10], slopes[45];
    struct trend trend;
    size_t pairs = 0;
    for (size_t i = 0; i < 10; i++) x[i] = (double)i, y[i] = x[i] * x[i];
    for (size_t i = 0; i < 10; i++)
        for (size_t j = i + 1; j < 10; j++) slopes[pairs++] = (double)(i + j);
    assert_int_equal(statistics_trend(x, y, 10, &trend, NULL), 0);
    (void)statistics_median(slopes, 45); /* sorts */
    assert_float_equal(trend.lower, slopes[10], 1e-12);
    assert_float_equal(trend.upper, slopes[34], 1e-12);
}

static void flat_series_has_no_trend(void **state) {
    (void)state;
    double x[30], y[30];
    struct trend trend;
    for (size_t i = 0; i < 30; i++) x[i] = (double)i, y[i] = 5;
    assert_int_equal(statistics_trend(x, y, 30, &trend, NULL), 0);
    assert_float_equal(trend.slope, 0, 0);
    assert_false(trend.lower > 0);
}

static void two_points_prove_nothing(void **state) {
    (void)state;
    double x[] = {0, 1, 2}, y[] = {0, 10, 20};
    struct trend trend;
    for (size_t count = 0; count <= 3; count++) {
        assert_int_equal(statistics_trend(x, y, count, &trend, NULL), 0);
        assert_false(trend.lower > 0);
    }
}

static void many_points_are_joined(void **state) {
    (void)state;
    static double x[10000], y[10000];
    struct trend trend;
    for (size_t i = 0; i < 10000; i++) x[i] = (double)i, y[i] = 0.5 * x[i] + (i % 2 ? 9 : -9);
    assert_int_equal(statistics_trend(x, y, 10000, &trend, NULL), 0);
    assert_float_equal(trend.slope, 0.5, 0.001);
    assert_true(trend.lower > 0.49);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(median_is_the_middle),
        cmocka_unit_test(wilson_is_careful_with_few),
        cmocka_unit_test(trend_of_a_line_is_its_slope),
        cmocka_unit_test(trend_is_not_moved_by_outliers),
        cmocka_unit_test(trend_of_noise_includes_zero),
        cmocka_unit_test(trend_interval_has_sens_ranks),
        cmocka_unit_test(flat_series_has_no_trend),
        cmocka_unit_test(two_points_prove_nothing),
        cmocka_unit_test(many_points_are_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
