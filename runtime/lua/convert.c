/* Lua values to packed values and back; see convert.h. Only the official API, raw access only: no
 * metamethod of a script runs here. Raises for want of memory only, and owns nothing then: the
 * buffer is the caller's. */
#include "lua/convert.h"

#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/value.h"

/* A light userdata of no address stands for JSON's null, as it does in lua-cjson. */
void convert_push_null(lua_State *L) { lua_pushlightuserdata(L, NULL); }

/* ---- Lua to packed ---- */

struct packer {
    lua_State *L;
    struct buffer *out;
    struct error *err;
    bool may_hold_secrets;
    const void *ancestors[VALUE_DEPTH_MAX];
    int depth;
    char path[256];
};

static int refuse(struct packer *p, const char *what) {
    return error_set_kind(p->err, TEND_EINPUT, "value", "%s is %s", p->path, what);
}

/* Adds ".key" or "[index]" to the path; returns its old length, to cut it back to. */
static size_t path_push_key(struct packer *p, const char *key) {
    size_t size = strlen(p->path);
    snprintf(p->path + size, sizeof p->path - size, ".%.100s", key ? key : "");
    return size;
}

static size_t path_push_index(struct packer *p, size_t index) {
    size_t size = strlen(p->path);
    snprintf(p->path + size, sizeof p->path - size, "[%zu]", index);
    return size;
}

static int pack_any(struct packer *p, int index);

/* Counts keys; *is_list says whether they are exactly 1..n. */
static int count_keys(struct packer *p, int index, size_t *count, bool *is_list) {
    lua_State *L = p->L;
    size_t integers = 0, texts = 0;
    lua_Integer highest = 0;
    for (lua_pushnil(L); lua_next(L, index);) {
        lua_pop(L, 1);
        if (lua_type(L, -1) == LUA_TSTRING) {
            texts++;
        } else if (lua_isinteger(L, -1)) {
            lua_Integer key = lua_tointeger(L, -1);
            integers++;
            if (key < 1) highest = LUA_MAXINTEGER;
            if (key > highest) highest = key;
        } else {
            int type = lua_type(L, -1);
            lua_pop(L, 1);
            char what[80];
            snprintf(what, sizeof what, "a table with a %s as a key",
                     type == LUA_TNUMBER ? "fraction" : lua_typename(L, type));
            return refuse(p, what);
        }
    }
    if (integers && texts) return refuse(p, "a mixed table: it has both numbers and names as keys");
    if (integers && (size_t)highest != integers)
        return refuse(p, "a list with holes: its keys aren't 1 to n");
    *count = integers + texts;
    *is_list = integers > 0;
    return 0;
}

static int pack_list_items(struct packer *p, int index, size_t count) {
    int status = 0;
    pack_list(p->out, count);
    for (size_t i = 1; i <= count && !status; i++) {
        size_t size = path_push_index(p, i);
        lua_rawgeti(p->L, index, (lua_Integer)i);
        status = pack_any(p, lua_gettop(p->L));
        lua_pop(p->L, 1);
        p->path[size] = status ? p->path[size] : '\0';
    }
    return status;
}

static int pack_map_members(struct packer *p, int index, size_t count) {
    lua_State *L = p->L;
    pack_map(p->out, count);
    for (lua_pushnil(L); lua_next(L, index);) {
        struct bytes key;
        key.data = lua_tolstring(L, -2, &key.size);
        pack_bytes(p->out, key);
        size_t size = path_push_key(p, key.data);
        int status = pack_any(p, lua_gettop(L));
        if (status) {
            lua_pop(L, 2);
            return status;
        }
        p->path[size] = '\0';
        lua_pop(L, 1);
    }
    return 0;
}

/* Is the metatable on top of the stack the registered one? [-0, +0, -] */
static bool is_metatable(lua_State *L, const char *name) {
    luaL_getmetatable(L, name);
    bool is_same = lua_rawequal(L, -1, -2);
    lua_pop(L, 1);
    return is_same;
}

