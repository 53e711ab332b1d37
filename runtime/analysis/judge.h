/* Judging a slice of time: which services of a project are sick, by the rules of the manual's
 * chapter on judgement. Railway's answers come in as the bytes they were (no Lua table for
 * samples); what goes out is what a person or a workflow reads. Pure: same input, same bytes out.
 *
 * Input, a map:
 *   window     {from, to}   seconds since 1970; step: seconds a bucket
 *   metrics    text         body of the ProjectMetrics operation; absent: nothing of it is judged
 *   http       [{body, services = [id, …]}]  bodies of alias requests: alias `status_N` and
 *                           `duration_N` (N from 1) belong to the N-th id of `services`
 *   services   [{id, name, role, is_database, has_domain, is_cron, is_sleepy, replicas,
 *               deployed_at (seconds; when what serves now began, absent: before the window),
 *               deployment = {status, created_at, updated_at (seconds), is_serving},
 *               volumes = [{size_mb, current_mb}], thresholds = {…} (over the common ones)}]
 *   thresholds {cpu = {warning, critical}, memory = {…}, slope = {…}, …}: stdlib/thresholds.lua
 * Output, a map:
 *   issues     [{service, metric, severity, value, threshold, unit, since, evidence = [text]}]
 *   not_judged [{service, metric, why}]
 *   services   [{name, id, metrics = {cpu = {average, maximum, latest, limit, unit, buckets},
 *               memory = {…, slope_per_hour?}, disk = {…},
 *               http = {requests, failures, status = {["2xx"] = n, …}, rate_5xx, p50, p95, p99}}}]
 * `since` is seconds since 1970.
 * May use: base/. May not use: Lua, I/O. */
#ifndef TEND_ANALYSIS_JUDGE_H
#define TEND_ANALYSIS_JUDGE_H

#include "base/value.h"

/* Appends the packed output. TEND_EINPUT (the input isn't of that form), TEND_ENOMEM. A body that
 * can't be read is not an error: what it was for is in `not_judged`. */
int judge_project(const struct value *input, struct buffer *out, struct error *err);

#endif
