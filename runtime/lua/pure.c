/* The pure functions of analysis/ as scripts see them: judge.project, logs.patterns, redact; and
 * two small ones of the same kind: hash(text), fence(text, {id, source}). They make no entries: the
 * same input gives the same output on every replay. */
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "analysis/judge.h"
#include "analysis/patterns.h"
#include "analysis/redact.h"
#include "base/id.h"
#include "lua/branch.h"
#include "lua/convert.h"

typedef int pure_function(const struct value *input, struct buffer *out, struct error *err);

/* Packs [1], calls the function without Lua in between, pushes what it made. */
static int call(lua_State *L, const char *name, pure_function *function) {
    struct isolate *isolate = branch_of(L)->isolate;
    struct value_tree tree = {0};
    struct error err;
    luaL_checkany(L, 1);
    buffer_clear(&isolate->scratch);
    buffer_clear(&isolate->scratch_out);
    int status = convert_pack(L, 1, name, false, &isolate->scratch, &err);
    if (!status) status = value_read(buffer_bytes(&isolate->scratch), &tree, &err);
    if (!status) status = function(&tree.root, &isolate->scratch_out, &err);
    value_tree_done(&tree);
    if (status) {
        error_context(&err, "%s", name);
        return convert_raise(L, err.kind[0] ? err.kind : "error", false, err.message);
    }
    convert_push(L, buffer_bytes(&isolate->scratch_out));
    return 1;
}

static int call_judge(lua_State *L) { return call(L, "judge.project", judge_project); }
static int call_patterns(lua_State *L) { return call(L, "logs.patterns", patterns_find); }

static int call_redact(lua_State *L) {
    luaL_checkstring(L, 1);
    lua_settop(L, 1);
    lua_createtable(L, 0, 1);
    lua_insert(L, 1);
    lua_setfield(L, 1, "text");
    return call(L, "redact", redact_text);
}

static int call_hash(lua_State *L) {
    struct bytes text;
    char digits[ID_HASH_TEXT];
    text.data = luaL_checklstring(L, 1, &text.size);
    id_hash(&text, 1, digits);
    lua_pushstring(L, digits);
    return 1;
}

/* Adds ` name="value"` with what could end the attribute taken out. */
static void add_attribute(lua_State *L, luaL_Buffer *out, int table, const char *name) {
    if (!lua_istable(L, table)) return;
    lua_getfield(L, table, name);
    const char *value = lua_tostring(L, -1);
    char text[200] = "";
    for (size_t i = 0; value && value[i] && i < sizeof text - 1; i++)
        text[i] = strchr("\"<>&\r\n", value[i]) ? '_' : value[i], text[i + 1] = '\0';
    lua_pop(L, 1);
    if (!value) return;
    lua_pushfstring(L, " %s=\"%s\"", name, text);
    luaL_addvalue(out);
}

static int call_fence(lua_State *L) {
    struct branch *branch = branch_of(L);
    luaL_Buffer out;
    char delimiter[24];
    luaL_checkstring(L, 1);
    lua_settop(L, 2);
    snprintf(delimiter, sizeof delimiter, "%016llx",
             (unsigned long long)id_generator_next(&branch->chance));
    luaL_buffinit(L, &out);
    luaL_addstring(&out, "<evidence");
    int top = 2;
    add_attribute(L, &out, top, "id");
    add_attribute(L, &out, top, "source");
    luaL_addstring(&out, " fence=\"");
    luaL_addstring(&out, delimiter);
    luaL_addstring(&out, "\">\n");
    lua_pushvalue(L, 1);
    luaL_addvalue(&out);
    luaL_addstring(&out, "\n</evidence ");
    luaL_addstring(&out, delimiter);
    luaL_addstring(&out, ">");
    luaL_pushresult(&out);
    return 1;
}

static void open_table(lua_State *L, const char *library, const char *name,
                       lua_CFunction function) {
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, function);
    lua_setfield(L, -2, name);
    lua_setglobal(L, library);
}

void pure_open(lua_State *L) {
    open_table(L, "judge", "project", call_judge);
    open_table(L, "logs", "patterns", call_patterns);
    lua_register(L, "redact", call_redact);
    lua_register(L, "hash", call_hash);
    lua_register(L, "fence", call_fence);
}
