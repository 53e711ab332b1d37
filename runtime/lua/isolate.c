/* Isolates and their branches: making the private Lua state, loading the workflow, resuming a
 * branch; see isolate.h. The only file that enters Lua. Allocation outside a protected call would
 * abort the process at the memory cap, so from the engine's side only lua_resume and lua_pcall are
 * called here; everything that is built is built inside. */
#include "lua/isolate.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "lua/branch.h"
#include "lua/convert.h"

static const size_t memory_default = (size_t)256 << 20;

/* The lowest bit says that the coroutine waits for the engine (coroutine.c). */
struct branch *branch_of(lua_State *L) {
    return (struct branch *)(*(uintptr_t *)lua_getextraspace(L) & ~(uintptr_t)1);
}

/* When Lua is denied memory it collects and asks for the same again: that must leave some room, or
 * a run at the cap would collect for every few objects. What isn't given then is denied for good,
 * and so is what isn't asked for again (a buffer of Lua's library). */
static bool is_denied(struct isolate *isolate, void *memory, size_t more, size_t new_size) {
    bool is_again = isolate->denied_size == new_size && isolate->denied == memory;
    size_t max = isolate->memory_max - (is_again ? isolate->memory_max / 32 : 0);
    bool is_too_much = more > max || isolate->memory_used > max - more;
    if (is_again ? is_too_much : isolate->denied_size != 0) isolate->was_denied = true;
    isolate->denied = memory;
    isolate->denied_size = is_too_much && !is_again ? new_size : 0;
    return is_too_much;
}

/* Lua's allocator: counts, and denies beyond the cap. */
static void *allocate(void *context, void *memory, size_t old_size, size_t new_size) {
    struct isolate *isolate = context;
    size_t old = memory ? old_size : 0;
    if (new_size == 0) {
        memory_free(memory);
        isolate->memory_used -= old;
        return NULL;
    }
    if (new_size > old && is_denied(isolate, memory, new_size - old, new_size)) return NULL;
    void *moved = memory_resize(memory, new_size);
    if (moved) isolate->memory_used = isolate->memory_used - old + new_size;
    return moved;
}

/* ---- branches ---- */

struct branch *branch_new(struct isolate *isolate, lua_State *co, struct branch *parent) {
    struct branch *branch = memory_new(sizeof *branch);
    if (!branch) return NULL;
    branch->isolate = isolate;
    branch->co = co;
    branch->parent = parent;
    branch->next = isolate->free_branches;
    isolate->free_branches = branch;
    if (parent) branch->now_us = parent->now_us;
    if (co) *(struct branch **)lua_getextraspace(co) = branch;
    return branch;
}

static void branch_free(struct branch *branch) {
    buffer_done(&branch->key);
    buffer_done(&branch->ask.name);
    buffer_done(&branch->ask.options);
    buffer_done(&branch->ask.value);
    memory_free(branch->children);
    memory_free(branch);
}

struct branch *branch_child(struct branch *branch, size_t index) {
    return branch->children[index];
}
struct bytes branch_key(const struct branch *branch) {
    return buffer_bytes(&branch->key);
}
void branch_set_now(struct branch *branch, int64_t now_us) { branch->now_us = now_us; }
int64_t branch_now(const struct branch *branch) { return branch->now_us; }
struct ask *branch_ask(struct branch *branch) {
    return &branch->ask;
}
const char *branch_where(struct branch *branch) { return branch->ask.where; }

int isolate_reseed(struct isolate *isolate, struct bytes seed) {
    buffer_clear(&isolate->seed);
    buffer_add(&isolate->seed, seed.data, seed.size);
    return isolate->seed.is_failed ? TEND_ENOMEM : 0;
}

void branch_seed(struct branch *branch, struct bytes path) {
    struct bytes parts[] = {buffer_bytes(&branch->isolate->seed), path};
    id_generator_init(&branch->chance, parts, 2);
}

int branch_traceback(lua_State *L) {
    if (*guard_ending(L)) return 1;
    const char *message = lua_tostring(L, 1);
    if (message && lua_type(L, 1) == LUA_TSTRING) {
        lua_createtable(L, 0, 3);
        lua_pushvalue(L, 1);
        lua_setfield(L, -2, "message");
        lua_pushliteral(L, "error");
        lua_setfield(L, -2, "kind");
        luaL_setmetatable(L, CONVERT_ERROR);
        lua_replace(L, 1);
    }
    if (!lua_istable(L, 1)) return 1;
    lua_pushliteral(L, "traceback");
    lua_rawget(L, 1);
    if (lua_isnil(L, -1)) {
        lua_pushliteral(L, "traceback");
        luaL_traceback(L, L, NULL, 1);
        lua_rawset(L, 1);
    }
    lua_settop(L, 1);
    return 1;
}

