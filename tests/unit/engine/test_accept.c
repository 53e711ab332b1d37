/* Accepting: the input, the id, and that a run is there once, durable or still on its way. */
#include "support.h"

#include "engine/accept.h"

/* ---- the input ---- */

static void assert_input(const char *definition, const char *given, const char *wanted) {
    struct buffer declared = packed(definition), input = BUFFER_EMPTY, out = BUFFER_EMPTY;
    struct error err;
    if (given) input = packed(given);
    if (accept_input(buffer_bytes(&declared), buffer_bytes(&input), &out, &err))
        fail_msg("%s", err.message);
    assert_json(buffer_bytes(&out), wanted);
    buffer_done(&declared);
    buffer_done(&input);
    buffer_done(&out);
}

static void assert_no_input(const char *definition, const char *given, const char *part) {
    struct buffer declared = packed(definition), input = packed(given), out = BUFFER_EMPTY;
    struct error err;
    assert_int_equal(accept_input(buffer_bytes(&declared), buffer_bytes(&input), &out, &err),
                     TEND_EINPUT);
    assert_holds(err.message, part);
    buffer_done(&declared);
    buffer_done(&input);
    buffer_done(&out);
}

static void defaults_fill_what_is_not_given(void **state) {
    static const char declared[] = "{\"input\":{\"a\":1,\"b\":[2],\"none\":null}}";
    (void)state;
    assert_input(declared, NULL, "{\"a\":1,\"b\":[2]}");
    assert_input(declared, "null", "{\"a\":1,\"b\":[2]}");
    assert_input(declared, "{}", "{\"a\":1,\"b\":[2]}");
    assert_input(declared, "[]", "{\"a\":1,\"b\":[2]}");
    assert_input(declared, "{\"a\":null,\"none\":3}", "{\"a\":null,\"b\":[2],\"none\":3}");
}

static void without_a_declaration_everything_goes(void **state) {
    (void)state;
    assert_input("{}", "{\"x\":{\"y\":1}}", "{\"x\":{\"y\":1}}");
    assert_input("{}", NULL, "{}");
}

static void unknown_keys_and_other_shapes_are_refused(void **state) {
    (void)state;
    assert_no_input("{\"input\":{\"a\":1,\"b\":2}}", "{\"c\":1}",
                    "takes no input 'c'; it takes: a b");
    assert_no_input("{\"input\":{}}", "{\"c\":1}", "it takes: none");
    assert_no_input("{}", "[1]", "must be an object, not a list");
    assert_no_input("{}", "\"text\"", "must be an object");
    assert_no_input("{}", "5", "must be an object");
}

/* ---- a run ---- */

struct bench {
    struct services services;
    char folder[2048];
    const char *folders[2];
};

static void open_bench(struct bench *bench, const char *folder) {
    memset(bench, 0, sizeof *bench);
    snprintf(bench->folder, sizeof bench->folder, "%s/w", folder);
    bench->folders[0] = bench->folder;
    bench->services.journal = open_journal(folder);
    bench->services.clock = clock_system();
    bench->services.sources.folders = bench->folders;
    bench->services.settings = packed("{}");
    assert_int_equal(secrets_new(&bench->services.secrets, NULL), 0);
    snprintf(bench->services.settings_hash, sizeof bench->services.settings_hash, "settings");
    pthread_mutex_init(&bench->services.accepting_mutex, NULL);
    write_file(folder, "w/flow.lua", "return { input = { n = 1 }, run = function() end }");
    write_file(folder, "w/other.lua", "return { run = function() end }");
}

static void close_bench(struct bench *bench) {
    for (uint64_t number = atomic_load(&bench->services.last_number); number; number--)
        (void)accept_durable(&bench->services, number); /* what was only on its way */
    buffer_done(&bench->services.settings);
    secrets_free(bench->services.secrets);
    pthread_mutex_destroy(&bench->services.accepting_mutex);
    journal_close(bench->services.journal);
}

