/* pairs, next and table.sort in an order that is the same in every process: Lua's own order depends
 * on a random seed and on addresses, and a replay must come by the same way. pairs walks a snapshot
 * of the keys, sorted (booleans, numbers, strings by bytes), reads values live and skips keys that
 * were removed; table.sort is a stable merge. */
#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lua/branch.h"
#include "lua/convert.h"

struct key {
    int type; /* LUA_TBOOLEAN, LUA_TNUMBER, LUA_TSTRING */
    bool is_integer;
    lua_Integer integer; /* also a boolean's */
    lua_Number number;
    struct bytes text;
};

/* Integer against double, exactly. */
static int compare_mixed(lua_Integer integer, lua_Number number) {
    if (number >= 9223372036854775808.0) return -1;
    if (number < -9223372036854775808.0) return 1;
    lua_Integer floor_of = (lua_Integer)floor(number);
    if (integer != floor_of) return integer < floor_of ? -1 : 1;
    return floor(number) < number ? -1 : 0;
}

static int compare_numbers(const struct key *a, const struct key *b) {
    if (a->is_integer && b->is_integer)
        return a->integer < b->integer ? -1 : a->integer > b->integer;
    if (a->is_integer) return compare_mixed(a->integer, b->number);
    if (b->is_integer) return -compare_mixed(b->integer, a->number);
    return a->number < b->number ? -1 : a->number > b->number;
}

static int compare_keys(const void *left, const void *right) {
    const struct key *a = left, *b = right;
    if (a->type != b->type) return a->type < b->type ? -1 : 1;
    if (a->type == LUA_TSTRING) return bytes_compare(a->text, b->text);
    if (a->type == LUA_TNUMBER) return compare_numbers(a, b);
    return a->integer < b->integer ? -1 : a->integer > b->integer;
}

/* Reads the key at `index`; its text is borrowed from the table that holds it. */
static struct key read_key(lua_State *L, int index) {
    struct key key = {.type = lua_type(L, index)};
    switch (key.type) {
    case LUA_TBOOLEAN: key.integer = lua_toboolean(L, index); break;
    case LUA_TNUMBER:
        key.is_integer = lua_isinteger(L, index);
        if (key.is_integer) key.integer = lua_tointeger(L, index);
        else key.number = lua_tonumber(L, index);
        break;
    case LUA_TSTRING: key.text.data = lua_tolstring(L, index, &key.text.size); break;
    default:
        convert_raise(L, "error", false,
                      "pairs: a table, function or userdata as a key has no order that is the same "
                      "on every replay");
    }
    return key;
}

static void push_key(lua_State *L, const struct key *key) {
    if (key->type == LUA_TSTRING) lua_pushlstring(L, key->text.data, key->text.size);
    else if (key->type == LUA_TBOOLEAN) lua_pushboolean(L, (int)key->integer);
    else if (key->is_integer) lua_pushinteger(L, key->integer);
    else lua_pushnumber(L, key->number);
}

