/* Collecting what was found; see finding.h. */
#include "analysis/finding.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/value.h"

void issue_add_evidence(struct issue *issue, const char *format, ...) {
    if (issue->evidence_count == EVIDENCE_MAX) return;
    va_list args;
    va_start(args, format);
    vsnprintf(issue->evidence[issue->evidence_count++], EVIDENCE_TEXT_MAX, format, args);
    va_end(args);
}

void issue_merge(struct issue *issue, const struct issue *other) {
    if (other->severity == SEVERITY_NONE) return;
    struct issue graver = other->severity > issue->severity ? *other : *issue;
    const struct issue *lesser = other->severity > issue->severity ? issue : other;
    if (lesser->severity != SEVERITY_NONE) {
        graver.since = fmin(graver.since, lesser->since);
        for (size_t i = 0; i < lesser->evidence_count; i++)
            issue_add_evidence(&graver, "%s", lesser->evidence[i]);
    }
    *issue = graver;
}

void findings_done(struct findings *findings) {
    buffer_done(&findings->issues);
    buffer_done(&findings->not_judged);
}

static void pack_member_rounded(struct buffer *out, const char *key, double number) {
    pack_member_double(out, key, rounded(number));
}

void findings_add_issue(struct findings *findings, struct bytes service,
                        const struct issue *issue) {
    if (issue->severity == SEVERITY_NONE) return;
    struct buffer *out = &findings->issues;
    pack_map(out, 8);
    pack_member_bytes(out, "service", service);
    pack_member_text(out, "metric", issue->metric);
    pack_member_text(out, "severity",
                     issue->severity == SEVERITY_CRITICAL ? "critical" : "warning");
    pack_member_rounded(out, "value", issue->value);
    pack_member_rounded(out, "threshold", issue->threshold);
    pack_member_text(out, "unit", issue->unit);
    pack_member_integer(out, "since", (int64_t)issue->since);
    pack_text(out, "evidence");
    pack_list(out, issue->evidence_count);
    for (size_t i = 0; i < issue->evidence_count; i++) pack_text(out, issue->evidence[i]);
    findings->issue_count++;
}

void findings_add_not_judged(struct findings *findings, struct bytes service, const char *metric,
                             const char *why) {
    struct buffer *out = &findings->not_judged;
    pack_map(out, 3);
    pack_member_bytes(out, "service", service);
    pack_member_text(out, "metric", metric);
    pack_member_text(out, "why", why);
    findings->not_judged_count++;
}

void duration_format(double seconds, char text[DURATION_TEXT_MAX]) {
    if (!(seconds > 0)) seconds = 0;
    if (seconds < 120) {
        snprintf(text, DURATION_TEXT_MAX, "%.0f s", seconds);
    } else if (seconds < 7200) {
        snprintf(text, DURATION_TEXT_MAX, "%.0f min", seconds / 60);
    } else if (seconds < 172800) {
        snprintf(text, DURATION_TEXT_MAX, "%.1f h", seconds / 3600);
    } else {
        snprintf(text, DURATION_TEXT_MAX, "%.1f d", seconds / 86400);
    }
}

double rounded(double number) { return isfinite(number) ? nearbyint(number * 1e4) / 1e4 : 0; }
