/* Lua patterns: compiled to items, and matched by backtracking. No Lua state in here, so nothing
 * jumps; whoever calls makes results and errors of it. A pattern that makes no sense is an error
 * only once the matcher comes to that place, as in Lua. Patterns can take time that is exponential
 * in their size, so the matcher looks at a flag and gives up once it is set. May use: base/. Any
 * thread. */
#ifndef TEND_LUA_PATTERN_H
#define TEND_LUA_PATTERN_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

enum { PATTERN_CAPTURES_MAX = 32, PATTERN_ITEM_BYTES = 32 };

struct pattern_item;

/* How many items `text` may need, of at most PATTERN_ITEM_BYTES each: the room that the compiler is
 * given. */
size_t pattern_items(struct bytes text);

struct pattern {
    const struct pattern_item *items;
    bool is_anchored; /* begins with ^ */
};

/* `items`: room as said above, borrowed for the pattern's life, like the text. With has_anchor a ^
 * at the beginning is no character. */
void pattern_compile(struct bytes text, bool has_anchor, struct pattern_item *items,
                     struct pattern *ret);

struct pattern_capture {
    const char *start;
    ptrdiff_t size; /* or one of these */
};
enum { CAPTURE_OPEN = -1, CAPTURE_POSITION = -2 };

struct pattern_match {
    const struct pattern *pattern;
    const char *subject, *end;
    const volatile sig_atomic_t *stop; /* not 0: give up */
    const char *error;                 /* after NULL: why; PATTERN_STOPPED: the flag */
    int captures;
    struct pattern_capture capture[PATTERN_CAPTURES_MAX];
    int depth;
};
extern const char PATTERN_STOPPED[];

/* Matches at `at` exactly: the end of the match, or NULL (see `error`). */
const char *pattern_match_at(struct pattern_match *match, const char *at);
/* The first match at `at` or later (only there, if anchored): its beginning, with its end in *end;
 * or NULL. */
const char *pattern_search(struct pattern_match *match, const char *at, const char **end);

#endif
