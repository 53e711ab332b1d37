/* Text on a terminal: how wide it is, and made harmless. Names, messages and values come from
 * scripts and from outside; nothing of them may move the cursor, change colours or turn the
 * direction of writing. Widths are of columns; bytes that aren't UTF-8 show as \x..
 * May use: base/. Pure, but for the questions about the terminal. */
#ifndef TEND_CLI_GLYPH_H
#define TEND_CLI_GLYPH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* Appends the text with every control character spelled out (\n, \x1b, \u{202e}); keeps_lines:
 * line ends and tabs stay. */
void glyph_add(struct buffer *out, struct bytes text, bool keeps_lines);
/* The same in one line of at most `columns` columns, cut with an ellipsis. The columns used. */
size_t glyph_add_fit(struct buffer *out, struct bytes text, size_t columns);
/* The columns of text as glyph_add would show it in one line. */
size_t glyph_width(struct bytes text);
void glyph_add_blanks(struct buffer *out, size_t count);

/* Writes glyph_add's form to standard output. */
void glyph_print(struct bytes text, bool keeps_lines);
/* The escape sequence for a run's or step's status, "dim", or (for anything else) plain. */
const char *glyph_tone(const char *name);

/* May colours be used there (a terminal, no NO_COLOR, TERM isn't dumb)? */
bool glyph_has_colours(int descriptor);
/* Is it a terminal on which the cursor can be moved? */
bool glyph_has_cursor(int descriptor);
/* Does the user's locale show more than ASCII? */
bool glyph_has_utf8(void);
/* Of the terminal; 80 and 24 where it doesn't say. */
void glyph_size(int descriptor, size_t *columns, size_t *rows);

#endif
