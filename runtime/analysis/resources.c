/* Judging what a service takes of what it may take: CPU, memory, volumes; see rules.h. */
#include <math.h>

#include "analysis/rules.h"
#include "analysis/statistics.h"

enum severity level_persistent(const struct slice *slice, const double *values, struct level level,
                               struct over *ret) {
    const struct thresholds *thresholds = &slice->service->thresholds;
    for (enum severity severity = SEVERITY_CRITICAL; severity > SEVERITY_NONE; severity--) {
        double threshold = level_threshold(level, severity);
        if (isnan(threshold)) continue;
        struct over over = series_over(values, slice->is_judged, slice->count, threshold,
                                       (size_t)thresholds->newest_of);
        double percent = over.judged ? 100.0 * (double)over.over / (double)over.judged : 0;
        bool is_recent = over.over && (double)over.newest_over >= thresholds->newest;
        if (percent >= thresholds->persistent_percent && is_recent) {
            *ret = over;
            return severity;
        }
    }
    return SEVERITY_NONE;
}

double level_threshold(struct level level, enum severity severity) {
    return severity == SEVERITY_CRITICAL ? level.critical : level.warning;
}

double level_median(const struct slice *slice, const double *values) {
    size_t count = 0;
    for (size_t i = 0; i < slice->count; i++)
        if (slice->is_judged[i] && !isnan(values[i])) slice->scratch[count++] = values[i];
    return statistics_median(slice->scratch, count);
}

static double highest(const struct slice *slice, const double *values) {
    double found = 0;
    for (size_t i = 0; i < slice->count; i++)
        if (slice->is_judged[i] && values[i] > found) found = values[i];
    return found;
}

static double newest_limit(const struct slice *slice, const double *limit) {
    return slice->count ? limit[slice->count - 1] : NAN;
}

/* Whether usage can be judged at all; if not, says why. */
static bool can_judge(const struct slice *slice, const double *usage, const char *metric,
                      struct findings *findings) {
    char why[WHY_MAX];
    const char *reason = NULL;
    if (slice->why_no_metrics[0]) reason = slice->why_no_metrics;
    else if (!slice_is_enough(slice, slice_judged(slice, usage), why)) reason = why;
    if (reason) findings_add_not_judged(findings, slice->service->name, metric, reason);
    return !reason;
}

static bool has_limit(const struct slice *slice, const double *limit, const char *metric,
                      struct findings *findings) {
    if (!isnan(newest_limit(slice, limit))) return true;
    findings_add_not_judged(findings, slice->service->name, metric,
                            "no limit is known, so no share of it");
    return false;
}

/* Judges usage as % of its limit. Uses scratch_x. */
static void judge_share(const struct slice *slice, const double *usage, const double *limit,
                        struct level level, const char *unit, struct issue *issue) {
    struct over over = {0};
    double *percent = slice->scratch_x;
    for (size_t i = 0; i < slice->count; i++) percent[i] = 100 * usage[i] / limit[i];
    issue->severity = level_persistent(slice, percent, level, &over);
    if (issue->severity == SEVERITY_NONE) return;
    issue->value = level_median(slice, percent);
    issue->threshold = level_threshold(level, issue->severity);
    issue->unit = "%";
    issue->since = grid_time(&slice->look->grid, over.since);
    issue_add_evidence(issue,
                       "%s %.1f %% of %.4g %s (median), highest %.1f %%; over %.4g %% in %zu of "
                       "%zu buckets and in %zu of the newest %zu",
                       issue->metric, issue->value, newest_limit(slice, limit), unit,
                       highest(slice, percent), issue->threshold, over.over, over.judged,
                       over.newest_over, over.newest);
}

/* ---- cpu ------------------------------------------------------------------------------------- */

static bool is_whole_cores(const struct slice *slice) {
    double within = slice->service->thresholds.saturated_within_percent / 100;
    for (size_t i = 0; i < slice->count; i++) {
        if (!slice->is_judged[i] || isnan(slice->cpu[i])) continue;
        double cores = nearbyint(slice->cpu[i]);
        if (cores < 1 || fabs(slice->cpu[i] - cores) > within * cores) return false;
    }
    return true;
}

/* Median of the p95 of the buckets in [first, end); NaN of none. */
static double p95_of(const struct slice *slice, size_t first, size_t end) {
    size_t count = 0;
    for (size_t i = first; i < end; i++)
        if (slice->is_judged[i] && !isnan(slice->p95[i])) slice->scratch[count++] = slice->p95[i];
    return statistics_median(slice->scratch, count);
}

/* A program with one busy thread never fills a limit of several cores; what shows is a use of
 * exactly so many cores, and answers that get slower. */
static void judge_saturation(const struct slice *slice, struct issue *issue) {
    const struct thresholds *thresholds = &slice->service->thresholds;
    size_t third = slice->count / 3;
    double limit = newest_limit(slice, slice->cpu_limit);
    if (!(limit > thresholds->saturated_limit_over) || !is_whole_cores(slice)) return;
    double early = p95_of(slice, 0, third);
    double late = p95_of(slice, slice->count - third, slice->count);
    if (!(late > early * thresholds->saturated_slower)) return;
    issue->severity = SEVERITY_WARNING;
    issue->value = level_median(slice, slice->cpu);
    issue->threshold = nearbyint(issue->value);
    issue->unit = "vCPU";
    issue->since = slice->look->grid.start;
    issue_add_evidence(issue,
                       "%.2f of %.4g vCPU in every bucket: %.0f saturated; p95 went from %.0f ms "
                       "to %.0f ms within the window",
                       issue->value, limit, issue->threshold, early, late);
}

