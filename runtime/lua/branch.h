/* The insides of an isolate, for the files of lua/ only: what a primitive finds when it is called.
 * Every coroutine's extra space holds its branch. */
#ifndef TEND_LUA_BRANCH_H
#define TEND_LUA_BRANCH_H

#include <lua.h>

#include "base/id.h"
#include "base/map.h"
#include "lua/isolate.h"

struct isolate {
    lua_State *L;
    const struct isolate_host *host;
    size_t memory_used, memory_max;
    struct value_tree bundle; /* borrows bundle_bytes */
    struct buffer bundle_bytes;
    struct buffer definition;
    struct buffer seed;
    struct buffer scratch, scratch_out; /* for a primitive that may raise: never leaked */
    struct branch *free_branches; /* all branches, to release their buffers */
    struct branch *idle;          /* the branch of code outside of any: the top level */
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
    bool is_touching;  /* this attempt has touched the outside: its start is durable */
    bool is_in_step;   /* a step's function runs */
    bool is_in_pure;   /* state.update's function, retry.when or on_failure runs */
    bool is_started, is_ended, has_failed;
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
    const char *const *options; /* names of the options it takes, NULL-terminated */
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
/* Yields the ask. */
int primitive_yield(lua_State *L, const struct primitive *primitive);
/* Sorted keys of the table at `index`, as a list: booleans, numbers, strings by bytes. [-0, +1, e] */
void order_push_keys(lua_State *L, int index);

/* Libraries: each sets its globals. [-0, +0, m] */
void sandbox_open(lua_State *L);
int sandbox_tostring(lua_State *L); /* the script's tostring: shows no address. [-0, +1, e] */
void order_open(lua_State *L);   /* pairs, next, table.sort in an order that is always the same */
void step_open(lua_State *L);    /* step, fatal */
void http_open(lua_State *L);
void llm_open(lua_State *L);
void agent_open(lua_State *L);
void exec_open(lua_State *L);
void sleep_open(lua_State *L);   /* sleep, sleep_until */
void parallel_open(lua_State *L);
void invoke_open(lua_State *L);  /* invoke, start */
void state_open(lua_State *L);
void wait_for_open(lua_State *L);
void chance_open(lua_State *L);  /* now, uuid, random, math.random, os.time, os.date */
void log_open(lua_State *L);     /* log, print */
void secret_open(lua_State *L);
void settings_open(lua_State *L, struct bytes recorded, struct bytes now);
void json_open(lua_State *L);
void pure_open(lua_State *L);    /* judge, logs, redact, fence, hash */
void files_open(lua_State *L);   /* io and os inside a step */
void module_open(lua_State *L);  /* require */

#endif
