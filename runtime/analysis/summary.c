/* Packing a service's figures; see summary.h. */
#include "analysis/summary.h"

#include <math.h>
#include <stdio.h>

#include "analysis/rules.h"
#include "analysis/statistics.h"

/* One member if the number is one; returns how many were packed. */
static size_t pack_known(struct buffer *out, const char *key, double number) {
    if (!isfinite(number)) return 0;
    pack_member_double(out, key, rounded(number));
    return 1;
}

static size_t pack_usage(struct buffer *out, const char *key, const double *values, size_t count,
                         double limit, const char *unit, double slope_per_hour) {
    double sum = 0, maximum = 0, latest = NAN;
    size_t buckets = 0;
    for (size_t i = 0; i < count; i++) {
        if (isnan(values[i])) continue;
        sum += values[i];
        maximum = fmax(maximum, values[i]);
        latest = values[i];
        buckets++;
    }
    if (!buckets) return 0;
    pack_text(out, key);
    size_t opened = pack_map_open(out), members = 5;
    pack_member_double(out, "average", rounded(sum / (double)buckets));
    pack_member_double(out, "maximum", rounded(maximum));
    pack_member_double(out, "latest", rounded(latest));
    pack_member_text(out, "unit", unit);
    pack_member_integer(out, "buckets", (int64_t)buckets);
    members += pack_known(out, "limit", limit);
    members += pack_known(out, "slope_per_hour", slope_per_hour);
    pack_close(out, opened, members);
    return 1;
}

static double class_total(const struct slice *slice, int class) {
    double total = 0;
    for (int code = class * 100; code < class * 100 + 100; code++) total += slice->codes[code];
    return total;
}

/* {["2xx"] = n, …}, classes with requests only; what has no class is "other". */
static void pack_status(const struct slice *slice, struct buffer *out) {
    char key[8];
    size_t opened = pack_map_open(out), members = 0;
    for (int class = 0; class < CODES_MAX / 100; class ++) {
        double total = class_total(slice, class);
        if (!(total > 0)) continue;
        snprintf(key, sizeof key, class ? "%dxx" : "other", class);
        pack_member_integer(out, key, (int64_t)fmin(total, 1e18));
        members++;
    }
    pack_close(out, opened, members);
}

/* The median over the buckets that have enough requests; over all that have any if none does. */
static double percentile(const struct slice *slice, const double *values) {
    double needed = slice->service->thresholds.latency_requests;
    for (int round = 0; round < 2; round++, needed = 1) {
        size_t count = 0;
        for (size_t i = 0; i < slice->count; i++)
            if (!isnan(values[i]) && slice->requests[i] >= needed)
                slice->scratch[count++] = values[i];
        if (count) return statistics_median(slice->scratch, count);
    }
    return NAN;
}

static size_t pack_requests(const struct slice *slice, struct buffer *out) {
    if (slice->why_no_counts[0]) return 0;
    double requests = 0, failures = class_total(slice, 5);
    for (size_t i = 0; i < slice->count; i++) requests += slice->requests[i];
    pack_text(out, "http");
    size_t opened = pack_map_open(out), members = 4;
    pack_member_integer(out, "requests", (int64_t)fmin(requests, 1e18));
    pack_member_integer(out, "failures", (int64_t)fmin(failures, 1e18));
    pack_text(out, "status");
    pack_status(slice, out);
    pack_member_double(out, "rate_5xx", requests > 0 ? rounded(100 * failures / requests) : 0);
    members += pack_known(out, "p50", percentile(slice, slice->p50));
    members += pack_known(out, "p95", percentile(slice, slice->p95));
    members += pack_known(out, "p99", percentile(slice, slice->p99));
    pack_close(out, opened, members);
    return 1;
}

/* GB; NaN if there is no volume, or one whose size isn't known. */
static double volumes_size(const struct service *service) {
    double size_mb = service->volumes && service->volumes->list.count ? 0 : NAN;
    for (size_t i = 0; service->volumes && i < service->volumes->list.count; i++)
        size_mb += value_get_number(&service->volumes->list.items[i], "size_mb", NAN);
    return size_mb / 1000;
}

int summary_pack(const struct slice *slice, struct buffer *out, struct error *err) {
    const struct service *service = slice->service;
    struct issue ignored = {.metric = "memory"};
    double slope_per_hour = NAN;
    int status = leak_judge(slice, &ignored, &slope_per_hour, err);
    if (status) return status;
    size_t count = slice->count, last = count ? count - 1 : 0, members = 0;
    pack_map(out, 3);
    pack_member_bytes(out, "name", service->name);
    pack_member_bytes(out, "id", service->id);
    pack_text(out, "metrics");
    size_t opened = pack_map_open(out);
    members += pack_usage(out, "cpu", slice->cpu, count, count ? slice->cpu_limit[last] : NAN,
                          "vCPU", NAN);
    members += pack_usage(out, "memory", slice->memory, count,
                          count ? slice->memory_limit[last] : NAN, "GB", slope_per_hour);
    members += pack_usage(out, "disk", slice->disk, count, volumes_size(service), "GB", NAN);
    members += pack_requests(slice, out);
    pack_close(out, opened, members);
    return 0;
}
