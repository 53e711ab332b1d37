/* test_runner(what, [argument]): how stdlib/test.lua speaks with what runs a test. It waits for the
 * answer like any primitive, so that what happens meanwhile isn't this Lua's time. Only in the
 * isolate of a test file; test.lua takes the global away. */
#include <lauxlib.h>

#include "lua/branch.h"
#include "lua/convert.h"

static const struct primitive runner = {"the test's runner", ASK_RUNNER, NULL, NULL};

static int call(lua_State *L) {
    struct bytes what;
    struct error err;
    lua_settop(L, 2);
    struct branch *branch = primitive_begin(L, &runner);
    what.data = luaL_checklstring(L, 1, &what.size);
    buffer_add(&branch->ask.name, what.data, what.size);
    if (convert_pack(L, 2, what.data, true, &branch->ask.options, &err))
        return convert_raise(L, "value", false, err.message);
    lua_settop(L, 3);
    return primitive_yield(L, &runner);
}

void runner_open(lua_State *L) { lua_register(L, "test_runner", call); }
