/* concurrency = { limit = n, key = text or function(input) }: how many runs of the workflow that
 * have the same key may go on at a time. Checked when the file is loaded; the key of a run is asked
 * for once, when it is accepted. */
#include <lauxlib.h>
#include <string.h>

#include "lua/branch.h"
#include "lua/convert.h"

static const char key_function; /* its address: registry key */

static void check_members(lua_State *L, int table) {
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
        if (strcmp(name, "limit") != 0 && strcmp(name, "key") != 0)
            luaL_error(L, "concurrency has no '%s'; it takes limit and key", name);
    }
}

static lua_Integer read_limit(lua_State *L, int table) {
    int is_integer;
    lua_getfield(L, table, "limit");
    lua_Integer limit = lua_tointegerx(L, -1, &is_integer);
    bool is_good = lua_type(L, -1) == LUA_TNUMBER && is_integer && limit > 0 && limit < 1000000;
    if (!is_good)
        luaL_error(L, "concurrency.limit must be a positive integer, got %s",
                   lua_isnil(L, -1) ? "nothing" : luaL_tolstring(L, -1, NULL));
    lua_pop(L, 1);
    return limit;
}

void concurrency_pack(lua_State *L, int table, struct buffer *out) {
    table = lua_absindex(L, table);
    if (!lua_istable(L, table))
        luaL_error(L, "concurrency must be a table { limit = n, key = … }, got a %s",
                   luaL_typename(L, table));
    check_members(L, table);
    lua_Integer limit = read_limit(L, table);
    int type = lua_getfield(L, table, "key");
    if (type != LUA_TNIL && type != LUA_TSTRING && type != LUA_TFUNCTION)
        luaL_error(L, "concurrency.key must be text or a function of the input, got a %s",
                   luaL_typename(L, -1));
    lua_rawsetp(L, LUA_REGISTRYINDEX, &key_function);
    pack_map(out, 1);
    pack_member_integer(out, "limit", limit);
}

struct asking {
    struct isolate *isolate;
    struct bytes input;
    struct buffer *key;
};

/* [1]: struct asking */
static int ask(lua_State *L) {
    struct asking *asking = lua_touserdata(L, 1);
    size_t size;
    int type = lua_rawgetp(L, LUA_REGISTRYINDEX, &key_function);
    if (type == LUA_TFUNCTION) {
        convert_push(L, asking->input);
        lua_call(L, 1, 1);
        type = lua_type(L, -1);
    }
    if (type == LUA_TNIL) return 0;
    if (type != LUA_TSTRING && type != LUA_TNUMBER && type != LUA_TBOOLEAN)
        return luaL_error(L, "concurrency.key must give text, a number or a boolean, not a %s",
                          luaL_typename(L, -1));
    const char *text = luaL_tolstring(L, -1, &size);
    if (size > ISOLATE_SLOT_MAX)
        return luaL_error(L, "concurrency.key gives %I bytes: at most %d", (lua_Integer)size,
                          ISOLATE_SLOT_MAX);
    buffer_add(asking->key, text, size);
    return 0;
}

int isolate_slot(struct isolate *isolate, struct bytes input, struct buffer *key,
                 struct error *err) {
    lua_State *L = isolate->L;
    struct asking asking = {isolate, input, key};
    struct running node;
    lua_pushcfunction(L, ask);
    lua_pushlightuserdata(L, &asking);
    guard_enter(isolate, &node, L);
    int status = lua_pcall(L, 1, 0, 0);
    guard_leave(isolate, &node);
    if (status == LUA_OK) return buffer_check(key, err);
    guard_note(L, status);
    if (isolate->ending) {
        guard_describe(isolate, err);
        return TEND_EINPUT;
    }
    isolate_error(isolate, err);
    return error_context(err, "concurrency.key"), TEND_EINPUT;
}
