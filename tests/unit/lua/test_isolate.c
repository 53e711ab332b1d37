/* An isolate without an engine: what it asks, and what it makes of the answers. */
#include "support.h"

/* ---- loading ---- */

static void assert_not_loaded(const char *source, const char *part) {
    struct bench bench;
    struct error err;
    assert_int_equal(bench_try(&bench, source, NULL, 0, &err), TEND_EINPUT);
    if (!strstr(err.message, part)) fail_msg("'%s' isn't in: %s", part, err.message);
}

static void a_file_that_is_no_workflow_is_refused_with_its_name(void **state) {
    (void)state;
    assert_not_loaded("return {\n run = function( end }", "flow.lua:2:");
    assert_not_loaded("return 1", "flow.lua: is no workflow: it returns a number");
    assert_not_loaded("", "flow.lua: is no workflow");
    assert_not_loaded("return {}", "no `run` function");
    assert_not_loaded("return { run = 1 }", "no `run` function");
    assert_not_loaded("error('at load')", "flow.lua:1: at load");
    assert_not_loaded("error({})", "");
    assert_not_loaded("sleep(1)\nreturn { run = function() end }",
                      "sleep can't be used at a file's");
    assert_not_loaded("\x1bLua", "");
}

static void a_byte_order_mark_is_skipped(void **state) {
    struct bench bench;
    (void)state;
    bench_open(&bench, "\xEF\xBB\xBFreturn { run = function() return 1 end }");
    assert_returns(bench.main, go(bench.main, ANSWER_NONE), "1");
    bench_close(&bench);
}

static void the_definition_is_what_stands_beside_the_functions(void **state) {
    struct bench bench;
    (void)state;
    bench_open(&bench, "return { description = 'd', input = { n = 1, none = json.null },\n"
                       "  schedule = { every = '1m' }, concurrency = { limit = 2, key = print },\n"
                       "  run = function() end }");
    assert_json(
        isolate_definition(bench.isolate),
        "{\"concurrency\":{\"limit\":2},\"description\":\"d\",\"input\":{\"n\":1,\"none\":null},"
        "\"schedule\":{\"every\":\"1m\"}}");
    bench_close(&bench);
}

static void a_module_is_loaded_once_from_the_bundle(void **state) {
    struct bench bench;
    struct error err;
    struct buffer input = packed("{}");
    (void)state;
    assert_int_equal(
        bench_try(&bench,
                  "local m = require 'mod'\n"
                  "return { run = function()\n"
                  "  return { require('mod') == m, m.loads, m.name, pcall(require, 'io') }\n"
                  "end }",
                  "loads = (loads or 0) + 1\nreturn { loads = loads, name = ... }", 0, &err),
        0);
    assert_int_equal(isolate_begin(bench.isolate, buffer_bytes(&input), &bench.main, &err), 0);
    assert_int_equal(go(bench.main, ANSWER_NONE), BRANCH_RETURNED);
    struct value_tree tree;
    assert_int_equal(value_read(buffer_bytes(&branch_ask(bench.main)->value), &tree, NULL), 0);
    assert_true(tree.root.list.items[0].boolean);
    assert_int_equal(tree.root.list.items[1].integer, 1);
    assert_true(bytes_are(tree.root.list.items[2].text, "mod"));
    assert_false(tree.root.list.items[3].boolean);
    value_tree_done(&tree);
    buffer_done(&input);
    bench_close(&bench);
}

/* ---- asking and answering ---- */

static void run_gets_the_input_and_its_value_is_packed(void **state) {
    struct bench bench;
    (void)state;
    bench_open(&bench, "return { run = function(input) return { input.n * 2, 'x' } end }");
    assert_returns(bench.main, go(bench.main, ANSWER_NONE), "[10,\"x\"]");
    bench_close(&bench);
}

static void a_recorded_step_gives_its_value_without_a_call(void **state) {
    struct bench bench;
    (void)state;
    bench_open(&bench, "return { run = function()\n"
                       "  return step('look', function() error('called') end).n end }");
    struct ask *ask = assert_asks(bench.main, go(bench.main, ANSWER_NONE), ASK_STEP, "look");
    assert_string_equal(ask->where, "flow.lua:2");
    assert_string_equal(branch_where(bench.main), "flow.lua:2");
    assert_returns(bench.main, go_with(bench.main, ANSWER_VALUE, "{\"n\":7}"), "7");
    bench_close(&bench);
}

