/* The folder that a journal lives in.
 * May be used by: journal/. May use: base/. */
#ifndef TEND_JOURNAL_HOME_H
#define TEND_JOURNAL_HOME_H

#include <stdbool.h>

#include "base/error.h"

struct home {
    char *path; /* absolute: a later chdir() doesn't matter */
    int folder; /* descriptor of the folder */
};

/* Opens the folder; makes it, with the folders above it, when `is_made` is set. What was made is
 * durable. TEND_ENOENT, TEND_EIO, TEND_ENOMEM. */
int home_open(struct home *home, const char *path, bool is_made, struct error *err);
/* Half-open ones too, if they began as {NULL, -1}. */
void home_done(struct home *home);
/* Makes what was renamed or created in the folder durable. TEND_EIO. */
int home_sync(const struct home *home, struct error *err);

#endif
