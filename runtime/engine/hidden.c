/* Hidden keys; see hidden.h. */
#include "engine/hidden.h"

#include <stdio.h>

const char hidden_kinds[] = {HIDDEN_SIGNALS, HIDDEN_CANCEL, HIDDEN_UPGRADE, '\0'};
_Static_assert(sizeof hidden_kinds == HIDDEN_KINDS + 1, "each kind is listed");

void hidden_key(enum hidden_kind kind, uint64_t run, char key[HIDDEN_KEY_TEXT]) {
    snprintf(key, HIDDEN_KEY_TEXT, HIDDEN_PREFIX "%c%016llx", (char)kind, (unsigned long long)run);
}
