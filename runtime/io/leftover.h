/* Leftovers: child processes that outlived the tend that had started them. They are known by an
 * entry of their environment, which their own children inherit. May use: base/; /proc. */
#ifndef TEND_IO_LEFTOVER_H
#define TEND_IO_LEFTOVER_H

#include <stddef.h>

#include "base/error.h"

/* Ends every process whose environment has exactly this entry ("NAME=value"), and its group:
 * SIGTERM, SIGKILL after 2 s. Returns once none is left, at once if there is none. *ended is 0
 * if there was none, otherwise how many were seen at once. TEND_EIO: some don't end, or /proc can't
 * be read; the message names one. */
int leftover_end(const char *entry, size_t *ended, struct error *err);

#endif
