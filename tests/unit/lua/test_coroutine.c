/* coroutine of our own: Lua's behaviour, and primitives that wait inside. */
#include "support.h"

/* The body of run() returns `json` without asking for anything. */
static void assert_gives(const char *body, const char *json) {
    struct bench bench;
    char source[3000];
    snprintf(source, sizeof source, "return { run = function() %s end }", body);
    bench_open(&bench, source);
    assert_returns(bench.main, go(bench.main, ANSWER_NONE), json);
    bench_close(&bench);
}

static void values_go_in_and_out(void **state) {
    (void)state;
    assert_gives(
        "local co = coroutine.create(function(a, b)\n"
        "  local c, d = coroutine.yield(a + b) local e = coroutine.yield(c + d) return 'end', e "
        "end)\n"
        "return { { coroutine.resume(co, 1, 2) }, { coroutine.resume(co, 3, 4) },\n"
        "  { coroutine.resume(co, 5) }, { coroutine.resume(co) }, coroutine.status(co) }",
        "[[true,3],[true,7],[true,\"end\",5],[false,\"cannot resume dead coroutine\"],\"dead\"]");
    assert_gives("local out = {} for i in coroutine.wrap(function() for i = 1, 3 do "
                 "coroutine.yield(i) end end) do\n"
                 "  out[#out + 1] = i end return out",
                 "[1,2,3]");
    assert_gives("local co = coroutine.wrap(function(...) return select('#', ...), ... end) local "
                 "n, a, b, c = co(7, nil, 2) return { n, a, b == nil, c }",
                 "[3,7,true,2]");
}

static void statuses_are_as_lua_says(void **state) {
    (void)state;
    assert_gives(
        "local a, b local out = {}\n"
        "a = coroutine.create(function() out[1] = coroutine.status(a) coroutine.resume(b)\n"
        "  out[4] = coroutine.isyieldable() out[5] = select(2, coroutine.running()) end)\n"
        "b = coroutine.create(function() out[2] = coroutine.status(a)\n"
        "  out[3] = select(2, coroutine.resume(a)) end)\n"
        "out[6] = coroutine.status(a) coroutine.resume(a) out[7] = coroutine.status(a)\n"
        "out[8] = coroutine.isyieldable() out[9] = select(2, coroutine.running())\n"
        "out[10] = select(2, pcall(coroutine.yield)) return out",
        "[\"running\",\"normal\",\"cannot resume non-suspended coroutine\",true,false,"
        "\"suspended\",\"dead\",false,true,\"attempt to yield from outside a coroutine\"]");
}

static void errors_come_out_and_close_what_is_open(void **state) {
    (void)state;
    assert_gives(
        "local out = {}\n"
        "local function fails() local x <close> = setmetatable({}, { __close = function() out[#out "
        "+ 1] = 'closed' end })\n"
        "  error({ code = 7 }) end\n"
        "local ok, err = pcall(coroutine.wrap(fails)) out[#out + 1] = err.code\n"
        "local ok2, err2 = coroutine.resume(coroutine.create(fails)) out[#out + 1] = err2.code\n"
        "out[#out + 1] = select(2, pcall(coroutine.wrap(function() error('text', 0) end))) return "
        "out",
        "[\"closed\",7,\"closed\",7,\"text\"]");
    assert_gives("local out = {} local co = coroutine.create(function()\n"
                 "  local x <close> = setmetatable({}, { __close = function() out[#out + 1] = "
                 "'closed' error('late', 0) end })\n"
                 "  coroutine.yield() end)\n"
                 "coroutine.resume(co) local _, late = coroutine.close(co) out[#out + 1] = late\n"
                 "out[#out + 1] = coroutine.status(co)\n"
                 "out[#out + 1] = coroutine.close(coroutine.create(print)) return out",
                 "[\"closed\",\"late\",\"dead\",true]");
}

