/* agent{…}: one session on the coding agent's server; io/opencode.c speaks with it.
 * Journal: {session_id, text, todos, diff, files, usage, cost, commands}. */
#include <lauxlib.h>

#include "lua/branch.h"
#include "lua/convert.h"

static const char *const options[] = {"directory", "prompt", "model",  "system", "shell",
                                      "poll",      "title",  "budget", NULL};
static const struct primitive agent = {"agent", ASK_AGENT, options, NULL};

static int call(lua_State *L) {
    primitive_begin(L, &agent);
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    const char *default_name = "agent";
    lua_getfield(L, 1, "directory");
    lua_getfield(L, 1, "prompt");
    if (lua_type(L, 2) != LUA_TSTRING || lua_tostring(L, 2)[0] != '/')
        return convert_raise(L, "error", false, "agent: `directory` must be an absolute path");
    if (lua_type(L, 3) != LUA_TSTRING)
        return convert_raise(L, "error", false, "agent: `prompt` is missing, or no text");
    lua_settop(L, 1);
    primitive_options(L, &agent, 1, 0, default_name);
    return primitive_yield(L, &agent);
}

void agent_open(lua_State *L) { lua_register(L, "agent", call); }
