/* Buckets; see series.h. */
#include "analysis/series.h"

#include <math.h>

int grid_init(double from, double to, double step, struct grid *ret, struct error *err) {
    if (!(step >= 1))
        return error_set_kind(err, TEND_EINPUT, "value", "step must be a second or more");
    if (!(from >= 0) || !(to > from) || !(to < 1e11))
        return error_set_kind(err, TEND_EINPUT, "value",
                              "window must have from and to, in seconds, from before to");
    double first = floor(from / step), end = floor(to / step);
    if (end - first > GRID_BUCKETS_MAX)
        return error_set_kind(err, TEND_EINPUT, "value",
                              "window holds %.0f steps, at most %d can be judged: take a longer "
                              "step or a shorter window",
                              end - first, GRID_BUCKETS_MAX);
    *ret = (struct grid){first * step, step, (size_t)(end - first)};
    return 0;
}

double grid_time(const struct grid *grid, size_t bucket) {
    return grid->start + (double)bucket * grid->step;
}

bool grid_find(const struct grid *grid, double at, size_t *bucket) {
    double index = floor((at - grid->start) / grid->step);
    if (!(index >= 0) || index >= (double)grid->count) return false;
    *bucket = (size_t)index;
    return true;
}

void series_clear(double *values, size_t count) {
    for (size_t i = 0; i < count; i++) values[i] = NAN;
}

void series_add_sums(const struct grid *grid, const struct sample *samples, size_t count,
                     double *values) {
    size_t bucket;
    for (size_t i = 0; i < count; i++) {
        if (isnan(samples[i].value) || !grid_find(grid, samples[i].at, &bucket)) continue;
        values[bucket] = (isnan(values[bucket]) ? 0 : values[bucket]) + samples[i].value;
    }
}

void series_add_means(const struct grid *grid, const struct sample *samples, size_t count,
                      double *values, double *weights) {
    size_t bucket;
    for (size_t i = 0; i < grid->count; i++) weights[i] = 0;
    series_add_sums(grid, samples, count, values);
    for (size_t i = 0; i < count; i++)
        if (!isnan(samples[i].value) && grid_find(grid, samples[i].at, &bucket)) weights[bucket]++;
    for (size_t i = 0; i < grid->count; i++)
        if (weights[i] > 1) values[i] /= weights[i];
}

void series_fill_gaps(double *values, size_t count) {
    size_t first = 0;
    while (first < count && isnan(values[first])) first++;
    if (first == count) return;
    for (size_t i = 0; i < first; i++) values[i] = values[first];
    for (size_t i = first + 1; i < count; i++)
        if (isnan(values[i])) values[i] = values[i - 1];
}

/* `since` is the bucket from which the buckets over the threshold outnumber the others most, seen
 * from the end: a single early spike doesn't date the trouble, nor does a single dip end it. */
struct over series_over(const double *values, const bool *is_judged, size_t count, double threshold,
                        size_t newest_of) {
    struct over ret = {0};
    long balance = 0, best = 0;
    for (size_t i = count; i-- > 0;) {
        if (!is_judged[i] || isnan(values[i])) continue;
        bool is_over = values[i] > threshold;
        ret.judged++;
        ret.over += is_over;
        if (ret.newest < newest_of) {
            ret.newest++;
            ret.newest_over += is_over;
        }
        balance += is_over ? 1 : -1;
        if (is_over && balance >= best) {
            best = balance;
            ret.since = i;
        }
    }
    return ret;
}
