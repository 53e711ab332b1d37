/* The globals that a script sees, built up from an allow list: a function that a newer Lua adds
 * isn't there until somebody has thought about it. */
#include <lauxlib.h>
#include <string.h>

#include "lua/branch.h"
#include "lua/convert.h"

static const char *const base[] = {"assert", "error",  "getmetatable", "ipairs",   "pcall",
                                   "rawequal", "rawget", "rawlen",     "rawset",   "select",
                                   "tonumber", "type", "xpcall", "_VERSION", NULL};
static const char *const string[] = {"byte",  "char",    "find",  "format", "gmatch",
                                     "gsub",  "len",     "lower", "match",  "pack",
                                     "packsize", "rep",  "reverse", "sub",  "unpack", "upper", NULL};
static const char *const table[] = {"concat", "insert", "move", "pack", "remove", "unpack", NULL};
static const char *const math[] = {"abs",  "acos", "asin", "atan", "ceil", "cos", "deg",
                                   "exp",  "floor", "fmod", "huge", "log", "max", "maxinteger",
                                   "min",  "mininteger", "modf", "pi", "rad", "sin", "sqrt",
                                   "tan",  "tointeger", "type", "ult", NULL};
static const char *const utf8[] = {"char", "charpattern", "codepoint", "codes", "len", "offset",
                                   NULL};

/* Copies the allowed fields of the table at `from` into the one at the top. [-0, +0, m] */
static void copy_allowed(lua_State *L, int from, const char *const *names) {
    for (; *names; names++) {
        lua_getfield(L, from, *names);
        lua_setfield(L, -2, *names);
    }
}

/* [-0, +0, m]: globals.NAME = the allowed part of the library NAME; globals are at the top. */
static void add_library(lua_State *L, const char *name, const char *const *names) {
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_getfield(L, -1, name);
    lua_newtable(L);
    copy_allowed(L, lua_gettop(L) - 1, names);
    lua_setfield(L, -4, name);
    lua_pop(L, 2);
}

/* Text never shows an address: it differs from process to process. */
static int plain_tostring(lua_State *L) {
    luaL_checkany(L, 1);
    int type = lua_type(L, 1);
    bool has_address = type == LUA_TTABLE || type == LUA_TFUNCTION || type == LUA_TUSERDATA ||
                       type == LUA_TTHREAD || type == LUA_TLIGHTUSERDATA;
    if (has_address && luaL_getmetafield(L, 1, "__tostring") == LUA_TNIL) {
        lua_pushstring(L, type == LUA_TLIGHTUSERDATA ? "null" : luaL_typename(L, 1));
        return 1;
    }
    luaL_tolstring(L, 1, NULL);
    return 1;
}

static int checked_setmetatable(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argexpected(L, lua_isnil(L, 2) || lua_istable(L, 2), 2, "nil or table");
    static const char *const refused[] = {"__gc", "__mode"};
    for (size_t i = 0; i < 2 && lua_istable(L, 2); i++) {
        lua_pushstring(L, refused[i]);
        lua_rawget(L, 2);
        if (!lua_isnil(L, -1))
            return luaL_error(L, "setmetatable: %s can't be used in a workflow: it would differ on "
                                 "replay", refused[i]);
        lua_pop(L, 1);
    }
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
        return luaL_error(L, "cannot change a protected metatable");
    lua_settop(L, 2);
    lua_setmetatable(L, 1);
    return 1;
}

/* load(text, [name, mode, env]): text only. */
static int text_load(lua_State *L) {
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);
    const char *name = luaL_optstring(L, 2, "=load");
    bool has_env = !lua_isnoneornil(L, 4);
    if (luaL_loadbufferx(L, text, size, name, "t") != LUA_OK) {
        lua_pushnil(L);
        lua_insert(L, -2);
        return 2;
    }
    if (has_env) {
        lua_pushvalue(L, 4);
        if (!lua_setupvalue(L, -2, 1)) lua_pop(L, 1);
    }
    return 1;
}

static void add_own(lua_State *L) {
    static const luaL_Reg own[] = {{"tostring", plain_tostring},
                                   {"setmetatable", checked_setmetatable},
                                   {"load", text_load},
                                   {NULL, NULL}};
    luaL_setfuncs(L, own, 0);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_getfield(L, -1, "debug");
    lua_createtable(L, 0, 1);
    lua_getfield(L, -2, "traceback");
    lua_setfield(L, -2, "traceback");
    lua_setfield(L, -4, "debug");
    lua_pop(L, 2);
}

void sandbox_open(lua_State *L) {
    lua_newtable(L);
    lua_pushglobaltable(L);
    lua_pushvalue(L, -2);
    copy_allowed(L, lua_gettop(L) - 1, base);
    lua_pop(L, 2);
    add_library(L, "string", string);
    add_library(L, "table", table);
    add_library(L, "math", math);
    add_library(L, "utf8", utf8);
    add_own(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "_G");
    lua_pushliteral(L, ""); /* the metatable of all strings */
    lua_getmetatable(L, -1);
    lua_getfield(L, -3, "string");
    lua_setfield(L, -2, "__index");
    lua_pop(L, 2);
    lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
}
