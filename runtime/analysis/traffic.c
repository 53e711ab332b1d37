/* Judging what a service answers: failures, refusals, latency; see rules.h.
 *
 * A rate is a share of counted requests, so it is judged by the lower end of its confidence
 * interval: three failures of four requests at night prove nothing. */
#include <math.h>
#include <stdio.h>

#include "analysis/rules.h"
#include "analysis/statistics.h"

/* Requests and failures over the judged buckets. */
struct tally {
    double requests, failures;
    size_t buckets_failed;
};

static struct tally tally_of(const struct slice *slice, const double *failures, size_t first) {
    struct tally ret = {0};
    for (size_t i = first; i < slice->count; i++) {
        if (!slice->is_judged[i]) continue;
        ret.requests += slice->requests[i];
        ret.failures += failures[i];
        ret.buckets_failed += failures[i] > 0;
    }
    return ret;
}

static double percent_of(double part, double whole) { return whole > 0 ? 100 * part / whole : 0; }

static void not_judged(const struct slice *slice, struct findings *findings, const char *metric,
                       const char *why) {
    findings_add_not_judged(findings, slice->service->name, metric, why);
}

/* A service that nobody calls through Railway's edge has no such figures, which is no lack. */
static bool has_traffic(const struct slice *slice) {
    double requests = 0;
    for (size_t i = 0; i < slice->count; i++) requests += slice->requests[i];
    return slice->service->has_domain || requests > 0;
}

/* The rate of each bucket with traffic, in scratch_x. */
static const double *rates(const struct slice *slice, const double *failures) {
    for (size_t i = 0; i < slice->count; i++)
        slice->scratch_x[i] =
            slice->requests[i] > 0 ? percent_of(failures[i], slice->requests[i]) : NAN;
    return slice->scratch_x;
}

static bool is_over(const struct slice *slice, const struct tally *tally, const double *rate,
                    double threshold, struct over *ret) {
    const struct thresholds *thresholds = &slice->service->thresholds;
    if (tally->failures < thresholds->errors_failures) return false;
    if ((double)tally->buckets_failed < thresholds->errors_buckets) return false;
    if (!(100 * statistics_wilson_lower(tally->failures, tally->requests) > threshold))
        return false;
    *ret =
        series_over(rate, slice->is_judged, slice->count, threshold, (size_t)thresholds->newest_of);
    return (double)ret->newest_over >= thresholds->newest;
}

/* "most often 500 (180), 503 (21)": the loudest codes of one class, over the whole window. */
static void add_codes(const struct slice *slice, int first, struct issue *issue) {
    char text[EVIDENCE_TEXT_MAX] = "";
    double below = INFINITY;
    int size = 0;
    for (int round = 0; round < 4; round++) {
        int best = 0;
        for (int code = first; code < first + 100; code++) {
            double count = slice->codes[code];
            if (count > 0 && count < below && (!best || count > slice->codes[best])) best = code;
        }
        if (!best) break;
        below = slice->codes[best];
        size += snprintf(text + size, sizeof text - (size_t)size, "%s%d (%.0f)", size ? ", " : "",
                         best, below);
    }
    if (size) issue_add_evidence(issue, "by status code: %s", text);
}

static void judge_rate(const struct slice *slice, const double *failures, struct level level,
                       int class, const struct tally *tally, struct issue *issue) {
    const double *rate = rates(slice, failures);
    struct over over = {0};
    for (enum severity severity = SEVERITY_CRITICAL; severity > SEVERITY_NONE; severity--) {
        double threshold = level_threshold(level, severity);
        if (isnan(threshold) || !is_over(slice, tally, rate, threshold, &over)) continue;
        issue->severity = severity;
        issue->threshold = threshold;
        break;
    }
    if (issue->severity == SEVERITY_NONE) return;
    issue->value = percent_of(tally->failures, tally->requests);
    issue->unit = "%";
    issue->since = grid_time(&slice->look->grid, over.since);
    issue_add_evidence(
        issue,
        "%dxx %.1f %% of %.0f requests, %.0f failed; Wilson lower bound %.1f %%; %zu of the "
        "newest %zu buckets with traffic over %.4g %%",
        class, issue->value, tally->requests, tally->failures,
        100 * statistics_wilson_lower(tally->failures, tally->requests), over.newest_over,
        over.newest, issue->threshold);
    add_codes(slice, class * 100, issue);
}

