/* wait_for(signal, [options]): waits for a signal's payload; with `timeout`, nil when that is over.
 * Signals queue, first in first out, also before they are waited for; each is taken once. */
#include <lauxlib.h>

#include "lua/branch.h"
#include "lua/convert.h"

static const char *const options[] = {"signal", NULL};
static const struct primitive wait_for = {"wait_for", ASK_WAIT_FOR, options, NULL};

static int call(lua_State *L) {
    size_t size;
    lua_settop(L, 2);
    primitive_begin(L, &wait_for);
    const char *signal = luaL_checklstring(L, 1, &size);
    if (size == 0 || size > 200)
        return convert_raise(L, "error", false, "wait_for: a signal's name has 1 to 200 bytes");
    if (!lua_isnil(L, 2)) luaL_checktype(L, 2, LUA_TTABLE);
    lua_newtable(L);
    if (lua_istable(L, 2)) {
        for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
            lua_pushvalue(L, -2);
            lua_pushvalue(L, -2);
            lua_rawset(L, 3);
        }
    }
    lua_pushvalue(L, 1);
    lua_setfield(L, 3, "signal");
    primitive_options(L, &wait_for, 3, 0, signal);
    return primitive_yield(L, &wait_for);
}

void wait_for_open(lua_State *L) { lua_register(L, "wait_for", call); }
