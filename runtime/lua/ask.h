/* What a branch of a run asks of the engine, and what the engine answers: the whole conversation
 * between the Lua host and the engine. A primitive checks its arguments, fills a `struct ask` and
 * yields; the engine looks in the journal or does the work, and resumes the branch with an answer.
 * May use: base/. */
#ifndef TEND_LUA_ASK_H
#define TEND_LUA_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

enum ask_kind {
    ASK_STEP,
    ASK_HTTP,
    ASK_LLM,
    ASK_AGENT,
    ASK_EXEC,
    ASK_SLEEP,
    ASK_PARALLEL,
    ASK_INVOKE,
    ASK_START,
    ASK_STATE_GET,
    ASK_STATE_SET,
    ASK_STATE_UPDATE,
    ASK_STATE_LIST,
    ASK_WAIT_FOR, /* new kinds go here: the journal holds their numbers */
    ASK_RECORDED, /* so many kinds are recorded in the journal; the rest is part of a step */
    ASK_PLAIN = ASK_RECORDED, /* http, llm or exec inside a step's function: `effect` says which */
    ASK_BARRIER,  /* a file is about to be touched: wait until the attempt's start is durable */
    ASK_RETURNED, /* the function that it was told to call returned `value` */
    ASK_RAISED,   /* … or raised: `value` is the packed error */
    ASK_VERDICT,  /* what `retry.when` said */
    ASK_RUNNER    /* a test asks what runs it: `name` with `options`, any packed value */
};

struct ask {
    enum ask_kind kind;
    enum ask_kind effect;  /* of ASK_PLAIN */
    struct buffer name;    /* of a recorded kind */
    struct buffer options; /* packed map of the call's arguments; may hold secrets */
    struct buffer value;
    bool has_when, has_on_failure;
    bool verdict;
    size_t branch_count; /* of ASK_PARALLEL */
    char where[256];     /* "workflows/check.lua:12" */
};

enum answer_kind {
    ANSWER_NONE,       /* the first start */
    ANSWER_VALUE,      /* the recorded result: `value` */
    ANSWER_ERROR,      /* the recorded error: raise `value` */
    ANSWER_CALL,       /* call the step's function: `attempt`, `idempotency_key` */
    ANSWER_WHEN,       /* ask retry.when about the error `value` */
    ANSWER_ON_FAILURE, /* call on_failure with the error `value` */
    ANSWER_UPDATE,     /* call state.update's function with `value` (nil: none) */
    ANSWER_JOINED,     /* all branches of the parallel have ended */
    ANSWER_GO          /* the barrier is passed */
};

struct answer {
    enum answer_kind kind;
    struct bytes value; /* packed; borrowed until the branch asks again */
    uint32_t attempt;
    const char *idempotency_key;
    int64_t at_us; /* when it was recorded: what now() says from here on; 0: unchanged */
};

/* "step", "http", "state.get", … as the journal and people spell it. */
const char *ask_kind_name(enum ask_kind kind);

#endif