static int try_accept(struct bench *bench, const char *target, const char *input, const char *id,
                      struct submission *submission, struct accepted *ret, struct error *err) {
    struct buffer given = BUFFER_EMPTY;
    if (input) given = packed(input);
    struct acceptance acceptance = {target, buffer_bytes(&given), id, 0};
    int status = accept_run(&bench->services, &acceptance, submission, ret, err);
    buffer_done(&given);
    return status;
}

static struct accepted accept_one(struct bench *bench, const char *target, const char *input,
                                  const char *id, struct submission *submission) {
    struct accepted accepted;
    struct error err;
    if (try_accept(bench, target, input, id, submission, &accepted, &err))
        fail_msg("%s", err.message);
    return accepted;
}

static void assert_refused(struct bench *bench, const char *target, const char *input,
                           const char *id, int status, const char *part) {
    struct submission *submission = submission_new();
    struct accepted accepted = {.number = 99};
    struct error err;
    assert_int_equal(try_accept(bench, target, input, id, submission, &accepted, &err), status);
    assert_holds(err.message, part);
    assert_int_equal(accepted.number, 99);
    assert_true(submission_is_empty(submission));
    submission_free(submission);
}

static void ignore_number(void *context, uint64_t number) { (void)context, (void)number; }

static void ignore_state(void *context, struct bytes key, uint64_t position) {
    (void)context, (void)key, (void)position;
}

static void ignore_trouble(void *context, const struct error *err) { (void)context, (void)err; }

/* Makes a submission durable, without an engine. */
static void commit(struct bench *bench, struct submission *submission) {
    struct committer_host host = {NULL,         ignore_number,  ignore_number,
                                  ignore_state, ignore_trouble, ignore_trouble};
    struct committer *committer;
    struct error err;
    assert_int_equal(committer_new(bench->services.journal, &host, &committer, &err), 0);
    assert_true(committer_wait(committer, committer_submit(committer, submission, &err)));
    committer_free(committer);
}

static void a_new_run_gets_a_number_and_an_id(void **state) {
    struct bench bench;
    open_bench(&bench, *state);
    struct submission *submission = submission_new();
    struct accepted one = accept_one(&bench, "flow", NULL, NULL, submission);
    struct accepted two = accept_one(&bench, "flow", NULL, NULL, submission);
    assert_true(one.is_new && two.is_new && one.number == 1 && two.number == 2);
    assert_int_equal(strlen(one.id), 36);
    assert_string_not_equal(one.id, two.id);
    commit(&bench, submission);
    struct record record;
    assert_int_equal(record_load_by_id(bench.services.journal, one.id, &record, NULL), 0);
    assert_int_equal(record.status, RUN_PENDING);
    assert_string_equal(record.workflow, "flow");
    assert_int_equal(record.next_sequence, 1);
    close_bench(&bench);
}

static void an_id_is_joined_while_it_is_on_its_way(void **state) {
    struct bench bench;
    open_bench(&bench, *state);
    struct submission *submission = submission_new(), *second = submission_new();
    struct accepted one = accept_one(&bench, "flow", "{\"n\":2}", "x", submission);
    struct accepted two = accept_one(&bench, "flow", "{\"n\":2}", "x", second);
    assert_true(one.is_new && !two.is_new && two.number == one.number);
    assert_true(submission_is_empty(second));
    assert_string_equal(two.id, "x");
    assert_refused(&bench, "flow", "{\"n\":3}", "x", TEND_ECONFLICT, "the id x belongs to a run");
    assert_refused(&bench, "other", "{\"n\":2}", "x", TEND_ECONFLICT, "the id x belongs to a run");
    submission_free(submission);
    submission_free(second);
    close_bench(&bench);
}

static void an_id_is_joined_when_it_is_durable(void **state) {
    struct bench bench;
    open_bench(&bench, *state);
    struct submission *submission = submission_new(), *second = submission_new();
    struct accepted one = accept_one(&bench, "flow", "{\"n\":2}", "x", submission);
    commit(&bench, submission);
    assert_true(accept_durable(&bench.services, one.number));
    assert_false(accept_durable(&bench.services, one.number)); /* once */
    struct accepted two = accept_one(&bench, "flow", "{\"n\":2}", "x", second);
    assert_true(!two.is_new && two.number == one.number);
    assert_refused(&bench, "flow", "{\"n\":3}", "x", TEND_ECONFLICT, "the id x belongs to a run");
    submission_free(second);
    close_bench(&bench);
}

