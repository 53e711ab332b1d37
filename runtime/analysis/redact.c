/* Masking known values; see redact.h. token.c knows the shapes of tokens.
 *
 * memmem() is linear for each value, so the whole is linear too. Encodings that keep the order of
 * bytes (percent, JSON's escapes) are undone in a copy that remembers where each byte came from,
 * so that every way to write the value is found, not only the usual one. Base64 is the other way
 * round: the value is encoded, at each alignment, without the characters that its neighbours
 * decide. */
#include "analysis/redact.h"

#include <string.h>

#include "analysis/marks.h"
#include "base/memory.h"
#include "base/text.h"

/* ---- marks ----------------------------------------------------------------------------------- */

void marks_add(struct marks *marks, size_t start, size_t size) {
    if (start >= marks->text.size || marks->is_failed) return;
    if (!marks->is_set) marks->is_set = memory_new(marks->text.size);
    marks->is_failed = !marks->is_set;
    if (size > marks->text.size - start) size = marks->text.size - start;
    if (marks->is_set) memset(marks->is_set + start, 1, size);
}

void marks_done(struct marks *marks) {
    memory_free(marks->is_set);
    marks->is_set = NULL;
}

/* The text with each marked stretch replaced. */
static void marks_write(const struct marks *marks, struct buffer *out) {
    struct bytes text = marks->text;
    size_t start = 0;
    for (size_t i = 0; marks->is_set && i < text.size; i++) {
        bool begins = marks->is_set[i] && (i == 0 || !marks->is_set[i - 1]);
        if (begins) {
            buffer_add(out, text.data + start, i - start);
            buffer_add_text(out, REDACT_MASK);
        }
        if (marks->is_set[i]) start = i + 1;
    }
    buffer_add(out, text.data + start, text.size - start);
}

/* ---- a value as it is ------------------------------------------------------------------------ */

/* Calls `found` for each place of `needle`, without overlaps. */
static void find_each(struct bytes text, struct bytes needle,
                      void (*found)(void *context, size_t start, size_t size), void *context) {
    size_t start = 0;
    while (start < text.size) {
        const char *place = memmem(text.data + start, text.size - start, needle.data, needle.size);
        if (!place) return;
        start = (size_t)(place - text.data);
        found(context, start, needle.size);
        start += needle.size;
    }
}

static void mark_plain(void *context, size_t start, size_t size) {
    marks_add(context, start, size);
}

/* ---- percent and JSON's escapes -------------------------------------------------------------- */

/* A text without its escapes; `origin` says where each byte began, and where the text ended. */
struct unescaped {
    struct marks *marks;
    char *text;
    size_t *origin;
    size_t size;
};

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The escape at `start`, if it stands for one byte: its size, and the byte. 0 otherwise. */
static size_t percent_escape(struct bytes text, size_t start, char *byte) {
    if (text.size - start < 3) return 0;
    int high = hex_digit(text.data[start + 1]), low = hex_digit(text.data[start + 2]);
    if (high < 0 || low < 0) return 0;
    *byte = (char)(high * 16 + low);
    return 3;
}

static size_t unicode_escape(struct bytes text, size_t start, char *byte) {
    unsigned code = 0;
    if (text.size - start < 6) return 0;
    for (size_t i = 2; i < 6; i++) {
        int digit = hex_digit(text.data[start + i]);
        if (digit < 0) return 0;
        code = code * 16 + (unsigned)digit;
    }
    *byte = (char)code;
    return code < 0x80 ? 6 : 0;
}

static size_t json_escape(struct bytes text, size_t start, char *byte) {
    static const char names[] = "ntrbf\"\\/", bytes[] = "\n\t\r\b\f\"\\/";
    if (text.size - start < 2) return 0;
    char name = text.data[start + 1];
    if (name == 'u') return unicode_escape(text, start, byte);
    const char *place = name ? strchr(names, name) : NULL;
    if (!place) return 0;
    *byte = bytes[place - names];
    return 2;
}

static void unescape(struct unescaped *ret, char introducer) {
    struct bytes text = ret->marks->text;
    for (size_t i = 0; i < text.size;) {
        char byte = text.data[i];
        size_t size = 0;
        if (byte == introducer)
            size = introducer == '%' ? percent_escape(text, i, &byte) : json_escape(text, i, &byte);
        if (!size) byte = text.data[i];
        ret->origin[ret->size] = i;
        ret->text[ret->size++] = byte;
        i += size ? size : 1;
    }
    ret->origin[ret->size] = text.size;
}

static void mark_unescaped(void *context, size_t start, size_t size) {
    struct unescaped *unescaped = context;
    size_t first = unescaped->origin[start];
    marks_add(unescaped->marks, first, unescaped->origin[start + size] - first);
}

