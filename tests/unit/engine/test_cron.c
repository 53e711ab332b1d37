/* Cron: what is an expression, and the next tick, across months, years and changes of the clocks.
 */
#include "support.h"

#include "base/clock.h"
#include "engine/cron.h"

static struct cron read_cron(const char *text) {
    struct cron cron;
    struct error err;
    if (cron_read(bytes_of(text), &cron, &err)) fail_msg("%s: %s", text, err.message);
    return cron;
}

static int64_t at(const char *text) {
    int64_t us;
    if (clock_parse(text, &us)) fail_msg("%s is no time", text);
    return us / 1000000;
}

/* The ticks after `after`, in UTC, are these. */
static void assert_ticks(const char *text, const char *place, const char *after,
                         const char *const *wanted) {
    struct cron cron = read_cron(text);
    struct zone *zone;
    struct error err;
    char got[CLOCK_TEXT_MAX];
    if (zone_load(place, &zone, &err)) fail_msg("%s", err.message);
    int64_t now_s = at(after);
    for (; *wanted; wanted++) {
        if (!cron_next(&cron, zone, now_s, &now_s)) fail_msg("%s: no tick any more", text);
        clock_format(now_s * 1000000, got);
        got[16] = '\0';
        if (strcmp(got, *wanted) != 0) fail_msg("%s: %s, not %s", text, got, *wanted);
    }
    zone_free(zone);
}

#define TICKS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void fields_take_lists_ranges_steps_and_names(void **state) {
    (void)state;
    assert_true(read_cron("*/15 * * * *").minutes ==
                (UINT64_C(1) | UINT64_C(1) << 15 | UINT64_C(1) << 30 | UINT64_C(1) << 45));
    assert_true(read_cron("1,5-7,50/5 * * * *").minutes ==
                (UINT64_C(1) << 1 | UINT64_C(7) << 5 | UINT64_C(1) << 50 | UINT64_C(1) << 55));
    assert_int_equal(read_cron("0 9-17/4 * * *").hours, 1 << 9 | 1 << 13 | 1 << 17);
    assert_int_equal(read_cron("0 0 * jan,Jul-SEP *").months, 1 << 1 | 7 << 7);
    assert_int_equal(read_cron("0 0 * * mon-fri").weekdays, 0x3e);
    assert_int_equal(read_cron("0 0 * * 7").weekdays, 1);
    assert_int_equal(read_cron("0 0 * * sat-sun").weekdays, 1 << 6 | 1);
    assert_int_equal(read_cron("0 0 * * 5-7").weekdays, 1 << 5 | 1 << 6 | 1);
    assert_int_equal(read_cron("  0\t0 *  * *  ").weekdays, 0x7f);
    assert_int_equal(read_cron("@weekly").weekdays, 1);
    assert_int_equal(read_cron("@yearly").months, 1 << 1);
}

