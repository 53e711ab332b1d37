/* The shapes in a log line that change from line to line, and what is written for them; the other
 * half of patterns.h.
 *
 * At each place where a word may begin, the shapes are tried, the longest first; each tries a
 * bounded number of bytes or takes what it looked at, so a line is passed over a fixed number of
 * times. Digits inside a word (`http2`, `utf8`) are part of its name and stay, unless the word is
 * long and looks drawn at random. */
#include "analysis/patterns.h"

#include <string.h>

enum { ID_AT_LEAST = 12, ID_DIGITS_AT_LEAST = 3, HEX_AT_LEAST = 8, UUID_BYTES = 36 };

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static bool is_word(char c) { return is_digit(c) || is_letter(c); }
static bool is_hex(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static char at(struct bytes text, size_t i) { return i < text.size ? text.data[i] : '\0'; }

/* Bytes from `start` on, at most `most`, for which `is` holds. */
static size_t span(struct bytes text, size_t start, size_t most, bool (*is)(char)) {
    size_t size = 0;
    while (size < most && start + size < text.size && is(text.data[start + size])) size++;
    return size;
}

/* Whether `text` at `start` has this form: d a digit, h a hex digit, the rest itself. */
static bool has_form(struct bytes text, size_t start, const char *form) {
    for (size_t i = 0; form[i]; i++) {
        char c = at(text, start + i);
        bool fits = form[i] == 'd' ? is_digit(c) : form[i] == 'h' ? is_hex(c) : c == form[i];
        if (!fits) return false;
    }
    return true;
}

/* Each shape returns the bytes it takes from `start` on, 0 if it isn't there. */

static size_t uuid(struct bytes text, size_t start) {
    if (!has_form(text, start, "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh")) return 0;
    return is_word(at(text, start + UUID_BYTES)) ? 0 : UUID_BYTES;
}

static size_t clock_time(struct bytes text, size_t start) {
    if (!has_form(text, start, "dd:dd:dd")) return 0;
    size_t size = 8;
    char point = at(text, start + size);
    if ((point == '.' || point == ',') && is_digit(at(text, start + size + 1)))
        size += 1 + span(text, start + size + 1, 9, is_digit);
    if (at(text, start + size) == 'Z') return size + 1;
    if (has_form(text, start + size, "+dd:dd") || has_form(text, start + size, "-dd:dd"))
        return size + 6;
    if (has_form(text, start + size, "+dddd") || has_form(text, start + size, "-dddd"))
        return size + 5;
    return size;
}

/* A date, with the time behind it if there is one. */
static size_t date(struct bytes text, size_t start) {
    if (!has_form(text, start, "dddd-dd-dd") && !has_form(text, start, "dddd/dd/dd")) return 0;
    size_t size = 10;
    char between = at(text, start + size);
    if (between != 'T' && between != ' ' && between != 't') return size;
    size_t time = clock_time(text, start + size + 1);
    return time ? size + 1 + time : size;
}

static size_t port(struct bytes text, size_t start) {
    if (at(text, start) != ':') return 0;
    size_t digits = span(text, start + 1, 5, is_digit);
    return digits ? digits + 1 : 0;
}

static size_t ipv4(struct bytes text, size_t start) {
    size_t size = 0;
    for (int part = 0; part < 4; part++) {
        if (part && at(text, start + size++) != '.') return 0;
        size_t digits = span(text, start + size, 3, is_digit);
        if (!digits) return 0;
        size += digits;
    }
    if (is_word(at(text, start + size)) || at(text, start + size) == '.') return 0;
    return size + port(text, start + size);
}

static bool is_ipv6(char c) { return is_hex(c) || c == ':'; }

/* Groups of hex digits between colons: at least two colons, "::" or a digit among them. */
static size_t ipv6(struct bytes text, size_t start) {
    size_t size = span(text, start, 39, is_ipv6), colons = 0, digits = 0;
    bool has_gap = false;
    for (size_t i = 0; i < size; i++) {
        char c = text.data[start + i];
        colons += c == ':';
        digits += is_digit(c);
        has_gap = has_gap || (c == ':' && i + 1 < size && text.data[start + i + 1] == ':');
    }
    bool is_whole = colons == 7 && !has_gap;
    if (!(is_whole || (has_gap && colons >= 2 && size > 2 && digits))) return 0;
    return is_word(at(text, start + size)) ? 0 : size;
}

static bool is_local(char c) { return is_word(c) || (c && strchr("._%+-", c)); }
static bool is_host(char c) { return is_word(c) || c == '.' || c == '-'; }

/* Bounded at 64 bytes before the @, as addresses are. */
static size_t email(struct bytes text, size_t start) {
    size_t local = span(text, start, 65, is_local);
    if (!local || local > 64 || at(text, start + local) != '@') return 0;
    size_t host = span(text, start + local + 1, 255, is_host);
    bool has_point = host && memchr(text.data + start + local + 1, '.', host);
    return has_point ? local + 1 + host : 0;
}

/* A word that names something: a long run of hex digits, or letters mixed with digits. */
static size_t id(struct bytes text, size_t start) {
    if (at(text, start) == '0' && at(text, start + 1) == 'x') {
        size_t hex = span(text, start + 2, text.size, is_hex);
        return hex ? hex + 2 : 0;
    }
    size_t size = span(text, start, text.size, is_word), digits = 0, hex = 0;
    for (size_t i = 0; i < size; i++) {
        digits += is_digit(text.data[start + i]);
        hex += is_hex(text.data[start + i]);
    }
    if (digits == size || !digits) return 0; /* a number, or a word */
    if (size >= HEX_AT_LEAST && hex == size) return size;
    return size >= ID_AT_LEAST && digits >= ID_DIGITS_AT_LEAST ? size : 0;
}

static size_t number(struct bytes text, size_t start) {
    size_t size = span(text, start, text.size, is_digit);
    if (size && at(text, start + size) == '.' && is_digit(at(text, start + size + 1)))
        size += 1 + span(text, start + size + 1, text.size, is_digit);
    return size;
}

/* Colours and the like: ESC [ … letter. Left out. */
static size_t escape(struct bytes text, size_t start) {
    if (at(text, start) != '\x1b' || at(text, start + 1) != '[') return 0;
    size_t size = 2;
    while (size < 32 && start + size < text.size && !is_letter(text.data[start + size])) size++;
    return start + size < text.size ? size + 1 : size;
}

static const struct {
    size_t (*find)(struct bytes text, size_t start);
    const char *mark;
} SHAPES[] = {
    {uuid, "<id>"},      {date, "<time>"},     {clock_time, "<time>"}, {ipv4, "<address>"},
    {ipv6, "<address>"}, {email, "<address>"}, {id, "<id>"},           {number, "<number>"},
};

/* Takes what begins at `start`; a word without a shape is copied whole. */
static size_t mask_word(struct bytes line, size_t start, struct buffer *out) {
    for (size_t i = 0; i < sizeof SHAPES / sizeof *SHAPES; i++) {
        size_t size = SHAPES[i].find(line, start);
        if (!size) continue;
        buffer_add_text(out, SHAPES[i].mark);
        return size;
    }
    size_t size = span(line, start, line.size, is_word);
    buffer_add(out, line.data + start, size ? size : 1);
    return size ? size : 1;
}

void patterns_mask(struct bytes line, struct buffer *out) {
    for (size_t i = 0; i < line.size;) {
        size_t colour = escape(line, i);
        bool may_begin = is_word(line.data[i]) || (line.data[i] == ':' && at(line, i + 1) == ':');
        if (colour) {
            i += colour;
        } else if (may_begin) {
            i += mask_word(line, i, out);
        } else {
            buffer_add_byte(out, (unsigned char)line.data[i++]);
        }
    }
}
