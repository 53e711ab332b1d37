/* Time zones: how far local time is from UTC at an instant, read from the system's zoneinfo files
 * (TZif), the rule at their end included, which holds for the years after the file's own. The
 * process's TZ is neither read nor changed.
 *
 * Instants are seconds since 1970 in UTC. Local time counts the same way, as if the place were UTC:
 * `instant + offset`. A zone doesn't change once it is loaded: any thread.
 * May use: base/. Reads files. */
#ifndef TEND_ENGINE_ZONE_H
#define TEND_ENGINE_ZONE_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

struct zone;

/* `name` as in "Europe/Berlin"; "UTC" needs no file. TEND_EINPUT: no such zone, or its file is
 * broken. */
int zone_load(const char *name, struct zone **ret, struct error *err);
/* From the contents of a TZif file. TEND_EFORMAT. */
int zone_read(struct bytes contents, struct zone **ret, struct error *err);
/* NULL allowed; always returns NULL. */
struct zone *zone_free(struct zone *zone);

int64_t zone_offset(const struct zone *zone, int64_t instant_s);
/* The next instant at which the offset changes (or could); INT64_MAX: never again. */
int64_t zone_change_after(const struct zone *zone, int64_t instant_s);
/* The first instant at which local time is `local_s` or later: of a local time that comes twice the
 * earlier one, of one that never comes the end of the gap. */
int64_t zone_instant(const struct zone *zone, int64_t local_s);

/* The calendar: days since 1970-01-01. month 1 to 12, day 1 to 31. */
int64_t date_to_day(int64_t year, int month, int day);
void day_to_date(int64_t days, int64_t *year, int *month, int *day);

#endif
