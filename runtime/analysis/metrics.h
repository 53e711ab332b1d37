/* Railway's answers to ProjectMetrics and to the aliases of ServiceHttp, as C arrays.
 *
 * yajl's events go straight into the arrays: no tree of samples is ever built, so a project of
 * 350 services costs 3 MB and a few dozen milliseconds. One reader serves both, because both are
 * lists of series of samples under fields of `data`. What doesn't fit (a sample without a time,
 * a field that nobody asked for) is passed over; whether something is missing is for the judge.
 * May use: base/; yajl. Any thread. */
#ifndef TEND_ANALYSIS_METRICS_H
#define TEND_ANALYSIS_METRICS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

enum measurement {
    MEASURE_OTHER,
    MEASURE_CPU,
    MEASURE_CPU_LIMIT,
    MEASURE_MEMORY,
    MEASURE_MEMORY_LIMIT,
    MEASURE_DISK
};

/* A field of `data`: `metrics`, `status_N`, `duration_N`. */
enum field_kind { FIELD_OTHER, FIELD_METRICS, FIELD_STATUS, FIELD_DURATION };

struct field {
    enum field_kind kind;
    int number; /* N, or 0 */
};

enum { METRICS_ID_MAX = 64, METRICS_MESSAGE_MAX = 160 };

struct sample {
    double at;            /* seconds since 1970 */
    double value;         /* vCPU, GB or a count; NaN in a sample of durations */
    double p50, p95, p99; /* ms; NaN elsewhere */
};

struct metric_series {
    struct field field;
    enum measurement measurement;
    char service_id[METRICS_ID_MAX]; /* "" if it wasn't grouped by service */
    int status_code;                 /* 0 if there is none */
    size_t first, count;             /* its samples */
};

struct metrics_error {
    struct field field; /* the first part of its path; FIELD_OTHER without one */
    bool has_path;
    char message[METRICS_MESSAGE_MAX]; /* one line, cut */
};

struct metrics {
    bool is_readable; /* it was JSON from beginning to end */
    bool has_data;    /* `data` was an object */
    struct sample *samples;
    size_t sample_count, sample_capacity;
    struct metric_series *series;
    size_t series_count, series_capacity;
    struct field *fields; /* those that were lists or objects, not null */
    size_t field_count, field_capacity;
    struct metrics_error *errors;
    size_t error_count, error_capacity;
};

#define METRICS_EMPTY ((struct metrics){0})

/* A body that can't be read is no error: is_readable is false and there is nothing else in it.
 * TEND_ENOMEM. The caller releases with metrics_done() in either case. */
int metrics_read(struct bytes body, struct metrics *ret, struct error *err);
void metrics_done(struct metrics *metrics);

bool metrics_has_field(const struct metrics *metrics, struct field field);
/* The error that names this field, or else one without a path; NULL if there is neither. */
const struct metrics_error *metrics_error_of(const struct metrics *metrics, struct field field);
/* Whether an error names this very field: what came of it is incomplete. */
bool metrics_is_partial(const struct metrics *metrics, struct field field);

#endif
