/* sleep(duration, [options]) and sleep_until(instant, [options]): durable timers. */
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "lua/branch.h"
#include "lua/convert.h"

static const char *const options[] = {"us", "until_us", NULL};
static const struct primitive sleep_for = {"sleep", ASK_SLEEP, options, NULL};
static const struct primitive sleep_to = {"sleep_until", ASK_SLEEP, options, NULL};

static const double microseconds = 1e6;
static const int64_t longest_us = INT64_C(100000000000000000); /* 1e11 seconds; now plus it fits */

/* "sleep: 'x' is no duration: …" */
static int refuse(lua_State *L, const char *what) {
    char message[300];
    snprintf(message, sizeof message, "'%.60s' is no %s", luaL_tolstring(L, 1, NULL), what);
    return convert_raise(L, "error", false, message);
}

static const char duration[] =
    "duration: sleep takes seconds, 0 or more, or text such as \"1d2h3m4s5ms\"";
static const char instant[] = "instant: sleep_until takes now()'s unit or RFC 3339 text";

/* Reads the duration at [1]: a number of seconds or text such as "1m30s". */
static lua_Integer check_duration(lua_State *L) {
    int64_t us = 0;
    if (lua_type(L, 1) == LUA_TNUMBER) {
        double seconds = lua_tonumber(L, 1);
        if (!(seconds >= 0 && seconds < 1e11)) refuse(L, duration);
        return (lua_Integer)(seconds * microseconds);
    }
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);
    if (clock_parse_duration(text, size, &us) || us > longest_us) refuse(L, duration);
    return us;
}

static lua_Integer check_instant(lua_State *L) {
    int64_t us = 0;
    if (lua_type(L, 1) == LUA_TNUMBER) {
        double seconds = lua_tonumber(L, 1);
        if (!(seconds > -1e11 && seconds < 1e11)) refuse(L, instant);
        return (lua_Integer)(seconds * microseconds);
    }
    if (clock_parse(luaL_checkstring(L, 1), &us)) refuse(L, instant);
    return us;
}

static int call(lua_State *L, const struct primitive *primitive, const char *field,
                lua_Integer (*check)(lua_State *)) {
    lua_settop(L, 2);
    primitive_begin(L, primitive);
    lua_Integer us = check(L);
    if (lua_isnil(L, 2)) {
        lua_newtable(L);
        lua_replace(L, 2);
    }
    lua_pushinteger(L, us);
    lua_setfield(L, 2, field);
    primitive_options(L, primitive, 2, 0, "sleep");
    return primitive_yield(L, primitive);
}

static int call_sleep(lua_State *L) { return call(L, &sleep_for, "us", check_duration); }
static int call_sleep_until(lua_State *L) { return call(L, &sleep_to, "until_us", check_instant); }

void sleep_open(lua_State *L) {
    lua_register(L, "sleep", call_sleep);
    lua_register(L, "sleep_until", call_sleep_until);
}
