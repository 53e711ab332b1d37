/* What io/process.h promises, with real children. */
#include "support.h"

#include <fcntl.h>

#include "io/process.h"

struct outcome {
    int is_over;
    struct process_result result;
    struct error err;
};

static int setup(void **state) {
    static uv_loop_t loop;
    *state = &loop;
    return uv_loop_init(&loop);
}

static int teardown(void **state) {
    loop_done(*state);
    return 0;
}

static void on_done(void *context, struct process_result *result, const struct error *err) {
    struct outcome *outcome = context;
    outcome->is_over = 1;
    assert_true((result == NULL) != (err == NULL));
    if (err) {
        outcome->err = *err;
        return;
    }
    outcome->result = *result;
    result->output = result->errors = BUFFER_EMPTY;
}

static void outcome_done(struct outcome *outcome) {
    buffer_done(&outcome->result.output);
    buffer_done(&outcome->result.errors);
}

static void run(uv_loop_t *loop, const struct process_request *request, struct outcome *outcome) {
    struct process *process;
    *outcome = (struct outcome){0};
    assert_int_equal(process_start(loop, request, on_done, outcome, &process, &outcome->err), 0);
    run_until(loop, &outcome->is_over);
}

static const char *const path_only[] = {"PATH=/usr/bin:/bin", NULL};

/* A shell's script as a request. */
static struct process_request shell(const char *script) {
    static const char *argv[] = {"sh", "-c", NULL, NULL};
    argv[2] = script;
    return (struct process_request){.argv = argv, .env = path_only};
}

static const char *output_of(const struct outcome *outcome) {
    return buffer_bytes(&outcome->result.output).data;
}

static void output_errors_and_code_come_back(void **state) {
    struct outcome outcome;
    struct process_request request = shell("echo out; echo err >&2; exit 3");
    run(*state, &request, &outcome);
    assert_int_equal(outcome.result.code, 3);
    assert_int_equal(outcome.result.signal, 0);
    assert_string_equal(output_of(&outcome), "out\n");
    assert_string_equal(outcome.result.errors.data, "err\n");
    outcome_done(&outcome);
}

static void a_signal_is_told(void **state) {
    struct outcome outcome;
    struct process_request request = shell("kill -9 $$");
    run(*state, &request, &outcome);
    assert_int_equal(outcome.result.code, -1);
    assert_int_equal(outcome.result.signal, 9);
    outcome_done(&outcome);
}

static void large_input_passes_through(void **state) {
    struct outcome outcome;
    size_t size = 4 << 20;
    char *input = malloc(size);
    memset(input, 'x', size);
    struct process_request request = shell("cat");
    request.input = (struct bytes){input, size};
    run(*state, &request, &outcome);
    assert_int_equal(outcome.result.output.size, size);
    outcome_done(&outcome);
    free(input);
}

static void input_that_nobody_reads_is_no_error(void **state) {
    struct outcome outcome;
    size_t size = 4 << 20;
    char *input = calloc(1, size);
    struct process_request request = shell("exec 0<&-; echo done");
    request.input = (struct bytes){input, size};
    run(*state, &request, &outcome);
    assert_string_equal(output_of(&outcome), "done\n");
    outcome_done(&outcome);
    free(input);
}

static void environment_and_folder_are_as_given(void **state) {
    struct outcome outcome;
    static const char *const env[] = {"PATH=/usr/bin:/bin", "ONE=1", NULL};
    struct process_request request = shell("pwd; echo $ONE $HOME");
    request.cwd = "/";
    request.env = env;
    setenv("HOME", "/somewhere", 1);
    run(*state, &request, &outcome);
    assert_string_equal(output_of(&outcome), "/\n1\n");
    outcome_done(&outcome);
}

static void a_child_has_a_group_of_its_own_and_no_descriptors_of_ours(void **state) {
    struct outcome outcome;
    int leaked = open("/dev/null", O_RDONLY); /* without O_CLOEXEC */
    struct process_request request =
        shell("cut -d' ' -f5 /proc/$$/stat; echo $$; exec ls /proc/self/fd");
    int group = 0, pid = 0, at = 0;
    run(*state, &request, &outcome);
    assert_int_equal(sscanf(output_of(&outcome), "%d\n%d\n%n", &group, &pid, &at), 2);
    assert_int_equal(group, pid);
    assert_string_equal(output_of(&outcome) + at, "0\n1\n2\n3\n"); /* 3: what ls reads */
    outcome_done(&outcome);
    close(leaked);
}

/* The signals 1 to 31; above are the C library's own, which a parent may have left as it likes. */
static unsigned long long ordinary(const char *output, const char *name) {
    const char *at = strstr(output, name);
    assert_non_null(at);
    return strtoull(at + strlen(name), NULL, 16) & 0x7fffffff;
}

