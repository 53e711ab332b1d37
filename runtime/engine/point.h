/* Crash points: the named places at which a crash would hurt, one call each: point("after_commit").
 * They sleep. Where TEND_CRASH_AT=NAME[:N] is in the environment, the process kills itself (as with
 * kill -9) the Nth time that it comes by that name, and says so before. tests/crash/points.js takes
 * the names from the source and visits every one, so a new one is tested unasked.
 *
 * In every build: what is tested is what runs. Whoever can set the variable can kill the process
 * anyway. Asleep, a point costs one branch that is always predicted.
 * May use: nothing. Any thread. */
#ifndef TEND_ENGINE_POINT_H
#define TEND_ENGINE_POINT_H

#include <stdbool.h>

/* Reads the environment: once, at the start, before there are threads. */
void points_arm(void);

/* The one state of tend that hangs off nothing: it belongs to the process, as its environment does,
 * and is written by points_arm() alone. */
extern bool points_are_armed;
void point_reached(const char *name);

static inline void point(const char *name) {
    if (__builtin_expect(points_are_armed, 0)) point_reached(name);
}

#endif