void rule_cpu(const struct slice *slice, struct findings *findings) {
    if (slice->service->is_cron) return;
    if (!can_judge(slice, slice->cpu, "cpu", findings)) return;
    if (!has_limit(slice, slice->cpu_limit, "cpu", findings)) return;
    struct issue issue = {.metric = "cpu"};
    judge_share(slice, slice->cpu, slice->cpu_limit, slice->service->thresholds.cpu, "vCPU",
                &issue);
    if (issue.severity == SEVERITY_NONE) judge_saturation(slice, &issue);
    findings_add_issue(findings, slice->service->name, &issue);
}

/* ---- memory ---------------------------------------------------------------------------------- */

int rule_memory(const struct slice *slice, struct findings *findings, struct error *err) {
    if (slice->service->is_cron) return 0;
    if (!can_judge(slice, slice->memory, "memory", findings)) return 0;
    struct issue issue = {.metric = "memory"}, leak = {.metric = "memory"};
    double slope_per_hour;
    if (has_limit(slice, slice->memory_limit, "memory", findings))
        judge_share(slice, slice->memory, slice->memory_limit, slice->service->thresholds.memory,
                    "GB", &issue);
    int status = leak_judge(slice, &leak, &slope_per_hour, err);
    if (status) return status;
    issue_merge(&issue, &leak);
    if (slice->service->is_database && issue.severity == SEVERITY_CRITICAL) {
        issue.severity = SEVERITY_WARNING;
        issue_add_evidence(&issue, "a database: its page cache is meant to fill memory");
    }
    findings_add_issue(findings, slice->service->name, &issue);
    return 0;
}

/* ---- disk ------------------------------------------------------------------------------------ */

/* GB an hour that the disk fills, if it surely does; 0 otherwise. */
static int disk_growth(const struct slice *slice, double *ret, struct error *err) {
    size_t count = 0;
    for (size_t i = 0; i < slice->count; i++) {
        if (isnan(slice->disk[i])) continue;
        slice->scratch_x[count] = grid_time(&slice->look->grid, i) - slice->look->grid.start;
        slice->scratch_y[count++] = slice->disk[i];
    }
    struct trend trend = {0};
    bool is_enough = (double)count >= slice->service->thresholds.buckets_at_least;
    int status = 0;
    if (is_enough)
        status = statistics_trend(slice->scratch_x, slice->scratch_y, count, &trend, err);
    if (!status) *ret = is_enough && trend.lower > 0 ? trend.slope * 3600 : 0;
    return status;
}

static void judge_volume(const struct slice *slice, double size_gb, double used_gb, double growth,
                         struct issue *issue) {
    const struct thresholds *thresholds = &slice->service->thresholds;
    struct issue found = {.metric = "disk", .unit = "%", .since = slice->look->to};
    double percent = 100 * used_gb / size_gb, hours = (size_gb - used_gb) / growth;
    bool is_full_soon = growth > 0 && hours <= thresholds->disk_full_within_hours;
    bool is_over = percent > thresholds->disk.warning;
    if (percent > thresholds->disk.critical || (is_over && is_full_soon))
        found.severity = SEVERITY_CRITICAL;
    else if (is_over || is_full_soon) found.severity = SEVERITY_WARNING;
    found.value = percent;
    found.threshold =
        percent > thresholds->disk.critical ? thresholds->disk.critical : thresholds->disk.warning;
    issue_add_evidence(&found, "volume holds %.4g of %.4g GB: %.1f %%", used_gb, size_gb, percent);
    if (is_full_soon)
        issue_add_evidence(&found, "disk grows by %.3g GB an hour: full in %.1f h", growth, hours);
    issue_merge(issue, &found);
}

static double newest(const double *values, size_t count) {
    while (count-- > 0)
        if (!isnan(values[count])) return values[count];
    return NAN;
}

/* The measured use, which is fresher, where it can only be this volume's. MB to GB as Railway. */
static double volume_used(const struct slice *slice, const struct value *volume) {
    double measured = newest(slice->disk, slice->count);
    bool is_only_one = slice->service->volumes->list.count == 1;
    if (is_only_one && !isnan(measured)) return measured;
    return value_get_number(volume, "current_mb", NAN) / 1000;
}

int rule_disk(const struct slice *slice, struct findings *findings, struct error *err) {
    const struct value *volumes = slice->service->volumes;
    if (!volumes || !volumes->list.count) return 0;
    double growth = 0;
    int status = disk_growth(slice, &growth, err);
    if (status) return status;
    struct issue issue = {.metric = "disk"};
    for (size_t i = 0; i < volumes->list.count; i++) {
        const struct value *volume = &volumes->list.items[i];
        double size = value_get_number(volume, "size_mb", NAN) / 1000;
        double used = volume_used(slice, volume);
        if (size > 0 && used >= 0) {
            judge_volume(slice, size, used, growth, &issue);
        } else {
            findings_add_not_judged(findings, slice->service->name, "disk",
                                    "a volume's size or use isn't known");
        }
    }
    findings_add_issue(findings, slice->service->name, &issue);
    return 0;
}
