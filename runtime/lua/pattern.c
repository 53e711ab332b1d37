/* The matcher of Lua patterns; see pattern.h. Items that leave no choice are walked in a loop, the
 * others (a repetition, a capture that must be undone) by recursion into the rest. */
#include "lua/pattern.h"

#include <ctype.h>
#include <string.h>

enum item_kind {
    ITEM_END,     /* of the pattern: matched */
    ITEM_CHAR,    /* one character: `first` */
    ITEM_ANY,     /* . */
    ITEM_CLASS,   /* %a: `first` is the letter */
    ITEM_SET,     /* [set]: `from` to `to`, without the brackets */
    ITEM_OPEN,    /* ( */
    ITEM_CLOSE,   /* ) */
    ITEM_HERE,    /* () */
    ITEM_BALANCE, /* %bxy: `first`, `second` */
    ITEM_BORDER,  /* %f[set] */
    ITEM_BACK,    /* %1: `first` is the capture's index */
    ITEM_LAST,    /* $ at the end */
    ITEM_ERROR    /* `from` says what is wrong with the pattern */
};

struct pattern_item {
    unsigned char kind, first, second;
    char repeat; /* 0, or one of * + - ? */
    const char *from, *to;
};

const char PATTERN_STOPPED[] = "stopped";
static const int depth_max = 200; /* of recursion: a few hundred bytes of stack each */

size_t pattern_items(struct bytes text) { return text.size + 1; }
_Static_assert(sizeof(struct pattern_item) <= PATTERN_ITEM_BYTES, "room for an item");

/* ---- compiling ---- */

struct reader {
    const char *at, *end;
};

static void make_error(struct pattern_item *item, const char *message, struct reader *reader) {
    item->kind = ITEM_ERROR;
    item->from = message;
    reader->at = reader->end;
}

/* After the `[`. The first character is no closing bracket, also not after ^. */
static void read_set(struct reader *reader, struct pattern_item *item, enum item_kind kind) {
    const char *at = reader->at, *end = reader->end;
    item->kind = (unsigned char)kind;
    item->from = at;
    if (at < end && *at == '^') at++;
    for (bool is_first = true;; is_first = false) {
        if (at >= end) {
            make_error(item, "malformed pattern (missing ']')", reader);
            return;
        }
        if (*at == ']' && !is_first) break;
        at += *at == '%' ? 2 : 1;
    }
    item->to = at;
    reader->at = at + 1;
}

/* After the `%`. */
static void read_escape(struct reader *reader, struct pattern_item *item) {
    if (reader->at >= reader->end) {
        make_error(item, "malformed pattern (ends with '%')", reader);
        return;
    }
    unsigned char letter = (unsigned char)*reader->at++;
    item->first = letter;
    item->kind = isalpha(letter) ? ITEM_CLASS : ITEM_CHAR;
    if (letter == 'b') {
        if (reader->end - reader->at < 2) {
            make_error(item, "malformed pattern (missing arguments to '%b')", reader);
            return;
        }
        item->kind = ITEM_BALANCE;
        item->first = (unsigned char)*reader->at++;
        item->second = (unsigned char)*reader->at++;
    } else if (letter == 'f') {
        if (reader->at < reader->end && *reader->at == '[')
            reader->at++, read_set(reader, item, ITEM_BORDER);
        else make_error(item, "missing '[' after '%f' in pattern", reader);
    } else if (isdigit(letter)) {
        item->kind = ITEM_BACK;
        item->first = (unsigned char)(letter - '0');
    }
}

static void read_item(struct reader *reader, struct pattern_item *item) {
    unsigned char c = (unsigned char)*reader->at++;
    bool is_last = reader->at == reader->end;
    *item = (struct pattern_item){.kind = ITEM_CHAR, .first = c};
    if (c == '%') {
        read_escape(reader, item);
    } else if (c == '[') {
        read_set(reader, item, ITEM_SET);
    } else if (c == '.') {
        item->kind = ITEM_ANY;
    } else if (c == '$' && is_last) {
        item->kind = ITEM_LAST;
    } else if (c == ')') {
        item->kind = ITEM_CLOSE;
    } else if (c == '(') {
        bool is_here = !is_last && *reader->at == ')';
        item->kind = is_here ? ITEM_HERE : ITEM_OPEN;
        if (is_here) reader->at++;
    }
}

static bool is_single(const struct pattern_item *item) {
    return item->kind >= ITEM_CHAR && item->kind <= ITEM_SET;
}

