/* coroutine: of our own, so that a primitive's yield passes through the script's coroutines to the
 * engine and back. A coroutine belongs to the branch that resumes it.
 *
 * While a coroutine waits for the engine Lua calls it suspended, and another branch could resume
 * it: a bit in its extra space says that it isn't. A body runs through lua_pcallk, so that <close>
 * in it may use primitives after an error. */
#include <lauxlib.h>

#include "lua/branch.h"
#include "lua/convert.h"

static const unsigned closing_max = 100; /* 5,000 nested ones overflow the C stack */

static uintptr_t *space_of(lua_State *co) { return lua_getextraspace(co); }
static bool is_waiting(lua_State *co) { return *space_of(co) & 1; }

static lua_State *main_of(lua_State *L) {
    struct branch *branch = branch_of(L);
    return branch->co ? branch->co : branch->isolate->L;
}

static lua_State *check_coroutine(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTHREAD);
    return lua_tothread(L, 1);
}

static void adopt(lua_State *L, lua_State *co) { *space_of(co) = (uintptr_t)branch_of(L); }

/* ---- create ---- */

static int body_k(lua_State *L, int status, lua_KContext context) {
    (void)context;
    if (status != LUA_OK && status != LUA_YIELD) {
        guard_check(L, status);
        return lua_error(L);
    }
    return lua_gettop(L);
}

/* Upvalue: the script's function. */
static int body(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    return body_k(L, lua_pcallk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, 0, body_k), 0);
}

static int call_create(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_State *co = lua_newthread(L);
    adopt(L, co);
    lua_pushvalue(L, 1);
    lua_pushcclosure(L, body, 1);
    lua_xmove(L, co, 1);
    return 1;
}

/* ---- status ---- */

static const char *status_of(lua_State *L, lua_State *co) {
    lua_Debug frame;
    if (co == L) return "running";
    if (is_waiting(co)) return "normal";
    switch (lua_status(co)) {
    case LUA_YIELD: return "suspended";
    case LUA_OK:
        if (lua_getstack(co, 0, &frame)) return "normal";
        return lua_gettop(co) ? "suspended" : "dead";
    default: return "dead";
    }
}

static bool is_suspended(lua_State *L, lua_State *co) { return status_of(L, co)[0] == 's'; }

static int call_status(lua_State *L) {
    lua_pushstring(L, status_of(L, check_coroutine(L)));
    return 1;
}

static int call_running(lua_State *L) {
    lua_pushthread(L);
    lua_pushboolean(L, L == main_of(L));
    return 2;
}

static int call_isyieldable(lua_State *L) {
    lua_State *co = lua_isthread(L, 1) ? lua_tothread(L, 1) : L;
    bool is_bound = co == main_of(L) || co == branch_of(L)->step_co;
    lua_pushboolean(L, !is_bound && lua_isyieldable(co));
    return 1;
}

/* ---- close ---- */

/* lua_resetthread, watched and bounded; an error is left on top of the coroutine. */
static int reset(lua_State *L, lua_State *co) {
    struct isolate *isolate = branch_of(L)->isolate;
    struct running node;
    if (isolate->closing >= closing_max)
        return luaL_error(L, "coroutine.close is nested too deeply");
    adopt(L, co);
    isolate->closing++;
    guard_push(isolate, &node, co);
    int status = lua_resetthread(co);
    guard_pop(isolate, &node);
    isolate->closing--;
    return status;
}

static int call_close(lua_State *L) {
    lua_State *co = check_coroutine(L);
    const char *status = status_of(L, co);
    if (status[0] != 's' && status[0] != 'd')
        return luaL_error(L, "cannot close a %s coroutine", status);
    int closed = reset(L, co);
    if (closed == LUA_OK) {
        lua_pushboolean(L, 1);
        return 1;
    }
    guard_check(L, closed);
    lua_pushboolean(L, 0);
    lua_xmove(co, L, 1);
    return 2;
}

/* ---- resume and wrap ---- */

enum { RESUMES, WRAPS };

