/* pairs, next and table.sort: the same order in every process, whatever the table has been through.
 */
#include "support.h"

#include <lauxlib.h>
#include <lualib.h>

#include "base/id.h"
#include "lua/branch.h"
#include "lua/convert.h"

static int open_state(void **state) {
    lua_State *L = luaL_newstate();
    *(void **)lua_getextraspace(L) = NULL; /* no branch */
    luaL_openlibs(L);
    convert_open(L);
    order_open(L);
    *state = L;
    return 0;
}

static int close_state(void **state) {
    lua_close(*state);
    return 0;
}

static void assert_runs(lua_State *L, const char *code) {
    if (luaL_dostring(L, code)) {
        lua_getglobal(L, "tostring");
        lua_insert(L, -2);
        lua_call(L, 1, 1);
        fail_msg("%s", lua_tostring(L, -1));
    }
    lua_settop(L, 0);
}

static void pairs_of_random_tables_is_sorted_and_whole(void **state) {
    assert_runs(
        *state,
        "for seed = 1, 200 do\n"
        "  math.randomseed(seed)\n"
        "  local t, count = {}, 0\n"
        "  for _ = 1, math.random(0, 60) do\n"
        "    local kind, key = math.random(5)\n"
        "    if kind == 1 then key = math.random(-20, 20)\n"
        "    elseif kind == 2 then key = math.random() * 10 - 5\n"
        "    elseif kind == 3 then key = math.random(2) == 1\n"
        "    elseif kind == 4 then key = string.char(math.random(0, 255), math.random(0, 255))\n"
        "    else key = ('k'):rep(math.random(0, 4)) end\n"
        "    if t[key] == nil then count = count + 1 end\n"
        "    t[key] = true\n"
        "  end\n"
        "  local rank = { boolean = 1, number = 2, string = 3 }\n"
        "  local seen, last, has_last = 0, nil, false\n"
        "  for key in pairs(t) do\n"
        "    seen = seen + 1\n"
        "    if has_last then\n"
        "      local a, b = rank[type(last)], rank[type(key)]\n"
        "      assert(a <= b, 'kinds')\n"
        "      if a == b and a == 1 then assert(last == false and key == true) end\n"
        "      if a == b and a == 2 then assert(last < key, 'numbers') end\n"
        "      if a == b and a == 3 then\n"
        "        local i = 1\n"
        "        while last:byte(i) and last:byte(i) == key:byte(i) do i = i + 1 end\n"
        "        assert((last:byte(i) or -1) < (key:byte(i) or -1), 'texts')\n"
        "      end\n"
        "    end\n"
        "    last, has_last = key, true\n"
        "  end\n"
        "  assert(seen == count, 'whole')\n"
        "  local at, steps = next(t), 0\n"
        "  for key in pairs(t) do\n"
        "    assert(key == at, 'next')\n"
        "    at = next(t, at)\n"
        "    steps = steps + 1\n"
        "  end\n"
        "  assert(at == nil and steps == count)\n"
        "end");
}

static void integers_and_doubles_compare_exactly(void **state) {
    assert_runs(
        *state,
        "local keys = {}\n"
        "for k in pairs({ [2^53] = 1, [9007199254740993] = 1, [math.maxinteger] = 1, [2^63] = 1,\n"
        "  [math.mininteger] = 1, [-2^64] = 1, [0.5] = 1, [0] = 1, [1/0] = 1, [-1/0] = 1 }) do\n"
        "  keys[#keys + 1] = ('%.17g'):format(k)\n"
        "end\n"
        "local wanted = '-inf -1.8446744073709552e+19 -9.2233720368547758e+18 0 0.5 "
        "9007199254740992 '\n"
        "  .. '9007199254740992 9.2233720368547758e+18 9.2233720368547758e+18 inf'\n"
        "assert(table.concat(keys, ' ') == wanted, table.concat(keys, ' '))");
}

