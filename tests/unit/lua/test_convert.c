/* Values between Lua and their packed form: exactly, by copy, and what can't cross named by path.
 */
#include "support.h"

#include <lauxlib.h>
#include <lualib.h>

#include "lua/branch.h"
#include "lua/convert.h"

static int open_state(void **state) {
    lua_State *L = luaL_newstate();
    *(void **)lua_getextraspace(L) = NULL; /* no branch */
    luaL_openlibs(L);
    convert_open(L);
    secret_open(L);
    convert_push_null(L);
    lua_setglobal(L, "null");
    *state = L;
    return 0;
}

static int close_state(void **state) {
    lua_close(*state);
    return 0;
}

/* Pushes what the expression gives. */
static void push(lua_State *L, const char *expression) {
    char code[2000];
    snprintf(code, sizeof code, "return %s", expression);
    if (luaL_loadstring(L, code) || lua_pcall(L, 0, 1, 0)) fail_msg("%s", lua_tostring(L, -1));
}

static int try_pack(lua_State *L, const char *expression, bool may_hold_secrets, struct buffer *out,
                    struct error *err) {
    push(L, expression);
    int top = lua_gettop(L);
    int status = convert_pack(L, -1, "result", may_hold_secrets, out, err);
    assert_int_equal(lua_gettop(L), top);
    lua_settop(L, 0);
    return status;
}

static void assert_packs(lua_State *L, const char *expression, const char *bytes, size_t size) {
    struct buffer out = BUFFER_EMPTY;
    struct error err;
    if (try_pack(L, expression, false, &out, &err)) fail_msg("%s: %s", expression, err.message);
    if (out.size != size || memcmp(out.data, bytes, size) != 0)
        fail_msg("%s packs otherwise", expression);
    buffer_done(&out);
}

#define PACKS(expression, bytes) assert_packs(*state, expression, bytes, sizeof bytes - 1)

static void values_have_one_packed_form(void **state) {
    PACKS("nil", "\xc0");
    PACKS("true", "\xc3");
    PACKS("0", "\x00");
    PACKS("-1", "\xff");
    PACKS("128", "\xcc\x80");
    PACKS("1.0", "\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00");
    PACKS("'a\\0b'", "\xa3"
                     "a\0b");
    PACKS("{}", "\x80");
    PACKS("{1, 2}", "\x92\x01\x02");
    PACKS("{a = 1}", "\x81\xa1"
                     "a\x01");
    PACKS("null", "\xd4\x01\x00");
}

/* Packs what the expression gives and compares what comes back in Lua: `same` gets both. */
static void assert_comes_back(lua_State *L, const char *expression) {
    static const char same[] =
        "local function same(a, b)\n"
        "  if math.type(a) ~= math.type(b) or type(a) ~= type(b) then return false end\n"
        "  if type(a) ~= 'table' then return a == b or (a ~= a and b ~= b) end\n"
        "  for k, v in pairs(a) do if not same(v, b[k]) then return false end end\n"
        "  for k in pairs(b) do if a[k] == nil then return false end end\n"
        "  return true\n"
        "end\n"
        "return same";
    struct buffer out = BUFFER_EMPTY;
    struct error err;
    if (luaL_dostring(L, "_G.same = (function(...) return ... end)")) fail_msg("setup");
    lua_settop(L, 0);
    char code[1000];
    snprintf(code, sizeof code, "local same %s", same + 6); /* recursive: declared first */
    if (luaL_loadstring(L, code) || lua_pcall(L, 0, 1, 0)) fail_msg("%s", lua_tostring(L, -1));
    push(L, expression);
    if (convert_pack(L, -1, "result", false, &out, &err))
        fail_msg("%s: %s", expression, err.message);
    assert_int_equal(value_size(buffer_bytes(&out)), out.size);
    convert_push(L, buffer_bytes(&out));
    lua_call(L, 2, 1);
    if (!lua_toboolean(L, -1)) fail_msg("%s comes back otherwise", expression);
    lua_settop(L, 0);
    buffer_done(&out);
}

