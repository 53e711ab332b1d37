/* A look at a project: its input read, each service sliced, judged and summed up; see judge.h.
 * The rules themselves are in resources.c, leak.c, traffic.c and deployment.c. */
#include "analysis/judge.h"

#include <math.h>

#include "analysis/rules.h"
#include "analysis/summary.h"
#include "base/memory.h"

/* ---- the answers ----------------------------------------------------------------------------- */

static int read_window(const struct value *input, struct look *look, struct error *err) {
    const struct value *window = value_get_map(input, "window");
    double from = value_get_number(window, "from", NAN), to = value_get_number(window, "to", NAN);
    double step = value_get_number(window, "step", value_get_number(input, "step", NAN));
    look->to = to;
    return grid_init(from, to, step, &look->grid, err);
}

static int read_http(const struct value *input, struct look *look, struct error *err) {
    const struct value *list = value_get_list(input, "http");
    if (!list || !list->list.count) return 0;
    look->http = memory_new(list->list.count * sizeof *look->http);
    if (!look->http) return error_no_memory(err);
    for (size_t i = 0; i < list->list.count; i++) {
        const struct value *item = &list->list.items[i];
        struct http_answer *answer = &look->http[look->http_count++];
        answer->services = value_get_list(item, "services");
        int status = metrics_read(value_get_bytes(item, "body"), &answer->metrics, err);
        if (status) return status;
    }
    return 0;
}

static int look_read(const struct value *input, struct look *look, struct error *err) {
    int status = read_window(input, look, err);
    if (status) return status;
    const struct value *body = value_get(input, "metrics");
    look->has_metrics = body && body->kind == VALUE_TEXT;
    if (look->has_metrics) status = metrics_read(body->text, &look->metrics, err);
    return status ? status : read_http(input, look, err);
}

static void look_done(struct look *look) {
    metrics_done(&look->metrics);
    for (size_t i = 0; i < look->http_count; i++) metrics_done(&look->http[i].metrics);
    memory_free(look->http);
}

/* ---- the services ---------------------------------------------------------------------------- */

static int service_read(const struct value *item, const struct value *thresholds,
                        struct service *ret, struct error *err) {
    struct bytes role = value_get_bytes(item, "role");
    struct service service = {
        .id = value_get_bytes(item, "id"),
        .name = value_get_bytes(item, "name"),
        .is_database = value_get_boolean(item, "is_database", bytes_are(role, "database")),
        .has_domain = value_get_boolean(item, "has_domain", false),
        .is_cron = value_get_boolean(item, "is_cron", bytes_are(role, "cron")),
        .is_sleepy = value_get_boolean(item, "is_sleepy", false),
        .deployed_at = value_get_number(item, "deployed_at", NAN),
        .deployment = value_get_map(item, "deployment"),
        .volumes = value_get_list(item, "volumes"),
    };
    if (!service.id.size || !service.name.size)
        return error_set_kind(err, TEND_EINPUT, "value", "each of services must have id and name");
    int status =
        thresholds_read(thresholds, value_get_map(item, "thresholds"), &service.thresholds, err);
    if (status) error_context(err, "service %.*s", (int)service.name.size, service.name.data);
    if (!status) *ret = service;
    return status;
}

static int judge_service(struct slice *slice, const struct service *service,
                         struct findings *findings, struct error *err) {
    slice_fill(slice, service);
    rule_deployment(slice, findings);
    rule_cpu(slice, findings);
    int status = rule_memory(slice, findings, err);
    if (!status) status = rule_disk(slice, findings, err);
    if (status) return status;
    rule_error_rate_5xx(slice, findings);
    rule_error_rate_4xx(slice, findings);
    rule_latency(slice, findings);
    return 0;
}

static int judge_services(const struct value *input, const struct look *look,
                          struct findings *findings, struct buffer *summaries, struct error *err) {
    const struct value *services = value_get_list(input, "services");
    const struct value *thresholds = value_get_map(input, "thresholds");
    struct slice slice;
    struct service service;
    int status = slice_init(look, &slice, err);
    if (status) return status;
    for (size_t i = 0; services && i < services->list.count && !status; i++) {
        status = service_read(&services->list.items[i], thresholds, &service, err);
        if (!status) status = judge_service(&slice, &service, findings, err);
        if (!status) status = summary_pack(&slice, summaries, err);
    }
    slice_done(&slice);
    return status;
}

/* ---- the output ------------------------------------------------------------------------------ */

static void pack_items(struct buffer *out, const char *key, size_t count,
                       const struct buffer *items) {
    struct bytes packed = buffer_bytes(items);
    pack_text(out, key);
    pack_list(out, count);
    buffer_add(out, packed.data, packed.size);
}

static int pack_output(const struct value *input, const struct findings *findings,
                       const struct buffer *summaries, struct buffer *out, struct error *err) {
    const struct value *services = value_get_list(input, "services");
    int status = buffer_check(&findings->issues, err);
    if (!status) status = buffer_check(&findings->not_judged, err);
    if (!status) status = buffer_check(summaries, err);
    if (status) return status;
    pack_map(out, 3);
    pack_items(out, "issues", findings->issue_count, &findings->issues);
    pack_items(out, "not_judged", findings->not_judged_count, &findings->not_judged);
    pack_items(out, "services", services ? services->list.count : 0, summaries);
    return buffer_check(out, err);
}

int judge_project(const struct value *input, struct buffer *out, struct error *err) {
    struct look look = {0};
    struct findings findings = {0};
    struct buffer summaries = BUFFER_EMPTY;
    int status = look_read(input, &look, err);
    if (!status) status = judge_services(input, &look, &findings, &summaries, err);
    if (!status) status = pack_output(input, &findings, &summaries, out, err);
    buffer_done(&summaries);
    findings_done(&findings);
    look_done(&look);
    return status;
}
