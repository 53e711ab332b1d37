/* What io/chat.h promises, against a scripted server with faults (server.js). */
#include "support.h"

#include "base/json.h"
#include "io/chat.h"

struct fixture {
    struct test_server server;
    uv_loop_t loop;
    struct http_client *client;
    char base[64];
};

struct outcome {
    int is_over;
    char json[2048]; /* the answer, as JSON */
    struct error err;
    bool is_transient;
    int64_t retry_after_us;
};

static int group_setup(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    server_start(&fixture->server);
    snprintf(fixture->base, sizeof fixture->base, "http://127.0.0.1:%d/v1/", fixture->server.port);
    *state = fixture;
    return 0;
}

static int group_teardown(void **state) {
    struct fixture *fixture = *state;
    server_stop(&fixture->server);
    free(fixture);
    return 0;
}

static int setup(void **state) {
    struct fixture *fixture = *state;
    struct error err;
    uv_loop_init(&fixture->loop);
    return http_client_new(&fixture->loop, &fixture->client, &err);
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    fixture->client = http_client_free(fixture->client);
    loop_done(&fixture->loop);
    return 0;
}

static void on_done(void *context, struct bytes answer, const struct error *err, bool is_transient,
                    int64_t retry_after_us) {
    struct outcome *outcome = context;
    struct buffer json = BUFFER_EMPTY;
    struct error ignored;
    outcome->is_over = 1;
    outcome->is_transient = is_transient;
    outcome->retry_after_us = retry_after_us;
    if (err) {
        outcome->err = *err;
        return;
    }
    assert_int_equal(json_write_packed(answer, &json, &ignored), 0);
    snprintf(outcome->json, sizeof outcome->json, "%s", json.data);
    buffer_done(&json);
}

/* Texts of JSON as trees. */
struct parsed {
    struct buffer packed;
    struct value_tree tree;
};

static void parse(const char *text, struct parsed *parsed) {
    struct error err;
    *parsed = (struct parsed){0};
    assert_int_equal(json_read(bytes_of(text), &parsed->packed, &err), 0);
    assert_int_equal(value_read(buffer_bytes(&parsed->packed), &parsed->tree, &err), 0);
}

static void parsed_done(struct parsed *parsed) {
    value_tree_done(&parsed->tree);
    buffer_done(&parsed->packed);
}

/* Asks with `script` in the user's message; `schema` is JSON text or NULL. */
static void chat(struct fixture *fixture, struct chat_request request, const char *script,
                 const char *schema, struct outcome *outcome) {
    struct buffer packed = BUFFER_EMPTY;
    struct value_tree messages;
    struct parsed parsed_schema = {0};
    struct chat *started;
    char text[2048];
    snprintf(text, sizeof text, "SCRIPT %s END", script);
    pack_list(&packed, 1);
    pack_map(&packed, 2);
    pack_member_text(&packed, "role", "user");
    pack_member_text(&packed, "content", text);
    *outcome = (struct outcome){0};
    assert_int_equal(value_read(buffer_bytes(&packed), &messages, &outcome->err), 0);
    if (schema) parse(schema, &parsed_schema);
    request.messages = &messages.root;
    request.schema = schema ? &parsed_schema.tree.root : NULL;
    if (!request.base_url) request.base_url = fixture->base;
    if (!request.model) request.model = "scripted";
    assert_int_equal(
        chat_start(fixture->client, &request, on_done, outcome, &started, &outcome->err), 0);
    value_tree_done(&messages);
    buffer_done(&packed);
    parsed_done(&parsed_schema);
    run_until(&fixture->loop, &outcome->is_over);
}

#define PLAN_SCHEMA                                                                                \
    "{\"type\":\"object\",\"required\":[\"action\"],\"additionalProperties\":false,"               \
    "\"properties\":{\"action\":{\"enum\":[\"fix\",\"wait\"]}}}"

static void text_usage_model_and_reason_come_back(void **state) {
    struct outcome outcome;
    chat(*state, (struct chat_request){.temperature = -1}, "[{\"text\":\"hello\"}]", NULL,
         &outcome);
    assert_string_equal(outcome.json,
                        "{\"finish_reason\":\"stop\",\"model\":\"scripted\",\"repairs\":0,"
                        "\"text\":\"hello\",\"usage\":{\"input\":100,\"output\":10}}");
}

/* What the server saw last. */
static void last_seen(struct fixture *fixture, char *text, size_t size);

