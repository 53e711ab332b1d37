/* What ends a run against its will, and can't be caught: the watchdog, and the memory cap.
 *
 * A watcher on another thread sees that the pulse stands still while Lua runs, and sends this
 * thread a signal. Its handler sets the ending and a hook on every coroutine that runs; the hook
 * raises at the next instruction, and stays, so that every level raises again. No hook fires in C:
 * what loops there polls the ending. pcall and xpcall are ours: what ends the run is raised again
 * there, and a script's message handler, which Lua would run with hooks off, isn't called any more.
 */
#include <lauxlib.h>
#include <stdio.h>

#include "lua/branch.h"
#include "lua/convert.h"

static const volatile sig_atomic_t never = ENDING_NONE;

const volatile sig_atomic_t *guard_ending(lua_State *L) {
    struct branch *branch = branch_of(L);
    return branch ? &branch->isolate->ending : &never;
}

/* ---- who runs ---- */

/* The handler may come between any two instructions: the node is whole before it is seen. */
void guard_push(struct isolate *isolate, struct running *node, lua_State *L) {
    node->L = L;
    node->up = atomic_load_explicit(&isolate->running, memory_order_relaxed);
    atomic_store_explicit(&isolate->running, node, memory_order_release);
}

void guard_pop(struct isolate *isolate, struct running *node) {
    atomic_store_explicit(&isolate->running, node->up, memory_order_release);
}

static void beat(struct pulse *pulse, struct isolate *isolate) {
    atomic_store(&pulse->running, isolate);
    atomic_fetch_add(&pulse->count, 1);
}

void guard_enter(struct isolate *isolate, struct running *node, lua_State *L) {
    guard_push(isolate, node, L);
    if (isolate->pulse) beat(isolate->pulse, isolate);
}

void guard_leave(struct isolate *isolate, struct running *node) {
    if (isolate->pulse) beat(isolate->pulse, NULL);
    guard_pop(isolate, node);
}

/* ---- the watchdog ---- */

/* file:line of the innermost function of the script. */
static void note_where(lua_State *L, struct isolate *isolate) {
    lua_Debug frame;
    if (isolate->ended_where[0]) return;
    for (int level = 0; lua_getstack(L, level, &frame); level++) {
        lua_getinfo(L, "Sl", &frame);
        if (frame.currentline <= 0) continue;
        snprintf(isolate->ended_where, sizeof isolate->ended_where, "%s:%d", frame.short_src,
                 frame.currentline);
        return;
    }
}

int guard_raise(lua_State *L) {
    note_where(L, branch_of(L)->isolate);
    lua_pushliteral(L, "the run is ended");
    return lua_error(L);
}

static void strike(lua_State *L, lua_Debug *frame) {
    (void)frame;
    guard_raise(L);
}

void pulse_expire(struct pulse *pulse) {
    struct isolate *isolate = atomic_load(&pulse->running);
    if (!isolate || atomic_load(&pulse->count) != atomic_load(&pulse->accused)) return;
    if (!isolate->ending) isolate->ending = ENDING_WATCHDOG;
    struct running *node = atomic_load_explicit(&isolate->running, memory_order_acquire);
    for (; node; node = node->up) lua_sethook(node->L, strike, LUA_MASKCOUNT, 1);
}

/* ---- the ending ---- */

static bool was_denied(const struct isolate *isolate) {
    return isolate->was_denied || isolate->denied_size;
}

void guard_note(lua_State *L, int status) {
    struct branch *branch = branch_of(L);
    if (!branch || status == LUA_OK || status == LUA_YIELD || branch->isolate->ending) return;
    if (status != LUA_ERRMEM && !was_denied(branch->isolate)) return;
    branch->isolate->ending = ENDING_MEMORY;
    note_where(L, branch->isolate);
}

void guard_check(lua_State *L, int status) {
    guard_note(L, status);
    if (*guard_ending(L)) guard_raise(L);
}

void guard_describe(const struct isolate *isolate, struct error *err) {
    const char *place = isolate->ended_where[0] ? isolate->ended_where : "its script";
    if (isolate->ending == ENDING_WATCHDOG)
        error_set_kind(
            err, TEND_EINPUT, "watchdog",
            "%s: %.3g s of processor time without reaching a primitive, which is its limit "
            "(limits.watchdog in tend.lua, or --limit watchdog=…)",
            place, isolate->pulse ? (double)isolate->pulse->limit_us / 1e6 : 0);
    else
        error_set_kind(err, TEND_ENOMEM, "memory",
                       "%s: the run needs more memory than its limit, %.4g MiB (limits.memory in "
                       "tend.lua, or --limit memory=…)",
                       place, (double)isolate->memory_max / (1 << 20));
}

void guard_pack(const struct isolate *isolate, struct buffer *out) {
    struct error err;
    guard_describe(isolate, &err);
    pack_map(out, 3);
    pack_member_text(out, "kind", err.kind);
    pack_member_text(out, "message", err.message);
    pack_member_boolean(out, "retryable", false);
}

void guard_room(lua_State *L, size_t size_bytes) {
    struct branch *branch = branch_of(L);
    if (!branch || size_bytes > branch->isolate->memory_max) return;
    if (branch->isolate->memory_used > branch->isolate->memory_max - size_bytes)
        lua_gc(L, LUA_GCCOLLECT, 0);
}

/* ---- pcall and xpcall ---- */

/* `context`: how many values lie below the results. */
static int protected_k(lua_State *L, int status, lua_KContext context) {
    if (status != LUA_OK && status != LUA_YIELD) {
        guard_check(L, status);
        if (continue_is_leaving(L, -1)) return lua_error(L);
        lua_pushboolean(L, 0);
        lua_insert(L, -2);
        return 2;
    }
    return lua_gettop(L) - (int)context;
}

static int call_pcall(lua_State *L) {
    luaL_checkany(L, 1);
    lua_pushboolean(L, 1);
    lua_insert(L, 1);
    int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, protected_k);
    return protected_k(L, status, 0);
}

/* Calls the script's message handler (upvalue) with the error. */
static int handle_message(lua_State *L) {
    if (*guard_ending(L) || continue_is_leaving(L, 1)) return 1;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

static int call_xpcall(lua_State *L) {
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, handle_message, 1);
    lua_replace(L, 2);
    lua_pushboolean(L, 1); /* the first result */
    lua_pushvalue(L, 1);
    lua_rotate(L, 3, 2); /* function, handler, true, function, arguments */
    int status = lua_pcallk(L, lua_gettop(L) - 4, LUA_MULTRET, 2, 2, protected_k);
    return protected_k(L, status, 2);
}

void guard_open(lua_State *L) {
    lua_register(L, "pcall", call_pcall);
    lua_register(L, "xpcall", call_xpcall);
}
