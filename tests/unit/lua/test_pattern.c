/* Our string and table functions against Lua's own: the same results, and errors where it has
 * errors, on many generated calls. */
#include "support.h"

#include <lauxlib.h>
#include <lualib.h>

#include "lua/branch.h"

/* Lua's own functions are in `own`, ours in string and table. */
static int open_state(void **state) {
    lua_State *L = luaL_newstate();
    *(void **)lua_getextraspace(L) = NULL; /* no branch */
    luaL_openlibs(L);
    assert_int_equal(luaL_dostring(L, "own = { string = {}, table = {} }\n"
                                      "for k, v in pairs(string) do own.string[k] = v end\n"
                                      "for k, v in pairs(table) do own.table[k] = v end"),
                     LUA_OK);
    string_open(L);
    table_open(L);
    *state = L;
    return 0;
}

static int close_state(void **state) {
    lua_close(*state);
    return 0;
}

static const char same[] =
    "local function same(library, name, ...)\n"
    "  local wanted = table.pack(pcall(own[library][name], ...))\n"
    "  local got = table.pack(pcall(_G[library][name], ...))\n"
    "  local alike = wanted.n == got.n and wanted[1] == got[1]\n"
    "  for i = 2, alike and wanted[1] and wanted.n or 0 do alike = alike and wanted[i] == got[i]\n"
    "    and math.type(wanted[i]) == math.type(got[i]) end\n"
    "  if alike then return wanted[1] end\n"
    "  local said = {}\n"
    "  for i, v in ipairs({ ... }) do said[i] = ('%q'):format(type(v) == 'table' and 'table' or\n"
    "    type(v) == 'function' and 'function' or v) end\n"
    "  error(name .. '(' .. own.table.concat(said, ', ') .. '): wanted ' ..\n"
    "    tostring(wanted[2]) .. ', got ' .. tostring(got[2]))\n"
    "end\n"
    "local function all(s, p)\n"
    "  local kinds = same('string', 'find', s, p, 1)\n"
    "  same('string', 'find', s, p, math.random(-9, 9))\n"
    "  same('string', 'find', s, p, math.random(-9, 9), true)\n"
    "  same('string', 'match', s, p)\n"
    "  same('string', 'match', s, p, math.random(-9, 9))\n"
    "  same('string', 'gsub', s, p, '<%0>')\n"
    "  same('string', 'gsub', s, p, '%1%%', math.random(0, 3))\n"
    "  same('string', 'gsub', s, p, '%2')\n"
    "  same('string', 'gsub', s, p, { a = 'x', b = false, [1] = 2 })\n"
    "  same('string', 'gsub', s, p, function(a, b) return b or a end)\n"
    "  same('string', 'gsub', s, p, 7)\n"
    "  local function list(gmatch, init) local out = {}\n"
    "    for a, b, c in gmatch(s, p, init) do\n"
    "      out[#out + 1] = ('%s %s %s'):format(a, b, c) if #out > 99 then break end end\n"
    "    return own.table.concat(out, '|') end\n"
    "  for _, init in ipairs({ 1, 3, -2 }) do\n"
    "    local a, wanted = pcall(list, own.string.gmatch, init)\n"
    "    local b, got = pcall(list, string.gmatch, init)\n"
    "    assert(a == b and (not a or wanted == got), 'gmatch ' .. s .. ' ' .. p)\n"
    "  end\n"
    "  return kinds\n"
    "end\n";

static void assert_runs(lua_State *L, const char *code) {
    char *source = memory_new(strlen(same) + strlen(code) + 1);
    sprintf(source, "%s%s", same, code);
    if (luaL_dostring(L, source)) fail_msg("%s", lua_tostring(L, -1));
    memory_free(source);
    lua_settop(L, 0);
}

/* Built of whole items, so that most of them make sense. */
static void patterns_that_make_sense_match_as_luas(void **state) {
    assert_runs(
        *state,
        "math.randomseed(1)\n"
        "local items = { 'a', 'b', 'ab', '.', '%a', '%d', '%s', '%W', '%p', '%x', '%u', '%l',\n"
        "  '%g', '%c', '[ab]', '[^a]', '[a-c]', '[%d_]', '[]x]', '[^]]', '[a-]', '[%]a]', "
        "'[^%s]',\n"
        "  '()', '(a)', '(.-)', '(%w+)', '(a(b)c)', '%1', '%b()', '%bab', '%f[%w]', '%f[^%w]', "
        "'$',\n"
        "  '%%', '%.', '-', '^', '\\0', '[\\0-\\31]', '(', ')', ' ' }\n"
        "local marks = { '', '', '', '', '*', '+', '-', '?' }\n"
        "local alphabet, good = 'aaabbc12 (()_.%]\\0\\n', 0\n"
        "for i = 1, 40000 do\n"
        "  local p, s = math.random(6) == 1 and '^' or '', ''\n"
        "  for _ = 1, math.random(5) do p = p .. items[math.random(#items)] .. "
        "marks[math.random(#marks)] end\n"
        "  if math.random(5) == 1 then p = p .. '$' end\n"
        "  for _ = 1, math.random(0, 12) do local at = math.random(#alphabet)\n"
        "    s = s .. alphabet:sub(at, at) end\n"
        "  if all(s, p) then good = good + 1 end\n"
        "end\n"
        "assert(good > 10000, good)");
}

