/* continue_as([input]): ends this link of the run; the next begins with the input. It leaves the
 * function as an error does, so that <close> variables run, but no pcall keeps it: wherever one
 * catches, it is raised again (guard.c, coroutine.c). An error of a <close> variable on the way
 * takes its place, as it does with any error.
 * Journal: nothing of its own; the run's journal begins anew. */
#include <lauxlib.h>

#include "lua/branch.h"
#include "lua/convert.h"

static const char *const options[] = {NULL};
static const struct primitive continue_as = {"continue_as", ASK_RETURNED, options, NULL};
static const char leaving; /* its address: registry key of the error that leaves the function */

bool continue_is_leaving(lua_State *L, int index) {
    index = lua_absindex(L, index);
    if (!lua_istable(L, index) || !branch_of(L)->isolate->is_continuing) return false;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &leaving);
    bool is_leaving = lua_rawequal(L, -1, index);
    lua_pop(L, 1);
    return is_leaving;
}

static int call(lua_State *L) {
    struct error err;
    lua_settop(L, 1);
    struct branch *branch = primitive_begin(L, &continue_as);
    struct isolate *isolate = branch->isolate;
    if (branch->parent)
        return convert_raise(L, "error", false,
                             "continue_as can't be used in a branch of parallel: end the branches "
                             "first");
    if (isolate->is_continuing)
        return convert_raise(L, "error", false, "continue_as was called already");
    if (!lua_isnil(L, 1)) luaL_checktype(L, 1, LUA_TTABLE);
    buffer_clear(&isolate->continuation);
    if (convert_pack(L, 1, "input", false, &isolate->continuation, &err))
        return convert_raise(L, "value", false, err.message);
    isolate->is_continuing = true;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &leaving);
    return lua_error(L);
}

void continue_as_open(lua_State *L) {
    lua_createtable(L, 0, 3);
    lua_pushliteral(L, "continue_as: this link of the run ends");
    lua_setfield(L, -2, "message");
    lua_pushliteral(L, "cancelled");
    lua_setfield(L, -2, "kind");
    lua_pushliteral(L, "");
    lua_setfield(L, -2, "traceback");
    luaL_setmetatable(L, CONVERT_ERROR);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &leaving);
    lua_register(L, "continue_as", call);
}
