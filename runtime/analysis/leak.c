/* Judging how memory rises; see rules.h.
 *
 * Points are the judged buckets since the last drop of more than 40 %: a drop is a restart or a
 * collection, and a line through both sides of it means nothing. Memory rises if the lower end of
 * the slope's 95 % interval is above 0, if it is still rising in the newest half (so that a cache
 * which filled and then stayed is none), if what was gained matters, and if requests didn't grow
 * as much. The time to the limit then follows from the slope. */
#include <math.h>

#include "analysis/rules.h"
#include "analysis/statistics.h"

/* The points of the newest stretch without a drop: in scratch_x (seconds) and scratch_y. */
struct stretch {
    size_t first;        /* bucket */
    size_t count;        /* points */
    size_t high_peaks;   /* before drops: those that came near the limit */
    double highest_peak; /* GB, before drops; 0: none */
    double first_value;  /* GB, of the first judged bucket, before any drop */
};

static bool is_drop(const struct slice *slice, double before, double after) {
    return after < before * (1 - slice->service->thresholds.slope_drop_percent / 100);
}

static struct stretch find_stretch(const struct slice *slice) {
    struct stretch ret = {.first_value = NAN};
    double before = NAN, peak = slice->service->thresholds.slope_peak_percent / 100;
    for (size_t i = 0; i < slice->count; i++) {
        double value = slice->memory[i];
        if (!slice->is_judged[i] || isnan(value)) continue;
        if (isnan(ret.first_value)) ret.first_value = value;
        if (is_drop(slice, before, value)) {
            ret.high_peaks += before >= peak * slice->memory_limit[i];
            ret.highest_peak = fmax(ret.highest_peak, before);
            ret.count = 0;
        }
        if (ret.count == 0) ret.first = i;
        slice->scratch_x[ret.count] = grid_time(&slice->look->grid, i) - slice->look->grid.start;
        slice->scratch_y[ret.count++] = value;
        before = value;
    }
    return ret;
}

/* The newest use, of which no single odd bucket decides. */
static double newest_use(const struct slice *slice, const struct stretch *stretch) {
    size_t count = stretch->count < 3 ? stretch->count : 3;
    for (size_t i = 0; i < count; i++)
        slice->scratch[i] = slice->scratch_y[stretch->count - count + i];
    return statistics_median(slice->scratch, count);
}

static double covered(const struct slice *slice, const struct stretch *stretch) {
    return slice->scratch_x[stretch->count - 1] - slice->scratch_x[0] + slice->look->grid.step;
}

/* Still rising: the newest half alone shows at least half of the whole slope. */
static int is_still_rising(const struct slice *slice, const struct stretch *stretch,
                           const struct trend *trend, bool *ret, struct error *err) {
    size_t half = stretch->count / 2;
    struct trend newest;
    int status = statistics_trend(slice->scratch_x + half, slice->scratch_y + half,
                                  stretch->count - half, &newest, err);
    if (!status) *ret = newest.slope >= trend->slope / 2;
    return status;
}

/* Explained by the request rate: requests surely grew too, and by as large a share of their median
 * as memory did of its own. Overwrites scratch_y. */
static int is_explained(const struct slice *slice, const struct stretch *stretch, double share,
                        bool *ret, struct error *err) {
    struct trend trend;
    size_t count = 0;
    if (slice->why_no_counts[0]) {
        *ret = false;
        return 0;
    }
    for (size_t i = stretch->first; i < slice->count; i++)
        if (slice->is_judged[i] && !isnan(slice->memory[i]))
            slice->scratch_y[count++] = slice->requests[i];
    int status = statistics_trend(slice->scratch_x, slice->scratch_y, count, &trend, err);
    if (status) return status;
    double gained = trend.slope * covered(slice, stretch);
    double median = statistics_median(slice->scratch_y, count);
    *ret = trend.lower > 0 && gained >= share * median;
    return 0;
}

