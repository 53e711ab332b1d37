/* exec{…}: runs a program; no shell unless asked for by name.
 * Journal: {code, signal, stdout, stderr}. */
#include <lauxlib.h>

#include "lua/branch.h"
#include "lua/convert.h"

static const char *const options[] = {"cmd",   "args",      "cwd", "env",
                                      "stdin", "max_bytes", "ok",  NULL};
static const struct primitive exec = {"exec", ASK_EXEC, options, NULL};

static int call(lua_State *L) {
    primitive_begin(L, &exec);
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    const char *default_name = lua_getfield(L, 1, "cmd") == LUA_TSTRING ? lua_tostring(L, 2) : NULL;
    if (!default_name)
        return convert_raise(L, "error", false, "exec: `cmd` is missing, or no text");
    primitive_options(L, &exec, 1, 0, default_name);
    return primitive_yield(L, &exec);
}

void exec_open(lua_State *L) { lua_register(L, "exec", call); }
