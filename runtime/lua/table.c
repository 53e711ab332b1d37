/* table.concat, insert, move and remove: ours, because a metamethod in C can make them loop where
 * no hook fires; these look at the ending. What is no table works if it has the metamethods. */
#include <lauxlib.h>

#include "lua/branch.h"

enum { READS = 1, WRITES = 2, MEASURES = 4 };

static bool has_metamethod(lua_State *L, int index, const char *name) {
    if (luaL_getmetafield(L, index, name) == LUA_TNIL) return false;
    lua_pop(L, 1);
    return true;
}

static void check_list(lua_State *L, int index, int uses) {
    if (lua_istable(L, index)) return;
    bool is_like_one = (!(uses & READS) || has_metamethod(L, index, "__index")) &&
                       (!(uses & WRITES) || has_metamethod(L, index, "__newindex")) &&
                       (!(uses & MEASURES) || has_metamethod(L, index, "__len"));
    if (!is_like_one) luaL_checktype(L, index, LUA_TTABLE);
}

static void poll(lua_State *L, const volatile sig_atomic_t *ending) {
    if (*ending) guard_raise(L);
}

/* ---- insert and remove ---- */

static int call_insert(lua_State *L) {
    const volatile sig_atomic_t *ending = guard_ending(L);
    check_list(L, 1, READS | WRITES | MEASURES);
    lua_Integer end = (lua_Integer)((lua_Unsigned)luaL_len(L, 1) + 1), at = end;
    int count = lua_gettop(L);
    if (count != 2 && count != 3) return luaL_error(L, "wrong number of arguments to 'insert'");
    if (count == 3) {
        at = luaL_checkinteger(L, 2);
        luaL_argcheck(L, (lua_Unsigned)at - 1 < (lua_Unsigned)end, 2, "position out of bounds");
        for (lua_Integer i = end; i > at; i--) {
            poll(L, ending);
            lua_geti(L, 1, i - 1);
            lua_seti(L, 1, i);
        }
    }
    lua_seti(L, 1, at); /* the last argument is on top */
    return 0;
}

static int call_remove(lua_State *L) {
    const volatile sig_atomic_t *ending = guard_ending(L);
    check_list(L, 1, READS | WRITES | MEASURES);
    lua_Integer size = luaL_len(L, 1), at = luaL_optinteger(L, 2, size);
    if (at != size)
        luaL_argcheck(L, (lua_Unsigned)at - 1 <= (lua_Unsigned)size, 2, "position out of bounds");
    lua_geti(L, 1, at);
    for (; at < size; at++) {
        poll(L, ending);
        lua_geti(L, 1, at + 1);
        lua_seti(L, 1, at);
    }
    lua_pushnil(L);
    lua_seti(L, 1, at);
    return 1;
}

/* ---- move ---- */

static void move_one(lua_State *L, lua_Integer from, int target, lua_Integer to) {
    lua_geti(L, 1, from);
    lua_seti(L, target, to);
}

/* move(a, first, last, to, [b]): where the places overlap, from the end that isn't overwritten. */
static int call_move(lua_State *L) {
    const volatile sig_atomic_t *ending = guard_ending(L);
    lua_Integer first = luaL_checkinteger(L, 2), last = luaL_checkinteger(L, 3),
                to = luaL_checkinteger(L, 4);
    int target = lua_isnoneornil(L, 5) ? 1 : 5;
    check_list(L, 1, READS);
    check_list(L, target, WRITES);
    lua_settop(L, 5);
    if (last >= first) {
        luaL_argcheck(L, first > 0 || last < LUA_MAXINTEGER + first, 3,
                      "too many elements to move");
        lua_Integer count = last - first + 1;
        luaL_argcheck(L, to <= LUA_MAXINTEGER - count + 1, 4, "destination wrap around");
        bool is_backward =
            to > first && to <= last && (target == 1 || lua_compare(L, 1, target, LUA_OPEQ));
        for (lua_Integer i = 0; i < count; i++) {
            lua_Integer at = is_backward ? count - 1 - i : i;
            poll(L, ending);
            move_one(L, first + at, target, to + at);
        }
    }
    lua_pushvalue(L, target);
    return 1;
}

/* ---- concat ---- */

static void add_item(lua_State *L, luaL_Buffer *out, lua_Integer at) {
    lua_geti(L, 1, at);
    if (!lua_isstring(L, -1))
        luaL_error(L, "invalid value (at index %I) in table for 'concat'", (LUAI_UACINT)at);
    luaL_addvalue(out);
}

static int call_concat(lua_State *L) {
    const volatile sig_atomic_t *ending = guard_ending(L);
    size_t size;
    check_list(L, 1, READS | MEASURES);
    const char *between = luaL_optlstring(L, 2, "", &size);
    lua_Integer at = luaL_optinteger(L, 3, 1);
    lua_Integer last = lua_isnoneornil(L, 4) ? luaL_len(L, 1) : luaL_checkinteger(L, 4);
    luaL_Buffer out;
    luaL_buffinit(L, &out);
    for (; at <= last; at++) {
        poll(L, ending);
        add_item(L, &out, at);
        if (at == last) break; /* it may be the largest integer */
        luaL_addlstring(&out, between, size);
    }
    luaL_pushresult(&out);
    return 1;
}

void table_open(lua_State *L) {
    static const luaL_Reg functions[] = {{"concat", call_concat},
                                         {"insert", call_insert},
                                         {"move", call_move},
                                         {"remove", call_remove},
                                         {NULL, NULL}};
    lua_getglobal(L, "table");
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
}
