/* Crash points; see point.h. */
#include "engine/point.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool points_are_armed;

static struct {
    char name[64];
    atomic_long left;
} armed;

void points_arm(void) {
    const char *text = getenv("TEND_CRASH_AT");
    if (!text || !*text) return;
    size_t size = strcspn(text, ":");
    long times = text[size] ? strtol(text + size + 1, NULL, 10) : 1;
    snprintf(armed.name, sizeof armed.name, "%.*s", (int)size, text);
    atomic_store(&armed.left, times > 0 ? times : 1);
    points_are_armed = true;
}

void point_reached(const char *name) {
    if (strcmp(name, armed.name) != 0) return;
    if (atomic_fetch_sub(&armed.left, 1) != 1) return;
    fprintf(stderr, "tend: crash point %s (TEND_CRASH_AT)\n", name);
    raise(SIGKILL);
}
