/* State through the overlay: a write is visible from the moment it is queued, compared by version,
 * and the overlay lets go when the journal has it. */
#include "support.h"

#include <pthread.h>

#include "engine/shared_state.h"

struct bench {
    struct journal *journal;
    struct committer *committer;
    struct shared_state *state;
    bool lets_go; /* pass the committer's word on */
    uint64_t version;
};

static void on_durable(void *context, uint64_t position) { (void)context, (void)position; }
static void on_wake(void *context, uint64_t number) { (void)context, (void)number; }
static void on_trouble(void *context, const struct error *err) { (void)context, (void)err; }

static void on_state(void *context, struct bytes key, uint64_t position) {
    struct bench *bench = context;
    if (bench->lets_go) shared_state_durable(bench->state, key, position);
}

static void open_bench(struct bench *bench, const char *folder, bool lets_go) {
    struct committer_host host = {bench, on_durable, on_wake, on_state, on_trouble, on_trouble};
    struct error err;
    *bench = (struct bench){.lets_go = lets_go};
    bench->journal = open_journal(folder);
    assert_int_equal(committer_new(bench->journal, &host, &bench->committer, &err), 0);
    assert_int_equal(shared_state_new(bench->journal, bench->committer, &bench->state, &err), 0);
}

static void close_bench(struct bench *bench) {
    committer_free(bench->committer);
    shared_state_free(bench->state);
    journal_close(bench->journal);
}

static void assert_value(struct bench *bench, const char *key, const char *json) {
    struct buffer value = BUFFER_EMPTY;
    struct error err;
    assert_int_equal(shared_state_read(bench->state, bytes_of(key), &value, &bench->version, &err),
                     0);
    assert_json(buffer_bytes(&value), json);
    buffer_done(&value);
}

static int try_write(struct bench *bench, const char *key, const char *json, uint64_t version,
                     uint64_t *position) {
    struct buffer value = BUFFER_EMPTY;
    struct submission *submission = submission_new();
    struct error err;
    if (json) value = packed(json);
    int status = shared_state_write(bench->state, bytes_of(key),
                                    json ? buffer_bytes(&value) : (struct bytes){NULL, 0}, version,
                                    submission, position, &err);
    if (status == TEND_ECONFLICT) {
        assert_true(submission_is_empty(submission));
        submission_free(submission);
    }
    buffer_done(&value);
    return status;
}

static uint64_t write_value(struct bench *bench, const char *key, const char *json) {
    struct buffer ignored = BUFFER_EMPTY;
    uint64_t version, position = 0;
    struct error err;
    assert_int_equal(shared_state_read(bench->state, bytes_of(key), &ignored, &version, &err), 0);
    assert_int_equal(try_write(bench, key, json, version, &position), 0);
    buffer_done(&ignored);
    return position;
}

static void a_queued_write_is_read_at_once(void **state) {
    struct bench bench;
    open_bench(&bench, *state, false);
    assert_value(&bench, "k", "null");
    write_value(&bench, "k", "{\"a\":1}");
    assert_value(&bench, "k", "{\"a\":1}");
    write_value(&bench, "k", NULL);
    assert_value(&bench, "k", "null");
    assert_int_equal(bench.version, 2);
    close_bench(&bench);
}

static void a_write_against_an_old_version_conflicts_and_changes_nothing(void **state) {
    struct bench bench;
    uint64_t position;
    open_bench(&bench, *state, false);
    write_value(&bench, "k", "1");
    assert_int_equal(try_write(&bench, "k", "2", 0, &position), TEND_ECONFLICT);
    assert_int_equal(try_write(&bench, "k", "2", 2, &position), TEND_ECONFLICT);
    assert_value(&bench, "k", "1");
    assert_int_equal(try_write(&bench, "k", "2", bench.version, &position), 0);
    assert_value(&bench, "k", "2");
    close_bench(&bench);
}

static void versions_go_on_when_the_overlay_has_let_go(void **state) {
    struct bench bench;
    open_bench(&bench, *state, true);
    for (int i = 1; i <= 20; i++) {
        uint64_t position = write_value(&bench, "k", i % 5 ? "7" : NULL);
        if (i % 2) assert_true(committer_wait(bench.committer, position));
        assert_value(&bench, "k", i % 5 ? "7" : "null");
        assert_int_equal(bench.version, i);
    }
    close_bench(&bench);
}