static void wrong_ones_name_the_field(void **state) {
    static const char *const wrongs[][2] = {
        {"60 * * * *", "'60' is no minute: 0 to 59"},
        {"* 24 * * *", "no hour: 0 to 23"},
        {"* * 0 * *", "no day of month: 1 to 31"},
        {"* * * 13 *", "no month: 1 to 12"},
        {"* * * * 8", "no day of week: 0 to 7"},
        {"* * * * frid", "no day of week"},
        {"5-1 * * * *", "no minute"},
        {"*/0 * * * *", "no minute"},
        {"1, * * * *", "no minute"},
        {"-1 * * * *", "no minute"},
        {"1-2-3 * * * *", "no minute"},
        {"* * * * * *", "has 6 fields"},
        {"* * * *", "has 4 fields"},
        {"", "has 0 fields"},
        {"@often", "@hourly"},
        {"99999999999 * * * *", "no minute"},
        {"mon * * * *", "no minute"},
        {"*x * * * *", "no minute"},
        {"1/ * * * *", "no minute"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
        struct cron cron;
        struct error err;
        if (cron_read(bytes_of(wrongs[i][0]), &cron, &err) != TEND_EINPUT)
            fail_msg("taken: %s", wrongs[i][0]);
        assert_holds(err.message, wrongs[i][1]);
    }
}

static void ticks_come_in_order(void **state) {
    (void)state;
    assert_ticks("*/10 * * * *", "UTC", "2026-12-31T23:45:00Z",
                 TICKS("2026-12-31T23:50", "2027-01-01T00:00", "2027-01-01T00:10"));
    assert_ticks("30 4 1 * *", "UTC", "2026-01-01T04:30:00Z",
                 TICKS("2026-02-01T04:30", "2026-03-01T04:30"));
    assert_ticks("0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z",
                 TICKS("2104-02-29T00:00", "2108-02-29T00:00"));
    assert_ticks("0 9 31 * *", "UTC", "2026-01-31T10:00:00Z",
                 TICKS("2026-03-31T09:00", "2026-05-31T09:00"));
    assert_ticks("59 23 * * *", "UTC", "2026-01-31T23:58:59Z",
                 TICKS("2026-01-31T23:59", "2026-02-01T23:59"));
}

static void either_day_will_do_where_both_are_restricted(void **state) {
    (void)state;
    assert_ticks("0 0 13 * fri", "UTC", "2026-02-01T00:00:00Z",
                 TICKS("2026-02-06T00:00", "2026-02-13T00:00", "2026-02-20T00:00",
                       "2026-02-27T00:00", "2026-03-06T00:00", "2026-03-13T00:00"));
    assert_ticks("0 0 * * fri", "UTC", "2026-02-01T00:00:00Z",
                 TICKS("2026-02-06T00:00", "2026-02-13T00:00"));
    assert_ticks("0 0 13 * *", "UTC", "2026-02-01T00:00:00Z",
                 TICKS("2026-02-13T00:00", "2026-03-13T00:00"));
}

static void what_never_comes_says_so(void **state) {
    (void)state;
    struct cron cron = read_cron("0 0 30 2 *"), every = read_cron("* * 31 4 *");
    struct zone *zone;
    int64_t next_s;
    assert_int_equal(zone_load("Europe/Berlin", &zone, NULL), 0);
    assert_false(cron_next(&cron, zone, at("2026-01-01T00:00:00Z"), &next_s));
    assert_false(cron_next(&every, zone, at("2026-01-01T00:00:00Z"), &next_s));
    zone_free(zone);
}

static void a_time_that_is_jumped_over_comes_at_the_end_of_the_gap(void **state) {
    (void)state;
    assert_ticks("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z",
                 TICKS("2026-03-28T01:30", "2026-03-29T01:00", "2026-03-30T00:30"));
    assert_ticks(
        "*/20 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z",
        TICKS("2026-03-29T01:00", "2026-03-29T01:20", "2026-03-29T01:40", "2026-03-30T00:00"));
    assert_ticks("0 0 * * *", "America/Santiago",
                 "2026-09-05T12:00:00Z", /* midnight is jumped over */
                 TICKS("2026-09-06T04:00", "2026-09-07T03:00"));
}

static void a_time_that_comes_twice_counts_once(void **state) {
    (void)state;
    assert_ticks("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z",
                 TICKS("2026-10-25T00:30", "2026-10-26T01:30"));
    assert_ticks("30 2 * * *", "Europe/Berlin", "2026-10-25T01:00:00Z", /* in between */
                 TICKS("2026-10-26T01:30"));
    assert_ticks("*/30 1-3 * * *", "Europe/Berlin", "2026-10-24T23:15:00Z",
                 TICKS("2026-10-24T23:30", "2026-10-25T00:00", "2026-10-25T00:30",
                       "2026-10-25T02:00", "2026-10-25T02:30", "2026-10-26T00:00"));
}

static void every_hour_means_what_passes(void **state) {
    (void)state;
    assert_ticks(
        "30 * * * *", "Europe/Berlin", "2026-10-24T23:00:00Z",
        TICKS("2026-10-24T23:30", "2026-10-25T00:30", "2026-10-25T01:30", "2026-10-25T02:30"));
    assert_ticks("30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z",
                 TICKS("2026-03-29T00:30", "2026-03-29T01:30"));
    assert_ticks("0 * * * *", "Asia/Kathmandu", "2026-03-29T00:00:00Z",
                 TICKS("2026-03-29T00:15", "2026-03-29T01:15"));
    assert_ticks("*/30 * * * *", "Australia/Lord_Howe", "2026-04-04T14:00:00Z",
                 TICKS("2026-04-04T14:30", "2026-04-04T15:00", "2026-04-04T15:30"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_take_lists_ranges_steps_and_names),
        cmocka_unit_test(wrong_ones_name_the_field),
        cmocka_unit_test(ticks_come_in_order),
        cmocka_unit_test(either_day_will_do_where_both_are_restricted),
        cmocka_unit_test(what_never_comes_says_so),
        cmocka_unit_test(a_time_that_is_jumped_over_comes_at_the_end_of_the_gap),
        cmocka_unit_test(a_time_that_comes_twice_counts_once),
        cmocka_unit_test(every_hour_means_what_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