static void everything_comes_back_as_it_went(void **state) {
    static const char *const expressions[] = {
        "nil",
        "true",
        "false",
        "0",
        "1.0",
        "-0.0",
        "0.1 + 0.2",
        "0/0",
        "1/0",
        "-1/0",
        "5e-324",
        "127",
        "128",
        "255",
        "256",
        "65535",
        "65536",
        "4294967295",
        "4294967296",
        "math.maxinteger",
        "-32",
        "-33",
        "-128",
        "-129",
        "-32768",
        "-32769",
        "-2147483648",
        "-2147483649",
        "math.mininteger",
        "''",
        "('x'):rep(31)",
        "('x'):rep(32)",
        "('x'):rep(255)",
        "('x'):rep(256)",
        "('x'):rep(65535)",
        "('x'):rep(65536)",
        "'\\255\\0'",
        "null",
        "{ null, { null } }",
        "{ a = { b = { c = { 1, 2.5, 'x', true } } } }",
        "(function() local t = {} for i = 1, 20 do t[i] = i end return t end)()",
        "(function() local t = {} for i = 1, 70000 do t[i] = i end return t end)()",
        "(function() local t = {} for i = 1, 20 do t['k' .. i] = i end return t end)()",
        "(function() local t = {} for i = 1, 70000 do t['k' .. i] = i end return t end)()"};
    for (size_t i = 0; i < sizeof expressions / sizeof *expressions; i++)
        assert_comes_back(*state, expressions[i]);
}

static void a_list_stays_a_list_also_when_empty(void **state) {
    lua_State *L = *state;
    struct buffer out = packed("[]");
    struct buffer again = BUFFER_EMPTY;
    struct error err;
    convert_push(L, buffer_bytes(&out));
    assert_int_equal(convert_pack(L, -1, "x", false, &again, &err), 0);
    assert_true(bytes_equal(buffer_bytes(&again), buffer_bytes(&out)));
    buffer_done(&out);
    buffer_done(&again);
    lua_settop(L, 0);
}

static void assert_refused(lua_State *L, const char *expression, const char *message) {
    struct buffer out = BUFFER_EMPTY;
    struct error err = {0};
    assert_int_equal(try_pack(L, expression, false, &out, &err), TEND_EINPUT);
    assert_string_equal(err.kind, "value");
    if (strncmp(err.message, message, strlen(message)) != 0)
        fail_msg("%s: '%s', not '%s'", expression, err.message, message);
    buffer_done(&out);
}

static void what_can_not_cross_is_named_by_its_path(void **state) {
    assert_refused(*state, "print", "result is a function");
    assert_refused(*state, "{ items = { {}, {}, { done = print } } }",
                   "result.items[3].done is a function");
    assert_refused(*state, "{ co = coroutine.create(print) }", "result.co is a coroutine");
    assert_refused(*state, "io.stdout", "result is a userdata");
    assert_refused(*state, "{ 1, 2, x = 3 }", "result is a mixed table");
    assert_refused(*state, "{ [1] = 1, [3] = 3 }", "result is a list with holes");
    assert_refused(*state, "{ [0] = 1 }", "result is a list with holes");
    assert_refused(*state, "{ [1.5] = 1 }", "result is a table with a fraction as a key");
    assert_refused(*state, "{ a = { [true] = 1 } }", "result.a is a table with a boolean as a key");
    assert_refused(*state, "setmetatable({}, {})", "result is a table with a metatable");
    assert_refused(*state, "(function() local t = {} t.a = { b = t } return t end)()",
                   "result.a.b is a cycle");
    assert_refused(*state, "{ t = secret('X') }", "result.t is a secret");
}

static void depth_200_crosses_and_201_does_not(void **state) {
    static const char nest[] =
        "(function() local t = {} for _ = 2, %d do t = { t } end return t end)()";
    char code[200];
    struct buffer out = BUFFER_EMPTY;
    struct error err;
    snprintf(code, sizeof code, nest, 200);
    assert_int_equal(try_pack(*state, code, false, &out, &err), 0);
    convert_push(*state, buffer_bytes(&out));
    lua_settop(*state, 0);
    snprintf(code, sizeof code, nest, 201);
    assert_int_equal(try_pack(*state, code, false, &out, &err), TEND_EINPUT);
    assert_non_null(strstr(err.message, "nested deeper than 200"));
    buffer_done(&out);
}

static void a_table_met_twice_is_copied_twice(void **state) {
    assert_comes_back(*state, "(function() local s = { 1 } return { s, s, { s } } end)()");
}

