/* Time zones: the table of the system's files, the rule after it, gaps and repeated hours. */
#include "support.h"

#include "base/clock.h"
#include "engine/zone.h"

static struct zone *load(const char *name) {
    struct zone *zone = NULL;
    struct error err;
    if (zone_load(name, &zone, &err)) fail_msg("%s", err.message);
    return zone;
}

static int64_t at(const char *text) {
    int64_t us;
    if (clock_parse(text, &us)) fail_msg("%s is no time", text);
    return us / 1000000;
}

static void assert_offset(const struct zone *zone, const char *when, int64_t wanted) {
    assert_int_equal(zone_offset(zone, at(when)), wanted);
}

static void the_calendar_goes_both_ways(void **state) {
    (void)state;
    for (int64_t day = -800000; day < 800000; day += 7) {
        int64_t year;
        int month, of_month;
        day_to_date(day, &year, &month, &of_month);
        assert_int_equal(date_to_day(year, month, of_month), day);
    }
    assert_int_equal(date_to_day(1970, 1, 1), 0);
    assert_int_equal(date_to_day(2024, 2, 29), 19782);
}

static void utc_needs_no_file(void **state) {
    (void)state;
    struct zone *zone = load("UTC");
    assert_offset(zone, "2026-07-01T00:00:00Z", 0);
    assert_true(zone_change_after(zone, 0) == INT64_MAX);
    assert_int_equal(zone_instant(zone, 12345), 12345);
    zone_free(zone);
}

static void offsets_follow_the_table_and_then_the_rule(void **state) {
    (void)state;
    struct zone *berlin = load("Europe/Berlin"), *york = load("America/New_York");
    assert_offset(berlin, "1945-05-30T00:00:00Z", 10800); /* double summer time */
    assert_offset(berlin, "2026-03-29T00:59:59Z", 3600);
    assert_offset(berlin, "2026-03-29T01:00:00Z", 7200);
    assert_offset(berlin, "2026-10-25T00:59:59Z", 7200);
    assert_offset(berlin, "2026-10-25T01:00:00Z", 3600);
    assert_offset(berlin, "2090-07-01T00:00:00Z", 7200); /* after every table */
    assert_offset(berlin, "2090-12-01T00:00:00Z", 3600);
    assert_offset(york, "2026-03-08T06:59:59Z", -18000);
    assert_offset(york, "2026-03-08T07:00:00Z", -14400);
    zone_free(berlin);
    zone_free(york);
}

static void the_south_and_odd_offsets_work(void **state) {
    (void)state;
    struct zone *sydney = load("Australia/Sydney"), *howe = load("Australia/Lord_Howe");
    struct zone *nepal = load("Asia/Kathmandu"), *samoa = load("Pacific/Apia");
    assert_offset(sydney, "2060-01-15T00:00:00Z", 39600);
    assert_offset(sydney, "2060-07-15T00:00:00Z", 36000);
    assert_offset(howe, "2026-01-15T00:00:00Z", 39600);
    assert_offset(howe, "2026-07-15T00:00:00Z", 37800); /* half an hour */
    assert_offset(nepal, "2026-07-15T00:00:00Z", 20700);
    assert_offset(samoa, "2011-12-30T09:59:59Z", -36000); /* a whole day is skipped */
    assert_offset(samoa, "2011-12-30T10:00:00Z", 50400);
    assert_int_equal(zone_instant(samoa, at("2011-12-30T12:00:00Z")), at("2011-12-30T10:00:00Z"));
    zone_free(sydney);
    zone_free(howe);
    zone_free(nepal);
    zone_free(samoa);
}

static void a_gap_ends_at_its_end_and_a_repeated_time_is_the_first(void **state) {
    (void)state;
    struct zone *berlin = load("Europe/Berlin");
    assert_int_equal(zone_instant(berlin, at("2026-03-29T02:30:00Z")), at("2026-03-29T01:00:00Z"));
    assert_int_equal(zone_instant(berlin, at("2026-03-29T03:00:00Z")), at("2026-03-29T01:00:00Z"));
    assert_int_equal(zone_instant(berlin, at("2026-10-25T02:30:00Z")), at("2026-10-25T00:30:00Z"));
    assert_int_equal(zone_instant(berlin, at("2090-10-29T02:30:00Z")), at("2090-10-29T00:30:00Z"));
    assert_int_equal(zone_change_after(berlin, at("2026-03-29T00:59:59Z")),
                     at("2026-03-29T01:00:00Z"));
    assert_int_equal(zone_change_after(berlin, at("2026-03-29T01:00:00Z")),
                     at("2026-10-25T01:00:00Z"));
    zone_free(berlin);
}

static void what_is_no_zone_is_refused(void **state) {
    static const char *const names[] = {"Europe/Atlantis",  "",         "/etc/localtime",
                                        "../../etc/passwd", "Europe",   "tzdata.zi",
                                        "zone.tab",         "CET-1CEST"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct zone *zone;
        struct error err;
        assert_int_equal(zone_load(names[i], &zone, &err), TEND_EINPUT);
        assert_holds(err.message, "no time zone");
    }
}

/* Never reads beyond its bytes, whatever is cut off or turned over. */
static void broken_files_are_refused_or_read(void **state) {
    (void)state;
    struct buffer whole = BUFFER_EMPTY;
    char header[44] = "TZif2";
    header[39] = 1; /* one type */
    header[43] = 4; /* four characters */
    for (int i = 0; i < 2; i++) {
        buffer_add(&whole, header, sizeof header);
        buffer_add(&whole, "\0\0\x0e\x10\0\0CET\0", 10);
    }
    buffer_add_text(&whole, "\nCET-1CEST,M3.5.0,M10.5.0/3\n");
    for (size_t size = 0; size <= whole.size; size++) {
        char *cut = memory_copy(whole.data, size);
        struct zone *zone = NULL;
        int status = zone_read((struct bytes){cut, size}, &zone, NULL);
        assert_int_equal(status, size == whole.size ? 0 : TEND_EFORMAT);
        if (!status) assert_offset(zone, "2026-07-01T00:00:00Z", 7200);
        zone_free(zone);
        memory_free(cut);
    }
    for (size_t i = 0; i < whole.size * 8; i++) {
        char *turned = memory_copy(whole.data, whole.size);
        struct zone *zone = NULL;
        turned[i / 8] ^= (char)(1 << i % 8);
        if (zone_read((struct bytes){turned, whole.size}, &zone, NULL) == 0)
            (void)zone_offset(zone, 1800000000);
        zone_free(zone);
        memory_free(turned);
    }
    buffer_done(&whole);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_calendar_goes_both_ways),
        cmocka_unit_test(utc_needs_no_file),
        cmocka_unit_test(offsets_follow_the_table_and_then_the_rule),
        cmocka_unit_test(the_south_and_odd_offsets_work),
        cmocka_unit_test(a_gap_ends_at_its_end_and_a_repeated_time_is_the_first),
        cmocka_unit_test(what_is_no_zone_is_refused),
        cmocka_unit_test(broken_files_are_refused_or_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
