/* The insides of an isolate, for the files of lua/ only: what a primitive finds when it is called.
 * Every coroutine's extra space holds its branch. */
#ifndef TEND_LUA_BRANCH_H
#define TEND_LUA_BRANCH_H

#include <lua.h>
#include <signal.h>

#include "base/id.h"
#include "base/map.h"
#include "lua/isolate.h"

enum ending { ENDING_NONE, ENDING_WATCHDOG, ENDING_MEMORY };

struct running { /* a coroutine that runs, or waits for the one that it resumed; on the C stack */
    lua_State *L;
    struct running *up;
};

struct isolate {
    lua_State *L;
    struct pulse *pulse;
    _Atomic(struct running *) running; /* the innermost; NULL: no Lua runs */
    volatile sig_atomic_t ending;      /* enum ending: set for good */
    char ended_where[256];
    bool is_asking;     /* the yield under way goes to the engine, not to who resumed */
    bool was_denied;    /* memory, for good */
    void *denied;       /* the block of the request that was denied just now */
    size_t denied_size; /* 0: none was */
    unsigned closing;   /* how deep coroutine.close is nested */
    const struct isolate_host *host;
    size_t memory_used, memory_max;
    bool is_continuing;         /* continue_as was called */
    struct buffer continuation; /* … with this input, packed */
    struct value_tree bundle;   /* borrows bundle_bytes */
    struct buffer bundle_bytes;
    struct buffer definition;
    struct buffer seed;
    struct buffer scratch, scratch_out; /* for a primitive that may raise: never leaked */
    struct branch *free_branches;       /* all branches, to release their buffers */
    struct branch *idle;                /* the branch of code outside of any: the top level */
};

struct branch {
    struct isolate *isolate;
    lua_State *co;
    struct branch *parent;
    struct branch *next; /* in isolate->free_branches */
    struct buffer key;
    struct branch **children; /* of the parallel that it waits in */
    size_t child_count;
    struct id_generator chance;
    int64_t now_us;
    bool is_touching;   /* this attempt has touched the outside: its start is durable */
    bool is_in_step;    /* a step's function runs */
    lua_State *step_co; /* in which that function runs, if one does */
    bool is_in_pure;    /* state.update's function, retry.when or on_failure runs */
    bool is_started, is_ended, has_failed;
    bool has_left; /* by continue_as */
    struct ask ask;
    struct answer answer;
};

struct branch *branch_of(lua_State *L);
/* NULL without memory. Belongs to the isolate. */
struct branch *branch_new(struct isolate *isolate, lua_State *co, struct branch *parent);
/* Calls the function below its arguments on the branch's coroutine, as README of the Lua host
 * tells: through lua_pcallk, so that primitives work in <close>. */
int branch_body(lua_State *L);
/* Adds a traceback to an error; the message handler of every protected call. */
int branch_traceback(lua_State *L);

/* Packs the error on top of the stack with which a protected call ended (`status`). */
void branch_pack_error(lua_State *L, int status, struct buffer *out);

/* ---- what primitives are made of (primitive.c) ---- */

struct primitive {
    const char *name;
    enum ask_kind kind;
    const char *const *options;  /* names of the options it takes, NULL-terminated */
    int (*finish)(lua_State *L); /* shapes the result on top of the stack; NULL: as it is */
};

/* Begins an ask: refuses where the primitive can't be used (inside a step where it isn't allowed,
 * where nothing can yield, at a file's top level). Returns the branch with its ask cleared. */
struct branch *primitive_begin(lua_State *L, const struct primitive *primitive);
/* Packs the options table at `index` into the ask, functions apart: afterwards the stack holds
 * [1] fn or nil, [2] retry.when or nil, [3] on_failure or nil and nothing else. `fn` is an index or
 * 0. Takes `name` out into the ask; `default_name` is used where there is none. */
void primitive_options(lua_State *L, const struct primitive *primitive, int index, int fn,
                       const char *default_name);
