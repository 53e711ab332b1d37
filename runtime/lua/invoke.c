/* invoke(workflow, input, [options]) runs another workflow as a child and waits for its result;
 * start(workflow, input, [options]) starts a run of its own and returns its id at once.
 * Options: id, and what every primitive takes. */
#include <lauxlib.h>

#include "lua/branch.h"
#include "lua/convert.h"

static const char *const options[] = {"id", "workflow", "input", NULL};
static const struct primitive invoke = {"invoke", ASK_INVOKE, options, NULL};
static const struct primitive start = {"start", ASK_START, options, NULL};

static int call(lua_State *L, const struct primitive *primitive) {
    lua_settop(L, 3);
    primitive_begin(L, primitive);
    const char *workflow = luaL_checkstring(L, 1);
    if (!lua_isnil(L, 2)) luaL_checktype(L, 2, LUA_TTABLE);
    lua_newtable(L);
    if (lua_istable(L, 3)) {
        for (lua_pushnil(L); lua_next(L, 3); lua_pop(L, 1)) {
            lua_pushvalue(L, -2);
            lua_pushvalue(L, -2);
            lua_rawset(L, 4);
        }
    }
    lua_pushvalue(L, 1);
    lua_setfield(L, 4, "workflow");
    lua_pushvalue(L, 2);
    lua_setfield(L, 4, "input");
    primitive_options(L, primitive, 4, 0, workflow);
    return primitive_yield(L, primitive);
}

static int call_invoke(lua_State *L) { return call(L, &invoke); }
static int call_start(lua_State *L) { return call(L, &start); }

void invoke_open(lua_State *L) {
    lua_register(L, "invoke", call_invoke);
    lua_register(L, "start", call_start);
}
