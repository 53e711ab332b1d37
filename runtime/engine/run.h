/* A run in memory: its isolate, its steps as the journal tells them, and its strands (the engine's
 * side of a branch). It lives on one worker, is driven by run_advance() until nothing can go on,
 * and leaves memory when it ends or when all it does is wait.
 *
 *   run.c     loading, the turn, what goes to the journal, leaving
 *   strand.c  what a branch asks, and handing it its answer
 *   replay.c  finding the answer in the journal, and the checks of replay
 *   live.c    doing what isn't recorded: attempts, timers, children, state
 *   barrier.c holding effects until what came before them is durable
 *
 * May use: services, lua/, engine/effect.h. Its worker's thread only. */
#ifndef TEND_ENGINE_RUN_H
#define TEND_ENGINE_RUN_H

#include "base/map.h"
#include "engine/effect.h"
#include "engine/transition.h"
#include "lua/isolate.h"

struct run;

enum strand_state { STRAND_READY, STRAND_PARKED, STRAND_ENDED };

enum strand_work {
    WORK_NONE,
    WORK_CALLING, /* a function of the script runs, or is about to */
    WORK_BARRIER, /* waits until barrier_position is durable */
    WORK_EFFECT,  /* something is under way outside */
    WORK_TIMER,   /* waits until step->due_at_us */
    WORK_CHILD,   /* waits for the run that it invoked */
    WORK_SIGNAL,  /* waits for a signal, maybe until step->due_at_us */
    WORK_BRANCHES /* waits for its own branches */
};

struct strand {
    struct run *run;
    struct branch *lua;
    struct strand *next; /* all strands of the run, in the order in which they were made */
    struct strand *next_ready;
    struct strand *parent;
    size_t index; /* among the parent's branches */
    struct buffer path;
    struct map uses; /* encoded name -> how often it was used */
    enum strand_state state;
    enum strand_work work;
    bool is_started;
    bool is_left;       /* other code may have run since it asked */
    bool is_cancelled;  /* once and for all: it is raised once */
    bool is_cancelling; /* `cancelled` is to be raised at its next primitive */
    struct step *step;  /* what it is parked on */
    struct step_request request;
    struct value_tree options; /* of the step; borrows options_bytes */
    struct buffer options_bytes;
    struct value_tree plain; /* of an effect inside the step's function */
    struct buffer plain_bytes;
    uint32_t caught_count; /* asked for more in a step's function that should have ended */
    uint32_t plain_count;  /* effects of the attempt so far, inside its function */
    uint32_t attempt;      /* the one that runs; 0: none */
    struct effect *effect;
    enum ask_kind held;        /* what waits at the barrier: an effect's kind, or ASK_BARRIER */
    bool is_inside;            /* … and it is part of a step's function */
    uint64_t barrier_position; /* 0: not submitted yet */
    enum answer_kind called;   /* which function of the script it was told to call last */
    struct buffer first_error; /* what on_failure was called with: the cause if it raises */
    int64_t retry_after_us;
    int64_t timeout_us;   /* of an attempt of a step's function; 0: none */
    int64_t times_out_us; /* monotonic; 0: never */
    bool has_timed_out;
    int64_t began_us; /* monotonic, of the attempt: for the observer */
    struct answer answer;
    struct buffer value; /* what the answer borrows */
    char idempotency_key[40];
    uint64_t child;       /* run number */
    uint32_t child_after; /* a new round of it: its end comes after this entry of its … */
    uint32_t child_links; /* … of this link, or in a later link */
    uint64_t state_version;
    struct strand **branches;                                            /* of a parallel */
    size_t branch_count, branches_ended, branches_started, failed_index; /* index + 1; 0: none */
    size_t branch_limit;
    bool is_settling;
};

struct fork_point { /* from here on the run draws from a seed of its own */
    uint32_t sequence;
    struct bytes seed; /* borrowed from run->loaded */
};