static void a_recorded_error_is_raised_where_the_step_stands(void **state) {
    struct bench bench;
    (void)state;
    bench_open(&bench, "return { run = function()\n"
                       "  local ok, err = pcall(step, 'look', function() end)\n"
                       "  return { ok, err.kind, err.detail, tostring(err) } end }");
    assert_asks(bench.main, go(bench.main, ANSWER_NONE), ASK_STEP, "look");
    assert_returns(
        bench.main,
        go_with(bench.main, ANSWER_ERROR, "{\"message\":\"no\",\"kind\":\"http\",\"detail\":[1]}"),
        "[false,\"http\",[1],\"no\"]");
    bench_close(&bench);
}

static void a_call_runs_the_function_and_comes_back_with_its_value(void **state) {
    struct bench bench;
    (void)state;
    bench_open(&bench,
               "return { run = function()\n"
               "  return step('s', function(ctx) return { ctx.attempt, ctx.idempotency_key } end)\n"
               "end }");
    assert_asks(bench.main, go(bench.main, ANSWER_NONE), ASK_STEP, "s");
    assert_asks(bench.main, go(bench.main, ANSWER_CALL), ASK_RETURNED, NULL);
    assert_json(buffer_bytes(&branch_ask(bench.main)->value), "[1,\"key\"]");
    assert_returns(bench.main, go_with(bench.main, ANSWER_VALUE, "\"recorded\""), "\"recorded\"");
    bench_close(&bench);
}

static void a_call_may_come_again_for_every_attempt(void **state) {
    struct bench bench;
    (void)state;
    bench_open(&bench,
               "return { run = function()\n"
               "  return step('s', function(ctx) error({ message = 'no', n = ctx.attempt }) end)\n"
               "end }");
    assert_asks(bench.main, go(bench.main, ANSWER_NONE), ASK_STEP, "s");
    for (int i = 0; i < 3; i++) {
        assert_asks(bench.main, go(bench.main, ANSWER_CALL), ASK_RAISED, NULL);
        assert_member_holds(buffer_bytes(&branch_ask(bench.main)->value), "message", "no");
    }
    assert_raises(bench.main,
                  go_with(bench.main, ANSWER_ERROR, "{\"message\":\"end\",\"kind\":\"error\"}"),
                  "error", "end");
    bench_close(&bench);
}

static void when_and_on_failure_are_asked_with_the_error(void **state) {
    struct bench bench;
    (void)state;
    bench_open(
        &bench,
        "return { run = function()\n"
        "  return step('s', { retry = { attempts = 2, when = function(e) return e.n == 1 end },\n"
        "    on_failure = function(e) return 'fell back from ' .. e.message end },\n"
        "    function() end)\n"
        "end }");
    struct ask *ask = assert_asks(bench.main, go(bench.main, ANSWER_NONE), ASK_STEP, "s");
    assert_true(ask->has_when && ask->has_on_failure);
    assert_json(buffer_bytes(&ask->options), "{\"retry\":{\"attempts\":2}}");
    ask = assert_asks(bench.main, go_with(bench.main, ANSWER_WHEN, "{\"message\":\"m\",\"n\":1}"),
                      ASK_VERDICT, NULL);
    assert_true(ask->verdict);
    ask = assert_asks(bench.main, go_with(bench.main, ANSWER_WHEN, "{\"message\":\"m\",\"n\":2}"),
                      ASK_VERDICT, NULL);
    assert_false(ask->verdict);
    ask = assert_asks(bench.main, go_with(bench.main, ANSWER_ON_FAILURE, "{\"message\":\"m\"}"),
                      ASK_RETURNED, NULL);
    assert_json(buffer_bytes(&ask->value), "\"fell back from m\"");
    bench_close(&bench);
}

static void effects_inside_a_step_are_plain_and_name_no_step(void **state) {
    struct bench bench;
    (void)state;
    bench_open(&bench,
               "return { run = function()\n"
               "  return step('s', function() return http('http://h/p?q').status end) end }");
    assert_asks(bench.main, go(bench.main, ANSWER_NONE), ASK_STEP, "s");
    struct ask *ask = assert_asks(bench.main, go(bench.main, ANSWER_CALL), ASK_PLAIN, NULL);
    assert_int_equal(ask->effect, ASK_HTTP);
    assert_json(buffer_bytes(&ask->options), "{\"url\":\"http://h/p?q\"}");
    ask = assert_asks(bench.main, go_with(bench.main, ANSWER_VALUE, "{\"status\":204}"),
                      ASK_RETURNED, NULL);
    assert_json(buffer_bytes(&ask->value), "204");
    bench_close(&bench);
}

