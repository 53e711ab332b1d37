/* Time, as an interface, so that tests own it. Wall time is microseconds since 1970 and may jump;
 * monotonic time only goes on. May use: nothing. */
#ifndef TEND_BASE_CLOCK_H
#define TEND_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

struct clock {
    int64_t (*wall_us)(const struct clock *clock);
    int64_t (*monotonic_us)(const struct clock *clock);
};

const struct clock *clock_system(void);
int64_t clock_wall_us(const struct clock *clock);
int64_t clock_monotonic_us(const struct clock *clock);

/* A clock that stands still until it is set; both of its times are the same number. Any thread may
 * read it. */
struct clock_manual {
    struct clock clock;
    _Atomic int64_t now_us;
};
void clock_manual_init(struct clock_manual *manual, int64_t now_us);
void clock_manual_set(struct clock_manual *manual, int64_t now_us);

enum { CLOCK_TEXT_MAX = 32 };
/* "2026-11-25T02:07:23.123Z" */
void clock_format(int64_t wall_us, char text[CLOCK_TEXT_MAX]);
/* RFC 3339 with any offset and fraction. 0 or -1. */
int clock_parse(const char *text, int64_t *wall_us);
/* A duration: "1d2h3m4s5ms", parts in that order, each at most once. 0 or -1. */
int clock_parse_duration(const char *text, size_t size, int64_t *us);

#endif
