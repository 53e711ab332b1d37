/* Time and its texts; see clock.h. */
#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define US_PER_S INT64_C(1000000)

static int64_t read_us(clockid_t id) {
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / 1000;
}

static int64_t system_wall_us(const struct clock *clock) {
    (void)clock; /* the system's clock has no state */
    return read_us(CLOCK_REALTIME);
}

static int64_t system_monotonic_us(const struct clock *clock) {
    (void)clock;
    return read_us(CLOCK_MONOTONIC);
}

const struct clock *clock_system(void) {
    static const struct clock system = {system_wall_us, system_monotonic_us};
    return &system;
}

static int64_t manual_us(const struct clock *clock) {
    return ((const struct clock_manual *)clock)->now_us; /* its first member */
}

void clock_manual_init(struct clock_manual *manual, int64_t now_us) {
    manual->clock = (struct clock){manual_us, manual_us};
    manual->now_us = now_us;
}

void clock_manual_set(struct clock_manual *manual, int64_t now_us) { manual->now_us = now_us; }

int64_t clock_wall_us(const struct clock *clock) { return clock->wall_us(clock); }

int64_t clock_monotonic_us(const struct clock *clock) { return clock->monotonic_us(clock); }

/* ---- dates ------------------------------------------------------------------------------- */

/* The longest text is that of INT64_MAX, in the year 294247. */
void clock_format(int64_t wall_us, char text[CLOCK_TEXT_MAX]) {
    int64_t us = wall_us % US_PER_S;
    time_t seconds = (time_t)(wall_us / US_PER_S);
    if (us < 0) { /* before 1970 the fraction still counts upwards */
        us += US_PER_S;
        seconds--;
    }
    struct tm tm;
    gmtime_r(&seconds, &tm);
    int used = snprintf(text, CLOCK_TEXT_MAX, "%04d", tm.tm_year + 1900);
    size_t left = CLOCK_TEXT_MAX - (size_t)used;
    size_t date = strftime(text + used, left, "-%m-%dT%H:%M:%S", &tm);
    snprintf(text + used + date, left - date, ".%03dZ", (int)(us / 1000));
}

/* `count` digits at *text as a number, going past them; -1 if they aren't there. */
static int take_digits(const char **text, int count) {
    int number = 0;
    for (int i = 0; i < count; i++, (*text)++) {
        if (**text < '0' || **text > '9') return -1;
        number = number * 10 + (**text - '0');
    }
    return number;
}

static bool take(const char **text, const char *allowed) {
    if (!**text || !strchr(allowed, **text)) return false;
    (*text)++;
    return true;
}

static int days_in_month(int year, int month) {
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && is_leap ? 29 : days[month - 1];
}

static bool in_range(int number, int least, int most) { return number >= least && number <= most; }

static bool take_date(const char **text, struct tm *tm) {
    int year = take_digits(text, 4);
    if (year < 0 || !take(text, "-")) return false;
    int month = take_digits(text, 2);
    if (!in_range(month, 1, 12) || !take(text, "-")) return false;
    int day = take_digits(text, 2);
    if (!in_range(day, 1, days_in_month(year, month))) return false;
    tm->tm_year = year - 1900;
    tm->tm_mon = month - 1;
    tm->tm_mday = day;
    return true;
}

/* A leap second (60) is the first second of the next minute. */
static bool take_time(const char **text, struct tm *tm) {
    tm->tm_hour = take_digits(text, 2);
    if (!in_range(tm->tm_hour, 0, 23) || !take(text, ":")) return false;
    tm->tm_min = take_digits(text, 2);
    if (!in_range(tm->tm_min, 0, 59) || !take(text, ":")) return false;
    tm->tm_sec = take_digits(text, 2);
    return in_range(tm->tm_sec, 0, 60);
}

/* Digits beyond a microsecond are read and dropped. */
static bool take_fraction(const char **text, int *us) {
    *us = 0;
    if (!take(text, ".")) return true;
    int unit = 100000;
    const char *first = *text;
    for (; **text >= '0' && **text <= '9'; (*text)++, unit /= 10) *us += (**text - '0') * unit;
    return *text > first;
}

static bool take_offset(const char **text, int *seconds) {
    *seconds = 0;
    if (take(text, "Zz")) return true;
    int sign = **text == '-' ? -1 : 1;
    if (!take(text, "+-")) return false;
    int hours = take_digits(text, 2);
    if (!in_range(hours, 0, 23) || !take(text, ":")) return false;
    int minutes = take_digits(text, 2);
    if (!in_range(minutes, 0, 59)) return false;
    *seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

int clock_parse(const char *text, int64_t *wall_us) {
    struct tm tm = {0};
    int us, offset;
    if (!take_date(&text, &tm) || !take(&text, "Tt ") || !take_time(&text, &tm)) return -1;
    if (!take_fraction(&text, &us) || !take_offset(&text, &offset) || *text) return -1;
    *wall_us = ((int64_t)timegm(&tm) - offset) * US_PER_S + us;
    return 0;
}

/* ---- durations --------------------------------------------------------------------------- */

struct unit {
    const char *name;
    int64_t us;
};

/* In the order in which they may be written; "ms" is told from "m" by its length. */
static const struct unit units[] = {
    {"d", 86400 * US_PER_S}, {"h", 3600 * US_PER_S}, {"m", 60 * US_PER_S},
    {"s", US_PER_S},         {"ms", 1000},
};
enum { UNITS = sizeof units / sizeof *units };

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* The unit that fills all letters of [text, end) up to the next digit; UNITS if none does. */
static size_t find_unit(const char *text, const char *end, size_t *length) {
    *length = 0;
    while (text + *length < end && !is_digit(text[*length])) ++*length;
    size_t i = 0;
    while (i < UNITS &&
           !(strlen(units[i].name) == *length && memcmp(units[i].name, text, *length) == 0))
        i++;
    return i;
}

static bool add_part(int64_t *total, int64_t count, int64_t unit_us) {
    int64_t part;
    return !__builtin_mul_overflow(count, unit_us, &part) &&
           !__builtin_add_overflow(*total, part, total);
}

static bool take_count(const char **at, const char *end, int64_t *count) {
    const char *first = *at;
    *count = 0;
    for (; *at < end && is_digit(**at); (*at)++) {
        if (__builtin_mul_overflow(*count, 10, count)) return false;
        if (__builtin_add_overflow(*count, **at - '0', count)) return false;
    }
    return *at > first;
}

int clock_parse_duration(const char *text, size_t size, int64_t *us) {
    if (size == 0) return -1;
    const char *at = text, *end = text + size;
    int64_t total = 0;
    size_t next = 0; /* units before it have passed */
    while (at < end) {
        int64_t count;
        size_t length;
        if (!take_count(&at, end, &count)) return -1;
        size_t unit = find_unit(at, end, &length);
        if (unit == UNITS || unit < next || !add_part(&total, count, units[unit].us)) return -1;
        next = unit + 1;
        at += length;
    }
    *us = total;
    return 0;
}