static void a_primitive_passes_through_to_the_engine(void **state) {
    struct bench bench;
    (void)state;
    bench_open(&bench, "return { run = function()\n"
                       "  local out = {}\n"
                       "  local outer = coroutine.wrap(function()\n"
                       "    local inner = coroutine.create(function()\n"
                       "      local v = step('in', function() end) out[#out + 1] = v\n"
                       "      coroutine.yield('mine')\n"
                       "      local ok, err = pcall(sleep, 1)\n"
                       "      out[#out + 1] = err.kind\n"
                       "    end)\n"
                       "    local _, mine = coroutine.resume(inner) out[#out + 1] = mine\n"
                       "    coroutine.yield('between')\n"
                       "    coroutine.resume(inner)\n"
                       "    return 'end'\n"
                       "  end)\n"
                       "  local a = outer() out[#out + 1] = a local b = outer() out[#out + 1] = b\n"
                       "  return out\n"
                       "end }");
    assert_asks(bench.main, go(bench.main, ANSWER_NONE), ASK_STEP, "in");
    assert_asks(bench.main, go(bench.main, ANSWER_CALL), ASK_RETURNED, NULL);
    assert_asks(bench.main, go_with(bench.main, ANSWER_VALUE, "\"v\""), ASK_SLEEP, NULL);
    assert_returns(bench.main,
                   go_with(bench.main, ANSWER_ERROR, "{\"message\":\"no\",\"kind\":\"cancelled\"}"),
                   "[\"v\",\"mine\",\"between\",\"cancelled\",\"end\"]");
    bench_close(&bench);
}

static void close_variables_may_use_primitives_after_an_error(void **state) {
    struct bench bench;
    (void)state;
    bench_open(&bench, "return { run = function()\n"
                       "  local co = coroutine.wrap(function()\n"
                       "    local x <close> = setmetatable({}, { __close = function() sleep(1, { "
                       "name = 'tidy' }) end })\n"
                       "    sleep(1, { name = 'first' })\n"
                       "  end)\n"
                       "  local ok, err = pcall(co) return err.kind end }");
    assert_asks(bench.main, go(bench.main, ANSWER_NONE), ASK_SLEEP, "first");
    assert_asks(bench.main,
                go_with(bench.main, ANSWER_ERROR, "{\"message\":\"no\",\"kind\":\"cancelled\"}"),
                ASK_SLEEP, "tidy");
    assert_returns(bench.main, go_with(bench.main, ANSWER_VALUE, "null"), "\"cancelled\"");
    bench_close(&bench);
}

static void the_branch_is_that_of_who_resumes(void **state) {
    struct bench bench;
    (void)state;
    bench_open(
        &bench,
        "return { run = function()\n"
        "  local co = coroutine.wrap(function() while true do sleep(1) coroutine.yield() end end)\n"
        "  parallel({ function() co() end, function() sleep(2) co() end }) end }");
    assert_asks(bench.main, go(bench.main, ANSWER_NONE), ASK_PARALLEL, NULL);
    struct branch *one = branch_child(bench.main, 0), *two = branch_child(bench.main, 1);
    assert_asks(one, go(one, ANSWER_NONE), ASK_SLEEP, NULL);
    assert_asks(two, go(two, ANSWER_NONE), ASK_SLEEP, NULL);
    assert_int_equal(go_with(one, ANSWER_VALUE, "null"), BRANCH_RETURNED);
    assert_asks(two, go_with(two, ANSWER_VALUE, "null"), ASK_SLEEP, NULL);
    assert_int_equal(go_with(two, ANSWER_VALUE, "null"), BRANCH_RETURNED);
    bench_close(&bench);
}

static void what_waits_for_the_engine_is_not_resumed_by_another_branch(void **state) {
    struct bench bench;
    (void)state;
    bench_open(&bench,
               "return { run = function()\n"
               "  local co = coroutine.create(function() sleep(1) return 'woke' end)\n"
               "  parallel({ function() return select(2, coroutine.resume(co)) end, function()\n"
               "    return { coroutine.status(co), coroutine.resume(co), (pcall(coroutine.close, "
               "co)) } end }) end }");
    assert_asks(bench.main, go(bench.main, ANSWER_NONE), ASK_PARALLEL, NULL);
    struct branch *one = branch_child(bench.main, 0), *two = branch_child(bench.main, 1);
    assert_asks(one, go(one, ANSWER_NONE), ASK_SLEEP, NULL);
    assert_int_equal(go(two, ANSWER_NONE), BRANCH_RETURNED);
    assert_int_equal(go_with(one, ANSWER_VALUE, "null"), BRANCH_RETURNED);
    bench_close(&bench);
}