static void mark_escaped(struct marks *marks, const struct bytes *known, size_t count,
                         char introducer) {
    struct bytes text = marks->text;
    if (!text.size || !memchr(text.data, introducer, text.size)) return;
    struct unescaped unescaped = {.marks = marks};
    unescaped.text = memory_new(text.size);
    unescaped.origin = memory_new((text.size + 1) * sizeof *unescaped.origin);
    if (unescaped.text && unescaped.origin) {
        unescape(&unescaped, introducer);
        for (size_t i = 0; i < count; i++)
            if (known[i].size >= REDACT_AT_LEAST)
                find_each((struct bytes){unescaped.text, unescaped.size}, known[i], mark_unescaped,
                          &unescaped);
    } else {
        marks->is_failed = true;
    }
    memory_free(unescaped.text);
    memory_free(unescaped.origin);
}

/* ---- base64 ---------------------------------------------------------------------------------- */

/* A shorter piece of base64 would be found by chance. */
enum { BASE64_AT_LEAST = 7, BASE64_KNOWN_MAX = 4096 };

/* `alignment` bytes of something else stand before the value, so its first character is shared
 * with them unless that is 0; the last is shared with what follows unless it comes out even. */
struct base64 {
    struct marks *marks;
    size_t shared_before, shared_after;
};

static bool is_base64(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/' || c == '-' || c == '_';
}

static void mark_base64(void *context, size_t start, size_t size) {
    struct base64 *base64 = context;
    struct bytes text = base64->marks->text;
    size_t end = start + size;
    if (base64->shared_before && start && is_base64(text.data[start - 1])) start--;
    if (base64->shared_after && end < text.size && is_base64(text.data[end])) end++;
    while (end < text.size && text.data[end] == '=') end++;
    marks_add(base64->marks, start, end - start);
}

/* Standard and URL alphabet differ in two characters. Returns whether anything changed. */
static bool to_url_alphabet(struct bytes encoded, char *text) {
    bool changed = false;
    for (size_t i = 0; i < encoded.size; i++) {
        char c = encoded.data[i];
        text[i] = c == '+' ? '-' : c == '/' ? '_' : c;
        changed = changed || text[i] != c;
    }
    return changed;
}

static void mark_alignment(struct marks *marks, struct bytes known, size_t alignment) {
    char plain[BASE64_KNOWN_MAX + 2], url[(BASE64_KNOWN_MAX + 2) / 3 * 4 + 4];
    struct buffer encoded = BUFFER_EMPTY;
    size_t bits = 8 * (alignment + known.size), before = (8 * alignment + 5) / 6;
    size_t size = bits / 6 - before;
    if (size < BASE64_AT_LEAST || size > marks->text.size) return;
    memset(plain, 0, alignment);
    memcpy(plain + alignment, known.data, known.size);
    text_add_base64(&encoded, (struct bytes){plain, alignment + known.size});
    if (encoded.is_failed) {
        marks->is_failed = true;
        return;
    }
    struct base64 base64 = {marks, before, bits % 6};
    struct bytes piece = {encoded.data + before, size};
    find_each(marks->text, piece, mark_base64, &base64);
    if (to_url_alphabet(piece, url))
        find_each(marks->text, (struct bytes){url, piece.size}, mark_base64, &base64);
    buffer_done(&encoded);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void mark_known(struct marks *marks, const struct bytes *known, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (known[i].size < REDACT_AT_LEAST) continue;
        find_each(marks->text, known[i], mark_plain, marks);
        if (known[i].size > BASE64_KNOWN_MAX) continue;
        for (size_t alignment = 0; alignment < 3; alignment++)
            mark_alignment(marks, known[i], alignment);
    }
    mark_escaped(marks, known, count, '%');
    mark_escaped(marks, known, count, '\\');
}

static int finish(struct marks *marks, struct buffer *out, bool *changed) {
    int status = marks->is_failed ? TEND_ENOMEM : 0;
    if (!status) marks_write(marks, out);
    if (!status && out->is_failed) status = TEND_ENOMEM;
    if (!status) *changed = marks->is_set;
    marks_done(marks);
    return status;
}

int redact_known(struct bytes text, const struct bytes *known, size_t count, struct buffer *out,
                 bool *changed) {
    struct marks marks = {.text = text};
    mark_known(&marks, known, count);
    return finish(&marks, out, changed);
}

int redact_all(struct bytes text, const struct bytes *known, size_t count, struct buffer *out,
               bool *changed) {
    struct marks marks = {.text = text};
    mark_known(&marks, known, count);
    token_mark_all(&marks);
    return finish(&marks, out, changed);
}

int redact_text(const struct value *input, struct buffer *out, struct error *err) {
    const struct value *text = value_get(input, "text"), *list = value_get_list(input, "known");
    size_t count = list ? list->list.count : 0;
    bool changed;
    if (!text || text->kind != VALUE_TEXT)
        return error_set_kind(err, TEND_EINPUT, "value", "text must be a text");
    struct bytes *known = memory_new((count + 1) * sizeof *known);
    if (!known) return error_no_memory(err);
    for (size_t i = 0; i < count; i++)
        if (list->list.items[i].kind == VALUE_TEXT) known[i] = list->list.items[i].text;
    struct buffer masked = BUFFER_EMPTY;
    int status = redact_all(text->text, known, count, &masked, &changed);
    if (!status) pack_bytes(out, buffer_bytes(&masked));
    buffer_done(&masked);
    memory_free(known);
    return status ? error_no_memory(err) : buffer_check(out, err);
}
