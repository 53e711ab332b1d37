/* Text on a terminal; see glyph.h. The tables are few and coarse on purpose: a wrong guess of a
 * width moves a column, and a line is never filled to its end. */
#include "cli/glyph.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"

struct range {
    uint32_t first, last;
};

/* East Asian wide and fullwidth, and what is shown as emoji. */
static const struct range wide[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x23e9, 0x23ec},   {0x25fd, 0x25fe},
    {0x2614, 0x2615},   {0x2648, 0x2653},   {0x26a1, 0x26a1},   {0x26bd, 0x26be},
    {0x26d4, 0x26d4},   {0x2705, 0x2705},   {0x270a, 0x270b},   {0x2728, 0x2728},
    {0x274c, 0x274c},   {0x2753, 0x2757},   {0x2795, 0x2797},   {0x2e80, 0x303e},
    {0x3041, 0xa4cf},   {0xa960, 0xa97c},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},
    {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x1f004, 0x1f004},
    {0x1f0cf, 0x1f0cf}, {0x1f18e, 0x1f19a}, {0x1f200, 0x1f320}, {0x1f32d, 0x1f64f},
    {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x1fa70, 0x1faff}, {0x20000, 0x3fffd}};

/* Combining marks, joiners and variation selectors. */
static const struct range narrow[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489},   {0x0591, 0x05bd},  {0x0610, 0x061a}, {0x064b, 0x065f},
    {0x0900, 0x0902}, {0x0e31, 0x0e31},   {0x0e34, 0x0e3a},  {0x0e47, 0x0e4e}, {0x1ab0, 0x1aff},
    {0x1dc0, 0x1dff}, {0x200b, 0x200d},   {0x20d0, 0x20ff},  {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
    {0xfeff, 0xfeff}, {0x1f3fb, 0x1f3ff}, {0xe0100, 0xe01ef}};

/* Line and paragraph ends, and what changes the direction of writing. */
static const struct range steering[] = {{0x00, 0x1f},     {0x7f, 0x9f},      {0x061c, 0x061c},
                                        {0x200e, 0x200f}, {0x2028, 0x202e},  {0x2066, 0x2069},
                                        {0xfff9, 0xfffb}, {0xe0000, 0xe007f}};

static bool is_in(const struct range *ranges, size_t count, uint32_t point) {
    for (size_t i = 0; i < count; i++)
        if (point >= ranges[i].first && point <= ranges[i].last) return true;
    return false;
}
#define IS_IN(ranges, point) is_in(ranges, sizeof ranges / sizeof *ranges, point)

static uint32_t decode(const unsigned char *text, size_t size) {
    if (size == 1) return text[0];
    uint32_t point = text[0] & (0xffu >> (size + 1));
    for (size_t i = 1; i < size; i++) point = point << 6 | (text[i] & 0x3f);
    return point;
}

struct glyph {
    size_t size; /* bytes of the text that it takes */
    size_t columns;
    char spelled[16]; /* "": it shows as it is */
};

static void spell(struct glyph *glyph, uint32_t point) {
    if (point == '\n') snprintf(glyph->spelled, sizeof glyph->spelled, "\\n");
    else if (point == '\t') snprintf(glyph->spelled, sizeof glyph->spelled, "\\t");
    else if (point < 256) snprintf(glyph->spelled, sizeof glyph->spelled, "\\x%02x", point);
    else snprintf(glyph->spelled, sizeof glyph->spelled, "\\u{%x}", point);
    glyph->columns = strlen(glyph->spelled);
}

static struct glyph read_glyph(const char *text, size_t size) {
    struct glyph glyph = {.size = text_utf8_length(text, size), .columns = 1};
    const unsigned char *bytes = (const unsigned char *)text;
    if (!glyph.size) {
        glyph.size = 1;
        spell(&glyph, *bytes);
        return glyph;
    }
    uint32_t point = decode(bytes, glyph.size);
    if (IS_IN(steering, point)) spell(&glyph, point);
    else if (IS_IN(narrow, point)) glyph.columns = 0;
    else if (IS_IN(wide, point)) glyph.columns = 2;
    return glyph;
}