void branch_pack_error(lua_State *L, int status, struct buffer *out) {
    if (status != LUA_ERRMEM) {
        convert_pack_error(L, -1, out);
        return;
    }
    pack_map(out, 3);
    pack_member_text(out, "kind", "memory");
    pack_member_text(out, "message",
                     "the run needs more memory than its limit (limits.memory in tend.lua)");
    pack_member_boolean(out, "retryable", false);
}

static void pack_continuation(struct branch *branch) {
    struct bytes input = buffer_bytes(&branch->isolate->continuation);
    buffer_add(&branch->ask.value, input.data, input.size);
}

/* The end of a branch: its value or error stays on top of its stack; packed too, where the engine
 * needs it: the main branch's result, anybody's error. */
static int body_ended(lua_State *L, int status, lua_KContext context) {
    struct branch *branch = branch_of(L);
    struct error err;
    (void)context;
    guard_note(L, status);
    branch->has_failed = status != LUA_OK && status != LUA_YIELD;
    buffer_clear(&branch->ask.value);
    if (!branch->has_failed && !branch->parent &&
        convert_pack(L, -1, "result", false, &branch->ask.value, &err)) {
        buffer_clear(&branch->ask.value);
        branch->has_failed = true;
        lua_createtable(L, 0, 2);
        lua_pushstring(L, err.message);
        lua_setfield(L, -2, "message");
        lua_pushliteral(L, "value");
        lua_setfield(L, -2, "kind");
        luaL_setmetatable(L, CONVERT_ERROR);
    }
    branch->has_left = branch->has_failed && continue_is_leaving(L, -1);
    if (branch->has_left) pack_continuation(branch);
    else if (branch->has_failed) branch_pack_error(L, status, &branch->ask.value);
    if (status == LUA_ERRMEM) convert_push_error(L, buffer_bytes(&branch->ask.value));
    return 1;
}

int branch_body(lua_State *L) {
    lua_pushcfunction(L, branch_traceback);
    lua_insert(L, 1);
    int status = lua_pcallk(L, lua_gettop(L) - 2, 1, 1, 0, body_ended);
    return body_ended(L, status, 0);
}

static void pack_unreadable(struct buffer *out) {
    pack_map(out, 2);
    pack_member_text(out, "kind", "error");
    pack_member_text(out, "message", "the branch ended with an error that could not be read");
}

/* The run is to end: whatever the branch did. */
static enum branch_outcome over(struct branch *branch) {
    buffer_clear(&branch->ask.value);
    guard_pack(branch->isolate, &branch->ask.value);
    branch->has_failed = branch->is_ended = true;
    return BRANCH_OVER;
}

/* A branch that failed without its body knowing: memory, at the cap. */
static enum branch_outcome failed_outright(struct branch *branch, int status) {
    buffer_clear(&branch->ask.value);
    if (status == LUA_ERRMEM) branch_pack_error(branch->co, status, &branch->ask.value);
    else pack_unreadable(&branch->ask.value);
    branch->has_failed = branch->is_ended = true;
    return BRANCH_RAISED;
}

enum branch_outcome branch_resume(struct branch *branch, const struct answer *answer) {
    int results = 0;
    int arguments = branch->is_started ? 0 : lua_gettop(branch->co) - 1;
    branch->answer = *answer;
    branch->is_started = true;
    struct running node;
    guard_enter(branch->isolate, &node, branch->co);
    int status = lua_resume(branch->co, branch->isolate->L, arguments, &results);
    guard_leave(branch->isolate, &node);
    if (status == LUA_ERRMEM) guard_note(branch->co, status);
    if (branch->isolate->ending) return over(branch);
    if (status == LUA_YIELD) return BRANCH_ASKS;
    if (status != LUA_OK) return failed_outright(branch, status);
    branch->is_ended = true;
    if (branch->has_left) return BRANCH_CONTINUES;
    return branch->has_failed ? BRANCH_RAISED : BRANCH_RETURNED;
}

/* ---- making an isolate ---- */

struct making {
    const struct isolate_options *options;
    struct isolate *isolate;
};