/* Half and more of many requests failing just now needs no window: critical at once. */
static void judge_fast(const struct slice *slice, struct issue *issue) {
    const struct thresholds *thresholds = &slice->service->thresholds;
    size_t first = slice->count, judged = 0;
    while (first > 0 && slice->is_judged[first - 1] && (double)judged < thresholds->fast_buckets) {
        first--;
        judged++;
    }
    struct tally tally = tally_of(slice, slice->failed, first);
    double percent = percent_of(tally.failures, tally.requests);
    if ((double)judged < thresholds->fast_buckets) return;
    if (tally.requests < thresholds->fast_requests || !(percent >= thresholds->fast_percent))
        return;
    issue->severity = SEVERITY_CRITICAL;
    issue->value = percent;
    issue->threshold = thresholds->fast_percent;
    issue->unit = "%";
    issue->since = grid_time(&slice->look->grid, first);
    issue_add_evidence(issue, "5xx %.1f %% of the %.0f requests in the newest %zu buckets", percent,
                       tally.requests, judged);
    add_codes(slice, 500, issue);
}

/* Whether a rate over the window can be judged; fills `why` if not. */
static bool is_enough(const struct slice *slice, const struct tally *tally, char why[WHY_MAX]) {
    if (!slice_is_enough(slice, slice->judged, why)) return false;
    if (tally->requests >= slice->service->thresholds.errors_requests) return true;
    snprintf(why, WHY_MAX, "too few requests: %.0f of at least %.0f", tally->requests,
             slice->service->thresholds.errors_requests);
    return false;
}

void rule_error_rate_5xx(const struct slice *slice, struct findings *findings) {
    const struct thresholds *thresholds = &slice->service->thresholds;
    struct issue issue = {.metric = "error_rate_5xx"}, fast = {.metric = "error_rate_5xx"};
    char why[WHY_MAX];
    if (!has_traffic(slice)) return;
    if (slice->why_no_counts[0]) {
        not_judged(slice, findings, issue.metric, slice->why_no_counts);
        return;
    }
    struct tally tally = tally_of(slice, slice->failed, 0);
    bool can_judge = is_enough(slice, &tally, why);
    if (can_judge) judge_rate(slice, slice->failed, thresholds->error_rate_5xx, 5, &tally, &issue);
    if (issue.severity != SEVERITY_CRITICAL) judge_fast(slice, &fast);
    issue_merge(&issue, &fast);
    if (!can_judge && issue.severity == SEVERITY_NONE)
        not_judged(slice, findings, issue.metric, why);
    findings_add_issue(findings, slice->service->name, &issue);
}

void rule_error_rate_4xx(const struct slice *slice, struct findings *findings) {
    struct issue issue = {.metric = "error_rate_4xx"};
    char why[WHY_MAX];
    if (!has_traffic(slice)) return;
    struct tally tally = tally_of(slice, slice->refused, 0);
    if (slice->why_no_counts[0]) {
        not_judged(slice, findings, issue.metric, slice->why_no_counts);
    } else if (!is_enough(slice, &tally, why)) {
        not_judged(slice, findings, issue.metric, why);
    } else {
        judge_rate(slice, slice->refused, slice->service->thresholds.error_rate_4xx, 4, &tally,
                   &issue);
    }
    findings_add_issue(findings, slice->service->name, &issue);
}

/* ---- latency --------------------------------------------------------------------------------- */

/* p95 of the buckets with enough requests, in scratch_x. */
static const double *busy_p95(const struct slice *slice) {
    double requests = slice->service->thresholds.latency_requests;
    for (size_t i = 0; i < slice->count; i++)
        slice->scratch_x[i] = slice->requests[i] >= requests ? slice->p95[i] : NAN;
    return slice->scratch_x;
}

static void judge_latency(const struct slice *slice, const double *p95, struct issue *issue) {
    struct level level = slice->service->thresholds.latency_p95;
    struct over over = {0};
    issue->severity = level_persistent(slice, p95, level, &over);
    if (issue->severity == SEVERITY_NONE) return;
    issue->value = level_median(slice, p95);
    issue->threshold = level_threshold(level, issue->severity);
    issue->unit = "ms";
    issue->since = grid_time(&slice->look->grid, over.since);
    issue_add_evidence(issue,
                       "p95 %.0f ms (median of the buckets of %.0f requests or more); over %.4g "
                       "ms in %zu of %zu buckets and in %zu of the newest %zu",
                       issue->value, slice->service->thresholds.latency_requests, issue->threshold,
                       over.over, over.judged, over.newest_over, over.newest);
}

void rule_latency(const struct slice *slice, struct findings *findings) {
    struct issue issue = {.metric = "latency_p95"};
    char why[WHY_MAX];
    if (slice->service->is_cron || !has_traffic(slice)) return;
    const double *p95 = busy_p95(slice);
    size_t judged = slice_judged(slice, p95);
    if (slice->why_no_counts[0]) {
        not_judged(slice, findings, issue.metric, slice->why_no_counts);
    } else if (slice->why_no_durations[0]) {
        not_judged(slice, findings, issue.metric, slice->why_no_durations);
    } else if (!slice_is_enough(slice, judged, why)) {
        not_judged(slice, findings, issue.metric, why);
    } else {
        judge_latency(slice, p95, &issue);
    }
    findings_add_issue(findings, slice->service->name, &issue);
}