/* May the code at hand wait for the engine, through every coroutine on the way? */
bool primitive_can_yield(lua_State *L);
/* Yields to the engine, through every coroutine that waits for this one. */
int branch_yield(lua_State *L, lua_KContext context, lua_KFunction continuation);
/* Yields the ask. */
int primitive_yield(lua_State *L, const struct primitive *primitive);
/* Sorted keys of the table at `index`, as a list: booleans, numbers, strings by bytes. [-0, +1, e]
 */
void order_push_keys(lua_State *L, int index);

/* ---- what ends a run against its will (guard.c) ---- */

/* Lua is entered and left by the engine: the pulse goes on. */
void guard_enter(struct isolate *isolate, struct running *node, lua_State *L);
void guard_leave(struct isolate *isolate, struct running *node);
/* A coroutine is resumed by another one, and comes back. */
void guard_push(struct isolate *isolate, struct running *node, lua_State *L);
void guard_pop(struct isolate *isolate, struct running *node);
/* Not 0 once the run is to end; for loops in C, which then call guard_raise(). Not NULL. */
const volatile sig_atomic_t *guard_ending(lua_State *L);
int guard_raise(lua_State *L);
/* A protected call has ended with this status: was it for want of memory? */
void guard_note(lua_State *L, int status);
/* … and raises what can't be caught. [-0, +0, e] */
void guard_check(lua_State *L, int status);
/* Collects garbage where so many more bytes would not fit: a luaL_Buffer doesn't. */
void guard_room(lua_State *L, size_t size_bytes);
void guard_describe(const struct isolate *isolate, struct error *err);
void guard_pack(const struct isolate *isolate, struct buffer *out);

/* The error on top of the isolate's own stack, with which a protected call ended. TEND_EINPUT. */
void isolate_error(struct isolate *isolate, struct error *err);
/* Checks the workflow's `concurrency` at `index`, keeps its key, and packs {limit}. [-0, +0, e] */
void concurrency_pack(lua_State *L, int index, struct buffer *out);

/* Libraries: each sets its globals. [-0, +0, m] */
void sandbox_open(lua_State *L);
int sandbox_tostring(lua_State *L); /* the script's tostring: shows no address. [-0, +1, e] */
void guard_open(lua_State *L);      /* pcall, xpcall */
void coroutine_open(lua_State *L);
void string_open(lua_State *L); /* string.find, match, gmatch, gsub, rep */
void table_open(lua_State *L);  /* table.concat, insert, move, remove */
void order_open(lua_State *L);  /* pairs, next, table.sort in an order that is always the same */
void step_open(lua_State *L);   /* step, fatal */
void http_open(lua_State *L);
void llm_open(lua_State *L);
void agent_open(lua_State *L);
void exec_open(lua_State *L);
void sleep_open(lua_State *L); /* sleep, sleep_until */
void parallel_open(lua_State *L);
void invoke_open(lua_State *L); /* invoke, start */
void state_open(lua_State *L);
void wait_for_open(lua_State *L);
void continue_as_open(lua_State *L);
/* Is the value at `index` what continue_as raised? No pcall keeps it. [-0, +0, -] */
bool continue_is_leaving(lua_State *L, int index);
void chance_open(lua_State *L); /* now, uuid, random, math.random, os.time, os.date */
void log_open(lua_State *L);    /* log, print */
void secret_open(lua_State *L);
void settings_open(lua_State *L, struct bytes recorded, struct bytes now);
void json_open(lua_State *L);
void cjson_open(lua_State *L); /* after json_open */
/* Pushes what require gives for "cjson"; false for other names. [-0, +(0|1), e] */
bool cjson_push(lua_State *L, const char *module);
void pure_open(lua_State *L);  /* judge, logs, redact, fence, hash */
void files_open(lua_State *L); /* io, os and collectgarbage inside a step */
/* An attempt of a step's function is over: closes what it left open. false: a file could not be
 * written; the error is on top of the stack. [-0, +(0|1), e] */
bool files_close(lua_State *L);
void module_open(lua_State *L); /* require */
void runner_open(lua_State *L); /* test_runner, in a test's isolate only */

#endif
