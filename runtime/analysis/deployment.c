/* Judging the latest deployment; see rules.h. Never deployed, skipped, removed, waiting for an
 * approval or asleep is somebody's will, not a sickness. */
#include <math.h>

#include "analysis/rules.h"

/* A failed build waits for its author while the old deployment serves. */
static bool is_with_author(const struct slice *slice, bool has_failed, bool is_serving,
                           double ago_seconds) {
    return has_failed && is_serving && ago_seconds < slice->service->thresholds.author_minutes * 60;
}

void rule_deployment(const struct slice *slice, struct findings *findings) {
    const struct service *service = slice->service;
    const struct value *deployment = service->deployment;
    struct bytes status = value_get_bytes(deployment, "status");
    bool has_crashed = bytes_are(status, "CRASHED"), has_failed = bytes_are(status, "FAILED");
    /* A cron service ends after each execution; its executions are judged, not this. */
    if ((!has_crashed && !has_failed) || (has_crashed && service->is_cron)) return;
    double since =
        value_get_number(deployment, "updated_at", value_get_number(deployment, "created_at", NAN));
    if (!(since >= 0) || since > slice->look->to) since = slice->look->to;
    double ago = slice->look->to - since;
    bool is_serving = value_get_boolean(deployment, "is_serving", false);
    if (is_with_author(slice, has_failed, is_serving, ago)) return;
    struct issue issue = {.metric = "deployment",
                          .severity = is_serving ? SEVERITY_WARNING : SEVERITY_CRITICAL,
                          .value = ago / 60,
                          .threshold =
                              has_failed && is_serving ? service->thresholds.author_minutes : 0,
                          .unit = has_crashed ? "min since CRASHED" : "min since FAILED",
                          .since = since};
    char text[DURATION_TEXT_MAX];
    duration_format(ago, text);
    issue_add_evidence(&issue, "the latest deployment %s %s ago; %s",
                       has_crashed ? "CRASHED" : "FAILED", text,
                       is_serving ? "an older one still serves" : "nothing serves");
    findings_add_issue(findings, service->name, &issue);
}