static void signals_reach_a_child_as_usual(void **state) {
    struct outcome outcome;
    struct process_request request = shell("exec grep -E 'SigBlk|SigIgn' /proc/self/status");
    signal(SIGPIPE, SIG_IGN);
    run(*state, &request, &outcome);
    assert_int_equal(ordinary(output_of(&outcome), "SigBlk:"), 0);
    assert_int_equal(ordinary(output_of(&outcome), "SigIgn:"), 0);
    outcome_done(&outcome);
}

static void what_cannot_start_says_why(void **state) {
    struct process *process;
    struct error err;
    static const char *const argv[] = {"no-such-program", NULL};
    static const char *const folder[] = {"/tmp", NULL};
    struct process_request request = {.argv = argv, .env = path_only};
    assert_int_equal(process_start(*state, &request, on_done, NULL, &process, &err), TEND_ENOENT);
    assert_string_equal(err.kind, "exec");
    assert_string_equal(err.message, "could not start no-such-program: no such file");
    request = shell("true");
    request.cwd = "/no/such/folder";
    assert_int_equal(process_start(*state, &request, on_done, NULL, &process, &err), TEND_ENOENT);
    assert_string_equal(err.message,
                        "could not start sh in /no/such/folder: No such file or directory");
    request = (struct process_request){.argv = folder, .env = path_only};
    assert_int_equal(process_start(*state, &request, on_done, NULL, &process, &err), TEND_EIO);
}

static void the_clock_ends_a_whole_group(void **state) {
    struct outcome outcome;
    struct process_request request = shell("sleep 50 & sleep 50");
    request.timeout_us = 300000;
    uint64_t start = uv_hrtime();
    run(*state, &request, &outcome);
    assert_string_equal(outcome.err.kind, "timeout");
    assert_string_equal(outcome.err.message, "sh was ended: it took longer than 0.3 s");
    assert_true(uv_hrtime() - start < 5 * UINT64_C(1000000000));
    outcome_done(&outcome);
}

static void a_child_that_ignores_sigterm_is_killed(void **state) {
    struct outcome outcome;
    struct process_request request = shell("trap '' TERM; while :; do sleep 0.1; done");
    request.timeout_us = 200000;
    run(*state, &request, &outcome);
    assert_string_equal(outcome.err.kind, "timeout");
    outcome_done(&outcome);
}

static void too_much_output_ends_it(void **state) {
    struct outcome outcome;
    struct process_request request = shell("yes");
    request.max_bytes = 100000;
    run(*state, &request, &outcome);
    assert_string_equal(outcome.err.kind, "exec");
    assert_string_equal(outcome.err.message, "sh was ended: stdout larger than max_bytes (100000)");
    outcome_done(&outcome);
}

static void a_grandchild_does_not_hold_the_result_up(void **state) {
    struct outcome outcome;
    struct process_request request = shell("sleep 50 & echo $!");
    uint64_t start = uv_hrtime();
    run(*state, &request, &outcome);
    assert_true(uv_hrtime() - start < 10 * UINT64_C(1000000000));
    assert_int_equal(outcome.result.code, 0);
    int grandchild = atoi(output_of(&outcome));
    assert_true(grandchild > 1);
    char state_of[256] = "Z"; /* gone, or not collected yet by whoever collects orphans */
    snprintf(state_of, sizeof state_of, "/proc/%d/stat", grandchild);
    for (int i = 0; i < 200; i++) {
        FILE *file = fopen(state_of, "r");
        char letter = 'Z';
        if (file && fscanf(file, "%*d %*s %c", &letter) != 1) letter = 'Z';
        if (file) fclose(file);
        if (letter == 'Z' || letter == 'X') break;
        assert_true(i < 199);
        usleep(20000);
    }
    outcome_done(&outcome);
}

static void an_aborted_child_is_ended_without_a_callback(void **state) {
    struct outcome outcome = {0};
    struct process *process;
    struct process_request request = shell("sleep 50");
    process_abort(NULL);
    assert_int_equal(process_start(*state, &request, on_done, &outcome, &process, &outcome.err), 0);
    process_abort(process);
    uv_run(*state, UV_RUN_DEFAULT); /* returns once the child is reaped */
    assert_int_equal(outcome.is_over, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(output_errors_and_code_come_back),
        TEST(a_signal_is_told),
        TEST(large_input_passes_through),
        TEST(input_that_nobody_reads_is_no_error),
        TEST(environment_and_folder_are_as_given),
        TEST(a_child_has_a_group_of_its_own_and_no_descriptors_of_ours),
        TEST(signals_reach_a_child_as_usual),
        TEST(what_cannot_start_says_why),
        TEST(the_clock_ends_a_whole_group),
        TEST(a_child_that_ignores_sigterm_is_killed),
        TEST(too_much_output_ends_it),
        TEST(a_grandchild_does_not_hold_the_result_up),
        TEST(an_aborted_child_is_ended_without_a_callback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
