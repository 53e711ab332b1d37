/* The shapes of well-known tokens, for redaction; see redact.h.
 *
 * One pass. At each byte a few prefixes are compared; a run of token characters is taken whole
 * once it is long enough and otherwise looked at for a bounded length, so no text makes this
 * slow. What has no shape of its own (a UUID, a password) is a secret only behind a word that says
 * so. */
#include <string.h>
#include <strings.h>

#include "analysis/marks.h"
#include "analysis/redact.h"

enum character_set {
    SET_ALNUM = 1,      /* A-Z a-z 0-9 */
    SET_DASH = 2,       /* and - _ */
    SET_UPPER = 4,      /* only A-Z 0-9 */
    SET_SLASH = 8,      /* and / */
    SET_POINT = 16,     /* and . */
    SET_UNDERSCORE = 32 /* and _ */
};

/* Known beginnings, the characters that follow, and how many there must be. */
static const struct shape {
    const char *prefix;
    int set;
    size_t at_least;
} SHAPES[] = {
    {"ghp_", SET_ALNUM, 30},
    {"gho_", SET_ALNUM, 30},
    {"ghu_", SET_ALNUM, 30},
    {"ghs_", SET_ALNUM, 30},
    {"ghr_", SET_ALNUM, 30},
    {"github_pat_", SET_ALNUM | SET_UNDERSCORE, 22},
    {"glpat-", SET_ALNUM | SET_DASH, 20},
    {"npm_", SET_ALNUM, 30},
    {"AKIA", SET_UPPER, 16},
    {"ASIA", SET_UPPER, 16},
    {"xoxb-", SET_ALNUM | SET_DASH, 10},
    {"xoxp-", SET_ALNUM | SET_DASH, 10},
    {"xoxa-", SET_ALNUM | SET_DASH, 10},
    {"xoxr-", SET_ALNUM | SET_DASH, 10},
    {"xoxs-", SET_ALNUM | SET_DASH, 10},
    {"xoxe-", SET_ALNUM | SET_DASH, 10},
    {"xoxe.", SET_ALNUM | SET_DASH, 10},
    {"xapp-", SET_ALNUM | SET_DASH, 10},
    {"hooks.slack.com/services/", SET_ALNUM | SET_SLASH, 20},
    {"sk_live_", SET_ALNUM, 16},
    {"sk_test_", SET_ALNUM, 16},
    {"rk_live_", SET_ALNUM, 16},
    {"rk_test_", SET_ALNUM, 16},
    {"whsec_", SET_ALNUM, 24},
    {"sk-", SET_ALNUM | SET_DASH, 20}, /* OpenAI; sk-ant- is Anthropic */
    {"AIza", SET_ALNUM | SET_DASH, 35},
    {"SG.", SET_ALNUM | SET_DASH | SET_POINT, 40},
};

/* Words behind which a value is a secret: one that looks drawn at random, any, or all to the end
 * of the line. */
enum keyword_kind { KEYWORD_RANDOM, KEYWORD_ANY, KEYWORD_LINE };

static const struct keyword {
    const char *word;
    enum keyword_kind kind;
} KEYWORDS[] = {
    {"password", KEYWORD_ANY},      {"passwd", KEYWORD_ANY},
    {"pwd", KEYWORD_ANY},           {"passphrase", KEYWORD_ANY},
    {"authorization", KEYWORD_ANY}, {"project-access-token", KEYWORD_ANY},
    {"x-api-key", KEYWORD_ANY},     {"cookie", KEYWORD_LINE},
    {"token", KEYWORD_RANDOM},      {"secret", KEYWORD_RANDOM},
    {"api_key", KEYWORD_RANDOM},    {"api-key", KEYWORD_RANDOM},
    {"apikey", KEYWORD_RANDOM},     {"access_key", KEYWORD_RANDOM},
    {"accesskey", KEYWORD_RANDOM},  {"private_key", KEYWORD_RANDOM},
    {"credential", KEYWORD_RANDOM}, {"credentials", KEYWORD_RANDOM},
    {"bearer", KEYWORD_RANDOM},     {"basic", KEYWORD_RANDOM},
};

