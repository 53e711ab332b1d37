/* settings: a read-only view of the settings as they were when the run was accepted; inside a
 * step's function, of those of now. A table in it is a view too. */
#include <lauxlib.h>

#include "lua/branch.h"
#include "lua/convert.h"

static int refuse_write(lua_State *L) {
    return convert_raise(L, "error", false,
                         "settings are read-only; they are made by tend.lua and "
                         "the environment");
}

/* Replaces a table at the top by a view of it. [-1, +1, m] */
static void wrap(lua_State *L);

/* The table behind the view at [1]: the metatable's, or for the root the one of now or then. */
static void push_contents(lua_State *L) {
    struct branch *branch = branch_of(L);
    lua_getmetatable(L, 1);
    if (branch->is_in_step && lua_getfield(L, -1, "tend_now") == LUA_TTABLE) {
        lua_remove(L, -2);
        return;
    }
    if (branch->is_in_step) lua_pop(L, 1);
    lua_getfield(L, -1, "tend_view");
    lua_remove(L, -2);
}

static int view_index(lua_State *L) {
    push_contents(L);
    lua_pushvalue(L, 2);
    lua_rawget(L, -2);
    if (lua_istable(L, -1)) wrap(L);
    return 1;
}

static int view_next(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(1)); /* iterator over the contents */
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_pushnil(L);
    lua_call(L, 2, 2);
    if (lua_istable(L, -1)) wrap(L);
    return 2;
}

static int view_pairs(lua_State *L) {
    lua_getglobal(L, "pairs");
    push_contents(L);
    lua_call(L, 1, 2);
    lua_pushcclosure(L, view_next, 2);
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

static int view_length(lua_State *L) {
    push_contents(L);
    lua_pushinteger(L, (lua_Integer)lua_rawlen(L, -1));
    return 1;
}

static void wrap(lua_State *L) {
    static const luaL_Reg methods[] = {{"__index", view_index},
                                       {"__newindex", refuse_write},
                                       {"__pairs", view_pairs},
                                       {"__len", view_length},
                                       {NULL, NULL}};
    lua_newtable(L);
    luaL_newlib(L, methods);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "tend_view");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_remove(L, -2);
}

void settings_open(lua_State *L, struct bytes recorded, struct bytes now) {
    convert_push(L, recorded);
    if (!lua_istable(L, -1)) {
        lua_pop(L, 1);
        lua_newtable(L);
    }
    wrap(L);
    lua_getmetatable(L, -1);
    convert_push(L, now);
    lua_setfield(L, -2, "tend_now");
    lua_pop(L, 1);
    lua_setglobal(L, "settings");
}
