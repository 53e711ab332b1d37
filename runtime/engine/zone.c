/* TZif files (RFC 8536) and the TZ rule in their last line; see zone.h. */
#include "engine/zone.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

enum { DAY_S = 86400 };

/* One of the two days of a year on which the clocks change. */
struct rule {
    char kind; /* 'M': month, week, weekday; 'J': day 1 to 365, no 29 February; 'N': 0 to 365 */
    int month, week, day; /* week 5: the last one */
    int64_t time_s;       /* of local time before the change */
};

struct tail { /* what holds after the table */
    bool is_there, has_summer;
    int64_t standard_s, summer_s;
    struct rule begins, ends; /* of summer time */
};

struct zone {
    size_t count;
    int64_t *changes; /* ascending */
    int32_t *offsets; /* from the change on */
    int32_t first_s;  /* before the first change */
    struct tail tail;
};

/* ---- the calendar ---- */

/* Howard Hinnant's algorithms: years begin in March, eras have 400 of them. */
int64_t date_to_day(int64_t year, int month, int day) {
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400, year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

void day_to_date(int64_t days, int64_t *year, int *month, int *day) {
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097, of_era = days - era * 146097;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * of_year + 2) / 153;
    *day = (int)(of_year - (153 * shifted + 2) / 5 + 1);
    *month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

static int64_t year_of(int64_t instant_s) {
    int64_t days = instant_s / DAY_S - (instant_s % DAY_S < 0), year;
    int month, day;
    day_to_date(days, &year, &month, &day);
    return year;
}

/* ---- the rule for the years after the table: "CET-1CEST,M3.5.0,M10.5.0/3" ---- */

static bool take(const char **at, char c) {
    if (**at != c) return false;
    ++*at;
    return true;
}

static bool take_number(const char **at, int most, int *ret) {
    const char *first = *at;
    *ret = 0;
    for (; **at >= '0' && **at <= '9' && *ret <= most; ++*at) *ret = *ret * 10 + (**at - '0');
    return *at > first && *ret <= most;
}

static bool take_name(const char **at) {
    const char *first = *at;
    if (take(at, '<')) {
        while (**at && **at != '>') ++*at;
        return take(at, '>');
    }
    while ((**at >= 'A' && **at <= 'Z') || (**at >= 'a' && **at <= 'z')) ++*at;
    return *at - first >= 3;
}

/* [+-]hours[:minutes[:seconds]] in seconds. */
static bool take_time(const char **at, int64_t *ret) {
    int hours, minutes = 0, seconds = 0, sign = 1;
    if (take(at, '-')) sign = -1;
    else (void)take(at, '+');
    if (!take_number(at, 167, &hours)) return false;
    if (take(at, ':') && !take_number(at, 59, &minutes)) return false;
    if (take(at, ':') && !take_number(at, 59, &seconds)) return false;
    *ret = sign * ((int64_t)hours * 3600 + minutes * 60 + seconds);
    return true;
}

static bool take_rule(const char **at, struct rule *rule) {
    bool is_good;
    rule->time_s = 7200;
    if (!take(at, ',')) return false;
    if (take(at, 'M')) {
        rule->kind = 'M';
        is_good = take_number(at, 12, &rule->month) && rule->month && take(at, '.') &&
                  take_number(at, 5, &rule->week) && rule->week && take(at, '.') &&
                  take_number(at, 6, &rule->day);
    } else {
        rule->kind = take(at, 'J') ? 'J' : 'N';
        is_good = take_number(at, 365, &rule->day) && (rule->kind == 'N' || rule->day);
    }
    return is_good && (!take(at, '/') || take_time(at, &rule->time_s));
}

static bool read_tail(const char *text, struct tail *tail) {
    const char *at = text;
    int64_t west;
    if (!take_name(&at) || !take_time(&at, &west)) return false;
    tail->standard_s = -west;
    tail->is_there = true;
    if (!*at) return true;
    if (!take_name(&at)) return false;
    tail->summer_s = tail->standard_s + 3600;
    if (*at != ',') {
        if (!take_time(&at, &west)) return false;
        tail->summer_s = -west;
    }
    tail->has_summer = true;
    return take_rule(&at, &tail->begins) && take_rule(&at, &tail->ends) && !*at;
}

static int64_t rule_day(const struct rule *rule, int64_t year) {
    int64_t new_year = date_to_day(year, 1, 1);
    bool is_leap = date_to_day(year, 3, 1) - new_year == 60;
    if (rule->kind == 'N') return new_year + rule->day;
    if (rule->kind == 'J') return new_year + rule->day - (is_leap && rule->day >= 60 ? 0 : 1);
    int64_t first = date_to_day(year, rule->month, 1);
    int64_t next =
        rule->month == 12 ? date_to_day(year + 1, 1, 1) : date_to_day(year, rule->month + 1, 1);
    int64_t weekday = ((first + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
    int64_t day = first + (rule->day - weekday + 7) % 7 + (int64_t)(rule->week - 1) * 7;
    return day < next ? day : day - 7;
}

/* The nth change of the years around `year`: six, about ascending. */
static int64_t tail_change(const struct tail *tail, int64_t year, int n, int64_t *offset_s) {
    bool is_begin = n % 2 == 0;
    const struct rule *rule = is_begin ? &tail->begins : &tail->ends;
    *offset_s = is_begin ? tail->summer_s : tail->standard_s;
    return rule_day(rule, year - 1 + n / 2) * DAY_S + rule->time_s -
           (is_begin ? tail->standard_s : tail->summer_s);
}

static int64_t tail_offset(const struct tail *tail, int64_t instant_s) {
    int64_t latest_s = INT64_MIN, ret = tail->standard_s, year = year_of(instant_s), offset_s;
    for (int n = 0; n < 6 && tail->has_summer; n++) {
        int64_t change_s = tail_change(tail, year, n, &offset_s);
        if (change_s > instant_s || change_s < latest_s) continue;
        latest_s = change_s;
        ret = offset_s;
    }
    return ret;
}

static int64_t tail_change_after(const struct tail *tail, int64_t instant_s) {
    int64_t soonest_s = INT64_MAX, year = year_of(instant_s), offset_s;
    for (int n = 0; n < 6 && tail->has_summer; n++) {
        int64_t change_s = tail_change(tail, year, n, &offset_s);
        if (change_s > instant_s && change_s < soonest_s) soonest_s = change_s;
    }
    return soonest_s;
}

/* ---- the file ---- */

struct header {
    char version;
    size_t utc, standard, leaps, changes, types, characters;
};

static int64_t read_number(const char *data, size_t size) {
    uint64_t number = (unsigned char)data[0] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < size; i++) number = number << 8 | (unsigned char)data[i];
    return (int64_t)number;
}

static bool take_header(struct bytes *rest, struct header *header) {
    if (rest->size < 44 || memcmp(rest->data, "TZif", 4) != 0) return false;
    size_t *const counts[] = {&header->utc,     &header->standard, &header->leaps,
                              &header->changes, &header->types,    &header->characters};
    header->version = rest->data[4];
    for (size_t i = 0; i < 6; i++) {
        int64_t count = read_number(rest->data + 20 + i * 4, 4);
        if (count < 0 || count > 100000) return false;
        *counts[i] = (size_t)count;
    }
    rest->data += 44;
    rest->size -= 44;
    return header->types > 0 && header->types <= 256;
}

static size_t block_size(const struct header *header, size_t time_size) {
    return header->changes * (time_size + 1) + header->types * 6 + header->characters +
           header->leaps * (time_size + 4) + header->standard + header->utc;
}

static bool read_block(const char *data, const struct header *header, size_t time_size,
                       struct zone *zone) {
    const char *types_of = data + header->changes * time_size;
    const char *types = types_of + header->changes;
    zone->first_s = (int32_t)read_number(types, 4);
    for (size_t i = 0; i < header->changes; i++) {
        size_t type = (unsigned char)types_of[i];
        if (type >= header->types) return false;
        zone->changes[i] = read_number(data + i * time_size, time_size);
        zone->offsets[i] = (int32_t)read_number(types + type * 6, 4);
        if (i && zone->changes[i] <= zone->changes[i - 1]) return false;
    }
    zone->count = header->changes;
    return true;
}

/* "\nRULE\n" at the end; an empty rule says nothing. */
static bool read_footer(struct bytes rest, struct tail *tail) {
    char text[256];
    if (rest.size < 2 || rest.data[0] != '\n') return false;
    const char *end = memchr(rest.data + 1, '\n', rest.size - 1);
    if (!end || (size_t)(end - rest.data) > sizeof text) return false;
    size_t size = (size_t)(end - rest.data) - 1;
    memcpy(text, rest.data + 1, size);
    text[size] = '\0';
    return size == 0 || read_tail(text, tail);
}

static bool read_contents(struct bytes rest, struct zone *zone) {
    struct header header;
    size_t time_size = 4;
    if (!take_header(&rest, &header)) return false;
    size_t size = block_size(&header, 4);
    if (size > rest.size) return false;
    if (header.version >= '2') { /* the same again, with wide times */
        rest = (struct bytes){rest.data + size, rest.size - size};
        time_size = 8;
        if (!take_header(&rest, &header)) return false;
        size = block_size(&header, 8);
        if (size > rest.size) return false;
    }
    zone->changes = memory_new((header.changes + 1) * sizeof *zone->changes);
    zone->offsets = memory_new((header.changes + 1) * sizeof *zone->offsets);
    if (!zone->changes || !zone->offsets) return false;
    if (!read_block(rest.data, &header, time_size, zone)) return false;
    rest = (struct bytes){rest.data + size, rest.size - size};
    return time_size == 4 || read_footer(rest, &zone->tail);
}

int zone_read(struct bytes contents, struct zone **ret, struct error *err) {
    struct zone *zone = memory_new(sizeof *zone);
    if (!zone) return error_no_memory(err);
    if (!read_contents(contents, zone)) {
        zone_free(zone);
        return error_set(err, TEND_EFORMAT, "this is no time zone file");
    }
    *ret = zone;
    return 0;
}

static bool is_name(const char *name) {
    size_t size = strlen(name);
    if (size == 0 || size > 64 || *name == '/' || strstr(name, "..")) return false;
    return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") ==
           size;
}

int zone_load(const char *name, struct zone **ret, struct error *err) {
    struct buffer contents = BUFFER_EMPTY;
    char path[128];
    if (strcmp(name, "UTC") == 0) {
        *ret = memory_new(sizeof **ret);
        return *ret ? 0 : error_no_memory(err);
    }
    int status = is_name(name) ? 0 : TEND_ENOENT;
    snprintf(path, sizeof path, "/usr/share/zoneinfo/%.64s", name);
    if (!status) status = text_read_file(path, (size_t)1 << 20, &contents, err);
    if (!status) status = zone_read(buffer_bytes(&contents), ret, err);
    buffer_done(&contents);
    if (!status || status == TEND_ENOMEM) return status;
    return error_set(err, TEND_EINPUT,
                     "no time zone '%.64s': a name such as \"Europe/Berlin\" or \"UTC\", of the "
                     "system's time zone data (package tzdata)",
                     name);
}

struct zone *zone_free(struct zone *zone) {
    if (!zone) return NULL;
    memory_free(zone->changes);
    memory_free(zone->offsets);
    memory_free(zone);
    return NULL;
}

/* ---- asking ---- */

/* How many changes have come by then. */
static size_t count_until(const struct zone *zone, int64_t instant_s) {
    size_t low = 0, high = zone->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (zone->changes[middle] <= instant_s) low = middle + 1;
        else high = middle;
    }
    return low;
}

int64_t zone_offset(const struct zone *zone, int64_t instant_s) {
    size_t passed = count_until(zone, instant_s);
    if (passed == zone->count && zone->tail.is_there) return tail_offset(&zone->tail, instant_s);
    return passed ? zone->offsets[passed - 1] : zone->first_s;
}

int64_t zone_change_after(const struct zone *zone, int64_t instant_s) {
    size_t passed = count_until(zone, instant_s);
    if (passed < zone->count) return zone->changes[passed];
    return zone->tail.is_there ? tail_change_after(&zone->tail, instant_s) : INT64_MAX;
}

int64_t zone_instant(const struct zone *zone, int64_t local_s) {
    int64_t from_s = local_s - 3 * DAY_S; /* surely before: no place is further from UTC */
    for (;;) {
        int64_t instant_s = local_s - zone_offset(zone, from_s);
        int64_t change_s = zone_change_after(zone, from_s);
        if (instant_s < from_s) return from_s; /* in a gap */
        if (instant_s < change_s) return instant_s;
        from_s = change_s;
    }
}