static void the_first_touch_of_a_file_waits_once_an_attempt(void **state) {
    struct bench bench;
    (void)state;
    bench_open(&bench, "return { run = function() return step('s', function()\n"
                       "  local one, two = io.open('/dev/null'), io.open('/dev/null')\n"
                       "  return io.type(two) end) end }");
    assert_asks(bench.main, go(bench.main, ANSWER_NONE), ASK_STEP, "s");
    assert_asks(bench.main, go(bench.main, ANSWER_CALL), ASK_BARRIER, NULL);
    assert_asks(bench.main, go(bench.main, ANSWER_GO), ASK_RETURNED, NULL);
    assert_asks(bench.main, go(bench.main, ANSWER_CALL), ASK_BARRIER, NULL); /* a new attempt */
    bench_close(&bench);
}

static void default_names_tell_what_is_done(void **state) {
    struct bench bench;
    (void)state;
    bench_open(&bench, "return { run = function()\n"
                       "  http('https://user@api.example:8/a/b?secret=1#f') http({ url = "
                       "'http://h', json = {} })\n"
                       "  exec({ cmd = 'git' }) invoke('child', {}) start('other', {}) sleep(1)\n"
                       "  sleep(1, { name = 'nap' }) state.get('k') parallel({}) end }");
    static const struct {
        enum ask_kind kind;
        const char *name;
    } wanted[] = {{ASK_HTTP, "GET api.example:8/a/b"},
                  {ASK_HTTP, "POST h"},
                  {ASK_EXEC, "git"},
                  {ASK_INVOKE, "child"},
                  {ASK_START, "other"},
                  {ASK_SLEEP, "sleep"},
                  {ASK_SLEEP, "nap"},
                  {ASK_STATE_GET, "state.get"},
                  {ASK_PARALLEL, "parallel"}};
    enum branch_outcome outcome = go(bench.main, ANSWER_NONE);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        assert_asks(bench.main, outcome, wanted[i].kind, wanted[i].name);
        if (i + 1 < sizeof wanted / sizeof *wanted)
            outcome = go_with(bench.main, ANSWER_VALUE, "null");
    }
    bench_close(&bench);
}

static void state_update_calls_its_function_with_the_value(void **state) {
    struct bench bench;
    (void)state;
    bench_open(&bench, "return { run = function()\n"
                       "  return state.update('k', function(v) return v + 1 end) end }");
    struct ask *ask =
        assert_asks(bench.main, go(bench.main, ANSWER_NONE), ASK_STATE_UPDATE, "state.update");
    assert_json(buffer_bytes(&ask->options), "{\"key\":\"k\"}");
    ask = assert_asks(bench.main, go_with(bench.main, ANSWER_UPDATE, "41"), ASK_RETURNED, NULL);
    assert_json(buffer_bytes(&ask->value), "42");
    assert_returns(bench.main, go_with(bench.main, ANSWER_VALUE, "42"), "42");
    bench_close(&bench);
}

/* ---- branches ---- */

static void parallel_makes_branches_in_key_order(void **state) {
    struct bench bench;
    (void)state;
    bench_open(&bench,
               "return { run = function(input)\n"
               "  local function f(v) return function() return v end end\n"
               "  return parallel({ b = f('B'), [2] = f('two'), a = f('A'), [10] = f('ten') })\n"
               "end }");
    struct ask *ask =
        assert_asks(bench.main, go(bench.main, ANSWER_NONE), ASK_PARALLEL, "parallel");
    static const char *const keys[] = {"2", "10", "a", "b"};
    assert_int_equal(ask->branch_count, 4);
    for (size_t i = 0; i < 4; i++) {
        struct branch *child = branch_child(bench.main, i);
        assert_true(bytes_are(branch_key(child), keys[i]));
        assert_int_equal(go(child, ANSWER_NONE), BRANCH_RETURNED);
    }
    /* numbers and names as keys make a mixed table, which is no result */
    assert_raises(bench.main, go(bench.main, ANSWER_JOINED), "value", "mixed table");
    bench_close(&bench);
}

static void the_results_of_branches_are_joined_in_lua(void **state) {
    struct bench bench;
    (void)state;
    bench_open(&bench, "return { run = function()\n"
                       "  local shared = {}\n"
                       "  local r = parallel({ x = function() return shared end,\n"
                       "    y = function() return step('in', function() end) end })\n"
                       "  return { r.x == shared, r.y } end }");
    assert_asks(bench.main, go(bench.main, ANSWER_NONE), ASK_PARALLEL, NULL);
    struct branch *x = branch_child(bench.main, 0), *y = branch_child(bench.main, 1);
    assert_int_equal(go(x, ANSWER_NONE), BRANCH_RETURNED);
    assert_asks(y, go(y, ANSWER_NONE), ASK_STEP, "in");
    assert_int_equal(go_with(y, ANSWER_VALUE, "3"), BRANCH_RETURNED);
    assert_returns(bench.main, go(bench.main, ANSWER_JOINED), "[true,3]");
    bench_close(&bench);
}

