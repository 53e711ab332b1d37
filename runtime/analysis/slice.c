/* Filling one service's buckets; see slice.h. */
#include "analysis/slice.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/finding.h"
#include "base/memory.h"

/* ---- memory ---------------------------------------------------------------------------------- */

int slice_init(const struct look *look, struct slice *ret, struct error *err) {
    struct slice slice = {.look = look, .count = look->grid.count};
    double **arrays[] = {
        &slice.cpu,     &slice.cpu_limit, &slice.memory,    &slice.memory_limit, &slice.disk,
        &slice.p50,     &slice.p95,       &slice.p99,       &slice.requests,     &slice.failed,
        &slice.refused, &slice.scratch_x, &slice.scratch_y, &slice.scratch,
    };
    size_t array_count = sizeof arrays / sizeof *arrays, count = slice.count + 1;
    slice.memory_block = memory_new(array_count * count * sizeof(double));
    slice.is_judged = memory_new(count * sizeof(bool));
    if (!slice.memory_block || !slice.is_judged) {
        slice_done(&slice);
        return error_no_memory(err);
    }
    for (size_t i = 0; i < array_count; i++) *arrays[i] = slice.memory_block + i * count;
    *ret = slice;
    return 0;
}

void slice_done(struct slice *slice) {
    memory_free(slice->memory_block);
    memory_free(slice->is_judged);
    slice->memory_block = NULL;
    slice->is_judged = NULL;
}

/* ---- usage and limits ------------------------------------------------------------------------ */

static double *usage_array(const struct slice *slice, enum measurement measurement) {
    switch (measurement) {
    case MEASURE_CPU: return slice->cpu;
    case MEASURE_CPU_LIMIT: return slice->cpu_limit;
    case MEASURE_MEMORY: return slice->memory;
    case MEASURE_MEMORY_LIMIT: return slice->memory_limit;
    case MEASURE_DISK: return slice->disk;
    default: return NULL;
    }
}

/* A limit of 0 is a limit that isn't known. */
static void fill_limit(double *limit, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!(limit[i] > 0)) limit[i] = NAN;
    series_fill_gaps(limit, count);
}

static void fill_usage(struct slice *slice) {
    const struct metrics *metrics = &slice->look->metrics;
    for (size_t i = 0; i < metrics->series_count; i++) {
        const struct metric_series *series = &metrics->series[i];
        double *values = usage_array(slice, series->measurement);
        if (!values || series->field.kind != FIELD_METRICS) continue;
        if (!bytes_are(slice->service->id, series->service_id)) continue;
        series_add_means(&slice->look->grid, metrics->samples + series->first, series->count,
                         values, slice->scratch);
    }
    fill_limit(slice->cpu_limit, slice->count);
    fill_limit(slice->memory_limit, slice->count);
}

/* Why an answer says nothing of a field. */
static void explain(const struct metrics *metrics, struct field field, char why[WHY_MAX]) {
    const struct metrics_error *error = metrics_error_of(metrics, field);
    if (!metrics->is_readable) {
        snprintf(why, WHY_MAX, "the answer can't be read");
    } else if (error) {
        snprintf(why, WHY_MAX, "refused: %s", error->message);
    } else {
        snprintf(why, WHY_MAX, "no figures in the answer");
    }
}

static void explain_usage(struct slice *slice) {
    const struct metrics *metrics = &slice->look->metrics;
    struct field field = {FIELD_METRICS, 0};
    bool has_figures = false;
    for (size_t i = 0; i < slice->count; i++)
        has_figures = has_figures || !isnan(slice->cpu[i]) || !isnan(slice->memory[i]);
    slice->why_no_metrics[0] = '\0';
    if (!slice->look->has_metrics) {
        snprintf(slice->why_no_metrics, WHY_MAX, "no figures were asked for");
    } else if (!metrics_has_field(metrics, field) ||
               (!has_figures && metrics_error_of(metrics, field))) {
        explain(metrics, field, slice->why_no_metrics);
    }
}

/* ---- requests -------------------------------------------------------------------------------- */

/* Whether a 4xx code is one that the service can't help. */
static bool is_not_counted(const struct service *service, int code) {
    const struct value *list = service->thresholds.not_counted;
    for (size_t i = 0; list && i < list->list.count; i++)
        if ((int64_t)value_number(&list->list.items[i]) == code) return true;
    return false;
}

static void add_counts(struct slice *slice, const struct metrics *metrics,
                       const struct metric_series *series) {
    const struct sample *samples = metrics->samples + series->first;
    const struct grid *grid = &slice->look->grid;
    int code = series->status_code;
    size_t bucket;
    series_add_sums(grid, samples, series->count, slice->requests);
    if (code >= 500) series_add_sums(grid, samples, series->count, slice->failed);
    if (code >= 400 && code < 500 && !is_not_counted(slice->service, code))
        series_add_sums(grid, samples, series->count, slice->refused);
    for (size_t i = 0; i < series->count; i++)
        if (!isnan(samples[i].value) && grid_find(grid, samples[i].at, &bucket))
            slice->codes[code] += samples[i].value;
}

/* Percentiles aren't averaged: the latest sample of a bucket stands for it. */
static void add_durations(struct slice *slice, const struct metrics *metrics,
                          const struct metric_series *series) {
    size_t bucket;
    for (size_t i = 0; i < series->count; i++) {
        const struct sample *sample = &metrics->samples[series->first + i];
        if (!grid_find(&slice->look->grid, sample->at, &bucket)) continue;
        slice->p50[bucket] = sample->p50;
        slice->p95[bucket] = sample->p95;
        slice->p99[bucket] = sample->p99;
    }
}