static void removed_keys_are_skipped_and_new_ones_not_met(void **state) {
    assert_runs(*state, "local t, seen = { a = 1, b = 2, c = 3, d = 4 }, {}\n"
                        "for k, v in pairs(t) do\n"
                        "  seen[#seen + 1] = k .. v\n"
                        "  t.b = nil t.c = 30 t.bb = 1 t.z = 1\n"
                        "end\n"
                        "assert(table.concat(seen, ' ') == 'a1 c30 d4', table.concat(seen, ' '))");
}

static void keys_without_an_order_are_refused(void **state) {
    assert_runs(*state,
                "for _, key in ipairs({ {}, print, io.stdout, coroutine.create(print) }) do\n"
                "  local ok, err = pcall(pairs, { [key] = 1 })\n"
                "  assert(not ok and err.message:find('no order', 1, true))\n"
                "  assert(not pcall(next, { [key] = 1 }))\n"
                "end\n"
                "assert(not pcall(pairs, nil) and not pcall(next, 1))");
}

static void sort_is_stable_for_every_length(void **state) {
    assert_runs(*state, "for n = 0, 130 do\n"
                        "  local t = {}\n"
                        "  for i = 1, n do t[i] = { key = (i * 7919) % 5, at = i } end\n"
                        "  table.sort(t, function(a, b) return a.key < b.key end)\n"
                        "  assert(#t == n)\n"
                        "  for i = 2, n do\n"
                        "    local a, b = t[i - 1], t[i]\n"
                        "    assert(a.key < b.key or (a.key == b.key and a.at < b.at), n)\n"
                        "  end\n"
                        "end");
}

static void sort_asks_the_same_questions_every_time(void **state) {
    assert_runs(
        *state,
        "local function questions()\n"
        "  local t, asked = {}, {}\n"
        "  for i = 1, 500 do t[i] = (i * 7919) % 503 end\n"
        "  table.sort(t, function(a, b) asked[#asked + 1] = a .. ' ' .. b return a < b end)\n"
        "  return table.concat(asked, ',')\n"
        "end\n"
        "assert(questions() == questions())");
}

static void a_comparison_that_contradicts_itself_loses_nothing(void **state) {
    assert_runs(*state, "local t = {}\n"
                        "for i = 1, 100 do t[i] = i end\n"
                        "table.sort(t, function() return true end)\n"
                        "local seen = {}\n"
                        "for _, v in ipairs(t) do assert(not seen[v]) seen[v] = true end\n"
                        "assert(#t == 100)");
}

static void a_comparison_that_raises_leaves_the_table_whole(void **state) {
    assert_runs(*state,
                "local t, calls = { 5, 4, 3, 2, 1 }, 0\n"
                "local ok = pcall(table.sort, t, function(a, b)\n"
                "  calls = calls + 1\n"
                "  if calls == 4 then error('no') end\n"
                "  return a < b\n"
                "end)\n"
                "assert(not ok and table.concat(t, ' ') == '5 4 3 2 1')\n"
                "assert(not pcall(table.sort, { 1, 'x' }) and not pcall(table.sort, {}, 1))");
}

#define ORDER_TEST(name) cmocka_unit_test_setup_teardown(name, open_state, close_state)

int main(void) {
    const struct CMUnitTest tests[] = {
        ORDER_TEST(pairs_of_random_tables_is_sorted_and_whole),
        ORDER_TEST(integers_and_doubles_compare_exactly),
        ORDER_TEST(removed_keys_are_skipped_and_new_ones_not_met),
        ORDER_TEST(keys_without_an_order_are_refused),
        ORDER_TEST(sort_is_stable_for_every_length),
        ORDER_TEST(sort_asks_the_same_questions_every_time),
        ORDER_TEST(a_comparison_that_contradicts_itself_loses_nothing),
        ORDER_TEST(a_comparison_that_raises_leaves_the_table_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
