/* Nearest words; see nearest.h. The distance counts letters left out, added, changed, and two that
 * changed places (optimal string alignment). */
#include "base/nearest.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static size_t least(size_t a, size_t b, size_t c) {
    size_t less = a < b ? a : b;
    return less < c ? less : c;
}

static size_t distance_of(const char *a, size_t a_size, const char *b, size_t b_size) {
    size_t rows[3][NEAREST_WORD_MAX + 1]; /* the last two, and the one at hand */
    for (size_t j = 0; j <= b_size; j++) rows[0][j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t *row = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t changed = last[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = least(last[j] + 1, row[j - 1] + 1, changed);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
    }
    return rows[a_size % 3][b_size];
}

void nearest_init(struct nearest *nearest, const char *word) {
    *nearest = (struct nearest){.word = word, .distance = SIZE_MAX};
}

void nearest_try(struct nearest *nearest, const char *candidate) {
    size_t size = strlen(nearest->word), other = strlen(candidate);
    if (size >= NEAREST_WORD_MAX || other >= NEAREST_WORD_MAX) return;
    size_t gap = size > other ? size - other : other - size;
    if (gap >= nearest->distance) return;
    size_t distance = distance_of(nearest->word, size, candidate, other);
    if (distance >= nearest->distance) return;
    nearest->distance = distance;
    snprintf(nearest->best, sizeof nearest->best, "%s", candidate);
}

const char *nearest_best(const struct nearest *nearest) {
    size_t size = strlen(nearest->word), allowed = 1 + size / 4;
    return nearest->distance <= allowed && nearest->distance < size ? nearest->best : NULL;
}
