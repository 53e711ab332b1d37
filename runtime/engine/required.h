/* Modules that a run required and that its bundle hasn't: their names were only known when the code
 * came there. Each is read once, when it is first asked for, and recorded in the run's journal:
 * every later look, of this life and of a replay, sees that text (or that there was none), whatever
 * became of the file. A run that was moved to other sources reads it anew.
 * May use: engine/run.h, bundle.h. */
#ifndef TEND_ENGINE_REQUIRED_H
#define TEND_ENGINE_REQUIRED_H

#include "engine/run.h"

/* Takes over what an entry says that was loaded. TEND_ENOMEM, TEND_EFORMAT. */
int required_load(struct run *run, const struct entry *entry, struct error *err);
/* isolate_host.module, for a `struct run`. */
int required_find(void *context, struct bytes workflow, const char *name,
                  struct isolate_module *ret, struct error *err);
void required_done(struct run *run);

#endif
