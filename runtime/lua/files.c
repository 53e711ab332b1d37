/* io and os inside a step: files are the outside world, so the first touch of an attempt waits until
 * the attempt's start is durable. Outside a step they raise and name step(). */
#include <lauxlib.h>
#include <stdio.h>

#include "lua/branch.h"
#include "lua/convert.h"

static const char *const no_options[] = {NULL};
static const struct primitive touch = {"io", ASK_BARRIER, no_options, NULL};

/* Calls Lua's own function (upvalue 1) with the arguments at hand. */
static int call_own(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

static int passed(lua_State *L, int status, lua_KContext context) {
    struct branch *branch = branch_of(L);
    (void)status, (void)context;
    if (branch->answer.kind == ANSWER_ERROR) { /* cancelled meanwhile */
        convert_push_error(L, branch->answer.value);
        return lua_error(L);
    }
    branch->is_touching = true;
    return call_own(L);
}

/* Upvalues: Lua's own function, its name. */
static int call(lua_State *L) {
    struct branch *branch = branch_of(L);
    char message[120];
    if (!branch->is_in_step) {
        snprintf(message, sizeof message, "%s works only inside step()",
                 lua_tostring(L, lua_upvalueindex(2)));
        return convert_raise(L, "error", false, message);
    }
    if (branch->is_touching) return call_own(L);
    if (L != branch->co || !lua_isyieldable(L))
        return convert_raise(L, "error", false,
                             "a file can't be touched first in a function called from C; open it "
                             "before");
    buffer_clear(&branch->ask.options);
    branch->ask.kind = ASK_BARRIER;
    return lua_yieldk(L, 0, (lua_KContext)&touch, passed);
}

static int refuse(lua_State *L) {
    char message[160];
    snprintf(message, sizeof message, "%s doesn't exist in a workflow%s",
             lua_tostring(L, lua_upvalueindex(1)), lua_tostring(L, lua_upvalueindex(2)));
    return convert_raise(L, "error", false, message);
}

/* Adds LIBRARY.name of Lua, guarded, to the table at the top. [-0, +0, m] */
static void guard(lua_State *L, const char *library, const char *name) {
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_getfield(L, -1, library);
    lua_getfield(L, -1, name);
    lua_pushfstring(L, "%s.%s", library, name);
    lua_pushcclosure(L, call, 2);
    lua_setfield(L, -4, name);
    lua_pop(L, 2);
}

static void forbid(lua_State *L, const char *library, const char *name, const char *instead) {
    lua_pushfstring(L, "%s.%s", library, name);
    lua_pushstring(L, instead);
    lua_pushcclosure(L, refuse, 2);
    lua_setfield(L, -2, name);
}

void files_open(lua_State *L) {
    static const char *const io[] = {"open", "lines", "type", "close", "read", "write", "tmpfile"};
    static const char *const os[] = {"clock", "getenv", "remove", "rename", "tmpname"};
    lua_newtable(L);
    for (size_t i = 0; i < sizeof io / sizeof *io; i++) guard(L, "io", io[i]);
    forbid(L, "io", "popen", ": use exec{…}");
    lua_setglobal(L, "io");
    lua_getglobal(L, "os");
    for (size_t i = 0; i < sizeof os / sizeof *os; i++) guard(L, "os", os[i]);
    forbid(L, "os", "execute", ": use exec{…}");
    forbid(L, "os", "exit", "");
    forbid(L, "os", "setlocale", "");
    lua_pop(L, 1);
}
