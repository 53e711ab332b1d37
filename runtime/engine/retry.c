/* The one retry engine; see retry.h. */
#include "engine/retry.h"

#include "engine/option.h"

static const struct retry_policy by_default = {4, RETRY_EXPONENTIAL, 1000000, 300000000, 2.0, true};

static int read_backoff(const struct value *retry, struct retry_policy *policy, struct error *err) {
    struct bytes name = value_get_bytes(retry, "backoff");
    if (!name.size) return 0;
    if (bytes_are(name, "exponential")) policy->backoff = RETRY_EXPONENTIAL;
    else if (bytes_are(name, "linear")) policy->backoff = RETRY_LINEAR;
    else if (bytes_are(name, "constant")) policy->backoff = RETRY_CONSTANT;
    else
        return error_set_kind(err, TEND_EINPUT, "error",
                              "retry.backoff is \"exponential\", \"linear\" or \"constant\"");
    return 0;
}

int retry_read(const struct value *options, bool is_default, struct retry_policy *ret,
               struct error *err) {
    const struct value *retry = value_get(options, "retry");
    struct retry_policy policy = by_default;
    bool is_on = retry
                     ? retry->kind == VALUE_MAP || (retry->kind == VALUE_BOOLEAN && retry->boolean)
                     : is_default;
    policy.attempts = is_on ? policy.attempts : 1;
    if (retry && retry->kind != VALUE_MAP && retry->kind != VALUE_BOOLEAN)
        return error_set_kind(err, TEND_EINPUT, "error", "retry is a table or false");
    if (retry && retry->kind == VALUE_MAP) {
        int64_t attempts = value_get_integer(retry, "attempts", policy.attempts);
        policy.factor = value_get_number(retry, "factor", policy.factor);
        policy.has_jitter = value_get_boolean(retry, "jitter", policy.has_jitter);
        if (attempts < 1 || attempts > UINT32_MAX || !(policy.factor >= 1))
            return error_set_kind(err, TEND_EINPUT, "error",
                                  "retry.attempts and retry.factor are 1 or more");
        policy.attempts = (uint32_t)attempts;
        if (duration_read(retry, "initial", &policy.initial_us, err)) return TEND_EINPUT;
        if (duration_read(retry, "max", &policy.max_us, err)) return TEND_EINPUT;
        if (read_backoff(retry, &policy, err)) return TEND_EINPUT;
    }
    *ret = policy;
    return 0;
}

int64_t retry_wait_us(const struct retry_policy *policy, uint32_t failures, double chance,
                      int64_t at_least_us) {
    double wait = (double)policy->initial_us, max = (double)policy->max_us;
    if (policy->backoff == RETRY_LINEAR) wait *= failures;
    for (uint32_t i = 1; policy->backoff == RETRY_EXPONENTIAL && i < failures && wait < max; i++)
        wait *= policy->factor;
    if (wait > max) wait = max;
    if (policy->has_jitter) wait *= chance;
    return wait < (double)at_least_us ? at_least_us : (int64_t)wait;
}
