/* Pruning over a real journal: which runs, which bundles, in slices. */
#include "support.h"

#include "engine/entry.h"
#include "engine/prune.h"

static const int64_t day_us = INT64_C(86400000000);

/* A run with its first entry; what the record leaves out is left out. */
static void add_run(struct journal *journal, const struct record *record, const char *settings) {
    struct buffer body = BUFFER_EMPTY, value = BUFFER_EMPTY, packed = BUFFER_EMPTY;
    struct error err;
    record_pack(record, &body);
    pack_map(&value, 1);
    pack_member_text(&value, "settings", settings);
    entry_pack(&(struct entry){.type = ENTRY_ACCEPTED, .value = buffer_bytes(&value)}, &packed);
    struct bytes entry = buffer_bytes(&packed);
    struct journal_run run = {.number = record->number,
                              .id = bytes_of(record->id),
                              .workflow = bytes_of(record->workflow),
                              .status = (uint8_t)record->status,
                              .body = buffer_bytes(&body)};
    struct journal_transition transition = {
        .number = record->number, .record = &run, .entries = &entry, .entry_count = 1};
    struct journal_batch batch = {.transitions = &transition, .transition_count = 1};
    if (journal_commit(journal, &batch, &err)) fail_msg("%s", err.message);
    buffer_done(&body);
    buffer_done(&value);
    buffer_done(&packed);
}

static struct record make_record(uint64_t number, enum run_status status, int64_t ended_at_us) {
    struct record record = {.number = number, .status = status, .ended_at_us = ended_at_us};
    snprintf(record.id, sizeof record.id, "r%llu", (unsigned long long)number);
    snprintf(record.workflow, sizeof record.workflow, "flow");
    snprintf(record.bundle, sizeof record.bundle, "bundle%llu", (unsigned long long)number % 10);
    return record;
}

static void add_bundle(struct journal *journal, const char *hash) {
    struct error err;
    struct journal_bundle bundle = {bytes_of(hash), bytes_of("contents")};
    struct journal_batch batch = {.bundles = &bundle, .bundle_count = 1};
    assert_int_equal(journal_commit(journal, &batch, &err), 0);
}

static bool has_bundle(struct journal *journal, const char *hash) {
    struct buffer out = BUFFER_EMPTY;
    bool has = journal_bundle(journal, bytes_of(hash), &out, NULL) == 0;
    buffer_done(&out);
    return has;
}

static bool is_there(struct journal *journal, uint64_t number) {
    struct record record;
    return record_load(journal, number, &record, NULL) == 0;
}

static struct prune_rule all_before(int64_t before_us) {
    struct prune_rule rule = {.workflow = ""};
    for (int i = 0; i < RUN_STATUSES; i++) rule.before_us[i] = before_us;
    return rule;
}

static struct prune_count prune(struct journal *journal, const struct prune_rule *rule) {
    struct prune_count looked = {0, 0, 0}, count = {0, 0, 0};
    struct error err;
    if (prune_look(journal, rule, &looked, &err)) fail_msg("%s", err.message);
    if (prune_alone(journal, rule, &count, &err)) fail_msg("%s", err.message);
    assert_int_equal(looked.runs, count.runs);
    assert_int_equal(looked.entries, count.entries);
    return count;
}

/* More than one look and one window; every third stays. */
static void thousands_go_in_slices(void **state) {
    enum { RUNS = 5000 };
    struct journal *journal = open_journal(*state);
    for (uint64_t number = 1; number <= RUNS; number++) {
        struct record record = make_record(number, RUN_COMPLETED, number % 3 ? 100 : 300);
        add_run(journal, &record, "settings");
    }
    struct prune_rule rule = all_before(200);
    struct prune *slices;
    struct error err;
    struct prune_piece piece = {.is_done = false};
    size_t pieces = 0;
    assert_int_equal(prune_new(journal, &rule, &slices, &err), 0);
    for (; !piece.is_done; pieces++) {
        assert_int_equal(prune_next(slices, &piece, &err), 0);
        assert_true(piece.removal_count <= 50 && piece.freed_max <= 500);
        struct journal_batch batch = {.removals = piece.removals,
                                      .removal_count = piece.removal_count,
                                      .freed_max = piece.freed_max};
        assert_int_equal(journal_commit(journal, &batch, &err), 0);
    }
    assert_true(pieces > 60);
    assert_int_equal(prune_counted(slices).runs, RUNS - RUNS / 3);
    prune_free(slices);
    for (uint64_t number = 1; number <= RUNS; number++)
        assert_int_equal(is_there(journal, number), number % 3 == 0);
    assert_int_equal(prune(journal, &rule).runs, 0);
    journal_close(journal);
}

