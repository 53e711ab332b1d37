/* json.encode(value, [{indent = n}]), json.decode(text), json.null, json.array(t): exact, both ways
 * (SEMANTICS 10). */
#include "base/json.h"

#include <lauxlib.h>

#include "lua/branch.h"
#include "lua/convert.h"

static int encode(lua_State *L) {
    struct isolate *isolate = branch_of(L)->isolate;
    struct json_style style = {0};
    struct value_tree tree = {0};
    struct error err;
    luaL_checkany(L, 1);
    if (lua_istable(L, 2)) {
        lua_getfield(L, 2, "indent");
        style.indent = (int)luaL_optinteger(L, -1, 0);
    }
    buffer_clear(&isolate->scratch);
    buffer_clear(&isolate->scratch_out);
    int status = convert_pack(L, 1, "value", false, &isolate->scratch, &err);
    if (!status) status = value_read(buffer_bytes(&isolate->scratch), &tree, &err);
    if (!status) status = json_write(&tree.root, style, &isolate->scratch_out, &err);
    value_tree_done(&tree);
    if (status) return convert_raise(L, "value", false, err.message);
    lua_pushlstring(L, isolate->scratch_out.data, isolate->scratch_out.size);
    return 1;
}

static int decode(lua_State *L) {
    struct isolate *isolate = branch_of(L)->isolate;
    struct bytes text;
    struct error err;
    text.data = luaL_checklstring(L, 1, &text.size);
    buffer_clear(&isolate->scratch);
    if (json_read(text, &isolate->scratch, &err))
        return convert_raise(L, "value", false, err.message);
    convert_push(L, buffer_bytes(&isolate->scratch));
    return 1;
}

static int array(lua_State *L) {
    if (lua_isnoneornil(L, 1)) lua_newtable(L);
    luaL_checktype(L, lua_gettop(L), LUA_TTABLE);
    luaL_setmetatable(L, CONVERT_LIST);
    return 1;
}

void json_open(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"encode", encode}, {"decode", decode}, {"array", array}, {NULL, NULL}};
    luaL_newlib(L, functions);
    convert_push_null(L);
    lua_setfield(L, -2, "null");
    lua_setglobal(L, "json");
}
