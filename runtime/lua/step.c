/* step(name, [options,] fn) and fatal(message).
 * Journal: one entry with what fn returned; see the manual's reference. */
#include <lauxlib.h>

#include "lua/branch.h"
#include "lua/convert.h"

static const char *const options[] = {NULL};
static const struct primitive step = {"step", ASK_STEP, options, NULL};

static int call_step(lua_State *L) {
    int fn = lua_gettop(L);
    primitive_begin(L, &step);
    const char *name = luaL_checkstring(L, 1);
    if (fn < 2 || fn > 3 || !lua_isfunction(L, fn))
        return convert_raise(L, "error", false,
                             "step takes a name, options (or none) and a function");
    primitive_options(L, &step, fn == 3 ? 2 : 0, fn, name);
    return primitive_yield(L, &step);
}

static int call_fatal(lua_State *L) {
    return convert_raise(L, "fatal", false, luaL_optstring(L, 1, "fatal"));
}

void step_open(lua_State *L) {
    lua_register(L, "step", call_step);
    lua_register(L, "fatal", call_fatal);
}