/* Leaves *index at the table that really holds the contents (behind a settings view). */
static int look_at_metatable(struct packer *p, int *index, bool *is_marked_list, int *pushed) {
    lua_State *L = p->L;
    if (!lua_getmetatable(L, *index)) return 0;
    if (is_metatable(L, CONVERT_LIST)) {
        *is_marked_list = true;
    } else if (is_metatable(L, CONVERT_ERROR) || is_metatable(L, CONVERT_RESPONSE)) {
        /* plain contents */
    } else {
        lua_getfield(L, -1, "tend_view");
        if (lua_istable(L, -1)) {
            lua_remove(L, -2);
            *index = lua_gettop(L);
            *pushed = 1;
            return 0;
        }
        lua_pop(L, 2);
        return refuse(p, "a table with a metatable");
    }
    lua_pop(L, 1);
    return 0;
}

static int pack_table(struct packer *p, int index) {
    bool is_list = false, is_marked_list = false;
    size_t count = 0;
    int pushed = 0;
    if (p->depth == VALUE_DEPTH_MAX) return refuse(p, "nested deeper than 200");
    luaL_checkstack(p->L, 8, "nested value");
    int status = look_at_metatable(p, &index, &is_marked_list, &pushed);
    if (status) return status;
    const void *self = lua_topointer(p->L, index);
    for (int i = 0; i < p->depth; i++)
        if (p->ancestors[i] == self) return refuse(p, "a cycle: it holds itself");
    p->ancestors[p->depth++] = self;
    status = count_keys(p, index, &count, &is_list);
    if (!status && (is_list || (is_marked_list && count == 0)))
        status = pack_list_items(p, index, count);
    else if (!status) status = pack_map_members(p, index, count);
    p->depth--;
    lua_pop(p->L, pushed);
    return status;
}

static int pack_secret_name(struct packer *p, int index) {
    struct bytes name;
    if (!luaL_testudata(p->L, index, CONVERT_SECRET)) return refuse(p, "a userdata");
    if (!p->may_hold_secrets)
        return refuse(p,
                      "a secret: it may stand in a header, a body or a child's environment only");
    lua_getiuservalue(p->L, index, 1);
    name.data = lua_tolstring(p->L, -1, &name.size);
    pack_secret(p->out, name);
    lua_pop(p->L, 1);
    return 0;
}

static int pack_any(struct packer *p, int index) {
    lua_State *L = p->L;
    struct bytes text;
    switch (lua_type(L, index)) {
    case LUA_TNIL: pack_nil(p->out); return 0;
    case LUA_TBOOLEAN: pack_boolean(p->out, lua_toboolean(L, index)); return 0;
    case LUA_TNUMBER:
        if (lua_isinteger(L, index)) pack_integer(p->out, lua_tointeger(L, index));
        else pack_double(p->out, lua_tonumber(L, index));
        return 0;
    case LUA_TSTRING:
        text.data = lua_tolstring(L, index, &text.size);
        pack_bytes(p->out, text);
        return 0;
    case LUA_TTABLE: return pack_table(p, index);
    case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(L, index)) return refuse(p, "a userdata");
        pack_null(p->out);
        return 0;
    case LUA_TUSERDATA: return pack_secret_name(p, index);
    case LUA_TFUNCTION: return refuse(p, "a function");
    default: return refuse(p, "a coroutine");
    }
}

int convert_pack(lua_State *L, int index, const char *what, bool may_hold_secrets,
                 struct buffer *out, struct error *err) {
    struct packer p = {.L = L, .out = out, .err = err, .may_hold_secrets = may_hold_secrets};
    snprintf(p.path, sizeof p.path, "%s", what);
    int top = lua_gettop(L);
    int status = pack_any(&p, lua_absindex(L, index));
    lua_settop(L, top);
    return status ? status : buffer_check(out, err);
}

/* ---- packed to Lua ---- */

/* A cursor over well-formed packed bytes. */
struct unpacker {
    const unsigned char *at;
};

static uint64_t big_endian(struct unpacker *u, int size) {
    uint64_t number = 0;
    while (size-- > 0) number = number << 8 | *u->at++;
    return number;
}

static void push_any(lua_State *L, struct unpacker *u);

static void push_text(lua_State *L, struct unpacker *u, size_t size) {
    lua_pushlstring(L, (const char *)u->at, size);
    u->at += size;
}

static void push_list(lua_State *L, struct unpacker *u, size_t count) {
    luaL_checkstack(L, 4, "nested value");
    lua_createtable(L, count < 1 << 20 ? (int)count : 0, 0);
    luaL_setmetatable(L, CONVERT_LIST);
    for (size_t i = 1; i <= count; i++) {
        push_any(L, u);
        lua_rawseti(L, -2, (lua_Integer)i);
    }
}

