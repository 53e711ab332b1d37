/* The committer over a real journal: order, durability, who is told what and when. */
#include "support.h"

#include <pthread.h>

#include "engine/committer.h"

struct told {
    struct journal *journal;
    struct committer *committer;
    pthread_mutex_t mutex;
    uint64_t durable;
    uint64_t woken[64];
    size_t woken_count, wakes_too_early;
    char states[256];
    struct error broken;
};

static void on_durable(void *context, uint64_t position) {
    struct told *told = context;
    pthread_mutex_lock(&told->mutex);
    told->durable = position;
    pthread_mutex_unlock(&told->mutex);
}

static bool see(void *context, const struct journal_run *run) {
    (void)run;
    *(bool *)context = true;
    return true;
}

/* A wake comes once the run is in the journal, never before. */
static void on_wake(void *context, uint64_t number) {
    struct told *told = context;
    bool is_there = false;
    (void)journal_run(told->journal, number, see, &is_there, NULL);
    pthread_mutex_lock(&told->mutex);
    if (!is_there) told->wakes_too_early++;
    if (told->woken_count < 64) told->woken[told->woken_count++] = number;
    pthread_mutex_unlock(&told->mutex);
}

static void on_state(void *context, struct bytes key, uint64_t position) {
    struct told *told = context;
    size_t size = strlen(told->states);
    snprintf(told->states + size, sizeof told->states - size, "%.*s@%d ", (int)key.size, key.data,
             (int)position);
}

static void on_no_space(void *context, const struct error *err) { (void)context, (void)err; }

static void on_broken(void *context, const struct error *err) {
    struct told *told = context;
    pthread_mutex_lock(&told->mutex);
    told->broken = *err;
    pthread_mutex_unlock(&told->mutex);
}

static void open_committer(struct told *told, const char *folder) {
    struct committer_host host = {told, on_durable, on_wake, on_state, on_no_space, on_broken};
    struct error err;
    memset(told, 0, sizeof *told);
    pthread_mutex_init(&told->mutex, NULL);
    told->journal = open_journal(folder);
    assert_int_equal(committer_new(told->journal, &host, &told->committer, &err), 0);
}

static void close_committer(struct told *told) {
    told->committer = committer_free(told->committer);
    told->journal = journal_close(told->journal);
    pthread_mutex_destroy(&told->mutex);
}

static struct submission *new_run(uint64_t number, const char *id) {
    struct submission *submission = submission_new();
    struct record record = {.number = number, .status = RUN_PENDING};
    snprintf(record.id, sizeof record.id, "%s", id);
    snprintf(record.workflow, sizeof record.workflow, "w");
    submission_entry(submission, number, 0, bytes_of("first"));
    submission_record(submission, &record);
    return submission;
}

static uint64_t submit(struct told *told, struct submission *submission) {
    struct error err;
    uint64_t position = committer_submit(told->committer, submission, &err);
    if (!position) fail_msg("%s", err.message);
    return position;
}

static bool join(void *context, uint32_t sequence, struct bytes entry) {
    char *text = context;
    size_t size = strlen(text);
    snprintf(text + size, 4096 - size, "%u:%.*s ", sequence, (int)entry.size, entry.data);
    return true;
}

static void assert_entries(struct journal *journal, uint64_t number, const char *wanted) {
    char text[4096] = "";
    assert_int_equal(journal_entries(journal, number, join, text, NULL), 0);
    assert_string_equal(text, wanted);
}

static void what_was_waited_for_is_in_the_journal(void **state) {
    struct told told;
    open_committer(&told, *state);
    uint64_t position = submit(&told, new_run(1, "a"));
    assert_int_equal(position, 1);
    assert_true(committer_wait(told.committer, position));
    assert_true(committer_durable(told.committer) >= position);
    assert_entries(told.journal, 1, "0:first ");
    close_committer(&told);
}

static void positions_ascend_and_everything_before_is_durable_too(void **state) {
    struct told told;
    uint64_t last = 0;
    open_committer(&told, *state);
    last = submit(&told, new_run(1, "a"));
    for (uint32_t i = 1; i <= 200; i++) {
        char text[8];
        struct submission *submission = submission_new();
        snprintf(text, sizeof text, "e%u", i);
        submission_entry(submission, 1, i, bytes_of(text));
        uint64_t position = submit(&told, submission);
        assert_int_equal(position, last + 1);
        last = position;
    }
    assert_true(committer_wait(told.committer, last));
    struct record record;
    assert_int_equal(record_load(told.journal, 1, &record, NULL), 0);
    assert_int_equal(record.next_sequence, 201);
    close_committer(&told);
    assert_int_equal(told.durable, last);
}

static void a_wake_comes_when_its_run_is_durable_in_the_order_of_the_queue(void **state) {
    struct told told;
    uint64_t last = 0;
    open_committer(&told, *state);
    for (uint64_t number = 1; number <= 20; number++) {
        char id[8];
        snprintf(id, sizeof id, "r%d", (int)number);
        struct submission *submission = new_run(number, id);
        submission_wake(submission, number);
        last = submit(&told, submission);
    }
    assert_true(committer_wait(told.committer, last));
    close_committer(&told);
    assert_int_equal(told.wakes_too_early, 0);
    assert_int_equal(told.woken_count, 20);
    for (uint64_t i = 0; i < 20; i++) assert_int_equal(told.woken[i], i + 1);
}

