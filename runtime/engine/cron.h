/* Cron expressions: five fields (minute, hour, day of month, month, day of week), each a list of
 * `*`, a number or name, a range, and any of these with a step; or @hourly, @daily, @weekly,
 * @monthly, @yearly. Where both days are restricted, either of them will do.
 *
 * Daylight saving: an expression that names hours means times of day, each once a day: one that is
 * jumped over comes at the end of the gap, one that comes twice counts the first time. One that
 * takes every hour means what passes: it neither rushes nor pauses when the clocks change.
 * Pure. May use: base/, engine/zone.h. */
#ifndef TEND_ENGINE_CRON_H
#define TEND_ENGINE_CRON_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/zone.h"

struct cron { /* bit n: n is in */
    uint64_t minutes;
    uint32_t hours, days;
    uint16_t months;
    uint8_t weekdays; /* bit 0: Sunday */
};

/* TEND_EINPUT: names the field and what it takes. */
int cron_read(struct bytes text, struct cron *ret, struct error *err);
/* The first tick after an instant (both seconds since 1970). False: none in the next twelve years,
 * so never. */
bool cron_next(const struct cron *cron, const struct zone *zone, int64_t after_s, int64_t *next_s);

#endif
