/* http{…} or http(url): one HTTP exchange.
 * Journal: {status, headers, body, url, timing}; `json` is decoded from the body when a script
 * first reads it, so that a large body that only C reads never becomes a table. */
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "lua/branch.h"
#include "lua/convert.h"

static const char *const options[] = {"url",  "method", "headers",   "query",  "json", "body",
                                      "form", "auth",   "max_bytes", "follow", "ok",   NULL};

static int finish(lua_State *L) {
    if (lua_istable(L, -1)) luaL_setmetatable(L, CONVERT_RESPONSE);
    return 1;
}

static const struct primitive http = {"http", ASK_HTTP, options, finish};

/* "GET api.example/path": method, host and path of the URL. */
static void default_name(const char *method, const char *url, char *name, size_t size) {
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    const char *at = strchr(host, '@'), *slash = strchr(host, '/');
    if (at && (!slash || at < slash)) host = at + 1;
    snprintf(name, size, "%.10s %.*s", method, (int)strcspn(host, "?#"), host);
}

static int call(lua_State *L) {
    char name[256];
    primitive_begin(L, &http);
    if (lua_type(L, 1) == LUA_TSTRING) {
        lua_createtable(L, 0, 1);
        lua_pushvalue(L, 1);
        lua_setfield(L, -2, "url");
        lua_replace(L, 1);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_getfield(L, 1, "url");
    lua_getfield(L, 1, "method");
    if (lua_type(L, 2) != LUA_TSTRING)
        return convert_raise(L, "error", false, "http: `url` is missing, or no text");
    const char *method = luaL_optstring(L, 3, NULL);
    if (!method)
        method =
            lua_getfield(L, 1, "json") || lua_getfield(L, 1, "body") || lua_getfield(L, 1, "form")
                ? "POST"
                : "GET";
    default_name(method, lua_tostring(L, 2), name, sizeof name);
    lua_settop(L, 1);
    primitive_options(L, &http, 1, 0, name);
    return primitive_yield(L, &http);
}

/* response.json: decoded at the first look and kept. */
static int response_index(lua_State *L) {
    if (lua_type(L, 2) != LUA_TSTRING || strcmp(lua_tostring(L, 2), "json") != 0) return 0;
    lua_pushliteral(L, "body");
    lua_rawget(L, 1);
    struct bytes body;
    body.data = lua_tolstring(L, -1, &body.size);
    if (!body.data) return 0;
    lua_getglobal(L, "json");
    lua_getfield(L, -1, "decode");
    lua_pushvalue(L, -3);
    if (lua_pcall(L, 1, 1, 0) != LUA_OK) return 0; /* no JSON: nil, the body is there */
    lua_pushliteral(L, "json");
    lua_pushvalue(L, -2);
    lua_rawset(L, 1);
    return 1;
}

void http_open(lua_State *L) {
    lua_register(L, "http", call);
    luaL_newmetatable(L, CONVERT_RESPONSE);
    lua_pushcfunction(L, response_index);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}
