/* now(), uuid(), random() and what of Lua's own libraries would answer differently on a replay:
 * math.random, os.time, os.date. Outside steps they come from the branch's seed and its latest
 * entry; inside a step they are fresh, and don't advance what comes outside. */
#include <lauxlib.h>
#include <math.h>

#include "lua/branch.h"
#include "lua/convert.h"

static int64_t now_us(struct branch *branch) {
    if (!branch->is_in_step) return branch->now_us;
    return branch->isolate->host->now_us(branch->isolate->host->context);
}

static uint64_t draw(struct branch *branch) {
    uint64_t fresh;
    if (!branch->is_in_step) return id_generator_next(&branch->chance);
    id_random(&fresh, sizeof fresh);
    return fresh;
}

static int call_now(lua_State *L) {
    lua_pushnumber(L, (lua_Number)now_us(branch_of(L)) / 1e6);
    return 1;
}

static int call_uuid(lua_State *L) {
    struct branch *branch = branch_of(L);
    uint64_t random[2] = {draw(branch), draw(branch)};
    char text[ID_UUID_TEXT];
    id_uuid4((const unsigned char *)random, text);
    lua_pushstring(L, text);
    return 1;
}

/* random() in [0, 1), random(n) in 1..n, random(m, n) in m..n, random(0) any integer. */
static int call_random(lua_State *L) {
    struct branch *branch = branch_of(L);
    int count = lua_gettop(L);
    if (count == 0) {
        lua_pushnumber(L, (lua_Number)(draw(branch) >> 11) * 0x1p-53);
        return 1;
    }
    if (count == 1 && lua_isinteger(L, 1) && lua_tointeger(L, 1) == 0) { /* as in Lua: all bits */
        lua_pushinteger(L, (lua_Integer)draw(branch));
        return 1;
    }
    lua_Integer low = count > 1 ? luaL_checkinteger(L, 1) : 1;
    lua_Integer high = luaL_checkinteger(L, count > 1 ? 2 : 1);
    luaL_argcheck(L, low <= high, count > 1 ? 2 : 1, "interval is empty");
    uint64_t span = (uint64_t)high - (uint64_t)low + 1,
             limit = span ? UINT64_MAX - UINT64_MAX % span : 0;
    uint64_t number;
    do number = draw(branch);
    while (span && number >= limit);
    lua_pushinteger(L, (lua_Integer)((uint64_t)low + (span ? number % span : number)));
    return 1;
}

static int call_randomseed(lua_State *L) {
    return convert_raise(
        L, "error", false,
        "math.randomseed: the run has a seed of its own, so that a replay draws the "
        "same; remove the call");
}

/* Calls Lua's own os.NAME (upvalue) with the branch's time where none is given. */
static int call_date(lua_State *L) {
    lua_settop(L, 2);
    if (lua_isnil(L, 1)) lua_pushliteral(L, "%c");
    else lua_pushvalue(L, 1);
    if (lua_isnil(L, 2)) lua_pushinteger(L, now_us(branch_of(L)) / 1000000);
    else lua_pushvalue(L, 2);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 3);
    lua_call(L, 2, 1);
    return 1;
}

static int call_time(lua_State *L) {
    if (lua_isnoneornil(L, 1)) {
        lua_pushinteger(L, now_us(branch_of(L)) / 1000000);
        return 1;
    }
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

static void open_os(lua_State *L) {
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_getfield(L, -1, "os");
    lua_newtable(L);
    lua_getfield(L, -2, "difftime");
    lua_setfield(L, -2, "difftime");
    lua_getfield(L, -2, "date");
    lua_pushcclosure(L, call_date, 1);
    lua_setfield(L, -2, "date");
    lua_getfield(L, -2, "time");
    lua_pushcclosure(L, call_time, 1);
    lua_setfield(L, -2, "time");
    lua_setglobal(L, "os");
    lua_pop(L, 2);
}

void chance_open(lua_State *L) {
    lua_register(L, "now", call_now);
    lua_register(L, "uuid", call_uuid);
    lua_register(L, "random", call_random);
    lua_getglobal(L, "math");
    lua_pushcfunction(L, call_random);
    lua_setfield(L, -2, "random");
    lua_pushcfunction(L, call_randomseed);
    lua_setfield(L, -2, "randomseed");
    lua_pop(L, 1);
    open_os(L);
}