static void add_glyph(struct buffer *out, const struct glyph *glyph, const char *text) {
    if (glyph->spelled[0]) buffer_add_text(out, glyph->spelled);
    else buffer_add(out, text, glyph->size);
}

void glyph_add(struct buffer *out, struct bytes text, bool keeps_lines) {
    for (size_t at = 0; at < text.size;) {
        struct glyph glyph = read_glyph(text.data + at, text.size - at);
        char byte = text.data[at];
        if (keeps_lines && (byte == '\n' || byte == '\t'))
            buffer_add_byte(out, (unsigned char)byte);
        else add_glyph(out, &glyph, text.data + at);
        at += glyph.size;
    }
}

size_t glyph_width(struct bytes text) {
    size_t columns = 0;
    for (size_t at = 0; at < text.size;) {
        struct glyph glyph = read_glyph(text.data + at, text.size - at);
        columns += glyph.columns;
        at += glyph.size;
    }
    return columns;
}

size_t glyph_add_fit(struct buffer *out, struct bytes text, size_t columns) {
    size_t used = 0, width = glyph_width(text);
    bool is_cut = width > columns;
    size_t room = is_cut && columns ? columns - 1 : columns;
    for (size_t at = 0; at < text.size;) {
        struct glyph glyph = read_glyph(text.data + at, text.size - at);
        if (used + glyph.columns > room) break;
        add_glyph(out, &glyph, text.data + at);
        used += glyph.columns;
        at += glyph.size;
    }
    if (!is_cut || !columns) return used;
    buffer_add_text(out, glyph_has_utf8() ? "…" : "~");
    return used + 1;
}

void glyph_add_blanks(struct buffer *out, size_t count) {
    for (size_t i = 0; i < count; i++) buffer_add_byte(out, ' ');
}

void glyph_print(struct bytes text, bool keeps_lines) {
    struct buffer out = BUFFER_EMPTY;
    glyph_add(&out, text, keeps_lines);
    if (out.size && !out.is_failed) fwrite(out.data, 1, out.size, stdout);
    buffer_done(&out);
}

const char *glyph_tone(const char *name) {
    static const char *const tones[][2] = {{"completed", "\033[32m"}, {"failed", "\033[31m"},
                                           {"blocked", "\033[31m"},   {"stuck", "\033[31m"},
                                           {"running", "\033[36m"},   {"waiting", "\033[33m"},
                                           {"pending", "\033[33m"},   {"dim", "\033[2m"},
                                           {"cancelled", "\033[35m"}, {"set aside", "\033[2m"}};
    for (size_t i = 0; i < sizeof tones / sizeof *tones; i++)
        if (strcmp(tones[i][0], name) == 0) return tones[i][1];
    return "\033[0m";
}

/* ---- the terminal ---- */

bool glyph_has_cursor(int descriptor) {
    const char *kind = getenv("TERM");
    return kind && *kind && strcmp(kind, "dumb") != 0 && isatty(descriptor);
}

bool glyph_has_colours(int descriptor) {
    const char *refused = getenv("NO_COLOR");
    return !(refused && *refused) && glyph_has_cursor(descriptor);
}

bool glyph_has_utf8(void) {
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < 3; i++) {
        const char *value = getenv(names[i]);
        if (value && *value) return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
    }
    return false;
}

void glyph_size(int descriptor, size_t *columns, size_t *rows) {
    struct winsize size = {0};
    bool is_told = ioctl(descriptor, TIOCGWINSZ, &size) == 0;
    *columns = is_told && size.ws_col ? size.ws_col : 80;
    *rows = is_told && size.ws_row ? size.ws_row : 24;
}