void pattern_compile(struct bytes text, bool has_anchor, struct pattern_item *items,
                     struct pattern *ret) {
    struct reader reader = {text.data, text.data + text.size};
    ret->items = items;
    ret->is_anchored = has_anchor && text.size && *text.data == '^';
    if (ret->is_anchored) reader.at++;
    for (; reader.at < reader.end; items++) {
        read_item(&reader, items);
        bool may_repeat = is_single(items) && reader.at < reader.end && *reader.at;
        if (may_repeat && strchr("*+-?", *reader.at)) items->repeat = *reader.at++;
    }
    *items = (struct pattern_item){.kind = ITEM_END};
}

/* ---- one character ---- */

static bool is_in_class(unsigned char c, unsigned char letter) {
    bool is_in;
    switch (tolower(letter)) {
    case 'a': is_in = isalpha(c); break;
    case 'c': is_in = iscntrl(c); break;
    case 'd': is_in = isdigit(c); break;
    case 'g': is_in = isgraph(c); break;
    case 'l': is_in = islower(c); break;
    case 'p': is_in = ispunct(c); break;
    case 's': is_in = isspace(c); break;
    case 'u': is_in = isupper(c); break;
    case 'w': is_in = isalnum(c); break;
    case 'x': is_in = isxdigit(c); break;
    default: return c == letter; /* no class: itself */
    }
    return isupper(letter) ? !is_in : is_in;
}

static bool is_in_set(unsigned char c, const struct pattern_item *item) {
    const char *at = item->from, *to = item->to;
    bool is_negated = at < to && *at == '^';
    for (at += is_negated; at < to; at++) {
        unsigned char low = (unsigned char)*at;
        if (low == '%' && at + 1 < to) {
            if (is_in_class(c, (unsigned char)*++at)) return !is_negated;
        } else if (to - at > 2 && at[1] == '-') {
            at += 2;
            if (low <= c && c <= (unsigned char)*at) return !is_negated;
        } else if (low == c) {
            return !is_negated;
        }
    }
    return is_negated;
}

static bool is_one(unsigned char c, const struct pattern_item *item) {
    switch (item->kind) {
    case ITEM_CHAR: return c == item->first;
    case ITEM_ANY: return true;
    case ITEM_CLASS: return is_in_class(c, item->first);
    default: return is_in_set(c, item);
    }
}

static bool matches_one(const struct pattern_match *match, const char *at,
                        const struct pattern_item *item) {
    return at < match->end && is_one((unsigned char)*at, item);
}

/* ---- matching ---- */

static const char *walk(struct pattern_match *match, const char *at,
                        const struct pattern_item *item);

static const char *fail(struct pattern_match *match, const char *message) {
    match->error = message;
    return NULL;
}

/* As many as there are, then fewer. */
static const char *repeat_most(struct pattern_match *match, const char *at, size_t least,
                               const struct pattern_item *item) {
    size_t count = 0, most = (size_t)(match->end - at);
    while (count < most && is_one((unsigned char)at[count], item)) count++;
    for (;; count--) {
        if (count < least) return NULL;
        const char *end = walk(match, at + count, item + 1);
        if (end || match->error || count == 0) return end;
    }
}

/* As few as will do. */
static const char *repeat_least(struct pattern_match *match, const char *at,
                                const struct pattern_item *item) {
    for (;; at++) {
        const char *end = walk(match, at, item + 1);
        if (end || match->error) return end;
        if (!matches_one(match, at, item)) return NULL;
    }
}

static const char *open_capture(struct pattern_match *match, const char *at, ptrdiff_t size,
                                const struct pattern_item *item) {
    if (match->captures >= PATTERN_CAPTURES_MAX) return fail(match, "too many captures");
    match->capture[match->captures++] = (struct pattern_capture){at, size};
    const char *end = walk(match, at, item + 1);
    if (!end) match->captures--;
    return end;
}

static const char *close_capture(struct pattern_match *match, const char *at,
                                 const struct pattern_item *item) {
    int index = match->captures - 1;
    while (index >= 0 && match->capture[index].size != CAPTURE_OPEN) index--;
    if (index < 0) return fail(match, "invalid pattern capture");
    match->capture[index].size = at - match->capture[index].start;
    const char *end = walk(match, at, item + 1);
    if (!end) match->capture[index].size = CAPTURE_OPEN;
    return end;
}

