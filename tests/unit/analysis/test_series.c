/* Buckets: where they begin, what falls into them, and what counts as over a threshold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "analysis/series.h"

static struct sample sample(double at, double value) {
    return (struct sample){at, value, NAN, NAN, NAN};
}

static void buckets_stand_on_multiples_of_the_step(void **state) {
    (void)state;
    struct grid grid;
    size_t bucket;
    /* 10:00:25 to 10:30:25 by minutes: the bucket of 10:30 isn't over. */
    assert_int_equal(grid_init(36025, 37825, 60, &grid, NULL), 0);
    assert_float_equal(grid.start, 36000, 0);
    assert_int_equal(grid.count, 30);
    assert_true(grid_find(&grid, 36000, &bucket));
    assert_int_equal(bucket, 0);
    assert_true(grid_find(&grid, 37799.9, &bucket));
    assert_int_equal(bucket, 29);
    assert_false(grid_find(&grid, 37800, &bucket));
    assert_false(grid_find(&grid, 35999, &bucket));
    assert_false(grid_find(&grid, NAN, &bucket));
}

static void means_and_sums_stay_in_their_bucket(void **state) {
    (void)state;
    struct grid grid;
    double values[3], weights[3];
    struct sample samples[] = {sample(60, 1), sample(70, 3), sample(130, 5), sample(500, 9),
                               sample(61, NAN)};
    assert_int_equal(grid_init(60, 240, 60, &grid, NULL), 0);
    series_clear(values, 3);
    series_add_means(&grid, samples, 5, values, weights);
    assert_float_equal(values[0], 2, 0);
    assert_float_equal(values[1], 5, 0);
    assert_true(isnan(values[2]));
    series_clear(values, 3);
    series_add_sums(&grid, samples, 5, values);
    series_add_sums(&grid, samples, 5, values);
    assert_float_equal(values[0], 8, 0);
}

static void gaps_of_a_limit_are_filled(void **state) {
    (void)state;
    double values[] = {NAN, 2, NAN, 4, NAN}, none[] = {NAN, NAN};
    const double expected[] = {2, 2, 2, 4, 4};
    series_fill_gaps(values, 5);
    for (size_t i = 0; i < 5; i++) assert_float_equal(values[i], expected[i], 0);
    series_fill_gaps(none, 2);
    assert_true(isnan(none[1]));
}

static void over_counts_judged_buckets_only(void **state) {
    (void)state;
    double values[] = {9, 9, 1, NAN, 9, 1, 9, 9};
    bool judged[] = {false, true, true, true, true, true, true, true};
    struct over over = series_over(values, judged, 8, 5, 3);
    assert_int_equal(over.judged, 6);
    assert_int_equal(over.over, 4);
    assert_int_equal(over.newest, 3);
    assert_int_equal(over.newest_over, 2);
    assert_int_equal(series_over(values, judged, 8, 9, 3).over, 0); /* over, not at */
}

static void early_spike_does_not_date_the_trouble(void **state) {
    (void)state;
    double values[] = {9, 1, 1, 1, 9, 9, 1, 9, 9, 9};
    bool judged[] = {true, true, true, true, true, true, true, true, true, true};
    assert_int_equal(series_over(values, judged, 10, 5, 5).since, 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_stand_on_multiples_of_the_step),
        cmocka_unit_test(means_and_sums_stay_in_their_bucket),
        cmocka_unit_test(gaps_of_a_limit_are_filled),
        cmocka_unit_test(over_counts_judged_buckets_only),
        cmocka_unit_test(early_spike_does_not_date_the_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
