/* What all primitives share: where they may be used, how their options are packed, how they yield
 * an ask and what they do with the answer. A primitive's stack while it waits is always
 * [1] function or nil, [2] retry.when or nil, [3] on_failure or nil. */
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "lua/branch.h"
#include "lua/convert.h"

static const char *const kind_names[ASK_RECORDED] = {
    "step",   "http",  "llm",       "agent",     "exec",         "sleep",      "parallel",
    "invoke", "start", "state.get", "state.set", "state.update", "state.list", "wait_for"};

const char *ask_kind_name(enum ask_kind kind) {
    return kind < ASK_RECORDED ? kind_names[kind] : "part of a step";
}

static bool works_in_step(enum ask_kind kind) {
    return kind == ASK_HTTP || kind == ASK_LLM || kind == ASK_EXEC;
}

bool primitive_can_yield(lua_State *L) {
    struct running *node =
        atomic_load_explicit(&branch_of(L)->isolate->running, memory_order_relaxed);
    for (; node; node = node->up)
        if (!lua_isyieldable(node->L)) return false;
    return true;
}

/* Pushes the name of the library function at the top, "table.sort", if it is one. [-1, +1, m] */
static bool name_function(lua_State *L, const char *library) {
    bool is_found = false;
    int function = lua_gettop(L);
    lua_pushglobaltable(L);
    lua_pushstring(L, library);
    lua_rawget(L, -2);
    if (lua_istable(L, -1)) {
        int table = lua_gettop(L);
        for (lua_pushnil(L); !is_found && lua_next(L, table); lua_pop(L, 1)) {
            is_found = lua_type(L, -2) == LUA_TSTRING && lua_rawequal(L, -1, function);
            if (is_found) lua_pushfstring(L, "%s.%s", library, lua_tostring(L, -2));
            if (is_found) lua_replace(L, function);
            if (is_found) break;
        }
    }
    lua_settop(L, function);
    return is_found;
}

/* Pushes the name of the function at `level` of the coroutine, if it is a library's that calls back
 * and can't wait. [-0, +(0|1), m] */
static bool push_callback(lua_State *L, lua_State *co, lua_Debug *frame) {
    if (!lua_checkstack(co, 1)) return false;
    lua_getinfo(co, "Sf", frame);
    lua_xmove(co, L, 1);
    if (frame->what[0] == 'C' && (name_function(L, "table") || name_function(L, "string")))
        return true;
    if (frame->what[0] == 'C' && name_function(L, "coroutine") &&
        strcmp(lua_tostring(L, -1), "coroutine.close") == 0)
        return true;
    lua_pop(L, 1);
    return false;
}

/* The innermost of them, through all coroutines that run. [-0, +0, m] */
static void describe_callback(lua_State *L, char *out, size_t size) {
    struct running *node =
        atomic_load_explicit(&branch_of(L)->isolate->running, memory_order_relaxed);
    lua_Debug frame;
    snprintf(out, size, "in a function that is called from C");
    for (; node; node = node->up) {
        for (int level = 0; lua_getstack(node->L, level, &frame); level++) {
            if (!push_callback(L, node->L, &frame)) continue;
            snprintf(out, size, "inside %s", lua_tostring(L, -1));
            lua_pop(L, 1);
            return;
        }
    }
}

static void refuse_place(lua_State *L, struct branch *branch, const struct primitive *primitive) {
    char message[200], callback[100];
    const char *place = NULL;
    if (branch->isolate->ending) guard_raise(L);
    if (!branch->co) place = "at a file's top level: move it into run()";
    else if (branch->is_in_pure) place = "inside this function: it must be pure";
    else if (branch->is_in_step && !works_in_step(primitive->kind))
        place = "inside step(): move it out, before or after the step";
    else if (!primitive_can_yield(L))
        place = callback, describe_callback(L, callback, sizeof callback);
    if (!place) return;
    snprintf(message, sizeof message, "%s can't be used %s", primitive->name, place);
    convert_raise(L, "error", false, message);
}

static void ask_clear(struct ask *ask) {
    buffer_clear(&ask->name);
    buffer_clear(&ask->options);
    buffer_clear(&ask->value);
    ask->has_when = ask->has_on_failure = ask->verdict = false;
    ask->branch_count = 0;
    ask->where[0] = '\0';
}

struct branch *primitive_begin(lua_State *L, const struct primitive *primitive) {
    struct branch *branch = branch_of(L);
    refuse_place(L, branch, primitive);
    ask_clear(&branch->ask);
    branch->ask.kind = branch->is_in_step ? ASK_PLAIN : primitive->kind;
    branch->ask.effect = primitive->kind;
    lua_Debug frame;
    for (int level = 1; lua_getstack(L, level, &frame); level++) {
        lua_getinfo(L, "Sl", &frame);
        if (frame.currentline <= 0) continue;
        snprintf(branch->ask.where, sizeof branch->ask.where, "%s:%d", frame.short_src,
                 frame.currentline);
        break;
    }
    return branch;
}

