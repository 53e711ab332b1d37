/* What ends a run against its will: endless loops of all kinds, and memory. A timer's signal stands
 * in for the watchdog's. */
#include "support.h"

#include <signal.h>
#include <sys/time.h>
#include <time.h>

static struct pulse pulse; /* a signal's handler has nothing else */

static void on_alarm(int number) {
    (void)number;
    atomic_store(&pulse.accused, atomic_load(&pulse.count));
    pulse_expire(&pulse);
}

static void alarm_in(int64_t us, int64_t again_us) {
    struct itimerval timer = {{0, again_us}, {0, us}};
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void open_watched(struct bench *bench, const char *source, size_t memory_max) {
    struct error err;
    struct buffer input = packed("{}");
    memset(&pulse, 0, sizeof pulse);
    pulse.limit_us = 2000000;
    bench_pulse = &pulse;
    if (bench_try(bench, source, NULL, memory_max, &err)) fail_msg("%s", err.message);
    bench_pulse = NULL;
    assert_int_equal(isolate_begin(bench->isolate, buffer_bytes(&input), &bench->main, &err), 0);
    buffer_done(&input);
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The body of run() is struck 20 ms after its start, and is out of Lua soon after. */
static void assert_struck(const char *body) {
    struct bench bench;
    char source[2000];
    snprintf(source, sizeof source,
             "local function loop() while true do end end\n"
             "return { run = function() %s\nloop() end }",
             body);
    open_watched(&bench, source, 0);
    double began = seconds();
    alarm_in(20000, 20000);
    enum branch_outcome outcome = go(bench.main, ANSWER_NONE);
    double took = seconds() - began;
    alarm_in(0, 0);
    if (outcome != BRANCH_OVER) fail_msg("not struck: %s", body);
    assert_over(bench.main, outcome, "watchdog", "limits.watchdog");
    assert_member_holds(buffer_bytes(&branch_ask(bench.main)->value), "message", "flow.lua:");
    assert_member_holds(buffer_bytes(&branch_ask(bench.main)->value), "message",
                        "2 s of processor");
    if (took > 2) fail_msg("%.1f s: %s", took, body);
    bench_close(&bench);
}

static void an_endless_loop_is_ended_whatever_catches(void **state) {
    static const char *const bodies[] = {
        "loop()",
        "while true do pcall(loop) end",
        "while true do pcall(pcall, pcall, loop) end",
        "while true do xpcall(loop, function() loop() end) end",
        "xpcall(loop, function(e) while true do pcall(error) end end)",
        "xpcall(error, loop)",
        "local function deep(n) if n == 0 then loop() end pcall(deep, n - 1) loop() end deep(100)",
        "while true do coroutine.wrap(pcall)(loop) end",
        "local co = coroutine.create(loop) while true do coroutine.resume(co) end",
        "local inner = coroutine.wrap(function() while true do coroutine.yield() end end)\n"
        "coroutine.wrap(function() while true do pcall(inner) end end)()",
        "local x <close> = setmetatable({}, { __close = loop }) loop()",
        "for _ in loop do end",
        "setmetatable({}, { __index = loop }).x = setmetatable({}, { __index = loop }).y",
        "table.sort({ 1, 2, 3 }, loop)",
        "('x'):gsub('x', loop)",
        "load('while true do end', '@flow.lua')()",
        "local t = {} while true do t[#t % 100 + 1] = {} end",
        "coroutine.close(coroutine.create(loop)) local co = coroutine.create(function()\n"
        "  local x <close> = setmetatable({}, { __close = loop }) coroutine.yield() end)\n"
        "coroutine.resume(co) while true do coroutine.close(co) end",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) assert_struck(bodies[i]);
}

static void a_long_way_in_c_is_ended(void **state) {
    static const char *const bodies[] = {
        "local a = ('a'):rep(1 << 17) a:find('.-b') a:match('.-b')",
        "local a = ('a'):rep(1 << 17) a:find('a*b') a:find('a*b')",
        "local a = (' '):rep(1 << 17) a:gsub('%s*$x', '') a:gsub('%s*$x', '')",
        "local a = ('a'):rep(1 << 14) for _ in a:gmatch('.-.-b') do end",
        "('a'):rep(22):find(('a?'):rep(40) .. ('a'):rep(40))",
        "('a'):rep(40):find(('a-'):rep(20) .. 'b')",
        "('('):rep(1 << 18):find('%b()')",
        "pcall(string.find, ('a'):rep(1 << 17), '.-b')",
        "('').rep('', 1e15) ('').rep('', 1e15, '') table.move({}, 1, 1e15, 2)",
        "table.move({}, 1, math.maxinteger - 1, 2, {})",
        "table.insert(setmetatable({}, { __len = function() return 1 << 60 end }), 1, 1)",
        "table.remove(setmetatable({}, { __len = function() return 1 << 60 end }), 1)",
        "table.concat(setmetatable({}, { __index = string.len, __len = function() return 9 end,\n"
        "  __metatable = '' }), '', 1, 1) table.concat(setmetatable({}, { __index = getmetatable,\n"
        "  __metatable = '' }), '', 1, 1 << 60)",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        char source[1000]; /* an error of the call itself is no way out */
        snprintf(source, sizeof source, "pcall(function() %s end)", bodies[i]);
        assert_struck(source);
    }
}

static void a_strike_at_any_instant_ends_the_run(void **state) {
    static const char source[] =
        "local function work(n)\n"
        "  local t = {}\n"
        "  for i = 1, 50 do t[i] = tostring(i * n) end\n"
        "  table.sort(t, function(a, b) return a < b end)\n"
        "  return (table.concat(t, ','):gsub('%d+', function(d) return #d end))\n"
        "end\n"
        "local function tower(n) if n == 0 then return work(n) end return pcall(tower, n - 1) end\n"
        "return { run = function()\n"
        "  while true do\n"
        "    pcall(work, 3) xpcall(tower, work, 20)\n"
        "    local co = coroutine.wrap(function() local x <close> = setmetatable({}, { __close = "
        "work })\n"
        "      for i = 1, 3 do coroutine.yield(pcall(work, i)) end end)\n"
        "    for _ = 1, 3 do pcall(co) end\n"
        "  end\n"
        "end }";
    (void)state;
    for (int i = 0; i < 300; i++) {
        struct bench bench;
        open_watched(&bench, source, 0);
        alarm_in(100 + i * 7,
                 20000); /* the first may come before Lua runs; the watcher repeats too */
        assert_over(bench.main, go(bench.main, ANSWER_NONE), "watchdog", "limits.watchdog");
        alarm_in(0, 0);
        bench_close(&bench);
    }
}

static void a_late_strike_misses_the_next_run(void **state) {
    struct bench bench;
    (void)state;
    open_watched(&bench, "return { run = function() sleep(1) return 1 end }", 0);
    atomic_store(&pulse.accused, atomic_load(&pulse.count) + 1);
    assert_asks(bench.main, go(bench.main, ANSWER_NONE), ASK_SLEEP, NULL);
    pulse_expire(&pulse); /* no Lua runs */
    atomic_store(&pulse.running, bench.isolate);
    pulse_expire(&pulse); /* another count */
    atomic_store(&pulse.running, NULL);
    assert_returns(bench.main, go_with(bench.main, ANSWER_VALUE, "null"), "1");
    bench_close(&bench);
}

static void a_step_and_a_branch_end_with_the_run(void **state) {
    struct bench bench;
    (void)state;
    open_watched(&bench,
                 "return { run = function()\n"
                 "  local ok = pcall(step, 's', function() while true do pcall(error) end end)\n"
                 "  return 'caught' end }",
                 0);
    assert_asks(bench.main, go(bench.main, ANSWER_NONE), ASK_STEP, "s");
    alarm_in(20000, 0);
    assert_over(bench.main, go(bench.main, ANSWER_CALL), "watchdog", "flow.lua:2");
    bench_close(&bench);
    open_watched(&bench,
                 "return { run = function() parallel({ function() while true do end end },\n"
                 "  { settle = true }) end }",
                 0);
    assert_asks(bench.main, go(bench.main, ANSWER_NONE), ASK_PARALLEL, NULL);
    struct branch *child = branch_child(bench.main, 0);
    alarm_in(20000, 0);
    assert_over(child, go(child, ANSWER_NONE), "watchdog", "flow.lua:1");
    bench_close(&bench);
}

static void a_primitive_in_close_does_not_outlive_the_strike(void **state) {
    assert_struck("local x <close> = setmetatable({}, { __close = function() sleep(1) end })\n"
                  "local y <close> = setmetatable({}, { __close = sleep }) loop()");
    (void)state;
}

static void an_endless_top_level_is_refused(void **state) {
    struct bench bench;
    struct error err;
    (void)state;
    memset(&pulse, 0, sizeof pulse);
    bench_pulse = &pulse;
    alarm_in(20000, 0);
    assert_int_equal(bench_try(&bench, "while true do pcall(error) end", NULL, 0, &err),
                     TEND_EINPUT);
    bench_pulse = NULL;
    assert_string_equal(err.kind, "watchdog");
}

static void want_of_memory_can_not_be_caught(void **state) {
    static const char *const bodies[] = {
        "pcall(function() local t = {} for i = 1, 1e9 do t[i] = {} end end)",
        "xpcall(function() local t = {} for i = 1, 1e9 do t[i] = {} end end, function() end)",
        "coroutine.resume(coroutine.create(function() local t = {} for i = 1, 1e9 do t[i] = {} end "
        "end))",
        "pcall(coroutine.wrap(function() local t = {} for i = 1, 1e9 do t[i] = {} end end))",
        "pcall(string.rep, 'x', 1 << 30)",
        ("pcall(function()\n"
         "  local x <close> = setmetatable({}, { __close = function() error('other') end })\n"
         "  local t = {} for i = 1, 1e9 do t[i] = {} end end)"),
        "pcall(function() local s = 'x' for i = 1, 40 do s = s .. s end end)",
        "pcall(function() local t = {} for i = 1, 1000 do t[i] = ('x'):rep(9999):upper() end end)",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct bench bench;
        char source[1000];
        snprintf(source, sizeof source, "return { run = function() %s return 'caught' end }",
                 bodies[i]);
        open_watched(&bench, source, (size_t)4 << 20);
        enum branch_outcome outcome = go(bench.main, ANSWER_NONE);
        if (outcome != BRANCH_OVER) fail_msg("caught: %s", bodies[i]);
        assert_over(bench.main, outcome, "memory", "4 MiB");
        bench_close(&bench);
    }
}

static void garbage_is_no_want_of_memory(void **state) {
    struct bench bench;
    (void)state;
    open_watched(&bench,
                 "return { run = function()\n"
                 "  for i = 1, 2000 do local s = ('x'):rep(400000) .. i end\n"
                 "  for i = 1, 200 do local s = ('x'):rep(100000):gsub('x', 'yy') end\n"
                 "  local t = {} for i = 1, 2e5 do t[i % 100] = { i } end return #t end }",
                 (size_t)4 << 20);
    assert_returns(bench.main, go(bench.main, ANSWER_NONE), "99");
    bench_close(&bench);
}

static void pcall_and_xpcall_answer_as_lua_says(void **state) {
    struct bench bench;
    (void)state;
    bench_open(&bench,
               "return { run = function()\n"
               "  local function values(...) return select('#', ...), ... end\n"
               "  return { { values(pcall(values)) }, { values(pcall(values, 7, 8)) },\n"
               "    { values(pcall(error, 'e', 0)) }, { values(xpcall(values, print, 7)) },\n"
               "    { values(xpcall(error, function(e) return 'h' .. e end, 'e', 0)) },\n"
               "    { values(pcall(pcall)) }, { (pcall(xpcall, print)) } } end }");
    assert_returns(bench.main, go(bench.main, ANSWER_NONE),
                   "[[2,true,0],[4,true,2,7,8],[2,false,\"e\"],[3,true,1,7],[2,false,\"he\"],"
                   "[2,false,\"bad argument #1 to 'pcall' (value expected)\"],[false]]");
    bench_close(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_endless_loop_is_ended_whatever_catches),
        cmocka_unit_test(a_long_way_in_c_is_ended),
        cmocka_unit_test(a_strike_at_any_instant_ends_the_run),
        cmocka_unit_test(a_late_strike_misses_the_next_run),
        cmocka_unit_test(a_step_and_a_branch_end_with_the_run),
        cmocka_unit_test(a_primitive_in_close_does_not_outlive_the_strike),
        cmocka_unit_test(an_endless_top_level_is_refused),
        cmocka_unit_test(want_of_memory_can_not_be_caught),
        cmocka_unit_test(garbage_is_no_want_of_memory),
        cmocka_unit_test(pcall_and_xpcall_answer_as_lua_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
