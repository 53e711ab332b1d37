/* State and bundles: values that outlive runs. */
#include "support.h"

static void write_state(struct journal *journal, const char *key, const char *value) {
    struct journal_state_write write = {bytes_of(key), {value, value ? strlen(value) : 0}};
    struct journal_batch batch = {.state_writes = &write, .state_write_count = 1};
    must_commit(journal, &batch);
}

/* `value` NULL: there must be none. */
static void check_state(struct journal *journal, const char *key, const char *value,
                        uint64_t version) {
    struct buffer out = BUFFER_EMPTY;
    uint64_t seen = 99;
    struct error err;
    int status = journal_state(journal, bytes_of(key), &out, &seen, &err);
    assert_int_equal(status, value ? 0 : TEND_ENOENT);
    if (value) assert_true(bytes_are(buffer_bytes(&out), value));
    assert_int_equal(seen, version);
    buffer_done(&out);
}

static void versions_count_writes_and_survive_deletes(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    check_state(journal, "cooldown", NULL, 0);
    write_state(journal, "cooldown", "one");
    check_state(journal, "cooldown", "one", 1);
    write_state(journal, "cooldown", "");
    check_state(journal, "cooldown", "", 2);
    write_state(journal, "cooldown", NULL);
    check_state(journal, "cooldown", NULL, 3);
    journal_close(journal);
    journal = open_journal(*state, JOURNAL_OWNER);
    check_state(journal, "cooldown", NULL, 3);
    write_state(journal, "cooldown", "back");
    check_state(journal, "cooldown", "back", 4);
    journal_close(journal);
}

static void the_last_of_several_writes_in_one_batch_wins_and_all_count(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct journal_state_write writes[] = {
        {bytes_of("a"), bytes_of("1")},
        {bytes_of("b"), bytes_of("x")},
        {bytes_of("a"), {NULL, 0}},
        {bytes_of("a"), bytes_of("a longer value")},
    };
    struct journal_batch batch = {.state_writes = writes, .state_write_count = 4};
    must_commit(journal, &batch);
    check_state(journal, "a", "a longer value", 3);
    check_state(journal, "b", "x", 1);
    journal_close(journal);
}

static void a_value_may_be_large(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    char *large = memory_new(3000001);
    memset(large, 'v', 3000000);
    write_state(journal, "large", large);
    check_state(journal, "large", large, 1);
    memory_free(large);
    journal_close(journal);
}

static void a_key_that_cannot_be_is_refused(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct error err;
    char key[JOURNAL_STATE_KEY_MAX + 1];
    memset(key, 'k', sizeof key);
    struct journal_state_write write = {{key, JOURNAL_STATE_KEY_MAX + 1}, bytes_of("v")};
    struct journal_batch batch = {.state_writes = &write, .state_write_count = 1};
    assert_int_equal(journal_commit(journal, &batch, &err), TEND_EFORMAT);
    write.key.size = 0;
    assert_int_equal(journal_commit(journal, &batch, &err), TEND_EFORMAT);
    write.key.size = JOURNAL_STATE_KEY_MAX;
    assert_int_equal(journal_commit(journal, &batch, &err), 0);
    journal_close(journal);
}

struct keys {
    char text[256]; /* separated by blanks */
    size_t limit;
};

static bool gather_key(void *context, struct bytes key) {
    struct keys *keys = context;
    size_t size = strlen(keys->text);
    snprintf(keys->text + size, sizeof keys->text - size, "%.*s ", (int)key.size, key.data);
    return !keys->limit || --keys->limit > 0;
}

static void check_keys(struct journal *journal, const char *prefix, const char *after, size_t limit,
                       const char *expected) {
    struct keys keys = {.limit = limit};
    struct error err;
    assert_int_equal(
        journal_state_keys(journal, bytes_of(prefix), bytes_of(after), gather_key, &keys, &err), 0);
    assert_string_equal(keys.text, expected);
}

static void keys_are_listed_by_prefix_in_byte_order_without_deleted_ones(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    check_keys(journal, "", "", 0, "");
    const char *const names[] = {"b/2", "a", "b/10", "b", "c", "b/1", "b/\xff", "bb"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) write_state(journal, names[i], "v");
    write_state(journal, "b/1", NULL);
    check_keys(journal, "", "", 0, "a b b/10 b/2 b/\xff bb c ");
    check_keys(journal, "b/", "", 0, "b/10 b/2 b/\xff ");
    check_keys(journal, "b/", "b/10", 0, "b/2 b/\xff ");
    check_keys(journal, "b/", "b/1", 0, "b/10 b/2 b/\xff ");
    check_keys(journal, "b/", "a", 0, "b/10 b/2 b/\xff ");
    check_keys(journal, "b/", "c", 0, "");
    check_keys(journal, "b", "", 2, "b b/10 ");
    check_keys(journal, "zz", "", 0, "");
    journal_close(journal);
}

static void check_bundle(struct journal *journal, const char *hash, const char *contents) {
    struct buffer out = BUFFER_EMPTY;
    struct error err;
    assert_int_equal(journal_bundle(journal, bytes_of(hash), &out, &err),
                     contents ? 0 : TEND_ENOENT);
    if (contents) assert_true(bytes_are(buffer_bytes(&out), contents));
    buffer_done(&out);
}

static void a_bundle_is_kept_once_and_never_changes(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct journal_bundle bundles[] = {{bytes_of("h1"), bytes_of("return {}")},
                                       {bytes_of("h2"), bytes_of("")},
                                       {bytes_of("h1"), bytes_of("something else")}};
    struct journal_batch batch = {.bundles = bundles, .bundle_count = 3};
    must_commit(journal, &batch);
    must_commit(journal, &batch);
    check_bundle(journal, "h1", "return {}");
    check_bundle(journal, "h2", "");
    check_bundle(journal, "h3", NULL);
    check_bundle(journal, "", NULL);
    journal_close(journal);
    journal = open_journal(*state, JOURNAL_CLIENT);
    check_bundle(journal, "h1", "return {}");
    journal_close(journal);
}

static void a_bundle_is_committed_with_the_run_that_needs_it_or_not_at_all(void **state) {
    struct journal *journal = open_journal(*state, JOURNAL_OWNER);
    struct error err;
    struct journal_bundle bundle = {bytes_of("h1"), bytes_of("return {}")};
    struct bytes entry = bytes_of("x");
    struct journal_transition unknown = {.number = 8, .entries = &entry, .entry_count = 1};
    struct journal_batch batch = {
        .bundles = &bundle, .bundle_count = 1, .transitions = &unknown, .transition_count = 1};
    assert_int_equal(journal_commit(journal, &batch, &err), TEND_EFORMAT);
    check_bundle(journal, "h1", NULL);
    journal_close(journal);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        HOME_TEST(versions_count_writes_and_survive_deletes),
        HOME_TEST(the_last_of_several_writes_in_one_batch_wins_and_all_count),
        HOME_TEST(a_value_may_be_large),
        HOME_TEST(a_key_that_cannot_be_is_refused),
        HOME_TEST(keys_are_listed_by_prefix_in_byte_order_without_deleted_ones),
        HOME_TEST(a_bundle_is_kept_once_and_never_changes),
        HOME_TEST(a_bundle_is_committed_with_the_run_that_needs_it_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
