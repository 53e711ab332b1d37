/* pairs, next and table.sort in an order that is the same in every process: Lua's own order depends
 * on a random seed and on addresses, and a replay must come by the same way. pairs walks a snapshot
 * of the keys, sorted (booleans, numbers, strings by bytes), reads values live and skips keys that
 * were removed; table.sort is a stable merge. A walk by next() does the same. */
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

/* ---- next: a walk keeps a snapshot of the sorted keys and its place in it, in a table of the host
 * that doesn't keep the walked table alive: {keys, position, the key that next(t) gave} ---- */

static const char walks[] = "tend.walks";
enum { WALK_KEYS = 1, WALK_POSITION, WALK_FIRST };

/* Pushes the walk of the table at [1], or nil. [-0, +1, m] */
static void push_walk(lua_State *L) {
    lua_getfield(L, LUA_REGISTRYINDEX, walks);
    lua_pushvalue(L, 1);
    lua_rawget(L, -2);
    lua_remove(L, -2);
}

/* The walk at the top, or nil, is that of the table at [1] from here on. [-1, +0, m] */
static void keep_walk(lua_State *L) {
    lua_getfield(L, LUA_REGISTRYINDEX, walks);
    lua_pushvalue(L, 1);
    lua_rotate(L, -3, 2);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

/* next(t): the smallest key; the key is noted, for a walk that goes on from it begins anew. */
static int first_key(lua_State *L) {
    bool has_best = false;
    struct key best = {0};
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
        lua_pushvalue(L, -2);
        struct key key = read_key(L, -1);
        lua_pop(L, 1);
        if (has_best && compare_keys(&key, &best) >= 0) continue;
        best = key;
        has_best = true;
    }
    if (!has_best) return lua_pushnil(L), 1;
    push_key(L, &best);
    push_walk(L);
    if (lua_isnil(L, -1)) {
        lua_createtable(L, WALK_FIRST, 0);
        lua_replace(L, -2);
        lua_pushvalue(L, -1);
        keep_walk(L);
    }
    lua_pushvalue(L, -2);
    lua_rawseti(L, -2, WALK_FIRST);
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_rawget(L, 1);
    return 2;
}

/* How many keys of the list at the top are not above the key at [2]. */
static lua_Integer count_up_to(lua_State *L) {
    struct key wanted = read_key(L, 2);
    lua_Integer low = 0, high = (lua_Integer)lua_rawlen(L, -1);
    while (low < high) {
        lua_Integer middle = low + (high - low) / 2;
        lua_rawgeti(L, -1, middle + 1);
        struct key key = read_key(L, -1);
        bool is_above = compare_keys(&key, &wanted) > 0;
        lua_pop(L, 1);
        if (is_above) high = middle;
        else low = middle + 1;
    }
    return low;
}

/* Is item `at` of the list at the top the key at [2]? */
static bool is_at(lua_State *L, lua_Integer at) {
    lua_rawgeti(L, -1, at);
    bool is_it = !lua_isnil(L, -1) && lua_rawequal(L, -1, 2);
    lua_pop(L, 1);
    return is_it;
}

/* Pushes a walk of the table at [1] with fresh keys; it is kept. [-0, +1, e] */
static void begin_walk(lua_State *L) {
    lua_createtable(L, WALK_FIRST, 0);
    order_push_keys(L, 1);
    lua_rawseti(L, -2, WALK_KEYS);
    lua_pushvalue(L, -1);
    keep_walk(L);
}

/* Pushes the walk that the key at [2] belongs to, and its list; where that key stands in it. */
static lua_Integer find_walk(lua_State *L) {
    push_walk(L);
    bool has_keys = lua_istable(L, -1) && lua_rawgeti(L, -1, WALK_KEYS) == LUA_TTABLE;
    if (has_keys) {
        bool is_first = lua_rawgeti(L, -2, WALK_FIRST) != LUA_TNIL && lua_rawequal(L, -1, 2);
        lua_rawgeti(L, -3, WALK_POSITION);
        lua_Integer at = lua_tointeger(L, -1);
        lua_pop(L, 2);
        if (!is_first && is_at(L, at)) return at;
        if (!is_first && is_at(L, at = count_up_to(L))) return at;
    }
    lua_settop(L, 2);
    begin_walk(L);
    lua_rawgeti(L, -1, WALK_KEYS);
    return count_up_to(L);
}

/* next(t, k): the key behind k in the walk that gave k. */
static int sorted_next(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    if (lua_isnil(L, 2)) return first_key(L);
    lua_Integer at = find_walk(L); /* [3] the walk, [4] its keys */
    for (at++; lua_rawgeti(L, 4, at) != LUA_TNIL; at++) {
        lua_pushvalue(L, -1);
        if (lua_rawget(L, 1) != LUA_TNIL) break;
        lua_pop(L, 2);
    }
    if (lua_isnil(L, -1)) { /* the end */
        keep_walk(L);
        return lua_pushnil(L), 1;
    }
    lua_pushinteger(L, at);
    lua_rawseti(L, 3, WALK_POSITION);
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
    const volatile sig_atomic_t *ending = guard_ending(L);
    for (lua_Integer at = low; at < high; at++) {
        if (*ending) guard_raise(L);
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
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "k");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_setfield(L, LUA_REGISTRYINDEX, walks);
    lua_register(L, "pairs", sorted_pairs);
    lua_register(L, "next", sorted_next);
    lua_getglobal(L, "table");
    lua_pushcfunction(L, stable_sort);
    lua_setfield(L, -2, "sort");
    lua_pop(L, 1);
}