/* Past a balanced run that begins at `at`, or NULL. */
static const char *skip_balanced(const struct pattern_match *match, const char *at,
                                 const struct pattern_item *item) {
    size_t level = 1;
    if (at >= match->end || (unsigned char)*at != item->first) return NULL;
    for (at++; at < match->end; at++) {
        unsigned char c = (unsigned char)*at;
        if (c == item->second && --level == 0) return at + 1;
        if (c == item->first && c != item->second) level++;
    }
    return NULL;
}

static bool is_border(const struct pattern_match *match, const char *at,
                      const struct pattern_item *item) {
    unsigned char before = at > match->subject ? (unsigned char)at[-1] : 0;
    unsigned char after = at < match->end ? (unsigned char)*at : 0;
    return !is_in_set(before, item) && is_in_set(after, item);
}

/* Past another copy of what was captured, or NULL. */
static const char *skip_copy(struct pattern_match *match, const char *at,
                             const struct pattern_item *item) {
    int index = item->first - 1;
    if (index < 0 || index >= match->captures || match->capture[index].size == CAPTURE_OPEN)
        return fail(match, "invalid capture index in pattern");
    if (match->capture[index].size < 0) return NULL; /* a position: never as text */
    size_t size = (size_t)match->capture[index].size;
    bool is_there =
        (size_t)(match->end - at) >= size && memcmp(match->capture[index].start, at, size) == 0;
    return is_there ? at + size : NULL;
}

/* An item that leaves no choice: what is behind it, or NULL. */
static const char *skip(struct pattern_match *match, const char *at,
                        const struct pattern_item *item) {
    switch (item->kind) {
    case ITEM_BALANCE: return skip_balanced(match, at, item);
    case ITEM_BORDER: return is_border(match, at, item) ? at : NULL;
    case ITEM_BACK: return skip_copy(match, at, item);
    case ITEM_LAST: return at == match->end ? at : NULL;
    case ITEM_ERROR: return fail(match, item->from);
    default: return matches_one(match, at, item) ? at + 1 : NULL;
    }
}

/* An item that leaves a choice, and the rest. */
static const char *choose(struct pattern_match *match, const char *at,
                          const struct pattern_item *item) {
    switch (item->kind) {
    case ITEM_OPEN: return open_capture(match, at, CAPTURE_OPEN, item);
    case ITEM_HERE: return open_capture(match, at, CAPTURE_POSITION, item);
    case ITEM_CLOSE: return close_capture(match, at, item);
    }
    switch (item->repeat) {
    case '*': return repeat_most(match, at, 0, item);
    case '+': return repeat_most(match, at, 1, item);
    default: return repeat_least(match, at, item);
    }
}

static const char *walk_on(struct pattern_match *match, const char *at,
                           const struct pattern_item *item) {
    for (; item->kind != ITEM_END; item++) {
        bool is_choice = item->kind >= ITEM_OPEN && item->kind <= ITEM_HERE;
        if (item->repeat == '?') {
            const char *end = matches_one(match, at, item) ? walk(match, at + 1, item + 1) : NULL;
            if (end || match->error) return end;
        } else if (is_choice || item->repeat) {
            return choose(match, at, item);
        } else if (!(at = skip(match, at, item))) {
            return NULL;
        }
    }
    return at;
}

/* The end of the match of `item` and all behind it, or NULL with what was captured undone. */
static const char *walk(struct pattern_match *match, const char *at,
                        const struct pattern_item *item) {
    if (*match->stop) return fail(match, PATTERN_STOPPED);
    if (match->depth >= depth_max) return fail(match, "pattern too complex");
    match->depth++;
    const char *end = walk_on(match, at, item);
    match->depth--;
    return end;
}

const char *pattern_match_at(struct pattern_match *match, const char *at) {
    match->captures = match->depth = 0;
    match->error = NULL;
    return walk(match, at, match->pattern->items);
}

/* The next place where the first item may match: cheap, where it is a plain character. */
static const char *next_chance(const struct pattern_match *match, const char *at) {
    const struct pattern_item *first = match->pattern->items;
    bool is_plain = first->kind == ITEM_CHAR && (!first->repeat || first->repeat == '+');
    if (!is_plain) return at;
    return at < match->end ? memchr(at, first->first, (size_t)(match->end - at)) : NULL;
}

const char *pattern_search(struct pattern_match *match, const char *at, const char **end) {
    bool is_anchored = match->pattern->is_anchored;
    match->error = NULL;
    do {
        if (!is_anchored && !(at = next_chance(match, at))) return NULL;
        if ((*end = pattern_match_at(match, at))) return at;
        if (match->error) return NULL;
    } while (at++ < match->end && !is_anchored);
    return NULL;
}
