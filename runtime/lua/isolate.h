/* An isolate: the private Lua state in which one run executes. It is text and values in, asks and
 * values out; it knows no journal, no clock and no network. The main branch runs the workflow's
 * `run`, every function given to `parallel` is a branch of its own (a coroutine).
 *
 * Lua is entered here only: protected, with a traceback handler and the memory cap. A branch is
 * resumed with an answer and comes back with an ask, or ended.
 * May use: base/, analysis/ (the pure functions that scripts see), Lua. One thread at a time. */
#ifndef TEND_LUA_ISOLATE_H
#define TEND_LUA_ISOLATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/value.h"
#include "lua/ask.h"

struct isolate;
struct branch;

struct isolate_module { /* both borrowed, for the isolate's life */
    struct bytes file, source;
};

/* What the isolate needs of the host while Lua runs. */
struct isolate_host {
    void *context;
    /* A line of log.* or print; silent during replay is the callee's business. `fields` is packed
     * (nil: none). */
    void (*log)(void *context, struct branch *branch, const char *level, struct bytes message,
                struct bytes fields);
    /* Wall time, for now() inside a step's function. */
    int64_t (*now_us)(void *context);
    /* A module that the bundle hasn't; `workflow` is the workflow's file. TEND_ENOENT: there is
     * none; otherwise *err says what is wrong with it. NULL: there never is one. */
    int (*module)(void *context, struct bytes workflow, const char *name,
                  struct isolate_module *ret, struct error *err);
};

/* The pulse of a thread that runs Lua: what a watchdog on another thread looks at. `count` goes up
 * whenever Lua is entered and left, so that it is odd while Lua runs; a script that reaches a
 * primitive leaves. Whoever sees it stand still for too long writes it to `accused` and makes the
 * thread call pulse_expire(). */
struct pulse {
    atomic_uint_fast64_t count, accused;
    _Atomic(struct isolate *) running;
    int64_t limit_us; /* for the message */
};

/* Ends the run whose Lua runs on this thread, if the pulse still stands at `accused`. Only to be
 * called by a signal handler on that thread. */
void pulse_expire(struct pulse *pulse);

struct isolate_options {
    const struct isolate_host *host; /* borrowed for the isolate's life */
    struct bytes bundle;       /* packed map {main, file, modules = {name = {file, source}}} */
    struct bytes settings;     /* packed, as recorded at acceptance */
    struct bytes settings_now; /* packed, as they are: what a step's function sees */
    struct bytes seed;         /* of the run: what chance is drawn from */
    size_t memory_max;         /* bytes; 0: 256 MiB */
    bool is_test;              /* of a test file: stdlib/test.lua finds its runner in it */
    struct pulse *pulse;       /* of the only thread that uses it, borrowed; NULL: not watched */
};

/* Opens a state and loads the bundle's workflow: its top level runs, no primitives there. Bytes are
 * copied or used during the call only, but for the host. TEND_EINPUT: the source doesn't compile,
 * or is no workflow; the message has file and line. */
int isolate_new(const struct isolate_options *options, struct isolate **ret, struct error *err);
struct isolate *isolate_free(struct isolate *isolate);

/* What its Lua state holds now, in bytes. */
size_t isolate_memory(const struct isolate *isolate);

/* What the workflow's table says beside its functions, packed: description, schedule, input, …
 * Borrowed until the isolate goes. */
struct bytes isolate_definition(const struct isolate *isolate);

enum { ISOLATE_SLOT_MAX = 200 };
/* The key of `concurrency` for a run with this input (packed): appends text, at most
 * ISOLATE_SLOT_MAX bytes, none if it gives nil. TEND_EINPUT: it raised, or gave something else. */
int isolate_slot(struct isolate *isolate, struct bytes input, struct buffer *key,
                 struct error *err);

enum branch_outcome {
    BRANCH_ASKS,      /* branch_ask() says what */
    BRANCH_RETURNED,  /* main branch: branch_ask()->value is the packed result */
    BRANCH_RAISED,    /* branch_ask()->value is the packed error */
    BRANCH_CONTINUES, /* main branch: continue_as; branch_ask()->value is the packed input */
    BRANCH_OVER       /* the run is over, whatever its branches do: the watchdog, or no memory;
                         branch_ask()->value is the packed error. Nothing is resumed any more */
};

/* Makes the main branch, about to call run(input). */
int isolate_begin(struct isolate *isolate, struct bytes input, struct branch **ret,
                  struct error *err);
/* The branches that a parallel asked for, in the order in which they start. */
struct branch *branch_child(struct branch *branch, size_t index);
/* The key text of a branch, such as "left" or "1"; "" for the main one. */
struct bytes branch_key(const struct branch *branch);
/* Seeds the branch's chance; before its first resume. */
void branch_seed(struct branch *branch, struct bytes path);
/* From the next branch_seed() on chance is drawn from this seed. 0, or TEND_ENOMEM. */
int isolate_reseed(struct isolate *isolate, struct bytes seed);
/* What now() says in a new branch. */
void branch_set_now(struct branch *branch, int64_t now_us);
int64_t branch_now(const struct branch *branch);

enum branch_outcome branch_resume(struct branch *branch, const struct answer *answer);
/* What the branch asked last. The engine may move its buffers out. */
struct ask *branch_ask(struct branch *branch);
/* Where the script is: "file:line" of the innermost Lua function, for messages. */
const char *branch_where(struct branch *branch);

/* Evaluates a configuration file (tend.lua): plain Lua that returns a table; `secret` works
 * in it. Appends the packed table. */
int config_read(const char *file, struct bytes source, struct buffer *out, struct error *err);

/* Does the text compile? TEND_EINPUT: the message has file and line. */
int source_check(const char *file, struct bytes source, struct error *err);
/* Calls `visit` for each constant require "x" in a source text. */
typedef int source_visit(void *context, struct bytes module);
int source_requires(struct bytes source, source_visit *visit, void *context);

#endif
