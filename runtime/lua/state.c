/* state.get, set, update and list: durable values shared by all runs of a project. A write commits
 * together with the run's own entry, so it happens exactly once. */
#include <lauxlib.h>

#include "lua/branch.h"
#include "lua/convert.h"

static const char *const options[] = {"key",   "value", "is_delete", "prefix",
                                      "after", "limit", NULL};
static const struct primitive get = {"state.get", ASK_STATE_GET, options, NULL};
static const struct primitive set = {"state.set", ASK_STATE_SET, options, NULL};
static const struct primitive update = {"state.update", ASK_STATE_UPDATE, options, NULL};
static const struct primitive list = {"state.list", ASK_STATE_LIST, options, NULL};

static void check_key(lua_State *L) {
    size_t size;
    const char *key = luaL_checklstring(L, 1, &size);
    if (size == 0 || size > 400 || *key == '\x01')
        convert_raise(L, "error", false,
                      "a state key has 1 to 400 bytes and doesn't begin with \\1");
}

/* A table {key = [1]} at the top. [-0, +1, e] */
static void push_key_option(lua_State *L) {
    lua_createtable(L, 0, 3);
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, "key");
}

static int call_get(lua_State *L) {
    lua_settop(L, 1);
    primitive_begin(L, &get);
    check_key(L);
    push_key_option(L);
    primitive_options(L, &get, 2, 0, get.name);
    return primitive_yield(L, &get);
}

static int call_set(lua_State *L) {
    lua_settop(L, 2);
    primitive_begin(L, &set);
    check_key(L);
    push_key_option(L);
    lua_pushvalue(L, 2);
    lua_setfield(L, 3, "value");
    lua_pushboolean(L, lua_isnil(L, 2));
    lua_setfield(L, 3, "is_delete");
    primitive_options(L, &set, 3, 0, set.name);
    return primitive_yield(L, &set);
}

static int call_update(lua_State *L) {
    lua_settop(L, 2);
    primitive_begin(L, &update);
    check_key(L);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    push_key_option(L);
    primitive_options(L, &update, 3, 2, update.name);
    return primitive_yield(L, &update);
}

static int call_list(lua_State *L) {
    lua_settop(L, 2);
    primitive_begin(L, &list);
    luaL_checkstring(L, 1);
    if (lua_isnil(L, 2)) {
        lua_newtable(L);
        lua_replace(L, 2);
    }
    lua_pushvalue(L, 1);
    lua_setfield(L, 2, "prefix");
    primitive_options(L, &list, 2, 0, list.name);
    return primitive_yield(L, &list);
}

void state_open(lua_State *L) {
    static const luaL_Reg functions[] = {{"get", call_get},
                                         {"set", call_set},
                                         {"update", call_update},
                                         {"list", call_list},
                                         {NULL, NULL}};
    luaL_newlib(L, functions);
    lua_setglobal(L, "state");
}