static int failed(lua_State *L, lua_State *co, int status, lua_KContext way) {
    guard_check(L, status);
    if (way == WRAPS) {
        (void)reset(L, co); /* the error that is on top now: a later one replaced it */
        lua_xmove(co, L, 1);
        if (lua_type(L, -1) != LUA_TSTRING) return lua_error(L);
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
        return lua_error(L);
    }
    lua_pushboolean(L, 0);
    lua_xmove(co, L, 1);
    if (continue_is_leaving(L, -1)) return lua_error(L);
    return 2;
}

static int came_back(lua_State *L, lua_State *co, int count, lua_KContext way) {
    if (!lua_checkstack(L, count + 1)) {
        lua_pop(co, count);
        return luaL_error(L, "too many results to resume");
    }
    if (way == RESUMES) lua_pushboolean(L, 1);
    lua_xmove(co, L, count);
    return way == RESUMES ? count + 1 : count;
}

static int go_on(lua_State *L, int status, lua_KContext way);

static int run(lua_State *L, lua_State *co, int arguments, lua_KContext way) {
    struct isolate *isolate = branch_of(L)->isolate;
    struct running node;
    int results;
    if (isolate->ending) return guard_raise(L);
    adopt(L, co);
    guard_push(isolate, &node, co);
    int status = lua_resume(co, L, arguments, &results);
    guard_pop(isolate, &node);
    if (status == LUA_YIELD && isolate->is_asking) {
        *space_of(co) |= 1;
        return branch_yield(L, way, go_on);
    }
    if (status != LUA_OK && status != LUA_YIELD) return failed(L, co, status, way);
    return came_back(L, co, results, way);
}

/* The engine has an answer for what waits in the coroutine. */
static int go_on(lua_State *L, int status, lua_KContext way) {
    (void)status;
    return run(L, lua_tothread(L, way == WRAPS ? lua_upvalueindex(1) : 1), 0, way);
}

/* The arguments are at the top. */
static int begin(lua_State *L, lua_State *co, int arguments, lua_KContext way) {
    if (is_suspended(L, co) && lua_checkstack(co, arguments)) {
        lua_xmove(L, co, arguments);
        return run(L, co, arguments, way);
    }
    if (is_suspended(L, co)) lua_pushliteral(L, "too many arguments to resume");
    else
        lua_pushfstring(L, "cannot resume %s coroutine", /* as Lua says it */
                        status_of(L, co)[0] == 'd' ? "dead" : "non-suspended");
    if (way == WRAPS) return luaL_error(L, "%s", lua_tostring(L, -1));
    lua_pushboolean(L, 0);
    lua_insert(L, -2);
    return 2;
}

static int call_resume(lua_State *L) {
    return begin(L, check_coroutine(L), lua_gettop(L) - 1, RESUMES);
}

/* Upvalue: the coroutine. */
static int call_wrapped(lua_State *L) {
    return begin(L, lua_tothread(L, lua_upvalueindex(1)), lua_gettop(L), WRAPS);
}

static int call_wrap(lua_State *L) {
    call_create(L);
    lua_pushcclosure(L, call_wrapped, 1);
    return 1;
}

/* A step's function can't be left and come back to: what comes after would believe to be in it. */
static int call_yield(lua_State *L) {
    struct branch *branch = branch_of(L);
    if (L == main_of(L)) return luaL_error(L, "attempt to yield from outside a coroutine");
    if (L == branch->step_co)
        return luaL_error(L, "coroutine.yield can't leave the function that a step calls; yield "
                             "before or after the step");
    branch->isolate->is_asking = false;
    return lua_yield(L, lua_gettop(L));
}

void coroutine_open(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"create", call_create},   {"resume", call_resume}, {"wrap", call_wrap},
        {"yield", call_yield},     {"status", call_status}, {"isyieldable", call_isyieldable},
        {"running", call_running}, {"close", call_close},   {NULL, NULL}};
    luaL_newlib(L, functions);
    lua_setglobal(L, "coroutine");
}
