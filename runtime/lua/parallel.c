/* parallel(functions, [options]): runs the functions of a table side by side, each as a branch.
 * Options: limit (how many at a time), settle. Journal: an entry when all have ended; the results
 * are what the branches' own entries make of them.
 * While it waits the stack is [1] functions, [2] {coroutine, key, …}, [3] whether it settles. */
#include <lauxlib.h>
#include <stdio.h>

#include "base/memory.h"
#include "lua/branch.h"
#include "lua/convert.h"

static const char *const options[] = {"limit", "settle", NULL};
static const struct primitive parallel = {"parallel", ASK_PARALLEL, options, NULL};

static int refuse(lua_State *L, const char *message) {
    return convert_raise(L, "error", false, message);
}

/* Makes the branch of the function under the key at the top. [-0, +0, e] */
static void add_branch(lua_State *L, struct branch *parent, int coroutines, size_t index) {
    int key = lua_gettop(L);
    lua_pushvalue(L, key);
    if (lua_rawget(L, 1) != LUA_TFUNCTION)
        refuse(L, "parallel takes a table of functions; one of its values is none");
    lua_State *co = lua_newthread(L);
    lua_rawseti(L, coroutines, (lua_Integer)(index * 2 + 1));
    lua_pushvalue(L, key);
    lua_rawseti(L, coroutines, (lua_Integer)(index * 2 + 2));
    struct branch *branch = branch_new(parent->isolate, co, parent);
    if (!branch) refuse(L, "out of memory");
    struct bytes text;
    lua_pushvalue(L, key);
    text.data = lua_tolstring(L, -1, &text.size);
    buffer_add(&branch->key, text.data, text.size);
    lua_pop(L, 1);
    lua_pushcfunction(co, branch_body);
    lua_xmove(L, co, 1);
    parent->children[index] = branch;
}

static void make_branches(lua_State *L, struct branch *branch) {
    order_push_keys(L, 1);
    lua_newtable(L);
    int keys = lua_gettop(L) - 1, coroutines = lua_gettop(L);
    size_t count = lua_rawlen(L, keys);
    memory_free(branch->children);
    branch->child_count = 0;
    branch->children = memory_new((count + 1) * sizeof(struct branch *));
    if (!branch->children) refuse(L, "out of memory");
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, keys, (lua_Integer)i + 1);
        add_branch(L, branch, coroutines, i);
        lua_pop(L, 1);
    }
    branch->child_count = branch->ask.branch_count = count;
    lua_remove(L, keys);
}

/* A number and the same number as text would be one branch path. */
static void check_keys(lua_State *L) {
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
        if (lua_type(L, -2) == LUA_TNUMBER && !lua_isinteger(L, -2))
            refuse(L, "parallel: a key must be an integer or text");
        if (lua_type(L, -2) != LUA_TSTRING) continue;
        lua_pushvalue(L, -2);
        lua_Integer number;
        int is_integer;
        number = lua_tointegerx(L, -1, &is_integer);
        lua_pop(L, 1);
        if (is_integer && lua_rawgeti(L, 1, number) != LUA_TNIL)
            refuse(L, "parallel: the keys 1 and \"1\" can't be told apart; rename one");
        if (is_integer) lua_pop(L, 1);
    }
}

static bool wants_settle(lua_State *L) {
    if (!lua_istable(L, 2)) return false;
    lua_getfield(L, 2, "settle");
    bool is_settling = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return is_settling;
}

static int call(lua_State *L) {
    lua_settop(L, 2);
    struct branch *branch = primitive_begin(L, &parallel);
    luaL_checktype(L, 1, LUA_TTABLE);
    check_keys(L);
    bool is_settling = wants_settle(L);
    primitive_options(L, &parallel, 2, 1, "parallel"); /* [1] stays the functions */
    lua_settop(L, 1);
    make_branches(L, branch);
    lua_pushboolean(L, is_settling);
    return primitive_yield(L, &parallel);
}

void parallel_open(lua_State *L) { lua_register(L, "parallel", call); }
