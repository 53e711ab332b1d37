/* Keys of the shared state that scripts don't see: what the engine keeps of a run beside its
 * journal. They begin with a byte below all that a script may list, then the kind, then the run's
 * number, so that all of a run can be found and goes with it (prune.c). A new kind is added here.
 * May use: base/. */
#ifndef TEND_ENGINE_HIDDEN_H
#define TEND_ENGINE_HIDDEN_H

#include <stdint.h>

#define HIDDEN_PREFIX "\x01"

enum hidden_kind {
    HIDDEN_SIGNALS = 's', /* unread ones, each behind this and a slash (signal.c) */
    HIDDEN_CANCEL = 'c',  /* asked for, and not begun */
    HIDDEN_UPGRADE = 'u'  /* asked for, and not done */
};

/* Every kind, as text. */
extern const char hidden_kinds[];

enum { HIDDEN_KEY_TEXT = 20, HIDDEN_KINDS = 3 };

/* The key of one kind and run; of signals what their keys begin with. */
void hidden_key(enum hidden_kind kind, uint64_t run, char key[HIDDEN_KEY_TEXT]);

#endif
