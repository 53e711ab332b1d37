/* What io/opencode.h promises, against the real OpenCode server, which talks to the scripted model
 * of server.js. Skipped where there is no server program: TEND_OPENCODE names one, otherwise it is
 * looked for in tests/e2e/node_modules. */
#include "support.h"

#include <sys/prctl.h>

#include "base/json.h"
#include "base/text.h"
#include "io/opencode.h"

struct fixture {
    struct test_server model;
    char program[1024];
    char root[256];      /* everything of this test; removed at the end */
    char directory[300]; /* of the session under way */
    char message_id[64]; /* message ids are the server's, not a session's: each test has its own */
    int tests;
    pid_t pid; /* of the server; 0: not running */
    int port;  /* stays the same when it is started again */
    char base[64];
    uv_loop_t loop;
    struct http_client *client;
};

struct outcome {
    int is_over;
    struct buffer packed;
    struct value_tree tree;
    struct error err;
    bool is_transient;
};

/* ---- the server ------------------------------------------------------------------------------ */

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void write_configuration(struct fixture *fixture) {
    char path[512], text[2048];
    snprintf(path, sizeof path, "%s/home/.config/opencode", fixture->root);
    char command[600];
    snprintf(command, sizeof command, "mkdir -p %s", path);
    assert_int_equal(system(command), 0);
    strcat(path, "/opencode.json");
    snprintf(text, sizeof text,
             "{\"autoupdate\":false,\"share\":\"disabled\",\"model\":\"local/scripted\","
             "\"provider\":{\"local\":{\"npm\":\"@ai-sdk/openai-compatible\",\"options\":"
             "{\"baseURL\":\"http://127.0.0.1:%d/v1\",\"apiKey\":\"k\"},\"models\":{"
             "\"scripted\":{\"limit\":{\"context\":100000,\"output\":8000}},"
             "\"fault-401\":{\"limit\":{\"context\":100000,\"output\":8000}}}}}}",
             fixture->model.port);
    write_file(path, text);
}

/* A port that was free a moment ago: the server's own `--port 0` may take 4096. */
static int free_port(void) {
    uv_loop_t loop;
    uv_tcp_t tcp;
    struct sockaddr_in address;
    int size = sizeof address;
    uv_loop_init(&loop);
    uv_tcp_init(&loop, &tcp);
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_bind(&tcp, (struct sockaddr *)&address, 0);
    uv_tcp_getsockname(&tcp, (struct sockaddr *)&address, &size);
    uv_close((uv_handle_t *)&tcp, NULL);
    loop_done(&loop);
    return ntohs(address.sin_port);
}

static void opencode_spawn(struct fixture *fixture) {
    char port[16], home[300], log[300];
    snprintf(port, sizeof port, "%d", fixture->port);
    snprintf(home, sizeof home, "%s/home", fixture->root);
    snprintf(log, sizeof log, "%s/log", fixture->root);
    fixture->pid = fork();
    assert_true(fixture->pid >= 0);
    if (fixture->pid > 0) return;
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* it doesn't outlive a test that is killed */
    int fd = open(log, O_CREAT | O_WRONLY | O_APPEND, 0600);
    dup2(fd, 1);
    dup2(fd, 2);
    setenv("HOME", home, 1);
    setenv("OPENCODE_SERVER_PASSWORD", "pass", 1);
    setenv("OPENCODE_DISABLE_AUTOUPDATE", "1", 1);
    setenv("OPENCODE_DISABLE_MODELS_FETCH", "1", 1);
    setenv("OPENCODE_DISABLE_LSP_DOWNLOAD", "1", 1);
    if (chdir(home)) _exit(127);
    execl(fixture->program, fixture->program, "serve", "--port", port, "--hostname", "127.0.0.1",
          (char *)NULL);
    _exit(127);
}

/* Kills it the hard way, with what it had started. */
static void opencode_kill(struct fixture *fixture) {
    if (fixture->pid <= 0) return;
    kill(-fixture->pid, SIGKILL);
    waitpid(fixture->pid, NULL, 0);
    fixture->pid = 0;
}

