/* Slots: how many runs of a workflow with the same key go on at a time (`concurrency`). A run takes
 * its slot when it is first let in, keeps it while it waits, over restarts too (its record says
 * so), and gives it back at its end. Who finds none free stands in line, by run number, and is
 * woken when its turn may have come.
 *
 * Who has a slot is read from the journal at the first question. Any thread; the host is called
 * from whichever asks, with no lock held. May use: base/, journal/, engine/record.h. */
#ifndef TEND_ENGINE_SLOTS_H
#define TEND_ENGINE_SLOTS_H

#include "engine/record.h"

struct slots;

struct slots_host {
    void *context;
    void (*wake)(void *context, uint64_t number);
    /* The run stands in line; `holder` is one that has a slot that it could have. */
    void (*on_line)(void *context, const struct record *record, uint64_t holder);
};

/* Borrows the journal. TEND_ENOMEM. */
int slots_new(struct journal *journal, const struct slots_host *host, struct slots **ret,
              struct error *err);
struct slots *slots_free(struct slots *slots); /* NULL allowed; always returns NULL */

/* Takes a slot for the run, which has none by its record. False: none is free (or there is no
 * memory, or the journal can't be read): it stands in line. */
bool slots_enter(struct slots *slots, const struct record *record);
/* The run has ended, and that is durable: its slot or its place in line goes to the next. A run
 * that has neither: nothing happens. */
void slots_leave(struct slots *slots, uint64_t number);

#endif
