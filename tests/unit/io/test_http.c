/* What io/http.h promises, against a real server on loopback (server.js). */
#include "support.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/value.h"
#include "io/http.h"

struct fixture {
    struct test_server server;
    uv_loop_t loop;
    struct http_client *client;
    char base[64];
};

/* What an exchange came to. */
struct outcome {
    int is_over;
    long status;
    struct buffer headers, body;
    char url[512];
    struct http_timing timing;
    struct error err;
};

static int group_setup(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    server_start(&fixture->server);
    snprintf(fixture->base, sizeof fixture->base, "http://127.0.0.1:%d", fixture->server.port);
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

static void on_done(void *context, struct http_response *response, const struct error *err) {
    struct outcome *outcome = context;
    outcome->is_over = 1;
    assert_true((response == NULL) != (err == NULL));
    if (err) {
        outcome->err = *err;
        return;
    }
    outcome->status = response->status;
    outcome->headers = response->headers;
    outcome->body = response->body;
    response->headers = response->body = BUFFER_EMPTY;
    outcome->timing = response->timing;
    snprintf(outcome->url, sizeof outcome->url, "%s", response->url);
}

static void outcome_done(struct outcome *outcome) {
    buffer_done(&outcome->headers);
    buffer_done(&outcome->body);
}

static void exchange(struct fixture *fixture, const struct http_request *request,
                     struct outcome *outcome) {
    struct http_exchange *started;
    *outcome = (struct outcome){0};
    assert_int_equal(
        http_start(fixture->client, request, on_done, outcome, &started, &outcome->err), 0);
    run_until(&fixture->loop, &outcome->is_over);
}

static const char *url(struct fixture *fixture, const char *path) {
    static char text[4][512];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(text[turn], sizeof text[turn], "%s%s", fixture->base, path);
    return text[turn];
}

static void get(struct fixture *fixture, const char *path, struct outcome *outcome) {
    exchange(fixture, &(struct http_request){.url = url(fixture, path)}, outcome);
}

/* A header of the answer. */
static void assert_header(const struct outcome *outcome, const char *name, const char *text) {
    struct value_tree tree;
    struct error err;
    assert_int_equal(value_read(buffer_bytes(&outcome->headers), &tree, &err), 0);
    const struct value *value = value_get(&tree.root, name);
    if (!text) assert_null(value);
    else assert_true(value && bytes_are(value->text, text));
    value_tree_done(&tree);
}

static bool body_has(const struct outcome *outcome, const char *text) {
    return strstr(buffer_bytes(&outcome->body).data, text) != NULL;
}

/* ---- what goes well ------------------------------------------------------------------------- */

static void an_answer_has_status_headers_body_and_timing(void **state) {
    struct outcome outcome;
    get(*state, "/hello", &outcome);
    assert_int_equal(outcome.status, 200);
    assert_string_equal(outcome.body.data, "hello");
    assert_header(&outcome, "content-length", "5");
    assert_string_equal(outcome.url, url(*state, "/hello"));
    assert_true(outcome.timing.total > 0 && outcome.timing.first_byte <= outcome.timing.total);
    outcome_done(&outcome);
}

static void method_headers_and_body_arrive_as_given(void **state) {
    struct outcome outcome;
    static const char *const headers[] = {"X-One: 1", "X-Empty:", NULL};
    exchange(*state,
             &(struct http_request){.method = "PATCH",
                                    .url = url(*state, "/echo?a=b"),
                                    .headers = headers,
                                    .body = {"zero\0byte", 9}},
             &outcome);
    assert_true(body_has(&outcome, "\"method\":\"PATCH\",\"url\":\"/echo?a=b\""));
    assert_true(body_has(&outcome, "\"x-one\":\"1\""));
    assert_true(body_has(&outcome, "\"x-empty\":\"\""));
    assert_true(body_has(&outcome, "\"body\":\"zero\\u0000byte\""));
    assert_true(body_has(&outcome, "\"user-agent\":\"tend/"));
    assert_false(body_has(&outcome, "content-type"));
    assert_false(body_has(&outcome, "expect"));
    outcome_done(&outcome);
}

static void a_body_makes_it_a_post_and_a_post_needs_none(void **state) {
    struct outcome outcome;
    exchange(*state, &(struct http_request){.url = url(*state, "/echo"), .body = {"x", 1}},
             &outcome);
    assert_true(body_has(&outcome, "\"method\":\"POST\""));
    outcome_done(&outcome);
    exchange(*state, &(struct http_request){.method = "POST", .url = url(*state, "/echo")},
             &outcome);
    assert_true(body_has(&outcome, "\"method\":\"POST\""));
    assert_true(body_has(&outcome, "\"content-length\":\"0\""));
    outcome_done(&outcome);
    exchange(*state, &(struct http_request){.method = "HEAD", .url = url(*state, "/hello")},
             &outcome);
    assert_int_equal(outcome.status, 200);
    assert_int_equal(outcome.body.size, 0);
    outcome_done(&outcome);
}

static void packed_bodies_are_unpacked(void **state) {
    struct outcome outcome;
    get(*state, "/gzip", &outcome);
    assert_int_equal(outcome.body.size, 7000);
    outcome_done(&outcome);
    get(*state, "/br", &outcome);
    assert_int_equal(outcome.body.size, 7000);
    outcome_done(&outcome);
}

static void repeated_headers_are_joined(void **state) {
    struct outcome outcome;
    get(*state, "/repeated", &outcome);
    assert_header(&outcome, "x-many", "one, two, three");
    assert_header(&outcome, "x-empty", "");
    outcome_done(&outcome);
}

static void any_status_is_an_answer(void **state) {
    struct outcome outcome;
    get(*state, "/status?code=503", &outcome);
    assert_int_equal(outcome.status, 503);
    assert_int_equal(outcome.err.status, 0);
    outcome_done(&outcome);
}

static void many_exchanges_go_side_by_side(void **state) {
    struct fixture *fixture = *state;
    struct outcome outcomes[40] = {0};
    struct http_exchange *started;
    struct error err;
    struct http_request request = {.url = url(fixture, "/hello")};
    for (int i = 0; i < 40; i++)
        assert_int_equal(
            http_start(fixture->client, &request, on_done, &outcomes[i], &started, &err), 0);
    for (int i = 0; i < 40; i++) {
        run_until(&fixture->loop, &outcomes[i].is_over);
        assert_string_equal(outcomes[i].body.data, "hello");
        outcome_done(&outcomes[i]);
    }
}

/* ---- redirects ------------------------------------------------------------------------------- */

static const char *const credentials[] = {"Authorization: Bearer T0KEN", "X-Api-Key: T0KEN",
                                          "Accept: application/json", NULL};

static void follow(struct fixture *fixture, const char *to, int status, struct bytes body,
                   struct outcome *outcome) {
    char path[256];
    snprintf(path, sizeof path, "/redirect?status=%d&to=%s", status, to);
    exchange(fixture,
             &(struct http_request){
                 .url = url(fixture, path), .headers = credentials, .body = body, .follow = true},
             outcome);
}

static void redirects_are_followed_only_when_asked(void **state) {
    struct outcome outcome;
    get(*state, "/redirect?to=/echo", &outcome);
    assert_int_equal(outcome.status, 302);
    assert_header(&outcome, "location", "/echo");
    outcome_done(&outcome);
    follow(*state, "/echo", 302, (struct bytes){0}, &outcome);
    assert_int_equal(outcome.status, 200);
    assert_string_equal(outcome.url, url(*state, "/echo"));
    assert_true(body_has(&outcome, "Bearer T0KEN"));
    assert_header(&outcome, "x-hop", NULL); /* headers of the last answer only */
    outcome_done(&outcome);
}

/* localhost is the same server under another name. */
static void credentials_stay_with_their_host(void **state) {
    struct fixture *fixture = *state;
    struct outcome outcome;
    char elsewhere[128];
    snprintf(elsewhere, sizeof elsewhere, "http://localhost:%d/echo", fixture->server.port);
    follow(fixture, elsewhere, 302, (struct bytes){0}, &outcome);
    assert_int_equal(outcome.status, 200);
    assert_false(body_has(&outcome, "T0KEN"));
    assert_true(body_has(&outcome, "\"accept\":\"application/json\""));
    outcome_done(&outcome);
}

static void a_body_stays_with_its_host(void **state) {
    struct fixture *fixture = *state;
    struct outcome outcome;
    char elsewhere[128];
    snprintf(elsewhere, sizeof elsewhere, "http://localhost:%d/echo", fixture->server.port);
    follow(fixture, elsewhere, 307, (struct bytes){"secret", 6}, &outcome);
    assert_int_equal(outcome.status, 307);
    outcome_done(&outcome);
    follow(fixture, "/echo", 307, (struct bytes){"secret", 6}, &outcome);
    assert_true(body_has(&outcome, "\"method\":\"POST\""));
    assert_true(body_has(&outcome, "\"body\":\"secret\""));
    outcome_done(&outcome);
    follow(fixture, elsewhere, 303, (struct bytes){"secret", 6}, &outcome);
    assert_true(body_has(&outcome, "\"method\":\"GET\""));
    assert_true(body_has(&outcome, "\"body\":\"\""));
    outcome_done(&outcome);
}

static bool may_not(void *context, const char *target) {
    (void)context;
    assert_non_null(strstr(target, "localhost"));
    return false;
}

static void another_host_is_asked_about(void **state) {
    struct fixture *fixture = *state;
    struct outcome outcome;
    char path[256];
    snprintf(path, sizeof path, "/redirect?to=http://localhost:%d/echo", fixture->server.port);
    exchange(
        fixture,
        &(struct http_request){.url = url(fixture, path), .follow = true, .may_follow = may_not},
        &outcome);
    assert_string_equal(outcome.err.kind, "permission");
    assert_non_null(strstr(outcome.err.message, "localhost"));
    exchange(fixture,
             &(struct http_request){
                 .url = url(fixture, "/redirect?to=/hello"), .follow = true, .may_follow = may_not},
             &outcome);
    assert_int_equal(outcome.status, 200);
    outcome_done(&outcome);
}

static void redirects_end(void **state) {
    struct outcome outcome;
    exchange(*state, &(struct http_request){.url = url(*state, "/loop"), .follow = true}, &outcome);
    assert_non_null(strstr(outcome.err.message, "more than 10 redirects"));
    follow(*state, "file:///etc/passwd", 302, (struct bytes){0}, &outcome);
    assert_non_null(strstr(outcome.err.message, "only http:// and https://"));
}

/* ---- what goes wrong ---------------------------------------------------------------------------
 */

static void assert_failure(struct fixture *fixture, const struct http_request *request,
                           const char *kind, const char *message) {
    struct outcome outcome;
    exchange(fixture, request, &outcome);
    assert_string_equal(outcome.err.kind, kind);
    assert_string_equal(outcome.err.message, message);
}

static void nobody_there_is_told_with_host_and_port(void **state) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0); /* bound and not listening: refuses */
    char text[64], message[128];
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    getsockname(fd, (struct sockaddr *)&address, &size);
    snprintf(text, sizeof text, "http://127.0.0.1:%d/", ntohs(address.sin_port));
    snprintf(message, sizeof message, "connection refused by 127.0.0.1:%d",
             ntohs(address.sin_port));
    assert_failure(*state, &(struct http_request){.url = text}, "http", message);
    close(fd);
    assert_failure(*state, &(struct http_request){.url = "http://nowhere.invalid/"}, "http",
                   "could not resolve nowhere.invalid");
}

