/* What the rules find, collected: issues, and what could not be judged.
 * Evidence is text with numbers in it, for a person and for a model; an issue carries its own.
 * May use: base/. One thread. */
#ifndef TEND_ANALYSIS_FINDING_H
#define TEND_ANALYSIS_FINDING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

enum severity { SEVERITY_NONE, SEVERITY_WARNING, SEVERITY_CRITICAL };

enum { EVIDENCE_MAX = 6, EVIDENCE_TEXT_MAX = 256, DURATION_TEXT_MAX = 32 };

struct issue {
    const char *metric; /* a word of the manual's list */
    enum severity severity;
    double value, threshold;
    const char *unit;
    double since; /* seconds since 1970 */
    char evidence[EVIDENCE_MAX][EVIDENCE_TEXT_MAX];
    size_t evidence_count;
};

/* More than EVIDENCE_MAX are dropped. */
void issue_add_evidence(struct issue *issue, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* One issue of two on the same metric: the graver one's figures (the first's if they are equal),
 * the evidence of both, the earlier `since`. Either may have SEVERITY_NONE. */
void issue_merge(struct issue *issue, const struct issue *other);

struct findings {
    struct buffer issues, not_judged; /* packed, one after the other */
    size_t issue_count, not_judged_count;
};

void findings_done(struct findings *findings);
/* SEVERITY_NONE is no issue and adds nothing. */
void findings_add_issue(struct findings *findings, struct bytes service, const struct issue *issue);
void findings_add_not_judged(struct findings *findings, struct bytes service, const char *metric,
                             const char *why);

/* "12 s", "4 min", "3.5 h", "2.1 d" */
void duration_format(double seconds, char text[DURATION_TEXT_MAX]);
/* For people and comparisons alike: four digits behind the point are noise. */
double rounded(double number);

#endif