static void a_primitive_where_nothing_can_wait_says_where(void **state) {
    (void)state;
    assert_gives(
        "local out = {} local function try(f, ...)\n"
        "  out[#out + 1] = select(2, pcall(f, ...)).message:match('inside.*') end\n"
        "local wrapped = coroutine.wrap(function() sleep(1) end)\n"
        "try(table.sort, { 1, 2 }, function() sleep(1) end)\n"
        "try(string.gsub, 'x', 'x', function() sleep(1) end)\n"
        "try(table.sort, { 1, 2 }, function() wrapped() end)\n"
        "local co = coroutine.create(function() local x <close> = setmetatable({}, { __close = "
        "function() sleep(1) end })\n"
        "  coroutine.yield() end) coroutine.resume(co)\n"
        "out[#out + 1] = select(2, coroutine.close(co)).message:match('inside.*') return out",
        "[\"inside table.sort\",\"inside string.gsub\",\"inside table.sort\",\"inside "
        "coroutine.close\"]");
}

static void a_step_is_not_left_by_a_yield(void **state) {
    struct bench bench;
    (void)state;
    bench_open(&bench, "return { run = function()\n"
                       "  local co = coroutine.wrap(function()\n"
                       "    return step('s', function()\n"
                       "      local inside = coroutine.wrap(function() coroutine.yield(1) end)()\n"
                       "      return { inside, select(2, pcall(coroutine.yield)) } end) end)\n"
                       "  return co() end }");
    assert_asks(bench.main, go(bench.main, ANSWER_NONE), ASK_STEP, "s");
    struct ask *ask = assert_asks(bench.main, go(bench.main, ANSWER_CALL), ASK_RETURNED, NULL);
    assert_json(buffer_bytes(&ask->value),
                "[1,\"coroutine.yield can't leave the function that a step calls; yield before or "
                "after the step\"]");
    bench_close(&bench);
}

static void close_nested_in_close_is_bounded(void **state) {
    (void)state;
    assert_gives("local depth, last = 0, nil\n"
                 "for i = 1, 30000 do\n"
                 "  local inner = last\n"
                 "  last = coroutine.create(function()\n"
                 "    local x <close> = setmetatable({}, { __close = function() depth = depth + 1\n"
                 "      if inner then coroutine.close(inner) end end })\n"
                 "    coroutine.yield() end)\n"
                 "  coroutine.resume(last) end\n"
                 "return { depth, (coroutine.close(last)) and depth }",
                 "[0,100]");
}

static void deep_nesting_is_an_error_of_lua(void **state) {
    (void)state;
    assert_gives("local function nest() return coroutine.wrap(nest)() end\n"
                 "local ok, err = pcall(nest) return { ok, (err:match('C stack overflow')) }",
                 "[false,\"C stack overflow\"]");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_go_in_and_out),
        cmocka_unit_test(statuses_are_as_lua_says),
        cmocka_unit_test(errors_come_out_and_close_what_is_open),
        cmocka_unit_test(a_primitive_passes_through_to_the_engine),
        cmocka_unit_test(close_variables_may_use_primitives_after_an_error),
        cmocka_unit_test(the_branch_is_that_of_who_resumes),
        cmocka_unit_test(what_waits_for_the_engine_is_not_resumed_by_another_branch),
        cmocka_unit_test(a_primitive_where_nothing_can_wait_says_where),
        cmocka_unit_test(a_step_is_not_left_by_a_yield),
        cmocka_unit_test(close_nested_in_close_is_bounded),
        cmocka_unit_test(deep_nesting_is_an_error_of_lua),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