/* ---- options ---- */

static void check_option(lua_State *L, const struct primitive *primitive, const char *key) {
    static const char *const common[] = {"name", "retry", "timeout", "deadline", "on_failure"};
    for (size_t i = 0; i < sizeof common / sizeof *common; i++)
        if (strcmp(common[i], key) == 0) return;
    for (const char *const *name = primitive->options; *name; name++)
        if (strcmp(*name, key) == 0) return;
    char message[512];
    size_t size = (size_t)snprintf(message, sizeof message, "%s has no option '%.60s'; it takes",
                                   primitive->name, key);
    for (const char *const *name = primitive->options; *name && size < 400; name++)
        size += (size_t)snprintf(message + size, sizeof message - size, " %s", *name);
    snprintf(message + size, sizeof message - size, " name retry timeout deadline on_failure");
    convert_raise(L, "error", false, message);
}

/* Copies the table at `index` without the functions that aren't data. [-0, +1, e] */
static void copy_options(lua_State *L, const struct primitive *primitive, int index) {
    lua_newtable(L);
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING) {
            char message[120];
            snprintf(message, sizeof message, "%s takes named options only", primitive->name);
            convert_raise(L, "error", false, message);
        }
        const char *key = lua_tostring(L, -2);
        check_option(L, primitive, key);
        if (strcmp(key, "on_failure") == 0 || strcmp(key, "name") == 0) continue;
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        lua_rawset(L, -5);
    }
}

/* Takes retry.when out of the options copy at the top; pushes it or nil. [-0, +1, e] */
static void take_when(lua_State *L) {
    int options = lua_gettop(L);
    lua_getfield(L, options, "retry");
    if (!lua_istable(L, -1)) {
        lua_pop(L, 1);
        lua_pushnil(L);
        return;
    }
    int retry = lua_gettop(L);
    lua_newtable(L);
    for (lua_pushnil(L); lua_next(L, retry); lua_pop(L, 1)) {
        lua_pushvalue(L, -2);
        if (lua_type(L, -1) == LUA_TSTRING && strcmp(lua_tostring(L, -1), "when") == 0) {
            lua_pop(L, 1);
            continue;
        }
        lua_pushvalue(L, -2);
        lua_rawset(L, retry + 1);
    }
    lua_setfield(L, options, "retry");
    lua_getfield(L, retry, "when");
    lua_remove(L, retry);
}

static void take_name(lua_State *L, struct ask *ask, int index, const char *default_name) {
    struct bytes name = bytes_of(default_name);
    if (index) lua_getfield(L, index, "name");
    else lua_pushnil(L);
    if (!lua_isnil(L, -1)) name.data = luaL_checklstring(L, -1, &name.size);
    if (name.size > 255) convert_raise(L, "error", false, "a step's name is longer than 255 bytes");
    buffer_add(&ask->name, name.data, name.size);
    lua_pop(L, 1);
}

void primitive_options(lua_State *L, const struct primitive *primitive, int index, int fn,
                       const char *default_name) {
    struct branch *branch = branch_of(L);
    struct error err;
    if (index && lua_isnoneornil(L, index)) index = 0;
    if (index) luaL_checktype(L, index, LUA_TTABLE);
    take_name(L, &branch->ask, index, default_name);
    if (fn) lua_pushvalue(L, fn);
    else lua_pushnil(L);
    if (index) copy_options(L, primitive, index);
    else lua_newtable(L);
    take_when(L); /* fn, options, when */
    if (index) lua_getfield(L, index, "on_failure");
    else lua_pushnil(L);
    int top = lua_gettop(L);
    branch->ask.has_when = lua_isfunction(L, top - 1);
    branch->ask.has_on_failure = lua_isfunction(L, top);
    if (convert_pack(L, top - 2, primitive->name, true, &branch->ask.options, &err))
        convert_raise(L, "value", false, err.message);
    lua_remove(L, top - 2); /* fn, when, on_failure */
    lua_rotate(L, 1, 3);
    lua_settop(L, 3);
}

/* ---- answers ---- */

static int ask_continue(lua_State *L, int status, lua_KContext context);

int branch_yield(lua_State *L, lua_KContext context, lua_KFunction continuation) {
    branch_of(L)->isolate->is_asking = true;
    return lua_yieldk(L, 0, context, continuation);
}

int primitive_yield(lua_State *L, const struct primitive *primitive) {
    return branch_yield(L, (lua_KContext)primitive, ask_continue);
}

/* What the function left open is closed; where that fails and nothing else did, it is the error. */
static bool end_attempt(lua_State *L, struct branch *branch, bool is_ok) {
    bool is_touching = branch->is_touching;
    branch->is_touching = false;
    if (!is_touching || files_close(L)) return is_ok;
    if (!is_ok) lua_pop(L, 1);
    return false;
}

