/* cjson: lua-cjson, for scripts that teams bring along; `cjson` and require "cjson". Its encoder
 * writes keys in the order in which a table happens to hold them, which differs from process to
 * process: so outside a step `encode` is json.encode. Inside one, and for decoding, it is cjson's
 * own, which turns every integer into a double.
 *
 * The library is loaded when a script first uses it: it isn't needed otherwise, and need not be
 * installed. */
#include <dlfcn.h>
#include <lauxlib.h>
#include <pthread.h>
#include <string.h>

#include "lua/branch.h"
#include "lua/convert.h"

static const char library_name[] = "liblua5.4-cjson.so.0";

static struct {
    pthread_once_t once;
    lua_CFunction open; /* NULL: it can't be had */
} library = {.once = PTHREAD_ONCE_INIT};

static void load_library(void) {
    void *handle = dlopen(library_name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (handle) *(void **)&library.open = dlsym(handle, "luaopen_cjson");
}

/* encode(value); upvalues: cjson's own, json.encode. */
static int encode(lua_State *L) {
    luaL_checkany(L, 1);
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(branch_of(L)->is_in_step ? 1 : 2));
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

/* Puts our encoder into the cjson table at the top. [-0, +0, e] */
static void replace_encode(lua_State *L) {
    lua_getfield(L, -1, "encode");
    lua_rawgetp(L, LUA_REGISTRYINDEX, &library); /* json.encode, as it was at the start */
    lua_pushcclosure(L, encode, 2);
    lua_setfield(L, -2, "encode");
}

/* new(); upvalue: cjson's own. */
static int make_new(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_call(L, 0, 1);
    replace_encode(L);
    return 1;
}

/* Fills the table at [1] on first use, and takes this function out of its way. */
static int fill(lua_State *L) {
    pthread_once(&library.once, load_library);
    if (!library.open)
        return convert_raise(
            L, "error", false,
            "cjson isn't installed here (Debian: apt install lua-cjson); json.encode "
            "and json.decode are always there");
    lua_settop(L, 2);
    lua_pushnil(L);
    lua_setmetatable(L, 1);
    lua_pushcfunction(L, library.open);
    lua_call(L, 0, 1);
    replace_encode(L);
    lua_getfield(L, -1, "new");
    lua_pushcclosure(L, make_new, 1);
    lua_setfield(L, -2, "new");
    for (lua_pushnil(L); lua_next(L, 3);) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, 1);
    }
    lua_pushvalue(L, 2);
    lua_rawget(L, 1);
    return 1;
}

void cjson_open(lua_State *L) {
    lua_getglobal(L, "json");
    lua_getfield(L, -1, "encode");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &library);
    lua_pop(L, 1);
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, fill);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, library_name);
    lua_setglobal(L, "cjson");
}

bool cjson_push(lua_State *L, const char *module) {
    if (strcmp(module, "cjson") != 0) return false;
    lua_rawgetp(L, LUA_REGISTRYINDEX, library_name);
    lua_getfield(L, -1, "encode"); /* fills it, or says what is missing */
    lua_pop(L, 1);
    return true;
}
