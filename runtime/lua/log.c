/* log.debug, info, warn, error(message, fields) and print: lines kept with the run. */
#include <lauxlib.h>

#include "lua/branch.h"
#include "lua/convert.h"

static int write_line(lua_State *L, const char *level) {
    struct branch *branch = branch_of(L);
    struct isolate *isolate = branch->isolate;
    struct bytes message;
    struct error err;
    lua_settop(L, 2);
    lua_pushcfunction(L, sandbox_tostring);
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    message.data = lua_tolstring(L, -1, &message.size);
    buffer_clear(&isolate->scratch);
    if (convert_pack(L, 2, "fields", false, &isolate->scratch, &err))
        return convert_raise(L, "value", false, err.message);
    if (isolate->host && isolate->host->log)
        isolate->host->log(isolate->host->context, branch, level, message,
                           buffer_bytes(&isolate->scratch));
    return 0;
}

static int call_debug(lua_State *L) { return write_line(L, "debug"); }
static int call_info(lua_State *L) { return write_line(L, "info"); }
static int call_warn(lua_State *L) { return write_line(L, "warn"); }
static int call_error(lua_State *L) { return write_line(L, "error"); }

static int call_print(lua_State *L) {
    int count = lua_gettop(L);
    luaL_Buffer text;
    lua_getglobal(L, "tostring");
    luaL_buffinit(L, &text);
    for (int i = 1; i <= count; i++) {
        if (i > 1) luaL_addchar(&text, '\t');
        lua_pushvalue(L, count + 1);
        lua_pushvalue(L, i);
        lua_call(L, 1, 1);
        luaL_addvalue(&text);
    }
    luaL_pushresult(&text);
    lua_replace(L, 1);
    lua_settop(L, 1);
    return write_line(L, "info");
}

void log_open(lua_State *L) {
    static const luaL_Reg levels[] = {{"debug", call_debug},
                                      {"info", call_info},
                                      {"warn", call_warn},
                                      {"error", call_error},
                                      {NULL, NULL}};
    luaL_newlib(L, levels);
    lua_setglobal(L, "log");
    lua_register(L, "print", call_print);
}
