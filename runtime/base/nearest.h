/* The word that was most likely meant: the one with the fewest slips of a finger in between.
 * (In base/ because the command line and the engine both offer one.) May use: nothing. */
#ifndef TEND_BASE_NEAREST_H
#define TEND_BASE_NEAREST_H

#include <stddef.h>

enum { NEAREST_WORD_MAX = 160 };

struct nearest {
    const char *word; /* borrowed */
    char best[NEAREST_WORD_MAX];
    size_t distance; /* of the best */
};

void nearest_init(struct nearest *nearest, const char *word);
void nearest_try(struct nearest *nearest, const char *candidate);
/* NULL: nothing is near enough to be meant. */
const char *nearest_best(const struct nearest *nearest);

#endif