enum {
    UUID_BYTES = 36,
    LOOKED_AT_BYTES = 128, /* of a value, to decide whether it is a secret */
    RANDOM_AT_LEAST = 8,   /* bytes, with a digit and a letter, behind "token=" */
    LONG_AT_LEAST = 20,    /* behind "token " */
    BLANKS_MAX = 8,
    LABEL_MAX = 40
};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_hex(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
static bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
static bool is_alnum(char c) { return is_digit(c) || is_upper(c) || (c >= 'a' && c <= 'z'); }

static bool is_in(int set, char c) {
    if (set & SET_UPPER) return is_digit(c) || is_upper(c);
    if (is_alnum(c)) return true;
    if (c == '-') return set & SET_DASH;
    if (c == '_') return set & (SET_DASH | SET_UNDERSCORE);
    return (c == '/' && (set & SET_SLASH)) || (c == '.' && (set & SET_POINT));
}

static char at(struct bytes text, size_t i) { return i < text.size ? text.data[i] : '\0'; }

static size_t span(struct bytes text, size_t start, int set) {
    size_t size = 0;
    while (start + size < text.size && is_in(set, text.data[start + size])) size++;
    return size;
}

static bool begins(struct bytes text, size_t start, const char *prefix) {
    size_t size = strlen(prefix);
    return text.size - start >= size && memcmp(text.data + start, prefix, size) == 0;
}

static bool begins_any_case(struct bytes text, size_t start, const char *prefix) {
    size_t size = strlen(prefix);
    return text.size - start >= size && strncasecmp(text.data + start, prefix, size) == 0;
}

/* Each of these marks what begins at `start` and returns the bytes it took; 0: nothing. */

static size_t mark_shape(struct marks *marks, size_t start) {
    for (size_t i = 0; i < sizeof SHAPES / sizeof *SHAPES; i++) {
        const struct shape *shape = &SHAPES[i];
        if (marks->text.data[start] != shape->prefix[0]) continue;
        if (!begins(marks->text, start, shape->prefix)) continue;
        size_t prefix = strlen(shape->prefix);
        size_t size = span(marks->text, start + prefix, shape->set);
        if (size < shape->at_least) continue;
        marks_add(marks, start, prefix + size);
        return prefix + size;
    }
    return 0;
}

/* header.payload.signature, base64url of {"…; the signature may be empty. */
static size_t mark_jwt(struct marks *marks, size_t start) {
    struct bytes text = marks->text;
    if (!begins(text, start, "eyJ") || (start && is_in(SET_DASH, text.data[start - 1]))) return 0;
    size_t header = span(text, start, SET_ALNUM | SET_DASH);
    if (header < 10 || at(text, start + header) != '.') return 0;
    size_t payload = span(text, start + header + 1, SET_ALNUM | SET_DASH), size;
    size = header + 1 + payload;
    if (payload < 10 || at(text, start + size) != '.') return 0;
    size += 1 + span(text, start + size + 1, SET_ALNUM | SET_DASH);
    marks_add(marks, start, size);
    return size;
}

/* From its first line to its last; to the end of the text if the last isn't there. */
static size_t mark_private_key(struct marks *marks, size_t start) {
    static const char opening[] = "-----BEGIN ", kind[] = "PRIVATE KEY", closing[] = "-----END ";
    struct bytes text = marks->text;
    if (!begins(text, start, opening)) return 0;
    size_t left = text.size - start, label = sizeof opening - 1 + LABEL_MAX;
    if (!memmem(text.data + start, left < label ? left : label, kind, sizeof kind - 1)) return 0;
    const char *end = memmem(text.data + start, left, closing, sizeof closing - 1);
    size_t size = left;
    if (end) {
        size_t tail = (size_t)(end - text.data) + sizeof closing - 1;
        const char *dashes = memmem(text.data + tail, text.size - tail, "-----", 5);
        if (dashes) size = (size_t)(dashes - text.data) + 5 - start;
    }
    marks_add(marks, start, size);
    return size;
}

static bool ends_authority(char c) { return c == '\0' || strchr(" \t\r\n/?#\"'<>`", c); }

/* scheme://user:PASSWORD@host, up to the last @ before the path. */
static size_t mark_url_password(struct marks *marks, size_t start) {
    struct bytes text = marks->text;
    if (!begins(text, start, "://")) return 0;
    size_t first = start + 3, colon = 0, last_at = 0, i = first;
    for (; i < text.size && !ends_authority(text.data[i]); i++) {
        if (text.data[i] == ':' && !colon) colon = i;
        if (text.data[i] == '@') last_at = i;
    }
    if (!colon || last_at <= colon + 1) return 0;
    size_t size = last_at - colon - 1;
    bool is_masked = size == strlen(REDACT_MASK) && begins(text, colon + 1, REDACT_MASK);
    if (!is_masked) marks_add(marks, colon + 1, size);
    return last_at - start; /* masked or not: a second pass goes the same way */
}

/* ---- values behind words --------------------------------------------------------------------- */

static bool ends_value(char c) { return c == '\0' || strchr(" \t\r\n\"'`,;&<>(){}[]", c); }

/* Where a value's end is: at the quote that opened it, at the line's end, or at the first blank or
 * bracket. */
enum { END_LINE = -1, END_WORD = 0 };

static bool is_end(char c, int end) {
    if (end == END_WORD) return ends_value(c);
    return c == '\n' || c == '\r' || (end == END_LINE ? c == '"' || c == '\'' : c == (char)end);
}

static size_t value_span(struct bytes text, size_t start, size_t most, int end) {
    size_t size = 0;
    while (size < most && start + size < text.size && !is_end(text.data[start + size], end)) size++;
    return size;
}

static bool is_uuid(struct bytes text, size_t start, size_t size) {
    if (size != UUID_BYTES) return false;
    for (size_t i = 0; i < size; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        char c = text.data[start + i];
        if (is_dash ? c != '-' : !is_hex(c)) return false;
    }
    return true;
}

static bool is_random(struct bytes text, size_t start, size_t size, size_t at_least) {
    bool has_digit = false, has_letter = false;
    for (size_t i = start; i < start + size; i++) {
        if (text.data[i] == ' ') return false; /* a sentence in quotes */
        has_digit = has_digit || is_digit(text.data[i]);
        has_letter = has_letter || (is_alnum(text.data[i]) && !is_digit(text.data[i]));
    }
    return size >= at_least && has_digit && has_letter;
}

/* What people write in the place of a secret. */
static bool is_placeholder(struct bytes text, size_t start, size_t size) {
    static const char *const words[] = {"null",    "nil",   "none",     "undefined",
                                        "true",    "false", "required", "missing",
                                        "invalid", "is",    "masked"};
    struct bytes value = {text.data + start, size};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (size == strlen(words[i]) && begins_any_case(value, 0, words[i])) return true;
    return size == 0 || begins(value, 0, REDACT_MASK);
}

static size_t skip_blanks(struct bytes text, size_t i) {
    size_t end = i + BLANKS_MAX;
    while (i < end && (at(text, i) == ' ' || at(text, i) == '\t')) i++;
    return i;
}

static size_t skip_quote(struct bytes text, size_t i) {
    if (at(text, i) == '\\') i++;
    return at(text, i) == '"' || at(text, i) == '\'' || at(text, i) == '`' ? i + 1 : i;
}

/* From behind a word to its value: quotes, blanks, one of = : =>. `is_set`: there was one. */
static size_t skip_to_value(struct bytes text, size_t i, bool *is_set) {
    i = skip_blanks(text, skip_quote(text, i));
    *is_set = at(text, i) == '=' || at(text, i) == ':';
    if (*is_set) i += at(text, i + 1) == '>' || at(text, i + 1) == '=' ? 2 : 1;
    return skip_quote(text, skip_blanks(text, i));
}

/* "Bearer X", "Basic X": X is the value. */
static size_t skip_scheme(struct bytes text, size_t i) {
    static const char *const schemes[] = {"bearer ", "basic ", "token "};
    for (size_t n = 0; n < sizeof schemes / sizeof *schemes; n++)
        if (i <= text.size && begins_any_case(text, i, schemes[n]))
            return skip_blanks(text, i + strlen(schemes[n]));
    return i;
}

static bool is_secret(struct bytes text, size_t start, size_t size, enum keyword_kind kind,
                      bool is_set) {
    if (is_placeholder(text, start, size)) return false;
    if (is_set && kind != KEYWORD_RANDOM) return true;
    if (is_uuid(text, start, size)) return true;
    return is_random(text, start, size, is_set ? RANDOM_AT_LEAST : LONG_AT_LEAST);
}

/* The quote that opened the value at `start`, or how else it ends. */
static int end_of_value(struct bytes text, size_t start, enum keyword_kind kind) {
    char before = text.data[start - 1];
    if (before == '"' || before == '\'' || before == '`') return before;
    return kind == KEYWORD_LINE ? END_LINE : END_WORD;
}

static size_t mark_behind(struct marks *marks, size_t word_end, enum keyword_kind kind) {
    struct bytes text = marks->text;
    bool is_set;
    size_t first = skip_to_value(text, word_end, &is_set), start = skip_scheme(text, first);
    if (start >= text.size) return 0;
    int end = end_of_value(text, first, kind);
    size_t size = value_span(text, start, LOOKED_AT_BYTES, end);
    if (!is_secret(text, start, size, kind, is_set)) return 0;
    size = value_span(text, start, text.size, end);
    marks_add(marks, start, size);
    return start + size - word_end;
}

static size_t mark_keyword(struct marks *marks, size_t start) {
    struct bytes text = marks->text;
    for (size_t i = 0; i < sizeof KEYWORDS / sizeof *KEYWORDS; i++) {
        const char *word = KEYWORDS[i].word;
        if ((text.data[start] | 32) != word[0] || !begins_any_case(text, start, word)) continue;
        size_t size = strlen(word);
        char next = at(text, start + size);
        if (is_alnum(next) || next == '_' || next == '-') continue;
        size_t taken = mark_behind(marks, start + size, KEYWORDS[i].kind);
        return taken ? size + taken : 0;
    }
    return 0;
}

void token_mark_all(struct marks *marks) {
    struct bytes text = marks->text;
    for (size_t i = 0; i < text.size;) {
        bool is_inside = i > 0 && is_alnum(text.data[i - 1]);
        size_t taken = is_inside ? 0 : mark_shape(marks, i);
        if (!taken) taken = mark_jwt(marks, i);
        if (!taken) taken = mark_private_key(marks, i);
        if (!taken) taken = mark_url_password(marks, i);
        if (!taken) taken = mark_keyword(marks, i);
        i += taken ? taken : 1;
    }
}
