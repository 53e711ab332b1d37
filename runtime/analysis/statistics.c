/* Robust estimates; see statistics.h. */
#include "analysis/statistics.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"

/* The 97.5th percentile of the normal distribution: both ends of a 95 % interval. */
#define Z_95 1.959964

static int compare(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

double statistics_median(double *values, size_t count) {
    if (!count) return NAN;
    qsort(values, count, sizeof *values, compare);
    double upper = values[count / 2];
    return count % 2 ? upper : (values[count / 2 - 1] + upper) / 2;
}

double statistics_wilson_lower(double failed, double total) {
    if (!(total > 0)) return 0;
    double share = failed / total, z2 = Z_95 * Z_95;
    double centre = share + z2 / (2 * total);
    double spread = Z_95 * sqrt(share * (1 - share) / total + z2 / (4 * total * total));
    double lower = (centre - spread) / (1 + z2 / total);
    return lower > 0 ? lower : 0;
}

/* Joins neighbours so that at most TREND_POINTS_MAX points are left; returns how many. */
static size_t thin(const double *x, const double *y, size_t count, double *thin_x, double *thin_y) {
    size_t group = (count + TREND_POINTS_MAX - 1) / TREND_POINTS_MAX, points = 0;
    for (size_t start = 0; start < count; start += group) {
        size_t end = start + group < count ? start + group : count;
        double sum_x = 0, sum_y = 0;
        for (size_t i = start; i < end; i++) sum_x += x[i], sum_y += y[i];
        thin_x[points] = sum_x / (double)(end - start);
        thin_y[points++] = sum_y / (double)(end - start);
    }
    return points;
}

/* Variance of Mann's and Kendall's S. Sorts y: equal values say nothing about a trend, and each
 * group of them takes its part away. */
static double kendall_variance(double *y, size_t count) {
    double n = (double)count, variance = n * (n - 1) * (2 * n + 5);
    qsort(y, count, sizeof *y, compare);
    for (size_t start = 0; start < count;) {
        size_t end = start + 1;
        while (end < count && y[end] <= y[start]) end++;
        double ties = (double)(end - start);
        variance -= ties * (ties - 1) * (2 * ties + 5);
        start = end;
    }
    return variance > 0 ? variance / 18 : 0;
}

static size_t pair_slopes(const double *x, const double *y, size_t count, double *slopes) {
    size_t pairs = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++)
            if (x[j] > x[i]) slopes[pairs++] = (y[j] - y[i]) / (x[j] - x[i]);
    return pairs;
}

/* Sen's interval: the slopes that stand half of C = z * sqrt(Var S) off the middle. */
static void interval(const double *sorted, size_t pairs, double variance, struct trend *ret) {
    double half = Z_95 * sqrt(variance) / 2, middle = (double)pairs / 2;
    double low = floor(middle - half), high = ceil(middle + half) + 1;
    ret->lower = low >= 1 ? sorted[(size_t)low - 1] : -INFINITY;
    ret->upper = high <= (double)pairs ? sorted[(size_t)high - 1] : INFINITY;
}

int statistics_trend(const double *x, const double *y, size_t count, struct trend *ret,
                     struct error *err) {
    struct trend trend = {0, -INFINITY, INFINITY};
    double thin_x[TREND_POINTS_MAX], thin_y[TREND_POINTS_MAX];
    size_t points = thin(x, y, count, thin_x, thin_y);
    if (points >= 2) {
        double *slopes = memory_new(points * (points - 1) / 2 * sizeof *slopes);
        if (!slopes) return error_no_memory(err);
        size_t pairs = pair_slopes(thin_x, thin_y, points, slopes);
        double variance = kendall_variance(thin_y, points);
        if (pairs) {
            trend.slope = statistics_median(slopes, pairs);
            interval(slopes, pairs, variance, &trend);
        }
        memory_free(slopes);
    }
    *ret = trend;
    return 0;
}