/* The function that ran in this branch has ended: tell the engine how. */
static int ask_called(lua_State *L, int status, lua_KContext context) {
    struct branch *branch = branch_of(L);
    bool is_verdict = branch->answer.kind == ANSWER_WHEN;
    struct error err;
    branch->is_in_step = branch->is_in_pure = false;
    branch->step_co = NULL;
    guard_check(L, status);
    bool is_ok = end_attempt(L, branch, status == LUA_OK || status == LUA_YIELD);
    ask_clear(&branch->ask);
    branch->ask.kind = is_verdict ? ASK_VERDICT : ASK_RETURNED;
    if (!is_ok) {
        branch->ask.kind = ASK_RAISED;
        branch_pack_error(L, status, &branch->ask.value);
    } else if (is_verdict) {
        branch->ask.verdict = lua_toboolean(L, -1);
    } else if (convert_pack(L, -1, "result", false, &branch->ask.value, &err)) {
        buffer_clear(&branch->ask.value);
        branch->ask.kind = ASK_RAISED;
        pack_map(&branch->ask.value, 3);
        pack_member_text(&branch->ask.value, "message", err.message);
        pack_member_text(&branch->ask.value, "kind", err.kind[0] ? err.kind : "memory");
        pack_member_boolean(&branch->ask.value, "retryable", false);
    }
    lua_settop(L, 3);
    return branch_yield(L, context, ask_continue);
}

static void push_step_context(lua_State *L, const struct answer *answer) {
    lua_createtable(L, 0, 2);
    lua_pushinteger(L, answer->attempt);
    lua_setfield(L, -2, "attempt");
    lua_pushstring(L, answer->idempotency_key);
    lua_setfield(L, -2, "idempotency_key");
}

/* Calls the function at `fn` with one argument, protected. [-0, +1, e] */
static int call(lua_State *L, int fn, lua_KContext context) {
    struct branch *branch = branch_of(L);
    const struct answer *answer = &branch->answer;
    lua_pushcfunction(L, branch_traceback);
    lua_pushvalue(L, fn);
    if (answer->kind == ANSWER_CALL) push_step_context(L, answer);
    else if (answer->kind == ANSWER_UPDATE) convert_push(L, answer->value);
    else convert_push_error(L, answer->value);
    branch->is_touching = false;
    branch->step_co = L;
    branch->is_in_step = answer->kind == ANSWER_CALL;
    branch->is_in_pure = answer->kind != ANSWER_CALL;
    return ask_called(L, lua_pcallk(L, 1, 1, 4, context, ask_called), context);
}

/* {ok = true, value = v} or {ok = false, error = e} under each branch's key. [-0, +1, e] */
static void push_settled(lua_State *L, struct branch *child) {
    lua_createtable(L, 0, 2);
    lua_pushboolean(L, !child->has_failed);
    lua_setfield(L, -2, "ok");
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, child->has_failed ? "error" : "value");
    lua_remove(L, -2);
}

/* The parallel's functions are at [1], its branches' coroutines at [2], whether it settles at [3];
 * the answer's attempt is the index + 1 of the branch whose failure came first, or 0. */
static int join(lua_State *L, struct branch *branch) {
    bool is_settling = lua_toboolean(L, 3);
    if (branch->answer.attempt && !is_settling) {
        struct branch *failed = branch->children[branch->answer.attempt - 1];
        lua_xmove(failed->co, L, 1);
        return lua_error(L);
    }
    lua_newtable(L);
    for (size_t i = 0; i < branch->child_count; i++) {
        struct branch *child = branch->children[i];
        lua_rawgeti(L, 2, (lua_Integer)(i * 2 + 2)); /* its key */
        lua_xmove(child->co, L, 1);
        if (is_settling) push_settled(L, child);
        lua_rawset(L, -3);
    }
    return 1;
}

static int finish(lua_State *L, struct branch *branch, const struct primitive *primitive) {
    convert_push(L, branch->answer.value);
    return primitive->finish ? primitive->finish(L) : 1;
}

static int ask_continue(lua_State *L, int status, lua_KContext context) {
    struct branch *branch = branch_of(L);
    (void)status; /* always LUA_YIELD */
    if (branch->answer.at_us) branch->now_us = branch->answer.at_us;
    switch (branch->answer.kind) {
    case ANSWER_CALL:
    case ANSWER_UPDATE: return call(L, 1, context);
    case ANSWER_WHEN: return call(L, 2, context);
    case ANSWER_ON_FAILURE: return call(L, 3, context);
    case ANSWER_ERROR: convert_push_error(L, branch->answer.value); return lua_error(L);
    case ANSWER_JOINED: return join(L, branch);
    case ANSWER_GO: return 0;
    default: return finish(L, branch, (const struct primitive *)context);
    }
}
