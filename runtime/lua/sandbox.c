/* The globals that a script sees, built up from an allow list: a function that a newer Lua adds
 * isn't there until somebody has thought about it. */
#include <lauxlib.h>
#include <string.h>

#include "lua/branch.h"
#include "lua/convert.h"

static const char *const base[] = {
    "assert", "error",  "getmetatable", "ipairs", "rawequal", "rawget", "rawlen",
    "rawset", "select", "tonumber",     "type",   "_VERSION", NULL};
static const char *const string[] = {"byte",     "char",    "format", "len",    "lower", "pack",
                                     "packsize", "reverse", "sub",    "unpack", "upper", NULL};
static const char *const table[] = {"pack", "unpack", NULL};
static const char *const math[] = {"abs", "acos",       "asin", "atan", "ceil", "cos", "deg",
                                   "exp", "floor",      "fmod", "huge", "log",  "max", "maxinteger",
                                   "min", "mininteger", "modf", "pi",   "rad",  "sin", "sqrt",
                                   "tan", "tointeger",  "type", "ult",  NULL};
static const char *const utf8[] = {"char", "charpattern", "codepoint", "codes",
                                   "len",  "offset",      NULL};

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

/* Text never shows an address: it differs from process to process. What Lua would show with one
 * has this name instead; NULL for the rest. [-0, +0, -] */
static const char *name_for_address(lua_State *L, int index) {
    int type = lua_type(L, index);
    bool has_address = type == LUA_TTABLE || type == LUA_TFUNCTION || type == LUA_TUSERDATA ||
                       type == LUA_TTHREAD || type == LUA_TLIGHTUSERDATA;
    if (!has_address) return NULL;
    if (luaL_getmetafield(L, index, "__tostring") != LUA_TNIL) {
        lua_pop(L, 1);
        return NULL;
    }
    return type == LUA_TLIGHTUSERDATA ? "null" : lua_typename(L, type);
}

int sandbox_tostring(lua_State *L) {
    luaL_checkany(L, 1);
    const char *name = name_for_address(L, 1);
    if (name) lua_pushstring(L, name);
    else luaL_tolstring(L, 1, NULL);
    return 1;
}

/* Lua's own string.format (upvalue) without its ways to show an address: %s, and %p. */
static int plain_format(lua_State *L) {
    size_t size;
    const char *at = luaL_checklstring(L, 1, &size), *end = at + size;
    while ((at = memchr(at, '%', (size_t)(end - at)))) {
        at += 1 + strspn(at + 1, "-+ #0123456789.");
        if (*at == 'p')
            return luaL_error(L,
                              "string.format: %%p shows an address, which would differ on replay");
        if (*at) at++;
    }
    for (int i = 2; i <= lua_gettop(L); i++) {
        const char *name = name_for_address(L, i);
        if (!name) continue;
        lua_pushstring(L, name);
        lua_replace(L, i);
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
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
            return luaL_error(L,
                              "setmetatable: %s can't be used in a workflow: it would differ on "
                              "replay",
                              refused[i]);
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
    static const luaL_Reg own[] = {{"tostring", sandbox_tostring},
                                   {"setmetatable", checked_setmetatable},
                                   {"load", text_load},
                                   {NULL, NULL}};
    luaL_setfuncs(L, own, 0);
    lua_getfield(L, -1, "string");
    lua_getfield(L, -1, "format");
    lua_pushcclosure(L, plain_format, 1);
    lua_setfield(L, -2, "format");
    lua_pop(L, 1);
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