/* Lua's own libraries, from which the sandbox takes what it allows. */
static void open_libraries(lua_State *L) {
    static const luaL_Reg libraries[] = {
        {LUA_GNAME, luaopen_base},        {LUA_TABLIBNAME, luaopen_table},
        {LUA_STRLIBNAME, luaopen_string}, {LUA_MATHLIBNAME, luaopen_math},
        {LUA_UTF8LIBNAME, luaopen_utf8},  {LUA_OSLIBNAME, luaopen_os},
        {LUA_IOLIBNAME, luaopen_io},      {LUA_DBLIBNAME, luaopen_debug}};
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        luaL_requiref(L, libraries[i].name, libraries[i].func, 0);
        lua_pop(L, 1);
    }
}

/* Where Lua looks for the names of functions, for messages and tracebacks. */
static void name_libraries(lua_State *L) {
    static const char *const names[] = {"string", "table", "coroutine", "math", "utf8", "io", "os"};
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_pushglobaltable(L);
    lua_setfield(L, -2, LUA_GNAME);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        lua_getglobal(L, names[i]);
        lua_setfield(L, -2, names[i]);
    }
    lua_pop(L, 1);
}

static void open_all(lua_State *L, struct bytes recorded, struct bytes now) {
    open_libraries(L);
    convert_open(L);
    sandbox_open(L);
    guard_open(L);
    coroutine_open(L);
    string_open(L);
    table_open(L);
    order_open(L);
    step_open(L);
    http_open(L);
    llm_open(L);
    agent_open(L);
    exec_open(L);
    sleep_open(L);
    parallel_open(L);
    invoke_open(L);
    state_open(L);
    wait_for_open(L);
    continue_as_open(L);
    chance_open(L);
    log_open(L);
    secret_open(L);
    json_open(L);
    cjson_open(L);
    pure_open(L);
    files_open(L);
    module_open(L);
    settings_open(L, recorded, now);
    name_libraries(L);
}

static int load_source(lua_State *L, struct bytes file, struct bytes source) {
    char name[300];
    snprintf(name, sizeof name, "@%.*s", (int)file.size, file.data);
    if (source.size >= 3 && memcmp(source.data, "\xEF\xBB\xBF", 3) == 0) {
        source.data += 3;
        source.size -= 3;
    }
    return luaL_loadbufferx(L, source.data, source.size, name, "t");
}

/* Packs what the workflow's table says beside its functions. [-0, +0, e] */
static void pack_definition(lua_State *L, int index, struct buffer *out) {
    struct error err;
    size_t opened = pack_map_open(out), count = 0;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || lua_isfunction(L, -1)) continue;
        const char *key = lua_tostring(L, -2);
        pack_text(out, key);
        if (strcmp(key, "concurrency") == 0) concurrency_pack(L, -1, out);
        else if (convert_pack(L, -1, key, false, out, &err)) luaL_error(L, "%s", err.message);
        count++;
    }
    pack_close(out, opened, count);
}

static void check_workflow(lua_State *L, struct bytes file) {
    const char *name = lua_pushlstring(L, file.data, file.size);
    if (!lua_istable(L, -2))
        luaL_error(L, "%s: is no workflow: it returns a %s, not a table with a `run` function",
                   name, luaL_typename(L, -2));
    lua_pushliteral(L, "run");
    lua_rawget(L, -3);
    if (!lua_isfunction(L, -1))
        luaL_error(L, "%s: is no workflow: the table that it returns has no `run` function", name);
    lua_setfield(L, LUA_REGISTRYINDEX, "tend.run");
    lua_pop(L, 1);
}

/* Everything that may raise while an isolate is made. [1]: struct making. */
static int make(lua_State *L) {
    struct making *making = lua_touserdata(L, 1);
    const struct isolate_options *options = making->options;
    struct isolate *isolate = making->isolate;
    open_all(L, options->settings, options->settings_now);
    if (options->is_test) runner_open(L);
    struct bytes file = value_get_bytes(&isolate->bundle.root, "file");
    struct bytes source = value_get_bytes(&isolate->bundle.root, "source");
    lua_settop(L, 0);
    if (load_source(L, file, source)) return lua_error(L);
    lua_call(L, 0, 1);
    check_workflow(L, file);
    pack_definition(L, 1, &isolate->definition);
    return 0;
}

