/* The limits that a user can change: defaults, over them `limits` of tend.lua, over them those of
 * the command (`--limit NAME=VALUE`). They belong to the engine that carries a run, not to the run.
 * May use: base/, engine/option.h. Pure. */
#ifndef TEND_ENGINE_LIMITS_H
#define TEND_ENGINE_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#include "base/value.h"

struct limits {
    size_t memory_bytes; /* of an isolate */
    size_t value_bytes;  /* of a recorded value */
    size_t body_bytes; /* of an HTTP body and each stream of a child, where no max_bytes is given */
    size_t steps;      /* of a run */
    size_t isolates;   /* in memory, of a worker */
    size_t worker_memory_bytes; /* of a worker's isolates together */
    int64_t watchdog_us;        /* processor time without reaching a primitive */
    int64_t cancel_grace_us;
};

/* `written`: tend.lua's `limits`, or NULL. `given`: "NAME=VALUE" texts, NULL-terminated, or NULL.
 * TEND_EINPUT: an unknown name (the message lists them), or a value that can't be. */
int limits_read(const struct value *written, const char *const *given, struct limits *ret,
                struct error *err);
/* Is a value of `size` bytes (packed) too large to be recorded? TEND_EINPUT, kind "value": names
 * what it is, the limit and its setting. A limit of 0 is none. */
int limits_check_value(const struct limits *limits, const char *what, size_t size,
                       struct error *err);
/* The names, ended by NULL: for completion and the manual. */
const char *const *limits_names(void);
/* Appends "64 MiB": a size as people write it. */
void limits_add_size(struct buffer *out, size_t bytes);

#endif
