/* The libraries that this program works with, and their versions: for `version` and `doctor`. */
#ifndef TEND_CLI_LIBRARIES_H
#define TEND_CLI_LIBRARIES_H

#include <stddef.h>

struct library {
    const char *name;
    char version[64]; /* "": it can't be loaded */
};

enum { LIBRARIES_MAX = 12 };

/* Fills the list; loads those that are loaded on first use otherwise. Their count. */
size_t libraries_list(struct library list[LIBRARIES_MAX]);

#endif
