/* Drawing the tree into lines that fit the screen: of what has ended as many as there is room for,
 * then what is under way; what doesn't fit is counted. */
#include <stdio.h>
#include <string.h>

#include "cli/glyph.h"
#include "cli/tree_node.h"

enum { ID_END = 8, LABEL_LEAST = 10 };

struct drawing {
    const struct tree_style *style;
    struct tree_lines *lines;
    size_t kept;    /* ended children of a parent that are shown */
    size_t max;     /* lines */
    size_t dropped; /* lines that didn't fit */
};

void tree_add_duration(struct buffer *out, int64_t us) {
    long long seconds = (long long)(us / 1000000);
    if (us < 1000000) buffer_add_format(out, "%lld ms", (long long)(us / 1000));
    else if (us < 60000000) buffer_add_format(out, "%.1f s", (double)us / 1e6);
    else if (seconds < 3600) buffer_add_format(out, "%lldm%02llds", seconds / 60, seconds % 60);
    else if (seconds < 86400)
        buffer_add_format(out, "%lldh%02lldm", seconds / 3600, seconds / 60 % 60);
    else buffer_add_format(out, "%lldd%02lldh", seconds / 86400, seconds / 3600 % 24);
}

/* ---- the parts of a line ---- */

enum tone { TONE_PLAIN, TONE_DIM, TONE_GREEN, TONE_RED, TONE_YELLOW, TONE_CYAN };

static void set_tone(const struct drawing *drawing, enum tone tone) {
    static const char *const codes[] = {"\033[0m",  "\033[2m",  "\033[32m",
                                        "\033[31m", "\033[33m", "\033[36m"};
    if (drawing->style->has_colours) buffer_add_text(&drawing->lines->text, codes[tone]);
}

struct mark {
    const char *text, *ascii;
    enum tone tone;
};

static struct mark mark_of(const struct drawing *drawing, const struct tree_node *node) {
    static const char *const frames[] = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};
    static const char *const plain[] = {"|", "/", "-", "\\"};
    unsigned spinner = drawing->style->spinner;
    switch (node->state) {
    case TREE_DONE: return (struct mark){"✓", "+", TONE_GREEN};
    case TREE_FAILED: return (struct mark){"✗", "x", TONE_RED};
    case TREE_CANCELLED: return (struct mark){"∅", "0", TONE_YELLOW};
    case TREE_RETRYING: return (struct mark){"↻", "~", TONE_YELLOW};
    default: break;
    }
    if (node->is_ended) return (struct mark){"·", ".", TONE_DIM};
    if (drawing->style->is_last) return (struct mark){"…", ".", TONE_YELLOW};
    return (struct mark){frames[spinner % 10], plain[spinner % 4], TONE_CYAN};
}

static void add_elapsed(const struct drawing *drawing, const struct tree_node *node,
                        struct buffer *out) {
    int64_t elapsed_us = drawing->style->now_us - node->began_us;
    if (!node->began_us || elapsed_us < 100000) return;
    buffer_add_text(out, " ");
    tree_add_duration(out, elapsed_us);
}

static void add_active(const struct drawing *drawing, const struct tree_node *node,
                       struct buffer *out) {
    int64_t left_us = node->due_at_us - drawing->style->wall_us;
    if (node->attempt > 1) buffer_add_format(out, " attempt %u", node->attempt);
    add_elapsed(drawing, node, out);
    if (node->due_at_us && left_us > 0) {
        buffer_add_text(out, ", ");
        tree_add_duration(out, left_us);
        buffer_add_text(out, " left");
    }
    if (node->active_count > 1) buffer_add_format(out, ", %zu under way", node->active_count);
}

static void add_message(const struct tree_node *node, struct buffer *out) {
    if (node->message[0]) buffer_add_format(out, ": %s", node->message);
}

/* What stands behind the name. */
static void add_detail(const struct drawing *drawing, const struct tree_node *node,
                       struct buffer *out) {
    size_t size = strlen(node->run_id);
    bool is_short = size > ID_END && !drawing->style->is_last;
    if (node->is_run)
        buffer_add_format(out, " %s", is_short ? node->run_id + size - ID_END : node->run_id);
    else if (*node->kind && strcmp(node->kind, "step") != 0)
        buffer_add_format(out, " (%s)", node->kind);
    if (node->state == TREE_RETRYING) {
        buffer_add_format(out, " attempt %u failed", node->attempt ? node->attempt : 1);
        add_message(node, out);
    } else if (!node->is_ended) {
        add_active(drawing, node, out);
    } else if (node->state != TREE_QUIET) {
        if (node->attempt > 1) buffer_add_format(out, " %u attempts,", node->attempt);
        buffer_add_byte(out, ' ');
        tree_add_duration(out, node->duration_us);
        add_message(node, out);
    }
}

/* ---- lines ---- */

/* Room for one more line? */
static bool has_room(struct drawing *drawing) {
    if (drawing->lines->count < drawing->max) return true;
    drawing->dropped++;
    return false;
}

