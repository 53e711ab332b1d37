/* The crash mark: a small shared-mapped file in the home that outlives the process, so that the
 * next engine knows what the dead one was doing: which runs' Lua was on a worker's stack, and
 * whether child processes were alive. A mark is one plain store, without a system call. Nothing is
 * synced: after a power loss the file tells what the disk happened to have, which is no harm. What
 * isn't of this form (short, foreign, of another version) tells nothing and is made anew.
 * May use: base/. The marks: one thread a slot, the count of children: any thread. */
#ifndef TEND_ENGINE_CRASH_MARK_H
#define TEND_ENGINE_CRASH_MARK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum { CRASH_MARK_SLOTS = 64, CRASH_MARK_LIFE = 33 };

#define CRASH_MARK_VARIABLE "TEND_MARK" /* in a child's environment: the life that started it */

struct crash_mark;
typedef _Atomic uint64_t crash_slot; /* number of the run whose Lua runs there; 0: none */

struct crash_left {             /* what the process before left behind */
    char life[CRASH_MARK_LIFE]; /* its name; "": it ended in order, or there was none */
    uint64_t runs[CRASH_MARK_SLOTS];
    size_t run_count;
    bool had_children;
};

/* Opens the file, made if it must be, and reads what was left; it stays there until
 * crash_mark_begin(). The home's owner only. TEND_EIO, TEND_ESPACE, TEND_ENOMEM. */
int crash_mark_open(const char *home, struct crash_mark **ret, struct crash_left *left,
                    struct error *err);
/* What was left has been dealt with: a new life begins, with a name of its own. */
void crash_mark_begin(struct crash_mark *mark);
/* The end has begun in order: what Lua still does, and a kill of who waits for it in vain, counts
 * against nobody. */
void crash_mark_end(struct crash_mark *mark);
/* Everything ended: nothing is left, or, where this life never began, what was left stays. NULL
 * allowed; always returns NULL. */
struct crash_mark *crash_mark_close(struct crash_mark *mark);

/* The name of this life, what children carry in their environment. Borrowed. */
const char *crash_mark_life(const struct crash_mark *mark);
/* The next free slot. NULL: none is left. */
crash_slot *crash_mark_slot(struct crash_mark *mark);
/* How many children are alive. */
atomic_uint *crash_mark_children(struct crash_mark *mark);

static inline void crash_slot_set(crash_slot *slot, uint64_t number) {
    if (slot) atomic_store_explicit(slot, number, memory_order_relaxed);
}

#endif