static void silence_ends_with_the_clock(void **state) {
    assert_failure(*state,
                   &(struct http_request){.url = url(*state, "/silent"), .timeout_us = 200000},
                   "timeout", "no answer within 0.2 s");
    assert_failure(*state,
                   &(struct http_request){.url = url(*state, "/drip"), .timeout_us = 300000},
                   "timeout", "no answer within 0.3 s");
}

static void a_body_too_large_is_refused_after_decoding(void **state) {
    assert_failure(*state, &(struct http_request){.url = url(*state, "/bomb")}, "http",
                   "body larger than max_bytes (16777216)");
    assert_failure(*state, &(struct http_request){.url = url(*state, "/big"), .max_bytes = 1000},
                   "http", "body larger than max_bytes (1000)");
}

static void a_cut_connection_is_told(void **state) {
    const char *message = "connection closed in the middle of the body";
    char nothing[128];
    struct fixture *fixture = *state;
    snprintf(nothing, sizeof nothing, "127.0.0.1:%d closed the connection without an answer",
             fixture->server.port);
    assert_failure(fixture, &(struct http_request){.url = url(fixture, "/cut")}, "http", message);
    assert_failure(fixture, &(struct http_request){.url = url(fixture, "/cut-chunks")}, "http",
                   message);
    assert_failure(fixture, &(struct http_request){.url = url(fixture, "/nothing")}, "http",
                   nothing);
}

