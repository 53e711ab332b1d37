/* The insides of the tree, for the two files that know them: tree.c changes it, tree_draw.c shows
 * it. */
#ifndef TEND_CLI_TREE_NODE_H
#define TEND_CLI_TREE_NODE_H

#include "base/map.h"
#include "cli/tree.h"

enum { TREE_KEPT = 12 }; /* ended ones of a parent that can still be shown */

enum tree_state {
    TREE_QUIET, /* a branch, or a parallel that was not seen to begin */
    TREE_ACTIVE,
    TREE_RETRYING, /* an attempt failed, the next isn't due yet */
    TREE_DONE,
    TREE_FAILED,
    TREE_CANCELLED
};

struct tree_node {
    struct tree_node *parent, *next, *previous;
    struct tree_node *active, *last_active; /* children, in the order in which they came */
    struct tree_node *ended, *last_ended;   /* … in the order in which they ended */
    size_t active_count, ended_kept, folded;
    uint64_t order;
    struct buffer path;  /* its key in the map */
    struct buffer child; /* of an invoke: the other key, that of the run that it waits for */
    char *label;
    const char *kind; /* static */
    bool is_run, is_branch, is_ended;
    enum tree_state state;
    uint32_t attempt;
    int64_t began_us, due_at_us, duration_us;
    char message[200];
    char run_id[JOURNAL_ID_MAX + 1]; /* the rest is a run's */
    enum run_status status;
    size_t steps, failed_attempts;
};

struct tree {
    struct map nodes;
    struct tree_node *root; /* its children are runs */
    uint64_t order;
};

#endif
