/* The window of a look, cut into buckets, and what was measured in them.
 *
 * Buckets stand on whole multiples of the step since 1970, as Railway's own samples do; the first
 * may begin a little before the window, the last is the last that was over when the window ended.
 * So a sample of an unfinished step never counts, whichever way the look's own second falls.
 * A series is an array of doubles, one a bucket, NaN where there was no sample.
 * May use: base/, analysis/metrics.h. Any thread. */
#ifndef TEND_ANALYSIS_SERIES_H
#define TEND_ANALYSIS_SERIES_H

#include <stdbool.h>
#include <stddef.h>

#include "analysis/metrics.h"
#include "base/error.h"

enum { GRID_BUCKETS_MAX = 10000 };

struct grid {
    double start; /* seconds since 1970; of the first bucket */
    double step;  /* seconds */
    size_t count;
};

/* TEND_EINPUT: a step under a second, an empty window, more than GRID_BUCKETS_MAX buckets. */
int grid_init(double from, double to, double step, struct grid *ret, struct error *err);
double grid_time(const struct grid *grid, size_t bucket); /* when it begins */
bool grid_find(const struct grid *grid, double at, size_t *bucket);

void series_clear(double *values, size_t count); /* all NaN */
/* The mean of the samples in each bucket. `weights` is scratch of grid->count. */
void series_add_means(const struct grid *grid, const struct sample *samples, size_t count,
                      double *values, double *weights);
/* Their sum, onto what is there. */
void series_add_sums(const struct grid *grid, const struct sample *samples, size_t count,
                     double *values);
/* Fills gaps with the value before, those at the beginning with the first: for limits. */
void series_fill_gaps(double *values, size_t count);

/* What a level is judged by: how many judged buckets lie over a threshold. */
struct over {
    size_t judged;      /* buckets with a value */
    size_t over;        /* of these */
    size_t newest;      /* the newest of them: `newest_of`, or fewer */
    size_t newest_over; /* of these */
    size_t since;       /* bucket from which on it mostly holds */
};

struct over series_over(const double *values, const bool *is_judged, size_t count, double threshold,
                        size_t newest_of);

#endif