static void a_joined_failure_is_raised_as_it_was(void **state) {
    struct bench bench;
    (void)state;
    bench_open(
        &bench,
        "return { run = function()\n"
        "  local ok, err = pcall(parallel, { function() error({ message = 'm', n = 1 }) end })\n"
        "  return { ok, err.message, err.n } end }");
    assert_asks(bench.main, go(bench.main, ANSWER_NONE), ASK_PARALLEL, NULL);
    struct branch *child = branch_child(bench.main, 0);
    assert_int_equal(go(child, ANSWER_NONE), BRANCH_RAISED);
    struct answer answer = {.kind = ANSWER_JOINED, .attempt = 1}; /* the first one's failure */
    assert_returns(bench.main, branch_resume(bench.main, &answer), "[false,\"m\",1]");
    bench_close(&bench);
}

/* ---- time, chance, settings, logs ---- */

static void now_is_the_answers_outside_and_the_hosts_inside_a_step(void **state) {
    struct bench bench;
    (void)state;
    bench_open(&bench, "return { run = function()\n"
                       "  local first = now()\n"
                       "  local inside = step('s', function() return now() end)\n"
                       "  return { first, now(), os.time() } end }");
    bench.told.now_us = 9000000;
    branch_set_now(bench.main, 1500000);
    assert_asks(bench.main, go(bench.main, ANSWER_NONE), ASK_STEP, "s");
    struct ask *ask = assert_asks(bench.main, go(bench.main, ANSWER_CALL), ASK_RETURNED, NULL);
    assert_json(buffer_bytes(&ask->value), "9.0");
    struct answer answer = {.kind = ANSWER_VALUE, .value = bytes_of("\xc0"), .at_us = 2500000};
    assert_returns(bench.main, branch_resume(bench.main, &answer), "[1.5,2.5,2]");
    bench_close(&bench);
}

static const char draws[] = "return { run = function()\n"
                            "  return { random(), uuid(), math.random(1000000) } end }";

static void draw(const char *path, struct buffer *out) {
    struct bench bench;
    bench_open(&bench, draws);
    branch_seed(bench.main, bytes_of(path));
    assert_int_equal(go(bench.main, ANSWER_NONE), BRANCH_RETURNED);
    struct buffer *value = &branch_ask(bench.main)->value;
    buffer_add(out, value->data, value->size);
    bench_close(&bench);
}

static void chance_repeats_for_a_seed_and_a_path(void **state) {
    struct buffer one = BUFFER_EMPTY, again = BUFFER_EMPTY, other = BUFFER_EMPTY;
    (void)state;
    draw("a", &one);
    draw("a", &again);
    draw("b", &other);
    assert_true(bytes_equal(buffer_bytes(&one), buffer_bytes(&again)));
    assert_false(bytes_equal(buffer_bytes(&one), buffer_bytes(&other)));
    buffer_done(&one);
    buffer_done(&again);
    buffer_done(&other);
}

static void settings_are_then_outside_and_now_inside_a_step(void **state) {
    struct bench bench;
    (void)state;
    bench_open(&bench, "return { run = function()\n"
                       "  step('s', function() return settings.model end)\n"
                       "  return { settings.model, pcall(function() settings.x = 1 end) } end }");
    assert_asks(bench.main, go(bench.main, ANSWER_NONE), ASK_STEP, "s");
    struct ask *ask = assert_asks(bench.main, go(bench.main, ANSWER_CALL), ASK_RETURNED, NULL);
    assert_json(buffer_bytes(&ask->value), "\"now\"");
    assert_int_equal(go_with(bench.main, ANSWER_VALUE, "null"), BRANCH_RETURNED);
    struct value_tree tree;
    assert_int_equal(value_read(buffer_bytes(&branch_ask(bench.main)->value), &tree, NULL), 0);
    assert_true(bytes_are(tree.root.list.items[0].text, "then"));
    assert_false(tree.root.list.items[1].boolean);
    value_tree_done(&tree);
    bench_close(&bench);
}

static void log_lines_go_to_the_host(void **state) {
    struct bench bench;
    (void)state;
    bench_open(
        &bench,
        "return { run = function()\n"
        "  log.debug('d') log.info({}) log.warn('w', { n = 1 }) log.error(nil) print(1, nil, {})\n"
        "end }");
    assert_returns(bench.main, go(bench.main, ANSWER_NONE), "null");
    assert_string_equal(bench.told.logs,
                        "debug:d\ninfo:table\nwarn:w\nerror:nil\ninfo:1\tnil\ttable\n");
    bench_close(&bench);
}