void order_push_keys(lua_State *L, int index) {
    size_t count = 0, at = 0;
    bool is_sorted = true;
    index = lua_absindex(L, index);
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) count++;
    struct key *keys = lua_newuserdatauv(L, (count + 1) * sizeof *keys, 0);
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        lua_pushvalue(L, -2); /* lua_tolstring must not touch the key itself */
        keys[at] = read_key(L, -1);
        lua_pop(L, 1);
        if (at && compare_keys(&keys[at - 1], &keys[at]) > 0) is_sorted = false;
        at++;
    }
    if (!is_sorted) qsort(keys, count, sizeof *keys, compare_keys);
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        push_key(L, &keys[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_remove(L, -2);
}

/* Upvalues: the sorted keys, the index of the last one given. [1]: the table. */
static int pairs_next(lua_State *L) {
    lua_Integer at = lua_tointeger(L, lua_upvalueindex(2));
    for (;;) {
        if (lua_rawgeti(L, lua_upvalueindex(1), ++at) == LUA_TNIL) return 1;
        lua_pushvalue(L, -1);
        if (lua_rawget(L, 1) != LUA_TNIL) break;
        lua_pop(L, 2);
    }
    lua_pushinteger(L, at);
    lua_replace(L, lua_upvalueindex(2));
    return 2;
}

static int pairs_k(lua_State *L, int status, lua_KContext context) {
    (void)L, (void)status, (void)context;
    return 3;
}

static int sorted_pairs(lua_State *L) {
    luaL_checkany(L, 1);
    if (luaL_getmetafield(L, 1, "__pairs") != LUA_TNIL) {
        lua_pushvalue(L, 1);
        lua_callk(L, 1, 3, 0, pairs_k);
        return 3;
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    order_push_keys(L, 1);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, pairs_next, 2);
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

/* next(t, k): the smallest key above k. */
static int sorted_next(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    bool has_last = !lua_isnil(L, 2), has_best = false;
    struct key last = {0}, best = {0};
    if (has_last) last = read_key(L, 2);
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
        lua_pushvalue(L, -2);
        struct key key = read_key(L, -1);
        lua_pop(L, 1);
        if (has_last && compare_keys(&key, &last) <= 0) continue;
        if (has_best && compare_keys(&key, &best) >= 0) continue;
        best = key;
        has_best = true;
    }
    if (!has_best) return lua_pushnil(L), 1;
    push_key(L, &best);
    lua_pushvalue(L, -1);
    lua_rawget(L, 1);
    return 2;
}

/* ---- table.sort: [1] the table, [2] the comparison or nil; items move between two lists ---- */

static bool is_less(lua_State *L, int a, int b) {
    if (lua_isnil(L, 2)) return lua_compare(L, a, b, LUA_OPLT);
    a = lua_absindex(L, a);
    b = lua_absindex(L, b);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, a);
    lua_pushvalue(L, b);
    lua_call(L, 2, 1);
    bool less = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return less;
}

/* Merges from[low..middle) and from[middle..high) into `to`. */
static void merge(lua_State *L, int from, int to, lua_Integer low, lua_Integer middle,
                  lua_Integer high) {
    lua_Integer left = low, right = middle;
    for (lua_Integer at = low; at < high; at++) {
        bool takes_right = left >= middle;
        if (!takes_right && right < high) {
            lua_rawgeti(L, from, right);
            lua_rawgeti(L, from, left);
            takes_right = is_less(L, -2, -1);
            lua_pop(L, 2);
        }
        lua_rawgeti(L, from, takes_right ? right++ : left++);
        lua_rawseti(L, to, at);
    }
}

static void copy_items(lua_State *L, int from, int to, lua_Integer count) {
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, from, i);
        lua_rawseti(L, to, i);
    }
}

static int stable_sort(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer count = (lua_Integer)lua_rawlen(L, 1);
    if (!lua_isnoneornil(L, 2)) luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    lua_createtable(L, 0, 0);
    lua_createtable(L, 0, 0);
    copy_items(L, 1, 3, count);
    int from = 3, to = 4;
    for (lua_Integer width = 1; width < count; width *= 2) {
        for (lua_Integer low = 1; low <= count; low += 2 * width) {
            lua_Integer middle = low + width <= count ? low + width : count + 1;
            lua_Integer high = low + 2 * width <= count ? low + 2 * width : count + 1;
            merge(L, from, to, low, middle, high);
        }
        from = 7 - from;
        to = 7 - to;
    }
    copy_items(L, from, 1, count);
    return 0;
}

void order_open(lua_State *L) {
    lua_register(L, "pairs", sorted_pairs);
    lua_register(L, "next", sorted_next);
    lua_getglobal(L, "table");
    lua_pushcfunction(L, stable_sort);
    lua_setfield(L, -2, "sort");
    lua_pop(L, 1);
}