static void secrets_cross_where_they_may_and_never_as_text(void **state) {
    struct buffer out = BUFFER_EMPTY;
    struct value_tree tree;
    struct error err;
    assert_int_equal(try_pack(*state, "{ h = secret('TOKEN') }", true, &out, &err), 0);
    assert_int_equal(value_read(buffer_bytes(&out), &tree, &err), 0);
    const struct value *handle = value_get(&tree.root, "h");
    assert_int_equal(handle->kind, VALUE_SECRET);
    assert_true(bytes_are(handle->text, "TOKEN"));
    value_tree_done(&tree);
    convert_push(*state, buffer_bytes(&out));
    lua_setglobal(*state, "back");
    if (luaL_dostring(*state, "assert(tostring(back.h) == 'secret(TOKEN)')\n"
                              "assert(not pcall(function() return back.h .. 'x' end))\n"
                              "assert(not pcall(function() return #back.h end))\n"
                              "assert(not pcall(function() return back.h.name end))"))
        fail_msg("%s", lua_tostring(*state, -1));
    lua_settop(*state, 0);
    buffer_done(&out);
}

/* ---- errors ---- */

static void assert_error(lua_State *L, const char *expression, const char *json) {
    struct buffer out = BUFFER_EMPTY;
    push(L, expression);
    int top = lua_gettop(L);
    convert_pack_error(L, -1, &out);
    assert_int_equal(lua_gettop(L), top);
    assert_json(buffer_bytes(&out), json);
    buffer_done(&out);
    lua_settop(L, 0);
}

static void anything_raised_becomes_an_error(void **state) {
    assert_error(*state, "'text'", "{\"kind\":\"error\",\"message\":\"text\"}");
    assert_error(*state, "42", "{\"kind\":\"error\",\"message\":\"42\"}");
    assert_error(*state, "nil", "{\"kind\":\"error\",\"message\":\"a nil was raised\"}");
    assert_error(*state, "print", "{\"kind\":\"error\",\"message\":\"a function was raised\"}");
    assert_error(*state, "{}", "{\"kind\":\"error\",\"message\":\"an error without a message\"}");
}

static void a_raised_table_keeps_its_fields_but_not_ours(void **state) {
    assert_error(*state,
                 "{ message = 'm', code = 7, kind = 'fatal', step = 'x', retryable = false }",
                 "{\"code\":7,\"kind\":\"error\",\"message\":\"m\"}");
    assert_error(*state, "{ message = 'm', bad = print, [1] = 'dropped' }",
                 "{\"bad\":\"function\",\"kind\":\"error\",\"message\":\"m\"}");
}

static void our_own_error_keeps_everything_when_raised_again(void **state) {
    lua_State *L = *state;
    struct buffer first =
        packed("{\"kind\":\"http\",\"message\":\"m\",\"response\":{\"status\":500},"
               "\"retryable\":true,\"step\":\"s\"}");
    struct buffer again = BUFFER_EMPTY;
    convert_push_error(L, buffer_bytes(&first));
    convert_pack_error(L, -1, &again);
    assert_json(buffer_bytes(&again),
                "{\"kind\":\"http\",\"message\":\"m\",\"response\":{\"status\":500},"
                "\"retryable\":true,\"step\":\"s\"}");
    lua_setglobal(L, "e");
    push(L, "tostring(e)");
    assert_string_equal(lua_tostring(L, -1), "m");
    lua_settop(L, 0);
    buffer_done(&first);
    buffer_done(&again);
}

#define CONVERT_TEST(name) cmocka_unit_test_setup_teardown(name, open_state, close_state)

int main(void) {
    const struct CMUnitTest tests[] = {
        CONVERT_TEST(values_have_one_packed_form),
        CONVERT_TEST(everything_comes_back_as_it_went),
        CONVERT_TEST(a_list_stays_a_list_also_when_empty),
        CONVERT_TEST(what_can_not_cross_is_named_by_its_path),
        CONVERT_TEST(depth_200_crosses_and_201_does_not),
        CONVERT_TEST(a_table_met_twice_is_copied_twice),
        CONVERT_TEST(secrets_cross_where_they_may_and_never_as_text),
        CONVERT_TEST(anything_raised_becomes_an_error),
        CONVERT_TEST(a_raised_table_keeps_its_fields_but_not_ours),
        CONVERT_TEST(our_own_error_keeps_everything_when_raised_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
