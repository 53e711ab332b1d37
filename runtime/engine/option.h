/* Reading options as people write them: durations and sizes, in a call's options or in tend.lua.
 * May use: base/. Pure. */
#ifndef TEND_ENGINE_OPTION_H
#define TEND_ENGINE_OPTION_H

#include <stdint.h>

#include "base/value.h"

/* A duration: a number of seconds or text such as "1m30s". 0 with *us untouched where absent.
 * TEND_EINPUT, kind "error": names the key. */
int duration_read(const struct value *options, const char *key, int64_t *us, struct error *err);
/* A size: a number of bytes or text such as "256MiB" (KiB, MiB, GiB). 0 with *bytes untouched where
 * absent. */
int size_read(const struct value *options, const char *key, size_t *bytes, struct error *err);

#endif
