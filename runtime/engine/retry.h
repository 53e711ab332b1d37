/* The one retry engine: how often, and when next. Used by every primitive that retries.
 * May use: base/. Pure. */
#ifndef TEND_ENGINE_RETRY_H
#define TEND_ENGINE_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/value.h"

enum retry_backoff { RETRY_EXPONENTIAL, RETRY_LINEAR, RETRY_CONSTANT };

struct retry_policy {
    uint32_t attempts; /* 1: no retry */
    enum retry_backoff backoff;
    int64_t initial_us, max_us;
    double factor;
    bool has_jitter; /* full: anything from 0 to the computed wait */
};

/* Reads `retry` (a map, false, or absent: the default where `is_default`) out of a call's options.
 * TEND_EINPUT, kind "error": names the field and what it may be. */
int retry_read(const struct value *options, bool is_default, struct retry_policy *ret,
               struct error *err);
/* The wait after the n-th failure (from 1). `chance` in [0, 1). `at_least_us`: a Retry-After. */
int64_t retry_wait_us(const struct retry_policy *policy, uint32_t failures, double chance,
                      int64_t at_least_us);

#endif