static void end_line(struct drawing *drawing, size_t width) {
    set_tone(drawing, TONE_PLAIN);
    buffer_add_byte(&drawing->lines->text, '\n');
    drawing->lines->widths[drawing->lines->count++] = width;
}

static void draw_node(struct drawing *drawing, const struct tree_node *node, size_t depth) {
    struct buffer *out = &drawing->lines->text, detail = BUFFER_EMPTY;
    size_t room = drawing->style->columns - 1, width = depth * 2;
    struct mark mark = mark_of(drawing, node);
    if (!has_room(drawing)) return;
    if (width + LABEL_LEAST > room) width = room > LABEL_LEAST ? room - LABEL_LEAST : 0;
    glyph_add_blanks(out, width);
    set_tone(drawing, mark.tone);
    buffer_add_text(out, drawing->style->has_utf8 ? mark.text : mark.ascii);
    set_tone(drawing, TONE_PLAIN);
    buffer_add_byte(out, ' ');
    width += 2;
    width += glyph_add_fit(out, bytes_of(node->label), room > width ? room - width : 0);
    add_detail(drawing, node, &detail);
    set_tone(drawing, node->state == TREE_FAILED ? TONE_RED : TONE_DIM);
    width += glyph_add_fit(out, buffer_bytes(&detail), room > width ? room - width : 0);
    end_line(drawing, width);
    buffer_done(&detail);
}

static void draw_count(struct drawing *drawing, size_t count, const char *what, size_t depth) {
    char text[64];
    size_t room = drawing->style->columns - 1, indent = depth * 2 < room ? depth * 2 : 0;
    snprintf(text, sizeof text, "%s %zu %s", drawing->style->has_utf8 ? "…" : "...", count, what);
    glyph_add_blanks(&drawing->lines->text, indent);
    set_tone(drawing, TONE_DIM);
    end_line(drawing, indent + glyph_add_fit(&drawing->lines->text, bytes_of(text), room - indent));
}

static void draw_children(struct drawing *drawing, const struct tree_node *parent, size_t depth) {
    const struct tree_node *first = parent->ended;
    size_t kept = parent->ended_kept < drawing->kept ? parent->ended_kept : drawing->kept;
    size_t hidden = parent->folded + parent->ended_kept - kept;
    for (size_t i = kept; i < parent->ended_kept; i++) first = first->next;
    if (hidden && has_room(drawing)) draw_count(drawing, hidden, "ended before", depth);
    for (; first; first = first->next) {
        draw_node(drawing, first, depth);
        bool is_whole = first->is_run && drawing->style->is_last && parent->ended_kept == 1;
        if (is_whole) draw_children(drawing, first, depth + 1);
    }
    for (const struct tree_node *node = parent->active; node; node = node->next) {
        draw_node(drawing, node, depth);
        draw_children(drawing, node, depth + 1);
    }
}

/* ---- how it ended ---- */

static void add_summary(const struct tree_node *run, struct buffer *out) {
    buffer_add_format(out, "%s %s in ", run->label, run_status_name(run->status));
    tree_add_duration(out, run->duration_us);
    buffer_add_format(out, ", %zu step%s", run->steps, run->steps == 1 ? "" : "s");
    if (run->failed_attempts)
        buffer_add_format(out, ", %zu failed attempt%s", run->failed_attempts,
                          run->failed_attempts == 1 ? "" : "s");
}

static void draw_summaries(struct drawing *drawing, const struct tree_node *root) {
    for (const struct tree_node *run = root->ended; run; run = run->next) {
        struct buffer text = BUFFER_EMPTY;
        if (drawing->lines->count == TREE_LINES_MAX) return;
        add_summary(run, &text);
        set_tone(drawing, mark_of(drawing, run).tone);
        end_line(drawing, glyph_add_fit(&drawing->lines->text, buffer_bytes(&text),
                                        drawing->style->columns - 1));
        buffer_done(&text);
    }
}

/* ---- the whole ---- */

static size_t draw(const struct tree *tree, struct drawing *drawing, size_t kept) {
    buffer_clear(&drawing->lines->text);
    drawing->lines->count = drawing->dropped = 0;
    drawing->kept = kept;
    draw_children(drawing, tree->root, 0);
    return drawing->dropped;
}

void tree_draw(const struct tree *tree, const struct tree_style *style, struct tree_lines *lines) {
    static const size_t kept[] = {TREE_KEPT, 6, 3, 1, 0};
    struct tree_style own = *style;
    if (own.columns < 20) own.columns = 20; /* narrower ones wrap; so be it */
    struct drawing drawing = {.style = &own, .lines = lines};
    size_t last = own.is_last ? tree->root->ended_kept : 0;
    drawing.max = own.rows > last + 3 ? own.rows - last - 2 : 1; /* one for what was dropped */
    if (drawing.max > TREE_LINES_MAX - last - 1) drawing.max = TREE_LINES_MAX - last - 1;
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (draw(tree, &drawing, kept[i]) == 0) break;
    if (drawing.dropped) draw_count(&drawing, drawing.dropped, "more", 0);
    if (own.is_last) draw_summaries(&drawing, tree->root);
}