static void the_request_says_what_it_should(void **state) {
    struct outcome outcome;
    char seen[8192];
    chat(*state,
         (struct chat_request){.key = "S3CRET",
                               .idempotency_key = "run-step-1",
                               .temperature = 0.25,
                               .max_tokens = 77},
         "[{\"text\":\"{\\\"action\\\":\\\"fix\\\"}\"}]", PLAN_SCHEMA, &outcome);
    last_seen(*state, seen, sizeof seen);
    assert_non_null(strstr(seen, "\"authorization\":\"Bearer S3CRET\""));
    assert_non_null(strstr(seen, "\"idempotency-key\":\"run-step-1\""));
    assert_non_null(strstr(seen, "\"max_tokens\":77"));
    assert_non_null(strstr(seen, "\"temperature\":0.25"));
    assert_non_null(strstr(seen, "\"json_schema\":{\"name\":\"answer\",\"schema\":{"));
    assert_non_null(strstr(seen, "\"strict\":true"));
    assert_non_null(strstr(seen, "\"type\":\"json_schema\""));
}

static void an_answer_that_fits_comes_as_json(void **state) {
    struct outcome outcome;
    chat(*state, (struct chat_request){.temperature = -1},
         "[{\"text\":\"{\\\"action\\\":\\\"fix\\\"}\"}]", PLAN_SCHEMA, &outcome);
    assert_non_null(strstr(outcome.json, "\"json\":{\"action\":\"fix\"}"));
    assert_non_null(strstr(outcome.json, "\"repairs\":0"));
}

static void a_fenced_answer_is_read(void **state) {
    struct outcome outcome;
    chat(*state, (struct chat_request){.temperature = -1},
         "[{\"text\":\"Here it is:\\n```json\\n{\\\"action\\\":\\\"wait\\\"}\\n```\\nGood luck\"}]",
         PLAN_SCHEMA, &outcome);
    assert_non_null(strstr(outcome.json, "\"json\":{\"action\":\"wait\"}"));
}

static void an_answer_that_does_not_fit_is_mended_in_a_repair_turn(void **state) {
    struct outcome outcome;
    char seen[8192];
    chat(*state, (struct chat_request){.temperature = -1},
         "[{\"text\":\"no json\"},{\"text\":\"{\\\"action\\\":\\\"run\\\"}\"},"
         "{\"text\":\"{\\\"action\\\":\\\"fix\\\"}\"}]",
         PLAN_SCHEMA, &outcome);
    assert_non_null(strstr(outcome.json, "\"json\":{\"action\":\"fix\"}"));
    assert_non_null(strstr(outcome.json, "\"repairs\":2"));
    assert_non_null(strstr(outcome.json, "\"usage\":{\"input\":300,\"output\":30}"));
    last_seen(*state, seen, sizeof seen); /* the model was shown its answer and the problem */
    assert_non_null(strstr(seen, "{\\\"action\\\":\\\"run\\\"}"));
    assert_non_null(strstr(seen, "action: must be one of \\\"fix\\\", \\\"wait\\\""));
}

static void out_of_repair_turns_is_an_error_that_names_the_problems(void **state) {
    struct outcome outcome;
    chat(*state, (struct chat_request){.temperature = -1, .repair_turns = 1},
         "[{\"text\":\"{\\\"act\\\":1}\"}]", PLAN_SCHEMA, &outcome);
    assert_string_equal(outcome.err.kind, "llm");
    assert_false(outcome.is_transient);
    assert_string_equal(outcome.err.message,
                        "model scripted: its answer doesn't fit the schema, after 1 repair turn: "
                        "action: missing\nact: must not be there");
}

struct fault {
    const char *model, *kind, *part;
    bool is_transient;
    int64_t retry_after_us;
};

