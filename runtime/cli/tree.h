/* What a run is doing, as a tree: steps below their run, branches below their parallel, the steps
 * of a run that was invoked below its invoke. What has ended is kept to the last few of each parent
 * and counted otherwise, so memory stays with what is under way. Draws itself into lines that fit a
 * screen.
 * May use: base/, engine/services.h, cli/glyph.h. One thread at a time; no clock, no terminal. */
#ifndef TEND_CLI_TREE_H
#define TEND_CLI_TREE_H

#include "engine/services.h"

enum { TREE_LINES_MAX = 200 };

struct tree;

struct tree *tree_new(void);               /* NULL: no memory */
struct tree *tree_free(struct tree *tree); /* NULL allowed; always returns NULL */
bool tree_is_empty(const struct tree *tree);
bool tree_is_active(const struct tree *tree); /* is anything under way? */

/* The observer's words; now_us is monotonic. Without memory they are forgotten. */
void tree_begin(struct tree *tree, const struct step_begin *begin, int64_t now_us);
void tree_end(struct tree *tree, const char *run_id, const char *key, const char *kind,
              const char *outcome, int64_t duration_us, const char *message, int64_t now_us);
void tree_run(struct tree *tree, const struct record *record, int64_t now_us);

struct tree_style {
    size_t columns, rows; /* what may be used: a line has fewer than `columns` */
    bool has_colours, has_utf8;
    bool is_last;     /* how it all ended: a summary stands below */
    unsigned spinner; /* goes on with each drawing */
    int64_t now_us, wall_us;
};

struct tree_lines {
    struct buffer text; /* the lines, each with its line end */
    size_t count;
    size_t widths[TREE_LINES_MAX]; /* columns of each */
};

/* Fills *lines anew; the text is the caller's. */
void tree_draw(const struct tree *tree, const struct tree_style *style, struct tree_lines *lines);
/* Appends "12 ms", "1.2 s", "2m05s", "1h02m", "3d04h". */
void tree_add_duration(struct buffer *out, int64_t us);

#endif
