/* The numbers that judgement needs, as one struct. They come from the caller's table
 * (stdlib/thresholds.lua holds the defaults, with what each means); C has none of its own.
 * May use: base/. */
#ifndef TEND_ANALYSIS_THRESHOLDS_H
#define TEND_ANALYSIS_THRESHOLDS_H

#include "base/value.h"

/* NaN: that level is switched off (`false` in the table). */
struct level {
    double warning, critical;
};

struct thresholds {
    double buckets_at_least, grace_steps, grace_max_seconds;
    double persistent_percent, newest, newest_of;
    struct level cpu, memory, disk; /* % of the limit or the volume */
    double saturated_limit_over, saturated_within_percent, saturated_slower;
    struct level slope; /* hours until the limit */
    double slope_gained_percent, slope_drop_percent, slope_peak_percent, slope_peaks;
    double slope_grown; /* times the first bucket, where there is no limit */
    double disk_full_within_hours;
    struct level error_rate_5xx, error_rate_4xx; /* % of requests; 4xx has no critical */
    double errors_requests, errors_failures, errors_buckets;
    double fast_buckets, fast_requests, fast_percent;
    const struct value *not_counted; /* list of 4xx codes, or NULL; borrowed */
    struct level latency_p95;        /* ms */
    double latency_requests;
    double author_minutes;
};

/* `own` (NULL allowed) goes before `common`, number by number. Borrows both.
 * TEND_EINPUT names the number that is missing. */
int thresholds_read(const struct value *common, const struct value *own, struct thresholds *ret,
                    struct error *err);

#endif