static void a_body_that_cannot_be_decoded_is_an_error(void **state) {
    struct outcome outcome;
    get(*state, "/broken-gzip", &outcome);
    assert_string_equal(outcome.err.kind, "http");
    assert_non_null(strstr(outcome.err.message, "decoded"));
}

static void tls_failures_say_so(void **state) {
    struct fixture *fixture = *state;
    struct outcome outcome;
    char text[64];
    snprintf(text, sizeof text, "https://127.0.0.1:%d/hello", fixture->server.port);
    exchange(fixture, &(struct http_request){.url = text}, &outcome);
    assert_string_equal(outcome.err.kind, "http");
    assert_memory_equal(outcome.err.message, "TLS: ", 5);
}

static void assert_refused(struct fixture *fixture, const struct http_request *request,
                           const char *part) {
    struct http_exchange *started;
    struct error err;
    assert_int_equal(http_start(fixture->client, request, on_done, NULL, &started, &err),
                     TEND_EINPUT);
    assert_non_null(strstr(err.message, part));
}

static void requests_that_cannot_be_are_refused_at_once(void **state) {
    static const char *const broken[] = {"X-A: b\r\nX-Evil: c", NULL};
    static const char *const no_colon[] = {"hello", NULL};
    assert_refused(*state, &(struct http_request){.url = "file:///etc/passwd"}, "only http://");
    assert_refused(*state, &(struct http_request){.url = "http://"}, "no host");
    assert_refused(*state, &(struct http_request){.url = "http://a b/"}, "space");
    assert_refused(*state, &(struct http_request){.url = "http://a@b@c/"}, "two @");
    assert_refused(*state, &(struct http_request){.url = "http://a:99999/"}, "port");
    assert_refused(*state, &(struct http_request){.url = "http://ev%69l/"}, "host");
    assert_refused(*state, &(struct http_request){.url = url(*state, "/echo"), .headers = broken},
                   "line break");
    assert_refused(*state, &(struct http_request){.url = url(*state, "/echo"), .headers = no_colon},
                   "colon");
    assert_refused(*state, &(struct http_request){.url = url(*state, "/echo"), .method = "G T"},
                   "method");
}

