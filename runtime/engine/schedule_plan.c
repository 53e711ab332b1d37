/* Reading a schedule; see schedule_plan.h. */
#include "engine/schedule_plan.h"

#include <stdio.h>
#include <string.h>

#include "engine/option.h"

static const int64_t second_us = 1000000;

static const char *const overlaps[] = {"skip",           "queue_one", "queue_all",
                                       "cancel_running", "allow",     NULL};
static const char *const misseds[] = {"skip", "last", "all", NULL};

const char *schedule_overlap_name(enum schedule_overlap overlap) { return overlaps[overlap]; }
const char *schedule_missed_name(enum schedule_missed missed) { return misseds[missed]; }

static int check_keys(const struct value *how, struct error *err) {
    static const char *const known[] = {"cron",   "every",        "timezone", "jitter", "overlap",
                                        "missed", "missed_limit", "input",    NULL};
    for (size_t i = 0; i < how->map.count; i++) {
        struct bytes key = how->map.members[i].key;
        size_t at = 0;
        while (known[at] && !bytes_are(key, known[at])) at++;
        if (!known[at])
            return error_set(
                err, TEND_EINPUT,
                "there is no '%.*s'; it takes cron or every, timezone, jitter, overlap, "
                "missed, missed_limit, input",
                (int)(key.size < 60 ? key.size : 60), key.data);
    }
    const struct value *input = value_get(how, "input");
    if (!input || input->kind == VALUE_MAP || (input->kind == VALUE_LIST && !input->list.count))
        return 0;
    return error_set(err, TEND_EINPUT, "input must be a table with string keys");
}

/* One of `names`; *ret untouched where the key is absent. */
static int read_word(const struct value *how, const char *key, const char *const *names,
                     unsigned *ret, struct error *err) {
    const struct value *value = value_get(how, key);
    if (!value) return 0;
    struct bytes word = value_get_bytes(how, key);
    for (unsigned i = 0; names[i]; i++) {
        if (value->kind != VALUE_TEXT || !bytes_are(word, names[i])) continue;
        *ret = i;
        return 0;
    }
    return error_set(err, TEND_EINPUT, "%s is one of %s, not '%.*s'", key,
                     names == overlaps ? "skip, queue_one, queue_all, cancel_running, allow"
                                       : "skip, last, all",
                     (int)(word.size < 60 ? word.size : 60), word.data);
}

static int read_every(const struct value *how, struct schedule_plan *plan, struct error *err) {
    const struct value *every = value_get(how, "every");
    int status = duration_read(how, "every", &plan->every_us, err);
    if (status) return status;
    if (plan->every_us < second_us)
        return error_set(err, TEND_EINPUT, "every must be at least \"1s\"");
    if (value_get(how, "timezone"))
        return error_set(err, TEND_EINPUT, "timezone goes with cron, not with every");
    if (every->kind == VALUE_TEXT)
        snprintf(plan->timing, sizeof plan->timing, "every %.*s", (int)every->text.size,
                 every->text.data);
    else snprintf(plan->timing, sizeof plan->timing, "every %gs", value_number(every));
    return zone_load("UTC", &plan->zone, err);
}

static int read_zone(const struct value *how, struct schedule_plan *plan, struct error *err) {
    struct bytes name = value_get_bytes(how, "timezone");
    if (value_get(how, "timezone")) {
        if (!name.size || name.size >= sizeof plan->timezone)
            return error_set(err, TEND_EINPUT, "timezone must be a name such as \"Europe/Berlin\"");
        snprintf(plan->timezone, sizeof plan->timezone, "%.*s", (int)name.size, name.data);
    }
    return zone_load(plan->timezone, &plan->zone, err);
}

static int read_cron(const struct value *how, struct schedule_plan *plan, struct error *err) {
    struct bytes text = value_get_bytes(how, "cron");
    if (value_get(how, "cron")->kind != VALUE_TEXT || text.size > 100)
        return error_set(err, TEND_EINPUT, "cron must be a text of at most 100 bytes");
    int status = cron_read(text, &plan->cron, err);
    if (!status) status = read_zone(how, plan, err);
    snprintf(plan->timing, sizeof plan->timing, "%.*s%s%s", (int)text.size, text.data,
             value_get(how, "timezone") ? " " : "",
             value_get(how, "timezone") ? plan->timezone : "");
    return status;
}

static int read_timing(const struct value *how, int64_t now_us, struct schedule_plan *plan,
                       struct error *err) {
    bool has_cron = value_get(how, "cron") != NULL, has_every = value_get(how, "every") != NULL;
    int64_t ignored;
    snprintf(plan->timezone, sizeof plan->timezone, "UTC");
    if (has_cron == has_every)
        return error_set(err, TEND_EINPUT,
                         "it wants either cron (\"*/10 * * * *\") or every (\"5m\")%s",
                         has_cron ? ", not both" : "");
    int status = has_every ? read_every(how, plan, err) : read_cron(how, plan, err);
    if (!status && !schedule_plan_next(plan, now_us, &ignored))
        status = error_set(err, TEND_EINPUT, "cron: '%s' never comes", plan->timing);
    return status;
}

static int read_rest(const struct value *how, struct schedule_plan *plan, struct error *err) {
    unsigned overlap = OVERLAP_SKIP, missed = MISSED_SKIP;
    const struct value *limit = value_get(how, "missed_limit");
    int status = duration_read(how, "jitter", &plan->jitter_us, err);
    if (!status && plan->jitter_us > 86400 * second_us)
        status = error_set(err, TEND_EINPUT, "jitter is at most \"1d\"");
    if (!status) status = read_word(how, "overlap", overlaps, &overlap, err);
    if (!status) status = read_word(how, "missed", misseds, &missed, err);
    plan->overlap = (enum schedule_overlap)overlap;
    plan->missed = (enum schedule_missed)missed;
    plan->missed_limit = value_get_integer(how, "missed_limit", limit ? 0 : 100);
    if (!status && (plan->missed_limit < 1 || plan->missed_limit > 1000))
        status = error_set(err, TEND_EINPUT, "missed_limit must be an integer from 1 to 1000");
    return status;
}

int schedule_plan_read(const struct value *how, const char *where, int64_t now_us,
                       struct schedule_plan *ret, struct error *err) {
    struct schedule_plan plan = {0};
    int status = how->kind == VALUE_MAP
                     ? check_keys(how, err)
                     : error_set(err, TEND_EINPUT, "must be a table such as { every = \"5m\" }");
    if (!status) status = read_timing(how, now_us, &plan, err);
    if (!status) status = read_rest(how, &plan, err);
    if (status) {
        schedule_plan_done(&plan);
        if (status == TEND_EINPUT) error_context(err, "%s", where);
        return status;
    }
    *ret = plan;
    return 0;
}

void schedule_plan_done(struct schedule_plan *plan) { plan->zone = zone_free(plan->zone); }

bool schedule_plan_next(const struct schedule_plan *plan, int64_t after_us, int64_t *tick_us) {
    if (plan->every_us) {
        *tick_us = (after_us / plan->every_us + 1) * plan->every_us;
        return true;
    }
    int64_t next_s;
    if (!cron_next(&plan->cron, plan->zone, after_us / second_us, &next_s)) return false;
    *tick_us = next_s * second_us;
    return true;
}