static void find_program(struct fixture *fixture) {
    static const char *const places[] = {"tests/e2e/node_modules/opencode-linux-x64/bin/opencode",
                                         "tests/e2e/node_modules/opencode-linux-arm64/bin/opencode",
                                         "tests/e2e/node_modules/.bin/opencode"};
    const char *given = getenv("TEND_OPENCODE");
    if (given) snprintf(fixture->program, sizeof fixture->program, "%s", given);
    for (size_t i = 0; !given && i < 3; i++) {
        char folder[512];
        if (access(places[i], X_OK) != 0 || !getcwd(folder, sizeof folder)) continue;
        snprintf(fixture->program, sizeof fixture->program, "%s/%s", folder, places[i]);
        return;
    }
}

static int group_setup(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    *state = fixture;
    find_program(fixture);
    if (!fixture->program[0]) {
        print_message("no OpenCode server (set TEND_OPENCODE): these tests are skipped\n");
        return 0;
    }
    strcpy(fixture->root, "/tmp/tend-opencode-XXXXXX");
    assert_non_null(mkdtemp(fixture->root));
    server_start(&fixture->model);
    write_configuration(fixture);
    fixture->port = free_port();
    snprintf(fixture->base, sizeof fixture->base, "http://127.0.0.1:%d", fixture->port);
    opencode_spawn(fixture);
    return 0;
}

static int group_teardown(void **state) {
    struct fixture *fixture = *state;
    char command[300];
    if (fixture->program[0]) {
        opencode_kill(fixture);
        server_stop(&fixture->model);
        snprintf(command, sizeof command, "rm -rf %s", fixture->root);
        assert_int_equal(system(command), 0);
    }
    free(fixture);
    return 0;
}

/* A git repository of its own for each test, with one file. */
static int setup(void **state) {
    struct fixture *fixture = *state;
    struct error err;
    char command[1024];
    if (!fixture->program[0]) return 0;
    snprintf(fixture->directory, sizeof fixture->directory, "%s/work-XXXXXX", fixture->root);
    assert_non_null(mkdtemp(fixture->directory));
    snprintf(fixture->message_id, sizeof fixture->message_id, "msg_%08dtest", ++fixture->tests);
    snprintf(command, sizeof command,
             "cd %s && git init -q . && echo hello > a.txt && git add . && "
             "git -c user.name=t -c user.email=t@localhost commit -qm one",
             fixture->directory);
    assert_int_equal(system(command), 0);
    uv_loop_init(&fixture->loop);
    return http_client_new(&fixture->loop, &fixture->client, &err);
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    if (!fixture->program[0]) return 0;
    fixture->client = http_client_free(fixture->client);
    loop_done(&fixture->loop);
    return 0;
}

/* ---- a session ---------------------------------------------------------------------------------
 */

static const char *const allowed[] = {"read",      "glob", "grep", "list",
                                      "todowrite", "edit", "bash", NULL};

static struct opencode_request request_of(struct fixture *fixture, const char *prompt) {
    return (struct opencode_request){.base_url = fixture->base,
                                     .password = "pass",
                                     .directory = fixture->directory,
                                     .title = "a test",
                                     .key = "key-1",
                                     .message_id = fixture->message_id,
                                     .provider_id = "local",
                                     .model_id = "scripted",
                                     .prompt = prompt,
                                     .allowed = allowed,
                                     .poll_us = 100000,
                                     .timeout_us = 50000000};
}

static void on_done(void *context, struct bytes result, const struct error *err,
                    bool is_transient) {
    struct outcome *outcome = context;
    struct error ignored;
    outcome->is_over = 1;
    outcome->is_transient = is_transient;
    if (err) {
        outcome->err = *err;
        return;
    }
    buffer_add(&outcome->packed, result.data, result.size);
    assert_int_equal(value_read(buffer_bytes(&outcome->packed), &outcome->tree, &ignored), 0);
}

static void outcome_done(struct outcome *outcome) {
    value_tree_done(&outcome->tree);
    buffer_done(&outcome->packed);
}

static struct opencode *start(struct fixture *fixture, const struct opencode_request *request,
                              struct outcome *outcome) {
    struct opencode *opencode;
    *outcome = (struct outcome){0};
    if (opencode_start(&fixture->loop, fixture->client, request, on_done, outcome, &opencode,
                       &outcome->err))
        fail_msg("%s", outcome->err.message);
    return opencode;
}

static void follow(struct fixture *fixture, const struct opencode_request *request,
                   struct outcome *outcome) {
    start(fixture, request, outcome);
    run_until(&fixture->loop, &outcome->is_over);
}