static void judge_limit(const struct slice *slice, const struct trend *trend, double use,
                        double gained, struct issue *issue) {
    const struct thresholds *thresholds = &slice->service->thresholds;
    double limit = slice->memory_limit[slice->count - 1];
    double hours = fmax(limit - use, 0) / (trend->slope * 3600);
    double percent = 100 * gained / limit;
    if (percent < thresholds->slope_gained_percent) return;
    if (hours <= thresholds->slope.critical) issue->severity = SEVERITY_CRITICAL;
    else if (hours <= thresholds->slope.warning) issue->severity = SEVERITY_WARNING;
    issue->value = hours;
    issue->threshold = level_threshold(thresholds->slope, issue->severity);
    issue->unit = "hours to the limit";
    char left[DURATION_TEXT_MAX];
    duration_format(hours * 3600, left);
    issue_add_evidence(issue,
                       "memory rises by %.3g GB an hour (95 %%: at least %.3g): %.1f %% of the "
                       "limit gained, now %.4g of %.4g GB, the limit is reached in %s",
                       trend->slope * 3600, trend->lower * 3600, percent, use, limit, left);
}

static void judge_growth(const struct slice *slice, const struct trend *trend, double use,
                         double first, struct issue *issue) {
    double grown = slice->service->thresholds.slope_grown;
    if (!(use >= grown * first)) return;
    issue->severity = SEVERITY_WARNING;
    issue->value = trend->slope * 3600;
    issue->threshold = 0;
    issue->unit = "GB an hour";
    issue_add_evidence(issue,
                       "memory rises by %.3g GB an hour (95 %%: at least %.3g), from %.4g to %.4g "
                       "GB; no limit is known",
                       trend->slope * 3600, trend->lower * 3600, first, use);
}

static void judge_peaks(const struct slice *slice, const struct stretch *stretch,
                        struct issue *issue) {
    const struct thresholds *thresholds = &slice->service->thresholds;
    if (stretch->high_peaks == 0 || (double)stretch->high_peaks < thresholds->slope_peaks) return;
    struct issue peaks = {.metric = issue->metric,
                          .severity = SEVERITY_WARNING,
                          .value = (double)stretch->high_peaks,
                          .threshold = thresholds->slope_peaks,
                          .unit = "peaks",
                          .since = slice->look->grid.start};
    issue_add_evidence(&peaks,
                       "memory rose to %.4g %% of the limit %zu times and fell by more than "
                       "%.4g %% each time",
                       thresholds->slope_peak_percent, stretch->high_peaks,
                       thresholds->slope_drop_percent);
    issue_merge(issue, &peaks);
}

/* A garbage collector's saw-tooth rises as a leak does, until it falls. So after a drop a slope
 * only counts beyond what was reached before, or if memory was near its limit then: that drop was
 * probably a kill. */
static bool is_collected(const struct stretch *stretch, double use) {
    return stretch->highest_peak > 0 && stretch->high_peaks == 0 && use <= stretch->highest_peak;
}

static int judge_slope(const struct slice *slice, const struct stretch *stretch,
                       struct issue *issue, double *slope_per_hour, struct error *err) {
    struct trend trend;
    bool is_rising = false, is_due_to_requests = false;
    int status = statistics_trend(slice->scratch_x, slice->scratch_y, stretch->count, &trend, err);
    if (status) return status;
    if (!(trend.lower > 0)) {
        if (trend.upper <= 0) *slope_per_hour = trend.slope * 3600;
        return 0;
    }
    *slope_per_hour = trend.slope * 3600;
    double use = newest_use(slice, stretch), gained = trend.slope * covered(slice, stretch);
    if (is_collected(stretch, use)) return 0;
    status = is_still_rising(slice, stretch, &trend, &is_rising, err);
    double share = gained / fmax(use - gained / 2, 1e-9); /* of the middle of the stretch */
    if (!status && is_rising)
        status = is_explained(slice, stretch, share, &is_due_to_requests, err);
    if (status || !is_rising || is_due_to_requests) return status;
    issue->since = grid_time(&slice->look->grid, stretch->first);
    if (slice->memory_limit[slice->count - 1] > 0) judge_limit(slice, &trend, use, gained, issue);
    else judge_growth(slice, &trend, use, stretch->first_value, issue);
    return 0;
}

int leak_judge(const struct slice *slice, struct issue *issue, double *slope_per_hour,
               struct error *err) {
    *slope_per_hour = NAN;
    struct stretch stretch = find_stretch(slice);
    if (stretch.count && (double)stretch.count >= slice->service->thresholds.buckets_at_least) {
        int status = judge_slope(slice, &stretch, issue, slope_per_hour, err);
        if (status) return status;
    }
    judge_peaks(slice, &stretch, issue);
    return 0;
}
