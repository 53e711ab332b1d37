/* require: modules come from the run's bundle, or, where their name wasn't known when that was
 * closed, from the host, which records them; and which modules a source requires, found in its text
 * so that the bundle can be closed before anything runs. */
#include <ctype.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "lua/branch.h"
#include "lua/convert.h"

static bool find_in_bundle(struct isolate *isolate, const char *name, struct isolate_module *ret) {
    const struct value *module = value_get_map(value_get(&isolate->bundle.root, "modules"), name);
    if (!module) return false;
    *ret =
        (struct isolate_module){value_get_bytes(module, "file"), value_get_bytes(module, "source")};
    return true;
}

static int ask_host(struct isolate *isolate, const char *name, struct isolate_module *ret,
                    struct error *err) {
    const struct isolate_host *host = isolate->host;
    struct bytes workflow = value_get_bytes(&isolate->bundle.root, "file");
    return host && host->module ? host->module(host->context, workflow, name, ret, err)
                                : TEND_ENOENT;
}

static int missing(lua_State *L, const char *name, int status, const struct error *err) {
    char message[ERROR_MESSAGE_MAX];
    if (status == TEND_ENOENT)
        snprintf(message, sizeof message,
                 "module '%.100s' is not there: it is looked for beside the workflow, in the "
                 "project's workflow folders and in stdlib",
                 name);
    else snprintf(message, sizeof message, "module '%.100s': %.600s", name, err->message);
    return convert_raise(L, "error", false, message);
}

/* A constant name's module is in the bundle, unless there was none when that was closed. */
static int call(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    struct isolate_module module;
    struct error err;
    lua_settop(L, 1);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, "tend.modules");
    if (lua_getfield(L, 2, name) != LUA_TNIL) return 1;
    lua_pop(L, 1);
    struct isolate *isolate = branch_of(L)->isolate;
    int status = 0;
    if (!find_in_bundle(isolate, name, &module)) {
        if (cjson_push(L, name)) return 1;
        status = ask_host(isolate, name, &module, &err);
    }
    if (status) return missing(L, name, status, &err);
    lua_pushfstring(L, "@%s", lua_pushlstring(L, module.file.data, module.file.size));
    if (luaL_loadbufferx(L, module.source.data, module.source.size, lua_tostring(L, -1), "t"))
        return lua_error(L);
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    if (lua_isnil(L, -1)) lua_pushboolean(L, 1);
    lua_pushvalue(L, -1);
    lua_setfield(L, 2, name);
    return 1;
}

void module_open(lua_State *L) { lua_register(L, "require", call); }

/* ---- the scanner ---- */

struct scanner {
    const char *at, *end;
};

static bool is_name(int c) { return isalnum(c) || c == '_'; }

/* At `[`: the level of a long bracket (`[[` is 0, `[=[` 1), or -1. */
static int long_level(const struct scanner *s) {
    const char *at = s->at + 1;
    while (at < s->end && *at == '=') at++;
    return at < s->end && *at == '[' ? (int)(at - s->at - 1) : -1;
}

static void skip_long(struct scanner *s, int level) {
    s->at += level + 2;
    for (; s->at < s->end; s->at++) {
        if (*s->at != ']') continue;
        const char *at = s->at + 1;
        while (at < s->end && *at == '=') at++;
        if (at < s->end && *at == ']' && at - s->at - 1 == level) {
            s->at = at + 1;
            return;
        }
    }
}

static void skip_quoted(struct scanner *s) {
    char quote = *s->at++;
    while (s->at < s->end && *s->at != quote && *s->at != '\n')
        s->at += *s->at == '\\' && s->at + 1 < s->end ? 2 : 1;
    if (s->at < s->end) s->at++;
}

static void skip_comment(struct scanner *s) {
    s->at += 2;
    int level = s->at < s->end && *s->at == '[' ? long_level(s) : -1;
    if (level >= 0) {
        skip_long(s, level);
        return;
    }
    while (s->at < s->end && *s->at != '\n') s->at++;
}

/* At a long bracket: the text between; no bytes if it doesn't end. */
static struct bytes read_long(struct scanner *s) {
    int level = long_level(s);
    const char *start = s->at + level + 2;
    skip_long(s, level);
    size_t close = (size_t)level + 2;
    bool has_end = s->at >= start + close && s->at[-1] == ']';
    return (struct bytes){start, has_end ? (size_t)(s->at - start) - close : 0};
}

/* At a quote: the text up to the next one; no bytes if it has escapes or doesn't end. */
static struct bytes read_quoted(struct scanner *s) {
    const char *start = s->at + 1, *at = start;
    while (at < s->end && *at != *s->at && *at != '\n' && *at != '\\') at++;
    if (at >= s->end || *at != *s->at) return (struct bytes){start, 0};
    s->at = at + 1;
    return (struct bytes){start, (size_t)(at - start)};
}

/* After the word require: an optional parenthesis and a literal without escapes, with blanks and
 * comments between. */
static int read_argument(struct scanner *s, source_visit *visit, void *context) {
    struct bytes name = {NULL, 0};
    while (s->at < s->end) {
        if (isspace((unsigned char)*s->at) || *s->at == '(') s->at++;
        else if (*s->at == '-' && s->at + 1 < s->end && s->at[1] == '-') skip_comment(s);
        else break;
    }
    if (s->at >= s->end) return 0;
    if (*s->at == '"' || *s->at == '\'') name = read_quoted(s);
    else if (*s->at == '[' && long_level(s) >= 0) name = read_long(s);
    return name.size ? visit(context, name) : 0;
}

static int read_word(struct scanner *s, const char *begin, source_visit *visit, void *context) {
    const char *word = s->at;
    while (s->at < s->end && is_name((unsigned char)*s->at)) s->at++;
    bool is_field = word > begin && (word[-1] == '.' || word[-1] == ':');
    bool is_require = s->at - word == 7 && memcmp(word, "require", 7) == 0;
    return is_require && !is_field ? read_argument(s, visit, context) : 0;
}

int source_requires(struct bytes source, source_visit *visit, void *context) {
    struct scanner s = {source.data, source.data + source.size};
    int status = 0;
    while (s.at < s.end && !status) {
        if (*s.at == '-' && s.at + 1 < s.end && s.at[1] == '-') skip_comment(&s);
        else if (*s.at == '"' || *s.at == '\'') skip_quoted(&s);
        else if (*s.at == '[' && long_level(&s) >= 0) skip_long(&s, long_level(&s));
        else if (is_name((unsigned char)*s.at)) status = read_word(&s, source.data, visit, context);
        else s.at++;
    }
    return status;
}