static void assert_done(const struct outcome *outcome) {
    if (outcome->err.status) fail_msg("%s", outcome->err.message);
    assert_true(bytes_are(value_get_bytes(&outcome->tree.root, "finish_reason"), "stop"));
}

/* The result as JSON, for looking into. */
static bool result_has(const struct outcome *outcome, const char *text) {
    struct buffer json = BUFFER_EMPTY;
    struct error err;
    assert_int_equal(json_write_packed(buffer_bytes(&outcome->packed), &json, &err), 0);
    bool found = strstr(json.data, text) != NULL;
    if (!found) print_message("%s\n", json.data);
    buffer_done(&json);
    return found;
}

static bool file_has(struct fixture *fixture, const char *name, const char *text) {
    struct buffer file = BUFFER_EMPTY;
    struct error err;
    char path[400];
    snprintf(path, sizeof path, "%s/%s", fixture->directory, name);
    bool found = text_read_file(path, 1 << 20, &file, &err) == 0 && strstr(file.data, text);
    buffer_done(&file);
    return found;
}

static bool file_exists(struct fixture *fixture, const char *name) {
    char path[400];
    snprintf(path, sizeof path, "%s/%s", fixture->directory, name);
    return access(path, F_OK) == 0;
}

/* A prompt that carries a script for the model. */
static const char *script(struct fixture *fixture, const char *turns) {
    static char text[8192];
    char *out = text + sprintf(text, "SCRIPT ");
    for (const char *c = turns; *c; c++) { /* % stands for the session's directory */
        if (*c == '%') out += sprintf(out, "%s", fixture->directory);
        else *out++ = *c;
    }
    strcpy(out, " END");
    return text;
}

/* What the server itself says: the answer to a GET. */
struct page {
    int is_over;
    struct buffer body;
};

static void on_page(void *context, struct http_response *response, const struct error *err) {
    struct page *page = context;
    page->is_over = 1;
    if (err) return;
    page->body = response->body;
    response->body = BUFFER_EMPTY;
}

static void get_page(struct fixture *fixture, const char *path, struct page *page) {
    struct http_exchange *exchange;
    struct error err;
    char url[1024];
    static const char *const headers[] = {"Authorization: Basic b3BlbmNvZGU6cGFzcw==", NULL};
    snprintf(url, sizeof url, "%s%s?directory=%s", fixture->base, path, fixture->directory);
    *page = (struct page){0};
    assert_int_equal(http_start(fixture->client,
                                &(struct http_request){.url = url, .headers = headers}, on_page,
                                page, &exchange, &err),
                     0);
    run_until(&fixture->loop, &page->is_over);
}

static int count_in(const struct page *page, const char *text) {
    int count = 0;
    for (const char *at = buffer_bytes(&page->body).data; (at = strstr(at, text)); at++) count++;
    return count;
}

/* The messages of the one session that the directory has. */
static void get_messages(struct fixture *fixture, struct page *page) {
    struct page sessions;
    char path[200];
    get_page(fixture, "/session", &sessions);
    assert_int_equal(count_in(&sessions, "\"id\":\"ses_"), 1);
    char *id = strstr(sessions.body.data, "\"id\":\"ses_") + strlen("\"id\":\"");
    snprintf(path, sizeof path, "/session/%.*s/message", (int)strcspn(id, "\""), id);
    buffer_done(&sessions.body);
    get_page(fixture, path, page);
}

static void wait_for_file(struct fixture *fixture, const char *name) {
    for (int i = 0; i < 3000 && !file_exists(fixture, name); i++) {
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
        usleep(10000);
    }
    assert_true(file_exists(fixture, name));
}

#define SKIP_WITHOUT_SERVER(fixture)                                                               \
    if (!(fixture)->program[0]) skip()

/* ---- promises
 * ------------------------------------------------------------------------------------ */