static void push_map(lua_State *L, struct unpacker *u, size_t count) {
    luaL_checkstack(L, 4, "nested value");
    lua_createtable(L, 0, count < 1 << 20 ? (int)count : 0);
    for (size_t i = 0; i < count; i++) {
        push_any(L, u);
        push_any(L, u);
        lua_rawset(L, -3);
    }
}

static void push_extension(lua_State *L, struct unpacker *u, size_t size) {
    int type = *u->at++;
    if (type != 2) {
        u->at += size;
        convert_push_null(L);
        return;
    }
    lua_newuserdatauv(L, 0, 1);
    push_text(L, u, size);
    lua_setiuservalue(L, -2, 1);
    luaL_setmetatable(L, CONVERT_SECRET);
}

static double as_double(uint64_t bits) {
    double number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static void push_number(lua_State *L, struct unpacker *u, int head) {
    switch (head) {
    case 0xca: {
        uint32_t bits = (uint32_t)big_endian(u, 4);
        float number;
        memcpy(&number, &bits, sizeof number);
        lua_pushnumber(L, (lua_Number)number);
        return;
    }
    case 0xcb: lua_pushnumber(L, as_double(big_endian(u, 8))); return;
    case 0xcc: lua_pushinteger(L, (lua_Integer)big_endian(u, 1)); return;
    case 0xcd: lua_pushinteger(L, (lua_Integer)big_endian(u, 2)); return;
    case 0xce: lua_pushinteger(L, (lua_Integer)big_endian(u, 4)); return;
    case 0xcf: {
        uint64_t number = big_endian(u, 8);
        if (number > INT64_MAX) lua_pushnumber(L, (lua_Number)number);
        else lua_pushinteger(L, (lua_Integer)number);
        return;
    }
    case 0xd0: lua_pushinteger(L, (int8_t)big_endian(u, 1)); return;
    case 0xd1: lua_pushinteger(L, (int16_t)big_endian(u, 2)); return;
    case 0xd2: lua_pushinteger(L, (int32_t)big_endian(u, 4)); return;
    default: lua_pushinteger(L, (lua_Integer)big_endian(u, 8)); return; /* 0xd3 */
    }
}

static void push_long(lua_State *L, struct unpacker *u, int head) {
    switch (head) {
    case 0xc4:
    case 0xd9: push_text(L, u, big_endian(u, 1)); return;
    case 0xc5:
    case 0xda: push_text(L, u, big_endian(u, 2)); return;
    case 0xc6:
    case 0xdb: push_text(L, u, big_endian(u, 4)); return;
    case 0xc7: push_extension(L, u, big_endian(u, 1)); return;
    case 0xc8: push_extension(L, u, big_endian(u, 2)); return;
    case 0xc9: push_extension(L, u, big_endian(u, 4)); return;
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8: push_extension(L, u, (size_t)1 << (head - 0xd4)); return;
    case 0xdc: push_list(L, u, big_endian(u, 2)); return;
    case 0xdd: push_list(L, u, big_endian(u, 4)); return;
    case 0xde: push_map(L, u, big_endian(u, 2)); return;
    case 0xdf: push_map(L, u, big_endian(u, 4)); return;
    default: push_number(L, u, head); return;
    }
}

static void push_any(lua_State *L, struct unpacker *u) {
    int head = *u->at++;
    if (head <= 0x7f) lua_pushinteger(L, head);
    else if (head <= 0x8f) push_map(L, u, (size_t)head & 15);
    else if (head <= 0x9f) push_list(L, u, (size_t)head & 15);
    else if (head <= 0xbf) push_text(L, u, (size_t)head & 31);
    else if (head == 0xc0) lua_pushnil(L);
    else if (head == 0xc2 || head == 0xc3) lua_pushboolean(L, head == 0xc3);
    else if (head >= 0xe0) lua_pushinteger(L, head - 256);
    else push_long(L, u, head);
}

void convert_push(lua_State *L, struct bytes packed) {
    struct unpacker u = {(const unsigned char *)packed.data};
    if (packed.size == 0) lua_pushnil(L);
    else push_any(L, &u);
}

/* ---- errors ---- */

/* tostring(err): "kind: message", with the step where one failed. */
static int error_tostring(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_getfield(L, 1, "message");
    if (!lua_isstring(L, -1)) lua_pushliteral(L, "error");
    return 1;
}

static bool is_own_field(const char *name) {
    static const char *const own[] = {"kind",     "step",  "attempt",   "retryable",
                                      "response", "cause", "traceback", "message"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strcmp(name, own[i]) == 0) return true;
    return false;
}

/* Packs one member unless it can't be packed: then its text. */
static void pack_error_member(lua_State *L, const char *key, struct buffer *out) {
    struct error ignored;
    pack_text(out, key);
    size_t after_key = out->size;
    if (convert_pack(L, -1, key, false, out, &ignored) == 0) return;
    if (out->is_failed) return;
    out->size = after_key;
    pack_text(out, lua_typename(L, lua_type(L, -1)));
}

static size_t pack_error_table(lua_State *L, int index, bool is_ours, struct buffer *out) {
    size_t count = 0;
    bool has_message = false, has_kind = false;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING) continue;
        const char *key = lua_tostring(L, -2);
        bool is_message = strcmp(key, "message") == 0;
        if (is_message && lua_type(L, -1) != LUA_TSTRING) continue;
        if (!is_ours && !is_message && is_own_field(key) && strcmp(key, "traceback") != 0) continue;
        has_message = has_message || is_message;
        has_kind = has_kind || strcmp(key, "kind") == 0;
        pack_error_member(L, key, out);
        count++;
    }
    if (!has_message) pack_member_text(out, "message", "an error without a message");
    if (!has_kind) pack_member_text(out, "kind", "error");
    return count + !has_message + !has_kind;
}

