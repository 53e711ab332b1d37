/* llm{…}: one model call.
 * Journal: {text, json, usage = {input, output}, cost, model, finish_reason}. */
#include <lauxlib.h>

#include "lua/branch.h"
#include "lua/convert.h"

static const char *const options[] = {"model",       "prompt",     "messages", "system", "schema",
                                      "temperature", "max_tokens", "budget",   NULL};
static const struct primitive llm = {"llm", ASK_LLM, options, NULL};

static int call(lua_State *L) {
    primitive_begin(L, &llm);
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    const char *default_name = "llm";
    lua_getfield(L, 1, "prompt");
    lua_getfield(L, 1, "messages");
    if (lua_isnil(L, 2) == lua_isnil(L, 3))
        return convert_raise(L, "error", false, "llm takes either `prompt` or `messages`");
    lua_settop(L, 1);
    primitive_options(L, &llm, 1, 0, default_name);
    return primitive_yield(L, &llm);
}

void llm_open(lua_State *L) { lua_register(L, "llm", call); }