static void a_session_works_and_what_it_did_is_told(void **state) {
    struct fixture *fixture = *state;
    struct outcome outcome;
    SKIP_WITHOUT_SERVER(fixture);
    static const char *const shell[] = {
        "git add -A && git -c user.name=t -c user.email=t@localhost "
        "commit -qm two",
        "echo committed; git status --short", NULL};
    struct opencode_request request = request_of(
        fixture,
        script(fixture, "[{\"tool\":\"edit\",\"args\":{\"filePath\":\"%/a.txt\",\"oldString\":"
                        "\"hello\",\"newString\":\"bye\"}},"
                        "{\"tool\":\"bash\",\"args\":{\"command\":\"cat a.txt; seq 1500\","
                        "\"description\":\"look\"}},"
                        "{\"tool\":\"todowrite\",\"args\":{\"todos\":[{\"content\":\"mend it\","
                        "\"status\":\"completed\",\"priority\":\"high\"}]}},"
                        "{\"text\":\"All is well.\"}]"));
    request.shell = shell;
    follow(fixture, &request, &outcome);
    assert_done(&outcome);
    assert_true(file_has(fixture, "a.txt", "bye"));
    assert_true(result_has(&outcome, "\"text\":\"All is well.\""));
    assert_true(result_has(&outcome, "\"files\":[\"a.txt\"]"));
    assert_true(
        result_has(&outcome, "\"command\":\"cat a.txt; seq 1500\",\"output\":\"bye\\n1\\n"));
    assert_true(result_has(&outcome, "bytes left out]"));
    assert_true(result_has(&outcome, "\"command\":\"echo committed; git status --short\","
                                     "\"output\":\"committed\\n\""));
    assert_true(result_has(&outcome, "\"todos\":[{\"content\":\"mend it\",\"priority\":\"high\","
                                     "\"status\":\"completed\"}]"));
    assert_true(result_has(&outcome, "\"usage\":{\"input\":400,\"output\":40}"));
    assert_true(result_has(&outcome, "\"session_id\":\"ses_"));
    outcome_done(&outcome);
}

static void a_denied_tool_is_not_executed_and_nobody_is_asked(void **state) {
    struct fixture *fixture = *state;
    struct outcome outcome;
    struct page seen;
    char turns[1024], path[400];
    SKIP_WITHOUT_SERVER(fixture);
    snprintf(path, sizeof path, "%s/opencode.json", fixture->directory);
    write_file(path,
               "{\"permission\":{\"*\":\"allow\",\"webfetch\":\"allow\",\"external_directory\":"
               "\"allow\"},\"agent\":{\"build\":{\"permission\":{\"*\":\"allow\"},\"tools\":"
               "{\"webfetch\":true}}},\"tools\":{\"webfetch\":true}}");
    snprintf(turns, sizeof turns,
             "[{\"tool\":\"webfetch\",\"args\":{\"url\":\"http://127.0.0.1:%d/fetched\","
             "\"format\":\"text\"}},"
             "{\"tool\":\"read\",\"args\":{\"filePath\":\"/etc/hostname\"}},"
             "{\"tool\":\"bash\",\"args\":{\"command\":\"cat /etc/hostname > stolen\","
             "\"description\":\"x\"}},{\"text\":\"done\"}]",
             fixture->model.port);
    struct opencode_request request = request_of(fixture, script(fixture, turns));
    follow(fixture, &request, &outcome);
    assert_done(&outcome);
    assert_false(file_exists(fixture, "stolen"));
    get_messages(fixture, &seen);
    assert_int_equal(count_in(&seen, "unavailable tool"), 1);
    assert_int_equal(count_in(&seen, "prevents you from using"), 2);
    assert_int_equal(count_in(&seen, "\"status\":\"completed\""), 0);
    buffer_done(&seen.body);
    outcome_done(&outcome);
}

/* Our own sessions allow or deny; this one was made by somebody else and asks. */
static void a_permission_request_is_rejected(void **state) {
    struct fixture *fixture = *state;
    struct outcome outcome;
    struct page page = {0};
    struct http_exchange *exchange;
    struct error err;
    char url[1024];
    static const char *const headers[] = {
        "Authorization: Basic b3BlbmNvZGU6cGFzcw==", "Content-Type: application/json", NULL};
    SKIP_WITHOUT_SERVER(fixture);
    snprintf(url, sizeof url, "%s/session?directory=%s", fixture->base, fixture->directory);
    struct http_request session = {
        .url = url,
        .headers = headers,
        .body = bytes_of("{\"title\":\"t\",\"metadata\":{\"tend\":\"key-1\"},\"permission\":["
                         "{\"permission\":\"*\",\"pattern\":\"*\",\"action\":\"ask\"}]}")};
    assert_int_equal(http_start(fixture->client, &session, on_page, &page, &exchange, &err), 0);
    run_until(&fixture->loop, &page.is_over);
    buffer_done(&page.body);
    struct opencode_request request = request_of(
        fixture, script(fixture, "[{\"tool\":\"bash\",\"args\":{\"command\":\"echo x > made\","
                                 "\"description\":\"x\"}},{\"text\":\"done\"}]"));
    follow(fixture, &request, &outcome);
    assert_done(&outcome); /* the model is told, and goes on */
    assert_false(file_exists(fixture, "made"));
    get_messages(fixture, &page);
    assert_int_equal(count_in(&page, "rejected permission"), 1);
    buffer_done(&page.body);
    outcome_done(&outcome);
}