/* Any characters; a range up to a class is the one thing whose meaning nobody defines. */
static void any_pattern_matches_or_fails_as_luas(void **state) {
    assert_runs(
        *state,
        "math.randomseed(2)\n"
        "local alphabet = 'aabbc[[]]^^%%%%--..(())$**++??ffbd12\\0'\n"
        "local good = 0\n"
        "for i = 1, 60000 do\n"
        "  local p, s = '', ''\n"
        "  for _ = 1, math.random(0, 9) do local at = math.random(#alphabet)\n"
        "    p = p .. alphabet:sub(at, at) end\n"
        "  for _ = 1, math.random(0, 8) do local at = math.random(#alphabet)\n"
        "    s = s .. alphabet:sub(at, at) end\n"
        "  if not own.string.find(p, '-%', 1, true) and all(s, p) then good = good + 1 end\n"
        "end\n"
        "assert(good > 10000, good)");
}

static void long_patterns_and_many_captures_are_bounded_as_luas(void **state) {
    assert_runs(
        *state,
        "for _, n in ipairs({ 31, 32, 33, 63, 64, 65, 99, 199, 200, 201, 5000 }) do\n"
        "  all(('a'):rep(50), ('a?'):rep(n)) all('a', ('()'):rep(n)) all('a', ('('):rep(n))\n"
        "  all(('ab'):rep(n), ('ab'):rep(n)) all(('a'):rep(n), ('(a)'):rep(n))\n"
        "end\n"
        "all('THE (quick) fox', '%((%a+)%)') all('key = value', '^(%w+)%s*=%s*(%w+)$')\n"
        "all('', '') all('abc', '') all('x', '^*') all('hello world', 'o w') all('äöü', '[ö]')");
}

static void rep_and_lists_do_as_luas(void **state) {
    assert_runs(
        *state,
        "for _, n in ipairs({ -1, 0, 1, 2, 3, 100 }) do for _, s in ipairs({ '', 'x', 'ab' }) do\n"
        "  for _, b in ipairs({ '', ',', '--' }) do same('string', 'rep', s, n, b) end\n"
        "  same('string', 'rep', s, n) end end\n"
        "same('string', 'rep', 'xx', math.maxinteger) same('string', 'rep', 'x', 'y') "
        "same('string', 'rep')\n"
        "local function lists(name, ...)\n"
        "  local a, b = { 1, 2, 3, 'x' }, { 1, 2, 3, 'x' }\n"
        "  local ok, wanted = pcall(own.table[name], a, ...)\n"
        "  local fine, got = pcall(table[name], b, ...)\n"
        "  assert(ok == fine and (not ok or wanted == got or type(got) == 'table'), name)\n"
        "  for i = -3, 12 do assert(a[i] == b[i], name) end\n"
        "end\n"
        "for i = -2, 7 do lists('insert', i, 'n') lists('remove', i)\n"
        "  for j = -2, 7 do lists('concat', ',', i, j)\n"
        "    for to = -2, 7 do lists('move', i, j, to) end end end\n"
        "lists('insert', 'n') lists('insert') lists('insert', 1, 2, 3) lists('remove') "
        "lists('concat')\n"
        "lists('concat', ', ') lists('concat', nil, nil, 2) lists('move', 1, 4, 2, nil)\n"
        "same('table', 'concat', {}) same('table', 'concat', { {} }) same('table', 'remove', {})\n"
        "same('table', 'remove', {}, 0) same('table', 'concat', { 1, 2.5, 'x' }, '-')\n"
        "same('table', 'concat', { [math.maxinteger] = 'x' }, '', math.maxinteger, "
        "math.maxinteger)\n"
        "same('table', 'move', {}, math.mininteger, 0, 1) same('table', 'move', {}, 1, 2, "
        "math.maxinteger)\n"
        "same('table', 'insert', 1, 2) same('table', 'concat', 'x')\n"
        "local like = setmetatable({}, { __index = function(_, i) return i <= 3 and i or nil end,\n"
        "  __len = function() return 3 end })\n"
        "same('table', 'concat', like, ',')");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_that_make_sense_match_as_luas),
        cmocka_unit_test(any_pattern_matches_or_fails_as_luas),
        cmocka_unit_test(long_patterns_and_many_captures_are_bounded_as_luas),
        cmocka_unit_test(rep_and_lists_do_as_luas),
    };
    return cmocka_run_group_tests(tests, open_state, close_state);
}
