/* The inbox: other processes add, the owner takes each item exactly once. */
#include "support.h"

#include <poll.h>

static bool is_readable(int descriptor) {
    struct pollfd poll_one = {.fd = descriptor, .events = POLLIN};
    return poll(&poll_one, 1, 0) == 1;
}

struct items {
    uint64_t numbers[256];
    char text[256]; /* separated by blanks */
    size_t count;
};

static bool gather_item(void *context, uint64_t number, struct bytes contents) {
    struct items *items = context;
    size_t size = strlen(items->text);
    items->numbers[items->count++] = number;
    snprintf(items->text + size, sizeof items->text - size, "%.*s ", (int)contents.size,
             contents.data);
    return true;
}

static struct items read_inbox(struct journal *journal) {
    struct items items = {.count = 0};
    struct error err;
    if (journal_inbox(journal, gather_item, &items, &err)) fail_msg("inbox: %s", err.message);
    return items;
}

static void take(struct journal *journal, uint64_t item) {
    struct journal_batch batch = {.inbox_taken = item};
    must_commit(journal, &batch);
}

static int add_two(const char *home) {
    struct journal *journal = NULL;
    struct error err;
    if (journal_open(home, JOURNAL_CLIENT, &journal, &err)) return 1;
    if (journal_inbox_add(journal, bytes_of("one"), &err)) return 2;
    if (journal_inbox_add(journal, bytes_of("two"), &err)) return 3;
    if (journal_inbox_descriptor(journal) != -1) return 4;
    journal_close(journal);
    return 0;
}

static void what_another_process_adds_is_taken_once(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct error err;
    assert_false(is_readable(journal_inbox_descriptor(journal)));
    assert_int_equal(in_child(add_two, *state), 0);
    assert_true(is_readable(journal_inbox_descriptor(journal)));
    journal_inbox_nudged(journal);
    assert_false(is_readable(journal_inbox_descriptor(journal)));

    struct items items = read_inbox(journal);
    assert_string_equal(items.text, "one two ");
    take(journal, items.numbers[0]);
    items = read_inbox(journal);
    assert_string_equal(items.text, "two ");
    take(journal, items.numbers[0]);
    assert_int_equal(read_inbox(journal).count, 0);
    assert_int_equal(journal_inbox_trim(journal, &err), 0);
    assert_int_equal(read_inbox(journal).count, 0);
    journal_close(journal);
}

static void a_number_is_never_used_twice(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct error err;
    uint64_t last = 0;
    for (int round = 0; round < 6; round++) {
        assert_int_equal(journal_inbox_add(journal, bytes_of("x"), &err), 0);
        assert_int_equal(journal_inbox_add(journal, bytes_of("y"), &err), 0);
        struct items items = read_inbox(journal);
        assert_int_equal(items.count, 2);
        assert_true(items.numbers[0] > last);
        last = items.numbers[1];
        take(journal, last);
        assert_int_equal(journal_inbox_trim(journal, &err), 0); /* now it is empty */
        journal_close(journal);
        journal = open_journal(*state, JOURNAL_OWNER);
    }
    journal_close(journal);
}

static void trimming_leaves_what_was_not_taken(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct error err;
    const char *const texts[] = {"a", "b", "c", "d"};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(journal_inbox_add(journal, bytes_of(texts[i]), &err), 0);
    assert_int_equal(journal_inbox_trim(journal, &err), 0);
    struct items items = read_inbox(journal);
    assert_string_equal(items.text, "a b c d ");
    take(journal, items.numbers[1]);
    assert_int_equal(journal_inbox_trim(journal, &err), 0);
    assert_string_equal(read_inbox(journal).text, "c d ");
    take(journal, items.numbers[0]); /* an older number takes nothing back */
    assert_string_equal(read_inbox(journal).text, "c d ");
    journal_close(journal);
}

static void without_an_owner_items_wait(void **state) {
    journal_close(open_journal(*state, JOURNAL_OWNER));
    assert_int_equal(in_child(add_two, *state), 0);
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    assert_string_equal(read_inbox(journal).text, "one two ");
    journal_close(journal);
}

static void a_batch_that_fails_takes_nothing(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct error err;
    assert_int_equal(journal_inbox_add(journal, bytes_of("x"), &err), 0);
    struct journal_state_write wrong = {bytes_of(""), bytes_of("v")};
    struct journal_batch batch = {.inbox_taken = 1, .state_writes = &wrong, .state_write_count = 1};
    assert_int_equal(journal_commit(journal, &batch, &err), TEND_EFORMAT);
    assert_string_equal(read_inbox(journal).text, "x ");
    journal_close(journal);
}

static void an_item_may_be_large(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct error err;
    size_t size = 2000000;
    char *large = memory_new(size);
    assert_int_equal(journal_inbox_add(journal, (struct bytes){large, size}, &err), 0);
    assert_int_equal(read_inbox(journal).count, 1);
    memory_free(large);
    journal_close(journal);
}

static void a_home_with_a_long_path_is_nudged_too(void **state) {
    char home[512];
    snprintf(home, sizeof home, "%s/%0100d/%0100d", (char *)*state, 1, 2);
    struct journal *journal = open_journal(home, JOURNAL_OWNER);
    assert_true(file_size(path_in(home, "nudge.sock")) >= 0);
    assert_int_equal(in_child(add_two, home), 0);
    assert_true(is_readable(journal_inbox_descriptor(journal)));
    assert_string_equal(read_inbox(journal).text, "one two ");
    journal_close(journal);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        HOME_TEST(what_another_process_adds_is_taken_once), HOME_TEST(a_number_is_never_used_twice),
        HOME_TEST(trimming_leaves_what_was_not_taken),      HOME_TEST(without_an_owner_items_wait),
        HOME_TEST(a_batch_that_fails_takes_nothing),        HOME_TEST(an_item_may_be_large),
        HOME_TEST(a_home_with_a_long_path_is_nudged_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