static void a_caller_that_comes_back_finds_its_session(void **state) {
    struct fixture *fixture = *state;
    struct outcome outcome, again;
    struct page messages;
    SKIP_WITHOUT_SERVER(fixture);
    struct opencode_request request = request_of(
        fixture, script(fixture, "[{\"tool\":\"bash\",\"args\":{\"command\":\"echo x >> begun; "
                                 "sleep 2\",\"description\":\"x\"}},{\"text\":\"done\"}]"));
    struct opencode *opencode = start(fixture, &request, &outcome);
    wait_for_file(fixture, "begun");
    opencode_detach(opencode);
    uv_run(&fixture->loop, UV_RUN_NOWAIT);
    assert_int_equal(outcome.is_over, 0);
    follow(fixture, &request, &again);
    assert_done(&again);
    get_messages(fixture, &messages);                               /* one session, … */
    assert_int_equal(count_in(&messages, "\"role\":\"user\""), 1);  /* one message, … */
    assert_int_equal(count_in(&messages, "\"text\":\"SCRIPT "), 1); /* given once */
    assert_true(file_has(fixture, "begun", "x\n"));
    assert_false(file_has(fixture, "begun", "x\nx\n"));
    outcome_done(&again);
    follow(fixture, &request, &again); /* and a finished one isn't begun again */
    assert_done(&again);
    assert_false(file_has(fixture, "begun", "x\nx\n"));
    buffer_done(&messages.body);
    outcome_done(&again);
}

static void a_server_that_was_killed_and_restarted_is_resumed(void **state) {
    struct fixture *fixture = *state;
    struct outcome outcome;
    struct page messages;
    SKIP_WITHOUT_SERVER(fixture);
    struct opencode_request request = request_of(
        fixture, script(fixture, "[{\"tool\":\"bash\",\"args\":{\"command\":\"echo x >> begun; "
                                 "sleep 3\",\"description\":\"x\"}},{\"text\":\"done\"}]"));
    start(fixture, &request, &outcome);
    wait_for_file(fixture, "begun");
    opencode_kill(fixture);
    for (int i = 0; i < 50; i++, usleep(10000)) uv_run(&fixture->loop, UV_RUN_NOWAIT);
    opencode_spawn(fixture);
    run_until(&fixture->loop, &outcome.is_over);
    assert_done(&outcome);
    get_messages(fixture, &messages);
    assert_int_equal(count_in(&messages, "\"role\":\"user\""), 1);
    buffer_done(&messages.body);
    outcome_done(&outcome);
}

static void past_its_clock_a_session_is_aborted_and_can_be_resumed(void **state) {
    struct fixture *fixture = *state;
    struct outcome outcome;
    struct page messages;
    SKIP_WITHOUT_SERVER(fixture);
    struct opencode_request request =
        request_of(fixture, script(fixture, "[{\"tool\":\"bash\",\"args\":{\"command\":\"sleep 4\","
                                            "\"description\":\"x\"}},{\"text\":\"done\"}]"));
    request.timeout_us = 3000000;
    follow(fixture, &request, &outcome);
    assert_string_equal(outcome.err.kind, "timeout");
    assert_non_null(strstr(outcome.err.message, "was not done within 3 s and was aborted"));
    assert_true(outcome.is_transient);
    get_messages(fixture, &messages);
    assert_int_equal(count_in(&messages, "MessageAbortedError"), 1);
    buffer_done(&messages.body);
    request.timeout_us = 50000000;
    follow(fixture, &request, &outcome);
    assert_done(&outcome);
    outcome_done(&outcome);
}

