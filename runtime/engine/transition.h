/* What happens next, decided without doing anything: (step, event, now) gives the entries to append
 * and what to do once they are queued; (status, event) gives a run's next status. Pure: no clock,
 * no chance, no I/O, no Lua. Nothing else changes a run's status. May use: base/, engine/entry.h,
 * record.h, retry.h. */
#ifndef TEND_ENGINE_TRANSITION_H
#define TEND_ENGINE_TRANSITION_H

#include "engine/entry.h"
#include "engine/record.h"
#include "engine/retry.h"

/* A step as its entries tell it: each entry is folded in, on replay as when it is written. */
struct step {
    enum ask_kind kind;
    uint32_t attempt;  /* the last one that started or failed; 0: none */
    uint32_t failures; /* recorded failed attempts, of all rounds */
    uint32_t spared;   /* those of them that `retry` forgave */
    uint32_t round;    /* how often it was set aside, other than as the failed step */
    uint32_t aside_by; /* sequence of the entry that set it aside last; 0: none */
    bool is_recorded;  /* in this round, or it is being done */
    bool is_started;   /* the last attempt's start is recorded, its end isn't */
    bool is_ended;     /* DONE or RAISED */
    bool has_raised;
    bool has_waited;
    bool is_waiting; /* a WAITING entry is there */
    bool is_asked;   /* the code asked for it in this life */
    int64_t first_at_us, ended_at_us;
    int64_t due_at_us; /* of its timer, or of the next attempt */
    uint32_t first_sequence;
    uint32_t sequence;  /* of the entry that ended it */
    struct bytes value; /* recorded result or error: borrowed from the run's loaded entries */
    struct bytes waits; /* value of the WAITING entry, borrowed likewise */
    uint64_t child;     /* of an invoke that waits: the run's number */
    char *key;          /* owned by the run */
};

void step_apply(struct step *step, const struct entry *entry, uint32_t sequence);
/* An entry of an earlier round, set aside by the entry `by`; is_failed: it is of the step that
 * failed. */
void step_set_aside(struct step *step, const struct entry *entry, uint32_t by, bool is_failed);

enum step_event_kind {
    STEP_ASKED,     /* the code asked for it and no end is recorded */
    STEP_TOUCHES,   /* its function is about to touch the outside */
    STEP_SUCCEEDED, /* value */
    STEP_FAILED,    /* value: error */
    STEP_DUE        /* its timer or wait is over */
};

struct step_event {
    enum step_event_kind kind;
    uint32_t attempt; /* which one it is about; 0: the step's next */
    struct bytes value;
    bool is_retryable; /* of STEP_FAILED */
    bool has_said_no;  /* retry.when was asked and said no */
    bool has_said_yes; /* retry.when was asked and said yes */
    bool has_waited;   /* the branch was left */
    int64_t retry_after_us;
    double chance; /* in [0, 1), for jitter */
};

enum step_action {
    STEP_BEGIN,         /* begin the attempt `attempt`: an effect waits for the barrier */
    STEP_WAIT,          /* until due_at_us */
    STEP_ANSWER,        /* the branch goes on with what was recorded */
    STEP_ASK_WHEN,      /* ask retry.when, then send STEP_FAILED again */
    STEP_ASK_ON_FAILURE /* nothing is appended: on_failure's outcome is the end */
};

struct step_request { /* what the call asked for */
    struct retry_policy retry;
    int64_t deadline_us; /* duration of the whole step; 0: none */
    bool has_when, has_on_failure;
};

struct step_decision {
    enum step_action action;
    struct entry entries[2];
    size_t entry_count;
    uint32_t attempt;
    int64_t due_at_us;
};

/* The entries borrow the event's value; their key is for the caller to set. `scratch` receives an
 * error that the decision itself makes (a deadline). */
void transition_step(const struct step *step, const struct step_request *request,
                     const struct step_event *event, int64_t now_us, struct buffer *scratch,
                     struct step_decision *ret);

enum run_event {
    RUN_ADMITTED,
    RUN_WAITS, /* all its branches wait for something that is more than a moment away */
    RUN_WOKEN, /* what it waited for may be there */
    RUN_RETURNED,
    RUN_RAISED,
    RUN_UNWOUND,   /* it was cancelled, and its cleanup is over */
    RUN_CONTINUED, /* by continue_as: its next link is ready */
    RUN_RETRIED,
    RUN_MISMATCHED, /* replay */
    RUN_CRASHED     /* the host, once too often while its Lua ran */
};

/* TEND_EINPUT: the event can't happen in that status. */
int transition_run(enum run_status status, enum run_event event, enum run_status *ret,
                   struct error *err);

#endif