static void hosts_are_found_in_urls(void **state) {
    (void)state;
    struct buffer host = BUFFER_EMPTY;
    struct error err;
    assert_int_equal(http_url_host("https://u:p@API.Example:8443/x@y?z", &host, &err), 0);
    assert_string_equal(host.data, "api.example");
    buffer_clear(&host);
    assert_int_equal(http_url_host("http://[::1]:80/", &host, &err), 0);
    assert_string_equal(host.data, "::1");
    assert_int_equal(http_url_host("ftp://x/", &host, &err), TEND_EINPUT);
    buffer_done(&host);
}

/* ---- ending ------------------------------------------------------------------------------------
 */

static void an_aborted_exchange_is_silent(void **state) {
    struct fixture *fixture = *state;
    struct outcome silent = {0}, other;
    struct http_exchange *started;
    struct error err;
    http_abort(NULL);
    assert_int_equal(http_start(fixture->client,
                                &(struct http_request){.url = url(fixture, "/silent")}, on_done,
                                &silent, &started, &err),
                     0);
    get(fixture, "/hello", &other);
    http_abort(started);
    outcome_done(&other);
    get(fixture, "/hello", &other);
    assert_int_equal(silent.is_over, 0);
    outcome_done(&other);
}

static void on_done_frees_client(void *context, struct http_response *response,
                                 const struct error *err) {
    struct fixture *fixture = context;
    assert_non_null(response);
    assert_null(err);
    fixture->client = http_client_free(fixture->client);
}

static void a_client_may_be_released_in_a_callback(void **state) {
    struct fixture *fixture = *state;
    struct http_exchange *started;
    struct error err;
    struct outcome silent = {0};
    assert_int_equal(http_start(fixture->client,
                                &(struct http_request){.url = url(fixture, "/silent")}, on_done,
                                &silent, &started, &err),
                     0);
    assert_int_equal(http_start(fixture->client,
                                &(struct http_request){.url = url(fixture, "/hello")},
                                on_done_frees_client, fixture, &started, &err),
                     0);
    while (fixture->client) uv_run(&fixture->loop, UV_RUN_ONCE);
    assert_int_equal(silent.is_over, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_answer_has_status_headers_body_and_timing),
        TEST(method_headers_and_body_arrive_as_given),
        TEST(a_body_makes_it_a_post_and_a_post_needs_none),
        TEST(packed_bodies_are_unpacked),
        TEST(repeated_headers_are_joined),
        TEST(any_status_is_an_answer),
        TEST(many_exchanges_go_side_by_side),
        TEST(redirects_are_followed_only_when_asked),
        TEST(credentials_stay_with_their_host),
        TEST(a_body_stays_with_its_host),
        TEST(another_host_is_asked_about),
        TEST(redirects_end),
        TEST(nobody_there_is_told_with_host_and_port),
        TEST(silence_ends_with_the_clock),
        TEST(a_body_too_large_is_refused_after_decoding),
        TEST(a_cut_connection_is_told),
        TEST(a_body_that_cannot_be_decoded_is_an_error),
        TEST(tls_failures_say_so),
        TEST(requests_that_cannot_be_are_refused_at_once),
        TEST(hosts_are_found_in_urls),
        TEST(an_aborted_exchange_is_silent),
        TEST(a_client_may_be_released_in_a_callback),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
