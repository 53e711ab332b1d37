/* The few estimates that the rules of judgement rest on. All are robust: one odd bucket among
 * thirty moves none of them far. Numbers in, numbers out; nothing here knows what a service is.
 * May use: base/. Any thread. */
#ifndef TEND_ANALYSIS_STATISTICS_H
#define TEND_ANALYSIS_STATISTICS_H

#include <stddef.h>

#include "base/error.h"

/* NaN of nothing. Sorts `values` in place. */
double statistics_median(double *values, size_t count);

/* Lower end of the 95 % Wilson interval of the share failed/total, between 0 and 1; 0 of nothing.
 * Few requests give a wide interval, so that 1 of 3 is no proof of anything. */
double statistics_wilson_lower(double failed, double total);

/* A straight line through points, by Theil and Sen: the median of the slopes of all pairs, with
 * the 95 % interval that follows from Mann's and Kendall's variance (ties counted). In units of
 * y a unit of x. Too few points to tell: the interval is infinite on that side. */
struct trend {
    double slope;
    double lower;
    double upper;
};

enum { TREND_POINTS_MAX = 120 }; /* more are joined, neighbours by their mean: 7,140 pairs */

/* x ascends. Fewer than 2 points: slope 0, infinite interval. TEND_ENOMEM. */
int statistics_trend(const double *x, const double *y, size_t count, struct trend *ret,
                     struct error *err);

#endif