struct run_host { /* the worker that holds it */
    void *context;
    const struct effect_place *place;
    /* Asks for another run_advance() soon: it gave way after its time. */
    void (*wants_turn)(void *context, struct run *run);
    /* An invoked child exists already and may not be running: see that it does. `waiter` is to be
     * woken when it has ended (0: its record names its parent). */
    void (*adopt)(void *context, uint64_t number, uint64_t waiter);
};

struct run {
    struct run_host host;
    struct services *services;
    struct record record;
    struct isolate *isolate;
    struct isolate_host isolate_host;
    struct buffer seed;
    char given[65];       /* hash of the input as given, of its first link */
    struct buffer loaded; /* the entries that were there when it was loaded */
    struct map required;  /* name -> module that its bundle hasn't (required.c) */
    struct map steps;     /* key -> struct step */
    struct map unread;    /* branch path -> recorded steps that weren't asked for (count) */
    size_t unread_count;
    struct strand *strands, **last_strand;
    struct strand *ready, **last_ready;
    struct submission *submission; /* not submitted yet; NULL: nothing */
    size_t queued_entries;         /* not durable yet */
    size_t queued_bytes;           /* of these */
    int64_t used_at_us;            /* monotonic: its last turn */
    uint64_t position;             /* of the last submission */
    bool has_other_sources;        /* than its bundle's: a dry replay */
    bool is_record_dirty;
    bool is_replaying;
    bool is_dry;         /* a copy, to see whether it fits: nothing is written or done */
    struct buffer forks; /* struct fork_point of each, in order */
    size_t forks_passed;
    bool is_advancing;
    bool is_woken;   /* something that it waits for may be there */
    bool is_over;    /* ended, blocked: leaves once durable */
    bool is_leaving; /* suspended: leaves once durable */
    bool has_cancel; /* cancelled: however it ends, that is its state */
    bool is_unwound; /* … its function has ended; children are waited for */
    int64_t cancelled_at_us;
    uint32_t cancel_sequence; /* of the entry, while replay hasn't come there; 0: none */
    bool is_broken;           /* no memory: leaves without a word, the journal has it all */
    uv_timer_t timer;
    bool has_timer;
};

/* ---- run.c: the worker's side ---- */

/* Loads a run that isn't final. TEND_ENOENT: it isn't there (yet), or is at rest; nothing to do.
 * TEND_EBUSY: it waits in line for its slot, and is woken when that is free.
 * TEND_EIO, TEND_EFORMAT, TEND_ENOMEM. A bundle that no
 * longer compiles makes a run that is over (blocked), not an error. */
int run_load(const struct run_host *host, uint64_t number, struct run **ret, struct error *err);
struct dry_replay;
/* A copy for a dry replay, with the sources that it names; TEND_EINPUT: they can't be loaded. */
int run_load_dry(const struct run_host *host, const struct dry_replay *how, struct run **ret,
                 struct error *err);
/* Plays it: its record says `blocked` then, if it doesn't fit. */
void run_replay_dry(struct run *run);
/* Aborts what is under way without touching what it does at the other end; the memory goes when the
 * loop has closed its handles. */
void run_free(struct run *run);
/* Goes on until every branch waits. */
void run_advance(struct run *run);
/* Leaves memory if all it does is wait, however short. */
void run_make_room(struct run *run);
/* What its isolate holds, in bytes. */
size_t run_memory(const struct run *run);
/* Everything up to `position` is durable. */
void run_durable(struct run *run, uint64_t position);
/* Something that it waits for may be there. */
void run_wake(struct run *run);
/* The time was set: what of it is due happens. How long until the next of its own timers, in us;
 * INT64_MAX: it has none. */
int64_t run_tick(struct run *run);
/* Everything is durable and it may leave memory. */
bool run_may_leave(const struct run *run, uint64_t durable);

/* ---- run.c: the other files' side ---- */

int64_t run_now_us(const struct run *run);
/* Appends an entry to the submission at hand; its step, if any, is told. */
void run_append(struct run *run, struct step *step, struct entry *entry);
/* A turn that gave way goes first, before something from outside is recorded: that would come
 * before what the branch that has its turn asks next, and replay would come by another way. */
