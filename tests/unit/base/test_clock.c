/* Time and its texts. */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/id.h"

static int64_t parsed(const char *text) {
    int64_t us = 0;
    if (clock_parse(text, &us) != 0) fail_msg("%s isn't read", text);
    return us;
}

static void assert_unparsed(const char *text) {
    int64_t us = 77;
    if (clock_parse(text, &us) != -1) fail_msg("%s is read", text);
    assert_int_equal(us, 77);
}

static void a_time_is_formatted_to_the_millisecond(void **state) {
    (void)state;
    static const struct {
        int64_t us;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1764036443123999, "2025-11-25T02:07:23.123Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {-62167219200000000, "0000-01-01T00:00:00.000Z"},
        {253402300799999999, "9999-12-31T23:59:59.999Z"},
        {INT64_MAX, "294247-01-10T04:00:54.775Z"},
        {INT64_MIN, "-290308-12-21T19:59:05.224Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[CLOCK_TEXT_MAX];
        clock_format(cases[i].us, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void a_formatted_time_reads_back(void **state) {
    (void)state;
    struct id_generator chance = {7};
    for (int i = 0; i < 20000; i++) { /* years 0 to 9999 */
        uint64_t us = id_generator_next(&chance) % UINT64_C(315569520000000000);
        int64_t wall_us = (int64_t)us - 62167219200000000;
        char text[CLOCK_TEXT_MAX];
        clock_format(wall_us, text);
        int64_t rest = ((wall_us % 1000) + 1000) % 1000;
        assert_true(parsed(text) == wall_us - rest);
    }
}

static void offsets_fractions_and_separators_are_read(void **state) {
    (void)state;
    int64_t second = 1764036443 * INT64_C(1000000);
    assert_true(parsed("2025-11-25T02:07:23Z") == second);
    assert_true(parsed("2025-11-25t02:07:23z") == second);
    assert_true(parsed("2025-11-25 02:07:23Z") == second);
    assert_true(parsed("2025-11-25T03:07:23+01:00") == second);
    assert_true(parsed("2025-11-24T20:37:23-05:30") == second);
    assert_true(parsed("2025-11-25T02:07:23.5Z") == second + 500000);
    assert_true(parsed("2025-11-25T02:07:23.123456789Z") == second + 123456);
    assert_true(parsed("2024-02-29T00:00:00Z") == 1709164800000000);
    assert_true(parsed("2016-12-31T23:59:60Z") == parsed("2017-01-01T00:00:00Z"));
    assert_true(parsed("1969-12-31T23:59:59.25Z") == -750000);
}

static void what_is_no_time_is_refused(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",
        "2025",
        "2025-11-25",
        "2025-11-25T02:07:23",
        "2025-11-25T02:07Z",
        "2025-13-01T00:00:00Z",
        "2025-00-01T00:00:00Z",
        "2025-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2025-04-31T00:00:00Z",
        "2025-11-00T00:00:00Z",
        "2025-11-25T24:00:00Z",
        "2025-11-25T00:60:00Z",
        "2025-11-25T00:00:61Z",
        "2025-11-25T00:00:00.Z",
        "2025-11-25T00:00:00Zx",
        " 2025-11-25T00:00:00Z",
        "2025-11-25T00:00:00+1:00",
        "2025-11-25T00:00:00+24:00",
        "2025-11-25T00:00:00+01:60",
        "2025-11-25T00:00:00+0100",
        "25-11-25T00:00:00Z",
        "2025-1-25T00:00:00Z",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) assert_unparsed(cases[i]);
}

static void assert_duration(const char *text, int64_t wanted) {
    int64_t us = -1;
    if (clock_parse_duration(text, strlen(text), &us) != 0) fail_msg("%s isn't read", text);
    assert_true(us == wanted);
}

static void assert_no_duration(const char *text) {
    int64_t us = 77;
    if (clock_parse_duration(text, strlen(text), &us) != -1) fail_msg("%s is read", text);
    assert_int_equal(us, 77);
}

static void durations_add_their_parts(void **state) {
    (void)state;
    assert_duration("5ms", 5000);
    assert_duration("5m", 300000000);
    assert_duration("0s", 0);
    assert_duration("90s", 90000000);
    assert_duration("2m5ms", 120005000);
    assert_duration("1d2h3m4s5ms", INT64_C(93784005000));
    assert_duration("007s", 7000000);
    assert_duration("9223372036854775ms", INT64_C(9223372036854775000));
}

static void what_is_no_duration_is_refused(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",
        "5",
        "s",
        "1.5s",
        "-1s",
        "+1s",
        " 1s",
        "1s ",
        "1 s",
        "1S",
        "1x",
        "1us",
        "1s1s",
        "1s1m",
        "1ms1s",
        "1m1",
        "1mss",
        "1h1d",
        "9223372036854776ms",
        "106751992d",
        "99999999999999999999s",
        "106751991d24h",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) assert_no_duration(cases[i]);
}

static void a_duration_ends_at_its_size(void **state) {
    (void)state;
    int64_t us;
    assert_int_equal(clock_parse_duration("5ms", 2, &us), 0);
    assert_true(us == 300000000);
    assert_int_equal(clock_parse_duration("5ms", 1, &us), -1);
}

static void the_system_clock_is_the_system_s(void **state) {
    (void)state;
    const struct clock *clock = clock_system();
    int64_t wall_us = clock_wall_us(clock), first = clock_monotonic_us(clock);
    int64_t seconds = (int64_t)time(NULL);
    assert_true(wall_us / 1000000 <= seconds + 1 && wall_us / 1000000 >= seconds - 60);
    assert_true(first > 0 && clock_monotonic_us(clock) >= first);
}

static int64_t seven(const struct clock *clock) { return clock->wall_us ? 7 : 0; }

static void a_clock_can_be_somebody_else_s(void **state) {
    (void)state;
    const struct clock clock = {seven, seven};
    assert_int_equal(clock_wall_us(&clock), 7);
    assert_int_equal(clock_monotonic_us(&clock), 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_is_formatted_to_the_millisecond),
        cmocka_unit_test(a_formatted_time_reads_back),
        cmocka_unit_test(offsets_fractions_and_separators_are_read),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(durations_add_their_parts),
        cmocka_unit_test(what_is_no_duration_is_refused),
        cmocka_unit_test(a_duration_ends_at_its_size),
        cmocka_unit_test(the_system_clock_is_the_system_s),
        cmocka_unit_test(a_clock_can_be_somebody_else_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