/* The error with which a protected call outside of any branch ended: on top of the stack. */
void isolate_error(struct isolate *isolate, struct error *err) {
    lua_State *L = isolate->L;
    const char *message = lua_tostring(L, -1);
    if (!message && lua_istable(L, -1)) {
        lua_pushliteral(L, "message");
        lua_rawget(L, -2);
        message = lua_tostring(L, -1);
    }
    error_set(err, TEND_EINPUT, "%s",
              message ? message : "the file raised something that is no text");
}

static int make_protected(struct isolate *isolate, const struct isolate_options *options,
                          struct error *err) {
    lua_State *L = isolate->L;
    struct making making = {options, isolate};
    lua_pushcfunction(L, make);
    lua_pushlightuserdata(L, &making);
    struct running node;
    guard_enter(isolate, &node, L);
    int status = lua_pcall(L, 1, 0, 0);
    guard_leave(isolate, &node);
    if (status == LUA_OK) return 0;
    guard_note(L, status);
    if (isolate->ending) {
        guard_describe(isolate, err);
        return TEND_EINPUT;
    }
    isolate_error(isolate, err);
    if (status == LUA_ERRMEM) err->status = TEND_ENOMEM;
    return err->status;
}

static int fill(struct isolate *isolate, const struct isolate_options *options, struct error *err) {
    isolate->host = options->host;
    isolate->pulse = options->pulse;
    isolate->memory_max = options->memory_max ? options->memory_max : memory_default;
    buffer_add(&isolate->bundle_bytes, options->bundle.data, options->bundle.size);
    buffer_add(&isolate->seed, options->seed.data, options->seed.size);
    if (isolate->bundle_bytes.is_failed || isolate->seed.is_failed) return error_no_memory(err);
    int status = value_read(buffer_bytes(&isolate->bundle_bytes), &isolate->bundle, err);
    if (status) return status;
    isolate->L = lua_newstate(allocate, isolate);
    isolate->idle = branch_new(isolate, NULL, NULL);
    if (!isolate->L || !isolate->idle) return error_no_memory(err);
    *(struct branch **)lua_getextraspace(isolate->L) = isolate->idle;
    return make_protected(isolate, options, err);
}

int isolate_new(const struct isolate_options *options, struct isolate **ret, struct error *err) {
    struct isolate *isolate = memory_new(sizeof *isolate);
    if (!isolate) return error_no_memory(err);
    int status = fill(isolate, options, err);
    if (status) isolate_free(isolate);
    else *ret = isolate;
    return status;
}

size_t isolate_memory(const struct isolate *isolate) { return isolate->memory_used; }

struct isolate *isolate_free(struct isolate *isolate) {
    if (!isolate) return NULL;
    if (isolate->L) lua_close(isolate->L);
    while (isolate->free_branches) {
        struct branch *branch = isolate->free_branches;
        isolate->free_branches = branch->next;
        branch_free(branch);
    }
    value_tree_done(&isolate->bundle);
    buffer_done(&isolate->bundle_bytes);
    buffer_done(&isolate->definition);
    buffer_done(&isolate->seed);
    buffer_done(&isolate->continuation);
    buffer_done(&isolate->scratch);
    buffer_done(&isolate->scratch_out);
    memory_free(isolate);
    return NULL;
}

struct bytes isolate_definition(const struct isolate *isolate) {
    return buffer_bytes(&isolate->definition);
}

/* ---- the main branch ---- */

struct beginning {
    struct isolate *isolate;
    struct bytes input;
    struct branch *branch;
};

static int begin(lua_State *L) {
    struct beginning *beginning = lua_touserdata(L, 1);
    lua_State *co = lua_newthread(L);
    lua_setfield(L, LUA_REGISTRYINDEX, "tend.main");
    beginning->branch = branch_new(beginning->isolate, co, NULL);
    if (!beginning->branch) return luaL_error(L, "out of memory");
    lua_pushcfunction(co, branch_body);
    lua_getfield(L, LUA_REGISTRYINDEX, "tend.run");
    convert_push(L, beginning->input);
    lua_xmove(L, co, 2);
    return 0;
}

int isolate_begin(struct isolate *isolate, struct bytes input, struct branch **ret,
                  struct error *err) {
    struct beginning beginning = {isolate, input, NULL};
    lua_pushcfunction(isolate->L, begin);
    lua_pushlightuserdata(isolate->L, &beginning);
    if (lua_pcall(isolate->L, 1, 0, 0) != LUA_OK) return error_no_memory(err);
    *ret = beginning.branch;
    return 0;
}
