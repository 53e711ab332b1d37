/* Reading the numbers; see thresholds.h. */
#include "analysis/thresholds.h"

#include <math.h>

struct row {
    const char *group, *name;
    size_t offset;
    bool can_be_off;
};

#define AT(member) offsetof(struct thresholds, member)

static const struct row ROWS[] = {
    {"buckets", "at_least", AT(buckets_at_least), false},
    {"buckets", "grace_steps", AT(grace_steps), false},
    {"buckets", "grace_max_seconds", AT(grace_max_seconds), false},
    {"persistent", "percent", AT(persistent_percent), false},
    {"persistent", "newest", AT(newest), false},
    {"persistent", "newest_of", AT(newest_of), false},
    {"cpu", "warning", AT(cpu.warning), true},
    {"cpu", "critical", AT(cpu.critical), true},
    {"saturated", "limit_over", AT(saturated_limit_over), false},
    {"saturated", "within_percent", AT(saturated_within_percent), false},
    {"saturated", "slower", AT(saturated_slower), true},
    {"memory", "warning", AT(memory.warning), true},
    {"memory", "critical", AT(memory.critical), true},
    {"slope", "warning", AT(slope.warning), true},
    {"slope", "critical", AT(slope.critical), true},
    {"slope", "gained_percent", AT(slope_gained_percent), false},
    {"slope", "drop_percent", AT(slope_drop_percent), false},
    {"slope", "peak_percent", AT(slope_peak_percent), true},
    {"slope", "peaks", AT(slope_peaks), false},
    {"slope", "grown", AT(slope_grown), true},
    {"disk", "warning", AT(disk.warning), true},
    {"disk", "critical", AT(disk.critical), true},
    {"disk", "full_within_hours", AT(disk_full_within_hours), true},
    {"error_rate_5xx", "warning", AT(error_rate_5xx.warning), true},
    {"error_rate_5xx", "critical", AT(error_rate_5xx.critical), true},
    {"error_rate_4xx", "warning", AT(error_rate_4xx.warning), true},
    {"errors", "requests", AT(errors_requests), false},
    {"errors", "failures", AT(errors_failures), false},
    {"errors", "buckets", AT(errors_buckets), false},
    {"errors", "fast_buckets", AT(fast_buckets), false},
    {"errors", "fast_requests", AT(fast_requests), false},
    {"errors", "fast_percent", AT(fast_percent), true},
    {"latency_p95", "warning", AT(latency_p95.warning), true},
    {"latency_p95", "critical", AT(latency_p95.critical), true},
    {"latency_p95", "requests", AT(latency_requests), false},
    {"deployment", "author_minutes", AT(author_minutes), false},
};

/* NULL if the table doesn't say. */
static const struct value *find(const struct value *table, const struct row *row) {
    return value_get(value_get_map(table, row->group), row->name);
}

static int read_row(const struct row *row, const struct value *value, double *ret,
                    struct error *err) {
    bool is_off = value && value->kind == VALUE_BOOLEAN && !value->boolean;
    if (row->can_be_off && is_off) {
        *ret = NAN;
        return 0;
    }
    double number = value_number(value);
    if (value && value_is_number(value) && number >= 0 && number <= 1e9) {
        *ret = number;
        return 0;
    }
    return error_set_kind(err, TEND_EINPUT, "value", "thresholds.%s.%s must be a number%s",
                          row->group, row->name, row->can_be_off ? ", or false for off" : "");
}

/* An empty table, which in Lua is no list, means none. */
static const struct value *not_counted(const struct value *table) {
    return value_get_list(value_get_map(table, "error_rate_4xx"), "not_counted");
}

int thresholds_read(const struct value *common, const struct value *own, struct thresholds *ret,
                    struct error *err) {
    struct thresholds read = {.error_rate_4xx.critical = NAN};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        const struct value *value = find(own, &ROWS[i]);
        if (!value) value = find(common, &ROWS[i]);
        double *number = (double *)((char *)&read + ROWS[i].offset);
        int status = read_row(&ROWS[i], value, number, err);
        if (status) return status;
    }
    bool has_own = value_get(value_get_map(own, "error_rate_4xx"), "not_counted");
    read.not_counted = not_counted(has_own ? own : common);
    *ret = read;
    return 0;
}
