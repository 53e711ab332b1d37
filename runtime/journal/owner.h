/* Who owns a journal: a lock on the file `owner` in its home, which also holds the owner's pid.
 * The kernel releases it with the process, however that ends.
 * May be used by: journal/. May use: base/. */
#ifndef TEND_JOURNAL_OWNER_H
#define TEND_JOURNAL_OWNER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Takes the lock; *ret is the descriptor that holds it. `folder` is the home's, `home` its name
 * for messages. TEND_EBUSY names the owner's pid. TEND_EIO. */
int owner_take(int folder, const char *home, int *ret, struct error *err);
/* Gives it back. -1 allowed. */
void owner_release(int lock);
/* The pid of the process that holds it, 0 if nobody does, -1 if somebody not yet known does. */
int64_t owner_pid(int folder);
/* Does this very process hold it? */
bool owner_is_this_process(int folder);

#endif
