/* Pruning: which finished runs go, and the pieces in which they do. A run goes when it ended before
 * the instant that the rule names for its status, unless its parent may still ask for it: one that
 * is unfinished, or that failed and isn't old enough itself (it can be retried). Then bundles go to
 * which no run refers any more, and no request to upgrade one.
 *
 * Work comes in slices that take milliseconds: prune_next() looks at some thousand records, or
 * gives a piece to commit. Runs are removed in the order of their end, window by window.
 * May use: base/, journal/, engine/record.h, entry.h, signal.h. One thread. */
#ifndef TEND_ENGINE_PRUNE_H
#define TEND_ENGINE_PRUNE_H

#include "engine/record.h"

struct prune_rule {
    int64_t before_us[RUN_STATUSES]; /* INT64_MIN: they stay; of unfinished ones it doesn't count */
    char workflow[256];              /* "": all */
};

struct prune_count {
    uint64_t runs, entries, bundles;
};

/* What one commit is to do. Borrowed until the next call; empty where there was only to look. */
struct prune_piece {
    const struct journal_removal *removals;
    size_t removal_count;
    const struct bytes *bundles; /* hashes */
    size_t bundle_count;
    uint64_t bundle_mark;
    size_t freed_max;
    bool is_done; /* nothing more after this piece */
};

struct prune;

int prune_new(struct journal *journal, const struct prune_rule *rule, struct prune **ret,
              struct error *err);
struct prune *prune_free(struct prune *prune); /* NULL allowed; always returns NULL */
/* The next slice. The piece before must be durable. */
int prune_next(struct prune *prune, struct prune_piece *piece, struct error *err);
struct prune_count prune_counted(const struct prune *prune);

/* Does all of it where nobody else writes to the journal. */
int prune_alone(struct journal *journal, const struct prune_rule *rule, struct prune_count *ret,
                struct error *err);
/* Only counts the runs that would go, and their entries. */
int prune_look(struct journal *journal, const struct prune_rule *rule, struct prune_count *ret,
               struct error *err);

/* ---- how long runs are kept ---- */

/* `retention` of the settings: keep_us[status], INT64_MAX: for ever. A duration, `false`, or a
 * table of these by status. TEND_EINPUT. */
int retention_read(const struct value *settings, int64_t keep_us[RUN_STATUSES], struct error *err);
/* The rule that follows from it now. */
void prune_rule_of(const int64_t keep_us[RUN_STATUSES], int64_t now_us, struct prune_rule *ret);

#endif
