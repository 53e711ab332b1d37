/* The insides of a submission, for the committer that turns it into a batch. */
#ifndef TEND_ENGINE_SUBMISSION_H
#define TEND_ENGINE_SUBMISSION_H

#include "engine/committer.h"

struct submission_part { /* one run's entries, in order, and maybe its record */
    struct submission_part *next;
    uint64_t number;
    uint32_t first_sequence;
    struct bytes *entries; /* each copied */
    size_t count, capacity;
    bool has_record, has_past;
    struct journal_run run;
    struct journal_run past; /* takes over the entries before this part */
};

struct submission_state {
    struct submission_state *next;
    struct journal_state_write write;
};

struct submission_bundle {
    struct submission_bundle *next;
    struct journal_bundle bundle;
};

struct submission_removal {
    struct submission_removal *next;
    struct journal_removal removal;
};

struct submission_hash { /* of a bundle to remove */
    struct submission_hash *next;
    struct bytes hash;
};

struct submission_wake {
    struct submission_wake *next;
    uint64_t number;
};

struct submission {
    struct submission *next;
    uint64_t position;
    struct submission_part *parts, **last_part;
    struct submission_state *states, **last_state;
    struct submission_bundle *bundles;
    struct submission_removal *removals;
    struct submission_hash *removed_bundles;
    uint64_t bundle_mark;
    size_t freed_max;
    struct submission_wake *wakes, **last_wake;
    uint64_t inbox_taken;
    void *memory; /* chain of copies */
    bool is_failed;
};

#endif
