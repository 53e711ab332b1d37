/* One service over the window: its buckets of every kind, which of them are judged, and what is
 * missing. One slice serves all services of a look in turn; it owns its arrays.
 * May use: base/, analysis/{metrics,series,thresholds}.h. One thread. */
#ifndef TEND_ANALYSIS_SLICE_H
#define TEND_ANALYSIS_SLICE_H

#include "analysis/metrics.h"
#include "analysis/series.h"
#include "analysis/thresholds.h"
#include "base/value.h"

/* Borrows from the input. */
struct service {
    struct bytes id, name;
    bool is_database, has_domain, is_cron, is_sleepy;
    double deployed_at;             /* seconds since 1970; NaN: before the window */
    const struct value *deployment; /* NULL: never deployed */
    const struct value *volumes;    /* NULL: none */
    struct thresholds thresholds;
};

/* One answer to HTTP aliases: N of an alias is the N-th of `services`. */
struct http_answer {
    struct metrics metrics;
    const struct value *services; /* list of ids; borrowed */
};

/* Everything that was answered. */
struct look {
    struct grid grid;
    double to;
    bool has_metrics; /* the input had a body of ProjectMetrics */
    struct metrics metrics;
    struct http_answer *http;
    size_t http_count;
};

enum { CODES_MAX = 600, WHY_MAX = METRICS_MESSAGE_MAX + 32 };

struct slice {
    const struct look *look;
    const struct service *service;
    size_t count;  /* buckets */
    size_t judged; /* of them */
    bool *is_judged;
    /* NaN where there is no sample. Limits have no gaps unless there is none at all. */
    double *cpu, *cpu_limit, *memory, *memory_limit, *disk;
    double *p50, *p95, *p99;
    double *requests, *failed, *refused; /* counts, 0 where there was none; 5xx; counted 4xx */
    double *scratch_x, *scratch_y, *scratch;
    double codes[CODES_MAX]; /* requests by status code, over the whole window */
    /* Why there are no such figures; "" if there are. */
    char why_no_metrics[WHY_MAX], why_no_counts[WHY_MAX], why_no_durations[WHY_MAX];
    double *memory_block; /* what the arrays stand in */
};

int slice_init(const struct look *look, struct slice *ret, struct error *err); /* TEND_ENOMEM */
void slice_done(struct slice *slice);
/* Fills it for `service`, which has to live as long as it is looked at. */
void slice_fill(struct slice *slice, const struct service *service);

/* Judged buckets with a value. */
size_t slice_judged(const struct slice *slice, const double *values);
/* Whether `judged` buckets are enough; otherwise fills `why`. */
bool slice_is_enough(const struct slice *slice, size_t judged, char why[WHY_MAX]);

#endif
