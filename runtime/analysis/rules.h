/* The rules of judgement, one function for each metric. A rule looks at one service's slice and
 * says what it found, or why it couldn't judge; silence means healthy (or nothing to judge, like
 * the requests of a service without a domain).
 * May use: base/, analysis/{slice,finding,statistics,series}.h. One thread. */
#ifndef TEND_ANALYSIS_RULES_H
#define TEND_ANALYSIS_RULES_H

#include "analysis/finding.h"
#include "analysis/slice.h"

void rule_cpu(const struct slice *slice, struct findings *findings);
/* Level and slope: one issue. TEND_ENOMEM. */
int rule_memory(const struct slice *slice, struct findings *findings, struct error *err);
/* TEND_ENOMEM. */
int rule_disk(const struct slice *slice, struct findings *findings, struct error *err);
void rule_error_rate_5xx(const struct slice *slice, struct findings *findings);
void rule_error_rate_4xx(const struct slice *slice, struct findings *findings);
void rule_latency(const struct slice *slice, struct findings *findings);
void rule_deployment(const struct slice *slice, struct findings *findings);

/* ---- shared by rules ---- */

/* The highest level over which `values` persist, and by how much; SEVERITY_NONE otherwise. */
enum severity level_persistent(const struct slice *slice, const double *values, struct level level,
                               struct over *ret);
double level_threshold(struct level level, enum severity severity);
/* Median of the judged buckets; uses scratch. */
double level_median(const struct slice *slice, const double *values);

/* How memory of a service rises; see leak.c. Fills *issue, or leaves it SEVERITY_NONE, and
 * *slope_per_hour (GB an hour; NaN where nothing certain can be said). TEND_ENOMEM. */
int leak_judge(const struct slice *slice, struct issue *issue, double *slope_per_hour,
               struct error *err);

#endif