static void what_was_written_is_there_after_reopening(void **state) {
    struct bench bench;
    open_bench(&bench, *state, true);
    write_value(&bench, "a", "[1]");
    write_value(&bench, "b", "2");
    write_value(&bench, "b", NULL);
    close_bench(&bench);
    open_bench(&bench, *state, true);
    assert_value(&bench, "a", "[1]");
    assert_int_equal(bench.version, 1);
    assert_value(&bench, "b", "null");
    assert_int_equal(bench.version, 2);
    close_bench(&bench);
}

static void assert_list(struct bench *bench, const char *prefix, const char *after, size_t limit,
                        const char *json) {
    struct buffer keys = BUFFER_EMPTY;
    struct error err;
    assert_int_equal(
        shared_state_list(bench->state, bytes_of(prefix), bytes_of(after), limit, &keys, &err), 0);
    assert_json(buffer_bytes(&keys), json);
    buffer_done(&keys);
}

static void a_list_is_one_of_journal_and_overlay(void **state) {
    struct bench bench;
    open_bench(&bench, *state, true); /* these are in the journal */
    static const char *const recorded[] = {"p/d", "p/b", "q", "p/gone"};
    for (size_t i = 0; i < 4; i++) write_value(&bench, recorded[i], "1");
    close_bench(&bench);
    open_bench(&bench, *state, false); /* and these stay in the overlay */
    static const char *const queued[] = {"p/c", "p/a", "p/b"};
    for (size_t i = 0; i < 3; i++) write_value(&bench, queued[i], "2");
    write_value(&bench, "p/gone", NULL);
    assert_list(&bench, "p/", "", 0, "[\"p/a\",\"p/b\",\"p/c\",\"p/d\"]");
    assert_list(&bench, "p/", "p/b", 0, "[\"p/c\",\"p/d\"]");
    assert_list(&bench, "p/", "", 2, "[\"p/a\",\"p/b\"]");
    assert_list(&bench, "p/", "p/a", 1, "[\"p/b\"]");
    assert_list(&bench, "", "", 0, "[\"p/a\",\"p/b\",\"p/c\",\"p/d\",\"q\"]");
    assert_list(&bench, "none", "", 0, "[]");
    close_bench(&bench);
}

/* ---- racing ---- */

static void *add_many(void *context) {
    struct bench *bench = context;
    for (int i = 0; i < 200;) {
        struct buffer value = BUFFER_EMPTY, next = BUFFER_EMPTY;
        struct submission *submission = submission_new();
        struct value_tree tree;
        uint64_t version, position;
        struct error err;
        int status = shared_state_read(bench->state, bytes_of("n"), &value, &version, &err);
        if (!status) status = value_read(buffer_bytes(&value), &tree, &err);
        if (status) return NULL;
        pack_integer(&next, (tree.root.kind == VALUE_INTEGER ? tree.root.integer : 0) + 1);
        value_tree_done(&tree);
        status = shared_state_write(bench->state, bytes_of("n"), buffer_bytes(&next), version,
                                    submission, &position, &err);
        if (status == TEND_ECONFLICT) submission_free(submission);
        else if (status) return NULL;
        else i++;
        buffer_done(&value);
        buffer_done(&next);
    }
    return context;
}

static void no_update_is_lost_between_threads(void **state) {
    struct bench bench;
    pthread_t threads[4];
    open_bench(&bench, *state, true);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, &bench), 0);
    for (size_t i = 0; i < 4; i++) {
        void *outcome;
        pthread_join(threads[i], &outcome);
        assert_ptr_equal(outcome, &bench);
    }
    assert_value(&bench, "n", "800");
    close_bench(&bench);
    open_bench(&bench, *state, true);
    assert_value(&bench, "n", "800");
    assert_int_equal(bench.version, 800);
    close_bench(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(a_queued_write_is_read_at_once),
        FOLDER_TEST(a_write_against_an_old_version_conflicts_and_changes_nothing),
        FOLDER_TEST(versions_go_on_when_the_overlay_has_let_go),
        FOLDER_TEST(what_was_written_is_there_after_reopening),
        FOLDER_TEST(a_list_is_one_of_journal_and_overlay),
        FOLDER_TEST(no_update_is_lost_between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