static void each_failure_is_told_apart(void **state) {
    static const struct fault faults[] = {
        {"fault-401", "llm", "doesn't know this key", false, 0},
        {"fault-403", "llm", "may not use this model", false, 0},
        {"fault-404", "llm", "no such model", false, 0},
        {"fault-429", "llm", "too many requests (status 429: Rate limit reached)", true, 7000000},
        {"fault-quota", "llm", "quota is used up", true, 0},
        {"fault-500", "llm", "the server failed (status 500: The server had an error)", true, 0},
        {"fault-503-html", "llm", "the server failed (status 503", true, 0},
        {"fault-context", "llm", "longer than the model's context", false, 0},
        {"fault-400", "llm", "refused the request (status 400: Unknown parameter", false, 0},
        {"fault-html", "llm", "didn't answer in JSON", true, 0},
        {"fault-length", "llm", "cut off at the token limit", false, 0},
        {"fault-filter", "llm", "content filter", false, 0},
        {"fault-refusal", "llm", "refused to answer: I can not help", false, 0},
        {"fault-empty", "llm", "no text", false, 0},
        {"fault-no-choices", "llm", "no choices", false, 0},
        {"fault-silent", "timeout", "model fault-silent: no answer within 0.5 s", true, 0},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct outcome outcome;
        chat(*state,
             (struct chat_request){
                 .model = faults[i].model, .temperature = -1, .timeout_us = 500000},
             "[{\"text\":\"x\"}]", NULL, &outcome);
        if (!strstr(outcome.err.message, faults[i].part))
            fail_msg("%s: %s", faults[i].model, outcome.err.message);
        assert_string_equal(outcome.err.kind, faults[i].kind);
        assert_int_equal(outcome.is_transient, faults[i].is_transient);
        assert_int_equal(outcome.retry_after_us, faults[i].retry_after_us);
    }
}

static void nobody_there_is_transient_and_of_kind_llm(void **state) {
    struct outcome outcome;
    chat(*state, (struct chat_request){.base_url = "http://nowhere.invalid/v1", .temperature = -1},
         "[{\"text\":\"x\"}]", NULL, &outcome);
    assert_string_equal(outcome.err.kind, "llm");
    assert_string_equal(outcome.err.message, "model scripted: could not resolve nowhere.invalid");
    assert_true(outcome.is_transient);
}

static void newer_servers_get_the_limit_under_its_newer_name(void **state) {
    struct outcome outcome;
    char seen[8192];
    chat(*state, (struct chat_request){.model = "newer", .temperature = -1, .max_tokens = 5},
         "[{\"text\":\"x\"}]", NULL, &outcome);
    assert_non_null(strstr(outcome.json, "\"text\":\"x\""));
    last_seen(*state, seen, sizeof seen);
    assert_non_null(strstr(seen, "\"max_completion_tokens\":5"));
}

static void an_aborted_chat_is_silent(void **state) {
    struct fixture *fixture = *state;
    struct outcome outcome = {0};
    struct parsed messages;
    struct chat *started;
    parse("[{\"role\":\"user\",\"content\":\"x\"}]", &messages);
    struct chat_request request = {.base_url = fixture->base,
                                   .model = "fault-silent",
                                   .temperature = -1,
                                   .messages = &messages.tree.root};
    chat_abort(NULL);
    assert_int_equal(
        chat_start(fixture->client, &request, on_done, &outcome, &started, &outcome.err), 0);
    for (int i = 0; i < 5; i++) uv_run(&fixture->loop, UV_RUN_NOWAIT);
    chat_abort(started);
    parsed_done(&messages);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(outcome.is_over, 0);
}

static void on_seen(void *context, struct http_response *response, const struct error *err) {
    struct outcome *outcome = context;
    assert_null(err);
    outcome->is_over = 1;
    struct bytes body = buffer_bytes(&response->body);
    const char *last = body.data;
    for (const char *at = last; (at = strstr(at, "{\"headers\":")); at++) last = at;
    snprintf(outcome->json, sizeof outcome->json, "%s", last);
}

static void last_seen(struct fixture *fixture, char *text, size_t size) {
    struct outcome outcome = {0};
    struct http_exchange *started;
    char url[128];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/seen", fixture->server.port);
    assert_int_equal(http_start(fixture->client, &(struct http_request){.url = url}, on_seen,
                                &outcome, &started, &outcome.err),
                     0);
    run_until(&fixture->loop, &outcome.is_over);
    snprintf(text, size, "%s", outcome.json);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(text_usage_model_and_reason_come_back),
        TEST(the_request_says_what_it_should),
        TEST(an_answer_that_fits_comes_as_json),
        TEST(a_fenced_answer_is_read),
        TEST(an_answer_that_does_not_fit_is_mended_in_a_repair_turn),
        TEST(out_of_repair_turns_is_an_error_that_names_the_problems),
        TEST(each_failure_is_told_apart),
        TEST(nobody_there_is_transient_and_of_kind_llm),
        TEST(newer_servers_get_the_limit_under_its_newer_name),
        TEST(an_aborted_chat_is_silent),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
