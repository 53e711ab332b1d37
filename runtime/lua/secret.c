/* secret(name): an opaque handle. Its value is read by the engine at the moment of use; a script
 * never sees it. */
#include <lauxlib.h>

#include "lua/branch.h"
#include "lua/convert.h"

static int call(lua_State *L) {
    luaL_checkstring(L, 1);
    lua_settop(L, 1);
    lua_newuserdatauv(L, 0, 1);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    luaL_setmetatable(L, CONVERT_SECRET);
    return 1;
}

void secret_open(lua_State *L) { lua_register(L, "secret", call); }