static void only_what_ended_before_goes(void **state) {
    struct journal *journal = open_journal(*state);
    for (int i = 0; i < RUN_STATUSES; i++) {
        struct record record = make_record((uint64_t)i + 1, (enum run_status)i, 100);
        add_run(journal, &record, "settings");
    }
    struct prune_rule rule = all_before(100), other = all_before(101);
    assert_int_equal(prune(journal, &rule).runs, 0);
    snprintf(other.workflow, sizeof other.workflow, "other");
    assert_int_equal(prune(journal, &other).runs, 0);
    rule = all_before(101);
    rule.before_us[RUN_FAILED] = INT64_MIN;
    assert_int_equal(prune(journal, &rule).runs, 2);
    for (int i = 0; i < RUN_STATUSES; i++)
        assert_int_equal(is_there(journal, (uint64_t)i + 1),
                         i != RUN_COMPLETED && i != RUN_CANCELLED);
    journal_close(journal);
}

static void families(void **state) {
    struct journal *journal = open_journal(*state);
    static const struct {
        uint64_t parent;
        enum run_status status;
        int64_t ended_at_us;
        bool goes;
    } runs[] = {
        {0, RUN_WAITING, 0, false},     {1, RUN_COMPLETED, 100, false}, /* unfinished parent */
        {0, RUN_FAILED, 300, false},    {3, RUN_FAILED, 100, false},    /* may be retried */
        {4, RUN_FAILED, 100, false},                                    /* … its child as well */
        {0, RUN_FAILED, 100, true},     {6, RUN_FAILED, 90, true},
        {0, RUN_COMPLETED, 300, false}, {8, RUN_COMPLETED, 100, true}, /* it won't ask again */
        {99, RUN_COMPLETED, 100, true},                                /* its parent is gone */
    };
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        struct record record = make_record(i + 1, runs[i].status, runs[i].ended_at_us);
        record.parent = runs[i].parent;
        add_run(journal, &record, "settings");
    }
    struct prune_rule rule = all_before(200);
    (void)prune(journal, &rule);
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++)
        if (is_there(journal, i + 1) == runs[i].goes) fail_msg("run %zu", i + 1);
    journal_close(journal);
}

/* Named by a record, by an older run's first entry, by a request to upgrade: it stays. */
static void bundles_that_somebody_needs_stay(void **state) {
    struct journal *journal = open_journal(*state);
    struct error err;
    static const char *const hashes[] = {"bundle1", "bundle2", "old",    "new",
                                         "wanted",  "gone",    "unused", NULL};
    for (size_t i = 0; hashes[i]; i++) add_bundle(journal, hashes[i]);
    struct record waits = make_record(1, RUN_WAITING, 0), ended = make_record(2, RUN_FAILED, 300),
                  old = make_record(3, RUN_COMPLETED, 100);
    snprintf(ended.settings, sizeof ended.settings, "new");
    add_run(journal, &waits, "old");
    add_run(journal, &ended, "new");
    add_run(journal, &old, "gone");
    struct buffer request = packed("{\"bundle\":\"wanted\"}");
    struct journal_state_write write = {bytes_of("\1u0000000000000001"), buffer_bytes(&request)};
    struct journal_batch batch = {.state_writes = &write, .state_write_count = 1};
    assert_int_equal(journal_commit(journal, &batch, &err), 0);
    buffer_done(&request);
    struct prune_rule rule = all_before(200);
    assert_int_equal(prune(journal, &rule).bundles, 2);
    for (size_t i = 0; hashes[i]; i++) assert_int_equal(has_bundle(journal, hashes[i]), i < 5);
    journal_close(journal);
}

static void check_keep(const char *settings, int64_t completed_us, int64_t failed_us) {
    struct buffer text = packed(settings);
    struct value_tree tree;
    struct error err;
    int64_t keep_us[RUN_STATUSES];
    assert_int_equal(value_read(buffer_bytes(&text), &tree, &err), 0);
    if (retention_read(&tree.root, keep_us, &err)) fail_msg("%s: %s", settings, err.message);
    assert_true(keep_us[RUN_COMPLETED] == completed_us);
    assert_true(keep_us[RUN_FAILED] == failed_us);
    assert_true(keep_us[RUN_WAITING] == INT64_MAX);
    value_tree_done(&tree);
    buffer_done(&text);
}

static void how_long_runs_are_kept(void **state) {
    (void)state;
    check_keep("{}", 30 * day_us, 90 * day_us);
    check_keep("{\"retention\":\"2d\"}", 2 * day_us, 2 * day_us);
    check_keep("{\"retention\":false}", INT64_MAX, INT64_MAX);
    check_keep("{\"retention\":{\"completed\":\"1d\"}}", day_us, 90 * day_us);
    check_keep("{\"retention\":{\"completed\":3600,\"failed\":false}}", day_us / 24, INT64_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(thousands_go_in_slices),
        FOLDER_TEST(only_what_ended_before_goes),
        FOLDER_TEST(families),
        FOLDER_TEST(bundles_that_somebody_needs_stay),
        cmocka_unit_test(how_long_runs_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