/* The service's figures under one alias of one answer. Returns whether there are any to trust:
 * an alias that an error names is incomplete and isn't taken. */
static bool add_alias(struct slice *slice, const struct metrics *metrics, struct field field,
                      char why[WHY_MAX]) {
    if (!metrics_has_field(metrics, field) || metrics_is_partial(metrics, field)) {
        explain(metrics, field, why);
        return false;
    }
    for (size_t i = 0; i < metrics->series_count; i++) {
        const struct metric_series *series = &metrics->series[i];
        if (series->field.kind != field.kind || series->field.number != field.number) continue;
        if (field.kind == FIELD_STATUS) add_counts(slice, metrics, series);
        else add_durations(slice, metrics, series);
    }
    return true;
}

/* The service's number in an answer's aliases, from 1; 0 if it isn't there. */
static int number_in(const struct http_answer *answer, struct bytes id) {
    for (size_t i = 0; answer->services && i < answer->services->list.count; i++) {
        const struct value *item = &answer->services->list.items[i];
        if (item->kind == VALUE_TEXT && bytes_equal(item->text, id)) return (int)i + 1;
    }
    return 0;
}

/* Takes each figure from the first answer that has it: a refused alias is asked for again. */
static void fill_requests(struct slice *slice) {
    bool has_counts = false, has_durations = false;
    snprintf(slice->why_no_counts, WHY_MAX, "no figures were asked for");
    snprintf(slice->why_no_durations, WHY_MAX, "no figures were asked for");
    for (size_t i = 0; i < slice->look->http_count; i++) {
        const struct http_answer *answer = &slice->look->http[i];
        int number = number_in(answer, slice->service->id);
        if (!number) continue;
        if (!has_counts)
            has_counts = add_alias(slice, &answer->metrics, (struct field){FIELD_STATUS, number},
                                   slice->why_no_counts);
        if (!has_durations)
            has_durations =
                add_alias(slice, &answer->metrics, (struct field){FIELD_DURATION, number},
                          slice->why_no_durations);
    }
    if (has_counts) slice->why_no_counts[0] = '\0';
    if (has_durations) slice->why_no_durations[0] = '\0';
}

static void zero_gaps(double *values, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (isnan(values[i])) values[i] = 0;
}

/* ---- which buckets are judged ---------------------------------------------------------------- */

/* The first bucket in which a sleeping service has a sample again. */
static bool is_waking(const struct slice *slice, size_t bucket) {
    if (!slice->service->is_sleepy || bucket == 0) return false;
    bool was_awake = !isnan(slice->cpu[bucket - 1]) || !isnan(slice->memory[bucket - 1]);
    bool is_awake = !isnan(slice->cpu[bucket]) || !isnan(slice->memory[bucket]);
    return is_awake && !was_awake;
}

static void choose_judged(struct slice *slice) {
    const struct service *service = slice->service;
    const struct thresholds *thresholds = &service->thresholds;
    double grace =
        fmin(thresholds->grace_steps * slice->look->grid.step, thresholds->grace_max_seconds);
    slice->judged = 0;
    for (size_t i = 0; i < slice->count; i++) {
        bool is_early = grid_time(&slice->look->grid, i) < service->deployed_at + grace;
        slice->is_judged[i] = !is_early && !is_waking(slice, i);
        slice->judged += slice->is_judged[i];
    }
}

void slice_fill(struct slice *slice, const struct service *service) {
    double *measured[] = {slice->cpu,      slice->cpu_limit, slice->memory, slice->memory_limit,
                          slice->disk,     slice->p50,       slice->p95,    slice->p99,
                          slice->requests, slice->failed,    slice->refused};
    slice->service = service;
    memset(slice->codes, 0, sizeof slice->codes);
    for (size_t i = 0; i < sizeof measured / sizeof *measured; i++)
        series_clear(measured[i], slice->count);
    fill_usage(slice);
    explain_usage(slice);
    fill_requests(slice);
    zero_gaps(slice->requests, slice->count);
    zero_gaps(slice->failed, slice->count);
    zero_gaps(slice->refused, slice->count);
    choose_judged(slice);
}

size_t slice_judged(const struct slice *slice, const double *values) {
    size_t judged = 0;
    for (size_t i = 0; i < slice->count; i++) judged += slice->is_judged[i] && !isnan(values[i]);
    return judged;
}

bool slice_is_enough(const struct slice *slice, size_t judged, char why[WHY_MAX]) {
    const struct service *service = slice->service;
    double needed = service->thresholds.buckets_at_least;
    if ((double)judged >= needed) return true;
    bool is_new = service->deployed_at > slice->look->grid.start;
    if (is_new && (double)slice->judged < needed) {
        char ago[DURATION_TEXT_MAX];
        duration_format(slice->look->to - service->deployed_at, ago);
        snprintf(why, WHY_MAX, "deployed %s ago", ago);
    } else if (service->is_sleepy && judged == 0) {
        snprintf(why, WHY_MAX, "sleeping");
    } else {
        snprintf(why, WHY_MAX, "too few samples: %zu of at least %.0f buckets", judged, needed);
    }
    return false;
}