void run_finish_turn(struct run *run);
/* Submits what is at hand. */
void run_flush(struct run *run);
void run_mask(struct run *run, struct buffer *packed);
/* The one way to another status; 0, or TEND_EINPUT: it can't take that step. */
int run_change_status(struct run *run, enum run_event event);
/* Ends it as `blocked`; nothing more is executed. */
void run_block(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
void run_end(struct run *run, enum run_event event, struct bytes value);
void run_out_of_memory(struct run *run);
struct submission *run_submission(struct run *run);

/* ---- link.c ---- */

/* The main branch left by continue_as: the run ends here and goes on with its next link. */
void link_continue(struct run *run, struct bytes input);

/* ---- strand.c ---- */

struct strand *strand_new(struct run *run, struct branch *lua, struct strand *parent, size_t index);
void strand_free(struct strand *strand, bool is_cancelled);
void strand_ready(struct strand *strand, bool is_first);
void strand_resume(struct strand *strand);
/* Makes it go on with this; the answer's value is what strand->value holds. */
void strand_answer(struct strand *strand, enum answer_kind kind);
/* … with what its step recorded. */
void strand_answer_step(struct strand *strand);
void strand_answer_error(struct strand *strand, const char *kind, const char *message);
void strand_cancel(struct strand *strand);
void strand_time_out(struct strand *strand);

/* ---- replay.c ---- */

/* Folds an entry that was loaded. */
int replay_load(struct run *run, const struct entry *entry, uint32_t sequence, struct error *err);
/* The same of an entry of an earlier round. */
int replay_set_aside(struct run *run, const struct entry *entry, uint32_t by,
                     struct bytes failed_key, struct error *err);
/* The step of a key that a strand asks for; made if it isn't recorded. NULL: the run is blocked. */
struct step *replay_ask(struct strand *strand, struct bytes name, enum ask_kind kind);
/* Answers the parked strand whose recorded step ended first; false if there is none. */
bool replay_next(struct run *run);
/* Nothing recorded is left to answer: checks that nothing was passed over, and goes live. */
void replay_end(struct run *run);
/* Has the branch passed all that is recorded of it and of the branches below it? What it logs now
 * isn't recorded, or stood last and may repeat. */
bool replay_is_past(const struct run *run, const struct branch *lua);
/* Is something that was passed over recorded? Blocks then. */
void replay_check(struct run *run);
/* The code returned or raised: is anything recorded unread? Blocks then. */
bool replay_is_read(struct run *run);

/* ---- live.c ---- */

/* Begins what a parked strand asked for and has no end recorded. */
void live_begin(struct strand *strand);
/* An event of the strand's step: decided, journaled, acted upon. */
void live_event(struct strand *strand, struct step_event *event);
void live_due(struct strand *strand);
/* Tells the observer that what the strand asked for begins; child_id: the run that it waits for. */
void live_tell_begin(const struct strand *strand, const char *child_id);
void live_check_child(struct strand *strand);
/* Takes the signals that are there, the oldest waiter first. */
void live_check_signals(struct run *run);
/* The function that the strand was told to call ended: a step's, retry.when, on_failure, update's.
 */
void live_called(struct strand *strand, struct ask *ask);
void live_effect_ended(void *context, struct bytes result, struct bytes error, bool is_retryable,
                       int64_t retry_after_us);
/* All branches of its parallel have ended. */
void live_join(struct strand *strand);
/* … and that is recorded: goes on. */
void live_joined(struct strand *strand);
bool error_is_retryable(struct bytes packed);

/* ---- barrier.c ---- */

/* The attempt of the strand's step is about to touch the outside: its start is queued, and what it
 * does waits until that is durable. */
void barrier_hold(struct strand *strand, enum ask_kind held, bool is_inside);
void barrier_submitted(struct run *run);
/* True if something was released. */
bool barrier_release(struct run *run, uint64_t durable);

#endif
