/* The word that was most likely meant. */
#include "base/nearest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const words[] = {"run", "resume", "runs", "retry", "schedules", "0199aa-1"};

static void assert_nearest(const char *word, const char *wanted) {
    struct nearest nearest;
    nearest_init(&nearest, word);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) nearest_try(&nearest, words[i]);
    if (!wanted) assert_null(nearest_best(&nearest));
    else assert_string_equal(nearest_best(&nearest), wanted);
}

static void a_slip_of_a_finger_is_seen_through(void **state) {
    (void)state;
    assert_nearest("rsume", "resume");   /* left out */
    assert_nearest("resumme", "resume"); /* added */
    assert_nearest("retrz", "retry");    /* changed */
    assert_nearest("rnu", "run");        /* changed places: one slip, not two */
    assert_nearest("shcedulse", "schedules");
    assert_nearest("0199ab-1", "0199aa-1");
}

static void what_is_far_from_all_is_no_slip(void **state) {
    char longest[500];
    (void)state;
    memset(longest, 'r', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_nearest("deploy", NULL);
    assert_nearest("x", NULL);
    assert_nearest("", NULL);
    assert_nearest(longest, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slip_of_a_finger_is_seen_through),
        cmocka_unit_test(what_is_far_from_all_is_no_slip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