/* ---- limits ---- */

static void memory_ends_at_the_cap(void **state) {
    struct bench bench;
    struct error err;
    struct buffer input = packed("{}");
    (void)state;
    assert_int_equal(
        bench_try(&bench,
                  "return { run = function()\n"
                  "  local all = {} for i = 1, 1e9 do all[i] = ('x'):rep(1000) .. i end end }",
                  NULL, (size_t)4 << 20, &err),
        0);
    assert_int_equal(isolate_begin(bench.isolate, buffer_bytes(&input), &bench.main, &err), 0);
    assert_over(bench.main, go(bench.main, ANSWER_NONE), "memory", "limits.memory");
    bench_close(&bench);
    buffer_done(&input);
}

static void memory_inside_a_step_ends_the_run(void **state) {
    struct bench bench;
    struct error err;
    struct buffer input = packed("{}");
    (void)state;
    assert_int_equal(
        bench_try(&bench,
                  "return { run = function() step('s', function()\n"
                  "  local all = {} for i = 1, 1e9 do all[i] = ('x'):rep(1000) .. i end end) end }",
                  NULL, (size_t)4 << 20, &err),
        0);
    assert_int_equal(isolate_begin(bench.isolate, buffer_bytes(&input), &bench.main, &err), 0);
    assert_asks(bench.main, go(bench.main, ANSWER_NONE), ASK_STEP, "s");
    assert_over(bench.main, go(bench.main, ANSWER_CALL), "memory", "limits.memory");
    bench_close(&bench);
    buffer_done(&input);
}

static void a_result_that_can_not_be_packed_is_an_error(void **state) {
    struct bench bench;
    (void)state;
    bench_open(&bench, "return { run = function() return { a = print } end }");
    assert_raises(bench.main, go(bench.main, ANSWER_NONE), "value", "result.a is a function");
    bench_close(&bench);
}

static void an_isolate_may_go_while_its_branches_wait(void **state) {
    struct bench bench;
    (void)state;
    bench_open(
        &bench,
        "return { run = function()\n"
        "  local guard <close> = setmetatable({}, { __close = function() error('ran') end })\n"
        "  parallel({ function() sleep(1) end, function() sleep(1) end }) end }");
    assert_asks(bench.main, go(bench.main, ANSWER_NONE), ASK_PARALLEL, NULL);
    struct branch *child = branch_child(bench.main, 0);
    assert_asks(child, go(child, ANSWER_NONE), ASK_SLEEP, NULL);
    bench_close(&bench);
    assert_string_equal(bench.told.logs, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_is_no_workflow_is_refused_with_its_name),
        cmocka_unit_test(a_byte_order_mark_is_skipped),
        cmocka_unit_test(the_definition_is_what_stands_beside_the_functions),
        cmocka_unit_test(a_module_is_loaded_once_from_the_bundle),
        cmocka_unit_test(run_gets_the_input_and_its_value_is_packed),
        cmocka_unit_test(a_recorded_step_gives_its_value_without_a_call),
        cmocka_unit_test(a_recorded_error_is_raised_where_the_step_stands),
        cmocka_unit_test(a_call_runs_the_function_and_comes_back_with_its_value),
        cmocka_unit_test(a_call_may_come_again_for_every_attempt),
        cmocka_unit_test(when_and_on_failure_are_asked_with_the_error),
        cmocka_unit_test(effects_inside_a_step_are_plain_and_name_no_step),
        cmocka_unit_test(the_first_touch_of_a_file_waits_once_an_attempt),
        cmocka_unit_test(default_names_tell_what_is_done),
        cmocka_unit_test(state_update_calls_its_function_with_the_value),
        cmocka_unit_test(parallel_makes_branches_in_key_order),
        cmocka_unit_test(the_results_of_branches_are_joined_in_lua),
        cmocka_unit_test(a_joined_failure_is_raised_as_it_was),
        cmocka_unit_test(now_is_the_answers_outside_and_the_hosts_inside_a_step),
        cmocka_unit_test(chance_repeats_for_a_seed_and_a_path),
        cmocka_unit_test(settings_are_then_outside_and_now_inside_a_step),
        cmocka_unit_test(log_lines_go_to_the_host),
        cmocka_unit_test(memory_ends_at_the_cap),
        cmocka_unit_test(memory_inside_a_step_ends_the_run),
        cmocka_unit_test(a_result_that_can_not_be_packed_is_an_error),
        cmocka_unit_test(an_isolate_may_go_while_its_branches_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
