/* Cron expressions; see cron.h. */
#include "engine/cron.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { DAY_S = 86400, YEARS = 12 }; /* 29 February is at most eight years away */

/* ---- reading ---- */

struct field {
    const char *name;
    int least, most;
    const char *names; /* three letters each, from `least` on; NULL: numbers only */
};

static const struct field fields[5] = {
    {"minute", 0, 59, NULL},
    {"hour", 0, 23, NULL},
    {"day of month", 1, 31, NULL},
    {"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
    {"day of week", 0, 7, "sunmontuewedthufrisat"},
};

static int wrong(const struct field *field, struct bytes text, struct error *err) {
    return error_set(err, TEND_EINPUT,
                     "cron: '%.*s' is no %s: %d to %d%s, *, a-b, lists with commas, steps with /n",
                     (int)(text.size < 40 ? text.size : 40), text.data, field->name, field->least,
                     field->most, field->names ? " or its English name's first three letters" : "");
}

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

static bool take_name(const struct field *field, struct bytes *rest, int *ret) {
    if (!field->names || rest->size < 3 || (rest->size > 3 && is_letter(rest->data[3])))
        return false;
    for (size_t i = 0; field->names[i]; i += 3) {
        if (strncasecmp(field->names + i, rest->data, 3) != 0) continue;
        *ret = field->least + (int)i / 3;
        *rest = (struct bytes){rest->data + 3, rest->size - 3};
        return true;
    }
    return false;
}

static bool take_number(struct bytes *rest, int *ret) {
    size_t used = 0;
    *ret = 0;
    for (; used < rest->size && rest->data[used] >= '0' && rest->data[used] <= '9'; used++)
        if ((*ret = *ret * 10 + (rest->data[used] - '0')) > 999) return false;
    *rest = (struct bytes){rest->data + used, rest->size - used};
    return used > 0;
}

static bool take(struct bytes *rest, char c) {
    if (!rest->size || *rest->data != c) return false;
    *rest = (struct bytes){rest->data + 1, rest->size - 1};
    return true;
}

static bool take_one(const struct field *field, struct bytes *rest, int *ret) {
    return (take_name(field, rest, ret) || take_number(rest, ret)) && *ret >= field->least &&
           *ret <= field->most;
}

/* One part of a list: "*", "5", "mon-fri", each perhaps with "/2" ("5/10": from 5 on). */
static bool read_part(const struct field *field, struct bytes rest, uint64_t *bits) {
    int first = field->least, last = field->most, step = 1;
    bool is_single = false;
    if (!take(&rest, '*')) {
        if (!take_one(field, &rest, &first)) return false;
        is_single = !take(&rest, '-');
        if (!is_single && !take_one(field, &rest, &last)) return false;
        if (!is_single && last == 0 && first > 0 && field->most == 7) last = 7; /* sat-sun */
    } else if (field->most == 7) {
        last = 6; /* Sunday once */
    }
    bool has_step = take(&rest, '/');
    if (has_step && (!take_number(&rest, &step) || step == 0)) return false;
    if (is_single && !has_step) last = first;
    if (is_single && has_step && field->most == 7) last = 6;
    if (rest.size || first > last) return false;
    for (int n = first; n <= last; n += step) *bits |= UINT64_C(1) << n;
    return true;
}

static int read_field(const struct field *field, struct bytes text, uint64_t *bits,
                      struct error *err) {
    struct bytes rest = text;
    *bits = 0;
    for (;;) {
        const char *comma = rest.size ? memchr(rest.data, ',', rest.size) : NULL;
        size_t size = comma ? (size_t)(comma - rest.data) : rest.size;
        if (!read_part(field, (struct bytes){rest.data, size}, bits))
            return wrong(field, text, err);
        if (!comma) break;
        rest = (struct bytes){comma + 1, rest.size - size - 1};
    }
    if (field->most == 7 && *bits & 1 << 7) *bits = (*bits | 1) & 0x7f;
    return 0;
}

/* "@daily" as five fields; others as they are. */
static struct bytes expand(struct bytes text) {
    static const struct {
        const char *name, *meaning;
    } nicknames[] = {
        {"@hourly", "0 * * * *"},   {"@daily", "0 0 * * *"},   {"@midnight", "0 0 * * *"},
        {"@weekly", "0 0 * * 0"},   {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"},
        {"@annually", "0 0 1 1 *"},
    };
    for (size_t i = 0; i < sizeof nicknames / sizeof *nicknames; i++)
        if (bytes_are(text, nicknames[i].name)) return bytes_of(nicknames[i].meaning);
    return text;
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

static struct bytes take_word(struct bytes *rest) {
    size_t from = 0, to;
    while (from < rest->size && is_blank(rest->data[from])) from++;
    for (to = from; to < rest->size && !is_blank(rest->data[to]);) to++;
    struct bytes word = {rest->data + from, to - from};
    *rest = (struct bytes){rest->data + to, rest->size - to};
    return word;
}

static size_t count_words(struct bytes rest) {
    size_t count = 0;
    while (take_word(&rest).size) count++;
    return count;
}

int cron_read(struct bytes text, struct cron *ret, struct error *err) {
    struct bytes rest = expand(text);
    size_t count = count_words(rest);
    uint64_t bits[5];
    if (count != 5)
        return error_set(
            err, TEND_EINPUT,
            "cron: '%.*s' has %zu fields: five are wanted (minute, hour, day of month, "
            "month, day of week), or @hourly, @daily, @weekly, @monthly, @yearly",
            (int)(text.size < 80 ? text.size : 80), text.data, count);
    for (size_t i = 0; i < 5; i++) {
        int status = read_field(&fields[i], take_word(&rest), &bits[i], err);
        if (status) return status;
    }
    *ret = (struct cron){bits[0], (uint32_t)bits[1], (uint32_t)bits[2], (uint16_t)bits[3],
                         (uint8_t)bits[4]};
    return 0;
}

/* ---- the next tick ---- */

static const uint32_t all_hours = 0xffffff, all_days = 0xfffffffe;
static const uint8_t all_weekdays = 0x7f;

static bool has_day(const struct cron *cron, int day, int weekday) {
    bool by_day = cron->days >> day & 1, by_weekday = cron->weekdays >> weekday & 1;
    if (cron->days == all_days || cron->weekdays == all_weekdays) return by_day && by_weekday;
    return by_day || by_weekday;
}

static int bit_from(uint64_t bits, int from) { /* -1: none */
    if (from > 63 || !(bits >> from)) return -1;
    return from + __builtin_ctzll(bits >> from);
}

/* The first minute of that day, from minute `from` on; -1: none. */
static int minute_of_day(const struct cron *cron, int from) {
    int hour = bit_from(cron->hours, from / 60);
    if (hour < 0) return -1;
    int minute = bit_from(cron->minutes, hour == from / 60 ? from % 60 : 0);
    if (minute < 0) { /* not in this hour any more */
        hour = bit_from(cron->hours, hour + 1);
        minute = bit_from(cron->minutes, 0);
    }
    return hour < 0 ? -1 : hour * 60 + minute;
}

/* The first local time that matches, `from_s` or later; -1: none within YEARS. */
static int64_t next_local(const struct cron *cron, int64_t from_s) {
    if (from_s < 0) from_s = 0; /* before 1970 nothing is due */
    int64_t minutes = from_s / 60 + (from_s % 60 > 0), day = minutes / 1440;
    int from = (int)(minutes % 1440);
    for (int64_t end = day + 366 * YEARS; day < end; day++, from = 0) {
        int64_t year;
        int month, of_month;
        day_to_date(day, &year, &month, &of_month);
        if (!(cron->months >> month & 1)) {
            day = (month == 12 ? date_to_day(year + 1, 1, 1) : date_to_day(year, month + 1, 1)) - 1;
            continue;
        }
        int minute = has_day(cron, of_month, (int)((day + 4) % 7)) ? minute_of_day(cron, from) : -1;
        if (minute >= 0) return day * DAY_S + (int64_t)minute * 60;
    }
    return -1;
}

/* Times of day: each matching local time once. */
static bool next_named(const struct cron *cron, const struct zone *zone, int64_t after_s,
                       int64_t *next_s) {
    int64_t local_s = after_s + zone_offset(zone, after_s) + 1;
    while ((local_s = next_local(cron, local_s)) >= 0) {
        int64_t instant_s = zone_instant(zone, local_s);
        if (instant_s > after_s) {
            *next_s = instant_s;
            return true;
        }
        local_s++; /* it comes twice, and this is after the first time */
    }
    return false;
}

/* Every hour: what the clock shows, from one change of the offset to the next. */
static bool next_passing(const struct cron *cron, const struct zone *zone, int64_t after_s,
                         int64_t *next_s) {
    int64_t end_s = after_s + (int64_t)YEARS * 366 * DAY_S;
    for (int64_t from_s = after_s + 1; from_s < end_s;) {
        int64_t offset_s = zone_offset(zone, from_s), change_s = zone_change_after(zone, from_s);
        int64_t local_s = next_local(cron, from_s + offset_s);
        if (local_s < 0) return false;
        if (local_s - offset_s < change_s) {
            *next_s = local_s - offset_s;
            return true;
        }
        from_s = change_s;
    }
    return false;
}

bool cron_next(const struct cron *cron, const struct zone *zone, int64_t after_s, int64_t *next_s) {
    if (after_s < 0) after_s = -1;
    return cron->hours == all_hours ? next_passing(cron, zone, after_s, next_s)
                                    : next_named(cron, zone, after_s, next_s);
}
