/* Reading a configuration file (tend.lua): a Lua text that returns a table. It runs in a state of
 * its own with the plain libraries of a workflow and no primitives but `secret`. */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>

#include "lua/branch.h"
#include "lua/convert.h"

struct reading {
    const char *file;
    struct bytes source;
    struct buffer *out;
    struct error *err;
    int status;
};

static void open_config(lua_State *L) {
    luaL_requiref(L, LUA_GNAME, luaopen_base, 0);
    luaL_requiref(L, LUA_TABLIBNAME, luaopen_table, 0);
    luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 0);
    luaL_requiref(L, LUA_MATHLIBNAME, luaopen_math, 0);
    luaL_requiref(L, LUA_UTF8LIBNAME, luaopen_utf8, 0);
    luaL_requiref(L, LUA_DBLIBNAME, luaopen_debug, 0);
    convert_open(L);
    sandbox_open(L);
    guard_open(L);
    string_open(L);
    table_open(L);
    order_open(L);
    secret_open(L);
    lua_settop(L, 1);
}

static int read_config(lua_State *L) {
    struct reading *reading = lua_touserdata(L, 1);
    char name[300];
    open_config(L);
    snprintf(name, sizeof name, "@%s", reading->file);
    if (luaL_loadbufferx(L, reading->source.data, reading->source.size, name, "t"))
        return lua_error(L);
    lua_call(L, 0, 1);
    if (!lua_istable(L, -1))
        return luaL_error(L, "%s: must return a table of settings, not a %s", reading->file,
                          luaL_typename(L, -1));
    reading->status = convert_pack(L, -1, "settings", true, reading->out, reading->err);
    return 0;
}

int config_read(const char *file, struct bytes source, struct buffer *out, struct error *err) {
    struct reading reading = {file, source, out, err, 0};
    size_t size = out->size;
    lua_State *L = luaL_newstate();
    if (!L) return error_no_memory(err);
    *(struct branch **)lua_getextraspace(L) = NULL;
    lua_pushcfunction(L, read_config);
    lua_pushlightuserdata(L, &reading);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
        const char *message = lua_tostring(L, -1);
        reading.status = error_set(err, TEND_EINPUT, "%s", message ? message : file);
    } else if (reading.status) {
        error_context(err, "%s", file);
    }
    lua_close(L);
    if (reading.status) out->size = size;
    return reading.status;
}

int source_check(const char *file, struct bytes source, struct error *err) {
    char name[300];
    int status = 0;
    lua_State *L = luaL_newstate();
    if (!L) return error_no_memory(err);
    snprintf(name, sizeof name, "@%s", file);
    if (luaL_loadbufferx(L, source.data, source.size, name, "t") != LUA_OK)
        status = error_set(err, TEND_EINPUT, "%s", lua_tostring(L, -1));
    lua_close(L);
    return status;
}