static void the_input_as_given_is_compared_whatever_its_keys_order(void **state) {
    struct bench bench;
    open_bench(&bench, *state);
    struct submission *submission = submission_new();
    accept_one(&bench, "other", "{\"a\":1,\"b\":2}", "x", submission);
    assert_false(accept_one(&bench, "other", "{\"b\":2,\"a\":1}", "x", submission).is_new);
    accept_one(&bench, "flow", NULL, "y", submission);
    assert_false(accept_one(&bench, "flow", "{}", "y", submission).is_new);
    assert_refused(&bench, "flow", "{\"n\":1}", "y", TEND_ECONFLICT,
                   "y"); /* the default, but given */
    submission_free(submission);
    close_bench(&bench);
}

static void ids_that_can_not_be_are_refused(void **state) {
    static const char *const bad[] = {"", "a b", "a/b", "\xc3\xa4", "a\n"};
    char longest[RUN_ID_MAX + 2];
    struct bench bench;
    open_bench(&bench, *state);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_refused(&bench, "flow", NULL, bad[i], TEND_EINPUT, "is no run id");
    memset(longest, 'x', sizeof longest);
    longest[RUN_ID_MAX + 1] = '\0';
    assert_refused(&bench, "flow", NULL, longest, TEND_EINPUT, "is no run id");
    longest[RUN_ID_MAX] = '\0';
    struct submission *submission = submission_new();
    assert_true(accept_one(&bench, "flow", NULL, longest, submission).is_new);
    submission_free(submission);
    close_bench(&bench);
}

static void what_does_not_load_or_fit_makes_no_run(void **state) {
    struct bench bench;
    open_bench(&bench, *state);
    write_file(*state, "w/broken.lua", "return {");
    assert_refused(&bench, "nobody", NULL, NULL, TEND_ENOENT, "nobody");
    assert_refused(&bench, "broken", NULL, NULL, TEND_EINPUT, "broken.lua:1:");
    assert_refused(&bench, "flow", "{\"odd\":1}", NULL, TEND_EINPUT,
                   "flow: the workflow takes no input");
    assert_int_equal(atomic_load(&bench.services.last_number), 0);
    close_bench(&bench);
}

static void a_client_can_ask_whether_an_id_can_be_had(void **state) {
    struct bench bench;
    uint64_t number = 99;
    struct error err;
    struct buffer input = packed("{\"n\":2}");
    open_bench(&bench, *state);
    struct submission *submission = submission_new();
    struct accepted one = accept_one(&bench, "flow", "{\"n\":2}", "x", submission);
    commit(&bench, submission);
    struct journal *journal = bench.services.journal;
    assert_int_equal(accept_check_id(journal, "y", "flow", buffer_bytes(&input), &number, &err), 0);
    assert_int_equal(number, 0);
    assert_int_equal(accept_check_id(journal, "x", "flow", buffer_bytes(&input), &number, &err), 0);
    assert_int_equal(number, one.number);
    assert_int_equal(accept_check_id(journal, "x", "other", buffer_bytes(&input), &number, &err),
                     TEND_ECONFLICT);
    assert_int_equal(accept_check_id(journal, "a b", "flow", buffer_bytes(&input), &number, &err),
                     TEND_EINPUT);
    buffer_done(&input);
    close_bench(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_fill_what_is_not_given),
        cmocka_unit_test(without_a_declaration_everything_goes),
        cmocka_unit_test(unknown_keys_and_other_shapes_are_refused),
        FOLDER_TEST(a_new_run_gets_a_number_and_an_id),
        FOLDER_TEST(an_id_is_joined_while_it_is_on_its_way),
        FOLDER_TEST(an_id_is_joined_when_it_is_durable),
        FOLDER_TEST(the_input_as_given_is_compared_whatever_its_keys_order),
        FOLDER_TEST(ids_that_can_not_be_are_refused),
        FOLDER_TEST(what_does_not_load_or_fit_makes_no_run),
        FOLDER_TEST(a_client_can_ask_whether_an_id_can_be_had),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