void convert_pack_error(lua_State *L, int index, struct buffer *out) {
    index = lua_absindex(L, index);
    int top = lua_gettop(L);
    luaL_checkstack(L, 10, "error");
    size_t opened = pack_map_open(out), count = 2;
    if (lua_istable(L, index)) {
        bool is_ours = lua_getmetatable(L, index) && is_metatable(L, CONVERT_ERROR);
        count = pack_error_table(L, index, is_ours, out);
    } else {
        const char *text = lua_tostring(L, index);
        char name[80];
        snprintf(name, sizeof name, "a %s was raised", luaL_typename(L, index));
        pack_member_text(out, "message", text ? text : name);
        pack_member_text(out, "kind", "error");
    }
    pack_close(out, opened, count);
    lua_settop(L, top);
}

void convert_push_error(lua_State *L, struct bytes packed) {
    convert_push(L, packed);
    if (lua_istable(L, -1)) luaL_setmetatable(L, CONVERT_ERROR);
}

int convert_raise(lua_State *L, const char *kind, bool is_retryable, const char *message) {
    char copy[1200];
    snprintf(copy, sizeof copy, "%s", message);
    lua_createtable(L, 0, 4);
    luaL_where(L, 1);
    lua_pushstring(L, copy);
    lua_concat(L, 2);
    lua_setfield(L, -2, "message");
    lua_pushstring(L, kind);
    lua_setfield(L, -2, "kind");
    lua_pushboolean(L, is_retryable);
    lua_setfield(L, -2, "retryable");
    luaL_setmetatable(L, CONVERT_ERROR);
    return lua_error(L);
}

static int secret_refuses(lua_State *L) {
    return convert_raise(L, "value", false,
                         "a secret can't be joined, compared or read: pass the handle itself in a "
                         "header, in auth, a body field or env");
}

static int secret_tostring(lua_State *L) {
    lua_getiuservalue(L, 1, 1);
    lua_pushfstring(L, "secret(%s)", lua_tostring(L, -1));
    return 1;
}

static void open_metatable(lua_State *L, const char *name, const luaL_Reg *functions) {
    luaL_newmetatable(L, name);
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
}

void convert_open(lua_State *L) {
    static const luaL_Reg none[] = {{NULL, NULL}};
    static const luaL_Reg error_methods[] = {{"__tostring", error_tostring}, {NULL, NULL}};
    static const luaL_Reg secret_methods[] = {{"__tostring", secret_tostring},
                                              {"__concat", secret_refuses},
                                              {"__len", secret_refuses},
                                              {"__index", secret_refuses},
                                              {NULL, NULL}};
    open_metatable(L, CONVERT_LIST, none);
    open_metatable(L, CONVERT_ERROR, error_methods);
    open_metatable(L, CONVERT_SECRET, secret_methods);
}