static void an_abort_reaches_the_server_and_is_silent(void **state) {
    struct fixture *fixture = *state;
    struct outcome outcome;
    struct page messages = {0};
    SKIP_WITHOUT_SERVER(fixture);
    struct opencode_request request = request_of(
        fixture,
        script(fixture, "[{\"tool\":\"bash\",\"args\":{\"command\":\"echo x > begun; sleep "
                        "30\",\"description\":\"x\"}},{\"text\":\"done\"}]"));
    opencode_abort(NULL);
    opencode_detach(NULL);
    struct opencode *opencode = start(fixture, &request, &outcome);
    wait_for_file(fixture, "begun");
    opencode_abort(opencode);
    for (int i = 0; i < 50 && count_in(&messages, "MessageAbortedError") == 0; i++) {
        buffer_done(&messages.body);
        get_messages(fixture, &messages);
    }
    assert_int_equal(count_in(&messages, "MessageAbortedError"), 1);
    assert_int_equal(outcome.is_over, 0);
    buffer_done(&messages.body);
}

static void a_failure_of_the_model_is_told_in_its_words(void **state) {
    struct fixture *fixture = *state;
    struct outcome outcome;
    SKIP_WITHOUT_SERVER(fixture);
    struct opencode_request request = request_of(fixture, "hello");
    request.model_id = "fault-401";
    follow(fixture, &request, &outcome);
    assert_string_equal(outcome.err.kind, "agent");
    assert_non_null(strstr(outcome.err.message, "APIError: Incorrect API key provided"));
    assert_false(outcome.is_transient);
}

static void assert_refused(struct fixture *fixture, const struct opencode_request *request,
                           const char *part) {
    struct outcome outcome;
    uint64_t begun = uv_hrtime();
    follow(fixture, request, &outcome);
    assert_string_equal(outcome.err.kind, "agent");
    assert_false(outcome.is_transient);
    if (!strstr(outcome.err.message, part)) fail_msg("%s", outcome.err.message);
    assert_true(uv_hrtime() - begun < 10 * UINT64_C(1000000000));
}

static void a_wrong_password_or_model_fails_at_once(void **state) {
    struct fixture *fixture = *state;
    SKIP_WITHOUT_SERVER(fixture);
    struct opencode_request request = request_of(fixture, "hello");
    request.password = "wrong";
    assert_refused(fixture, &request, "refused the password");
    request.password = NULL;
    assert_refused(fixture, &request, "refused the password");
    request.password = "pass";
    request.model_id = "nothing";
    assert_refused(fixture, &request,
                   "has no model nothing at provider local (it has scripted, fault-401): see "
                   "TEND_AGENT_MODEL");
    request.provider_id = "nobody";
    assert_refused(fixture, &request, "has no provider nobody");
}

/* 0.0.0.0 reaches loopback, but isn't named so. */
static void off_loopback_a_server_needs_its_password(void **state) {
    struct fixture *fixture = *state;
    struct outcome outcome;
    struct opencode *opencode;
    char elsewhere[64];
    SKIP_WITHOUT_SERVER(fixture);
    struct opencode_request request = request_of(fixture, script(fixture, "[{\"text\":\"done\"}]"));
    snprintf(elsewhere, sizeof elsewhere, "http://0.0.0.0:%d", fixture->port);
    request.base_url = elsewhere;
    request.password = NULL;
    assert_int_equal(opencode_start(&fixture->loop, fixture->client, &request, on_done, &outcome,
                                    &opencode, &outcome.err),
                     TEND_EINPUT);
    assert_non_null(strstr(outcome.err.message, "isn't on loopback and no password is set"));
    request.password = "pass";
    follow(fixture, &request, &outcome);
    assert_done(&outcome);
    outcome_done(&outcome);
    snprintf(elsewhere, sizeof elsewhere, "http://0.0.0.0:%d/open", fixture->model.port);
    assert_refused(fixture, &request, "answers without a password");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_session_works_and_what_it_did_is_told),
        TEST(a_denied_tool_is_not_executed_and_nobody_is_asked),
        TEST(a_permission_request_is_rejected),
        TEST(a_caller_that_comes_back_finds_its_session),
        TEST(a_server_that_was_killed_and_restarted_is_resumed),
        TEST(past_its_clock_a_session_is_aborted_and_can_be_resumed),
        TEST(an_abort_reaches_the_server_and_is_silent),
        TEST(a_failure_of_the_model_is_told_in_its_words),
        TEST(a_wrong_password_or_model_fails_at_once),
        TEST(off_loopback_a_server_needs_its_password),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