static void a_state_write_commits_with_its_entry_and_is_told(void **state) {
    struct told told;
    struct buffer value = BUFFER_EMPTY;
    uint64_t version;
    open_committer(&told, *state);
    struct submission *submission = new_run(1, "a");
    submission_state(submission, bytes_of("k"), bytes_of("\x05"));
    submission_bundle(submission, bytes_of("hash"), bytes_of("contents"));
    submit(&told, submission);
    submission = submission_new();
    submission_state(submission, bytes_of("k"), (struct bytes){NULL, 0});
    uint64_t last = submit(&told, submission);
    assert_true(committer_wait(told.committer, last));
    assert_int_equal(journal_state(told.journal, bytes_of("k"), &value, &version, NULL),
                     TEND_ENOENT);
    assert_int_equal(version, 2);
    assert_int_equal(journal_bundle(told.journal, bytes_of("hash"), &value, NULL), 0);
    assert_true(bytes_are(buffer_bytes(&value), "contents"));
    close_committer(&told);
    assert_string_equal(told.states, "k@1 k@2 ");
    buffer_done(&value);
}

static void what_is_queued_is_committed_at_the_end(void **state) {
    struct told told;
    open_committer(&told, *state);
    submit(&told, new_run(1, "a"));
    submit(&told, new_run(2, "b"));
    told.committer = committer_free(told.committer);
    assert_entries(told.journal, 1, "0:first ");
    assert_entries(told.journal, 2, "0:first ");
    close_committer(&told);
}

static void a_broken_commit_is_told_and_nothing_after_it_is_durable(void **state) {
    struct told told;
    open_committer(&told, *state);
    uint64_t good = submit(&told, new_run(1, "a"));
    assert_true(committer_wait(told.committer, good));
    struct submission *gap = submission_new();
    submission_entry(gap, 1, 5, bytes_of("out of turn"));
    uint64_t bad = submit(&told, gap);
    assert_false(committer_wait(told.committer, bad));
    assert_int_equal(committer_durable(told.committer), good);
    uint64_t after = submit(&told, new_run(2, "b"));
    assert_false(committer_wait(told.committer, after));
    assert_true(committer_wait(told.committer, good)); /* stays true */
    assert_int_not_equal(told.broken.status, 0);
    told.committer = committer_free(told.committer);
    assert_entries(told.journal, 1, "0:first ");
    assert_int_equal(record_load(told.journal, 2, &(struct record){0}, NULL), TEND_ENOENT);
    close_committer(&told);
}

/* ---- many threads ---- */

struct writer {
    struct told *told;
    uint64_t number;
    pthread_t thread;
};

static void *write_many(void *context) {
    struct writer *writer = context;
    for (uint32_t i = 1; i <= 100; i++) {
        struct submission *submission = submission_new();
        struct error err;
        submission_entry(submission, writer->number, i, bytes_of("x"));
        uint64_t position = committer_submit(writer->told->committer, submission, &err);
        if (i % 10 == 0 && !committer_wait(writer->told->committer, position)) return NULL;
    }
    return writer;
}

static void many_threads_write_side_by_side(void **state) {
    struct told told;
    struct writer writers[4];
    open_committer(&told, *state);
    for (size_t i = 0; i < 4; i++) {
        char id[8];
        snprintf(id, sizeof id, "w%d", (int)i);
        writers[i] = (struct writer){.told = &told, .number = i + 1};
        submit(&told, new_run(i + 1, id));
    }
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_many, &writers[i]), 0);
    for (size_t i = 0; i < 4; i++) {
        void *outcome;
        pthread_join(writers[i].thread, &outcome);
        assert_ptr_equal(outcome, &writers[i]);
    }
    told.committer = committer_free(told.committer);
    for (uint64_t number = 1; number <= 4; number++) {
        struct record record;
        assert_int_equal(record_load(told.journal, number, &record, NULL), 0);
        assert_int_equal(record.next_sequence, 101);
    }
    close_committer(&told);
}

static void an_empty_submission_knows_that_it_is_empty(void **state) {
    struct submission *submission = submission_new();
    (void)state;
    assert_true(submission_is_empty(submission));
    submission_entry(submission, 1, 0, bytes_of("e"));
    assert_false(submission_is_empty(submission));
    assert_null(submission_free(submission));
    assert_null(submission_free(NULL));
    assert_null(committer_free(NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(what_was_waited_for_is_in_the_journal),
        FOLDER_TEST(positions_ascend_and_everything_before_is_durable_too),
        FOLDER_TEST(a_wake_comes_when_its_run_is_durable_in_the_order_of_the_queue),
        FOLDER_TEST(a_state_write_commits_with_its_entry_and_is_told),
        FOLDER_TEST(what_is_queued_is_committed_at_the_end),
        FOLDER_TEST(a_broken_commit_is_told_and_nothing_after_it_is_durable),
        FOLDER_TEST(many_threads_write_side_by_side),
        cmocka_unit_test(an_empty_submission_knows_that_it_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
