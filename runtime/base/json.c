/* JSON text to packed values; see json.h. (json_write.c is the way back.)
 *
 * yajl's parser calls back for each token and we append to the packed value. Three things are done
 * here because yajl does them loosely: UTF-8 is checked before (it lets overlong forms pass),
 * numbers are converted from their text, and strings with escapes are decoded from the text (it
 * eats a character behind half a surrogate pair, and makes bytes that aren't UTF-8 of the other
 * half; here half a pair becomes U+FFFD, as programs that cut text in two do write such escapes).
 *
 * yajl doesn't look at what its allocator returns, so ours never returns without memory: it jumps
 * out of the parser. What the parser owned stands in a list and is released from there. */
#include "base/json.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "base/memory.h"
#include "base/text.h"

struct link {
    struct link *previous, *next;
};

/* A piece of yajl's memory. */
struct piece {
    struct link link;
    alignas(max_align_t) char data[];
};

/* A list or map that isn't closed yet. */
struct level {
    size_t opened; /* as pack_close() wants it */
    size_t count;
    bool is_map;
};

struct reader {
    struct bytes text;
    struct buffer *out;
    struct buffer scratch; /* a string without its escapes */
    struct error *err;
    int status;    /* of a callback that stopped the parser */
    size_t passed; /* bytes of the text up to the end of the last token */
    yajl_handle parser;
    struct link pieces; /* head of the list, a ring */
    jmp_buf no_memory;
    size_t depth;
    struct level levels[VALUE_DEPTH_MAX];
};

/* ---- yajl's memory ----------------------------------------------------------------------- */

static struct piece *piece_of(void *data) {
    return (struct piece *)((char *)data - offsetof(struct piece, data));
}

static void piece_unlink(struct piece *piece) {
    piece->link.previous->next = piece->link.next;
    piece->link.next->previous = piece->link.previous;
}

static void piece_link(struct reader *reader, struct piece *piece) {
    piece->link = (struct link){&reader->pieces, reader->pieces.next};
    piece->link.next->previous = &piece->link;
    reader->pieces.next = &piece->link;
}

static void parser_free(void *context, void *data) {
    (void)context;
    if (!data) return;
    piece_unlink(piece_of(data));
    memory_free(piece_of(data));
}

static void *parser_realloc(void *context, void *data, size_t size_bytes) {
    struct reader *reader = context;
    struct piece *piece = data ? piece_of(data) : NULL;
    if (piece) piece_unlink(piece);
    struct piece *resized = memory_resize(piece, sizeof *piece + size_bytes);
    if (resized || piece) piece_link(reader, resized ? resized : piece);
    if (!resized) longjmp(reader->no_memory, 1);
    return resized->data;
}

static void *parser_malloc(void *context, size_t size_bytes) {
    return parser_realloc(context, NULL, size_bytes);
}

static void pieces_free(struct reader *reader) {
    struct link *link = reader->pieces.next;
    while (link != &reader->pieces) {
        struct link *next = link->next;
        memory_free(link); /* stands first in its piece */
        link = next;
    }
}

/* ---- errors ------------------------------------------------------------------------------ */

/* Columns count characters, from 1. */
static int fail_at(struct reader *reader, size_t offset, const char *message, int message_bytes) {
    size_t line = 1, column = 1;
    for (size_t i = 0; i < offset && i < reader->text.size; i++) {
        unsigned char byte = (unsigned char)reader->text.data[i];
        if (byte == '\n') line++, column = 1;
        else if ((byte & 0xc0) != 0x80) column++;
    }
    return error_set_kind(reader->err, TEND_EFORMAT, "value",
                          "not JSON at line %zu, column %zu: %.*s", line, column, message_bytes,
                          message);
}

/* For a callback: stops the parser. */
static int stop(struct reader *reader, size_t offset, const char *message) {
    reader->status = fail_at(reader, offset, message, (int)strlen(message));
    return 0;
}

/* ---- tokens ------------------------------------------------------------------------------ */

static void token_passed(struct reader *reader) {
    reader->passed = yajl_get_bytes_consumed(reader->parser);
}

/* Each value passes here first, and is an item if it stands in a list. */
static void value_begins(struct reader *reader) {
    if (reader->depth == 0) return;
    struct level *level = &reader->levels[reader->depth - 1];
    if (!level->is_map) level->count++;
}

static int on_null(void *context) {
    struct reader *reader = context;
    value_begins(reader);
    token_passed(reader);
    pack_null(reader->out);
    return 1;
}

static int on_boolean(void *context, int boolean) {
    struct reader *reader = context;
    value_begins(reader);
    token_passed(reader);
    pack_boolean(reader->out, boolean != 0);
    return 1;
}

static bool is_integer_text(const char *text) { return !strpbrk(text, ".eE"); }

/* False if it is beyond a double's range. */
static bool pack_number(struct buffer *out, const char *text) {
    if (is_integer_text(text)) {
        errno = 0;
        long long integer = strtoll(text, NULL, 10);
        if (errno == 0) return pack_integer(out, integer), true;
    }
    double number = strtod(text, NULL);
    if (isinf(number)) return false;
    pack_double(out, number);
    return true;
}

/* yajl shows a number that ends the text in a buffer of its own. */
static size_t number_offset(const struct reader *reader, const char *number, size_t size) {
    const char *text = reader->text.data;
    bool is_inside = number >= text && number < text + reader->text.size;
    return is_inside ? (size_t)(number - text) : reader->text.size - size;
}

static int on_number(void *context, const char *number, size_t size) {
    struct reader *reader = context;
    value_begins(reader);
    token_passed(reader);
    buffer_clear(&reader->scratch); /* strtod() wants a closing zero */
    buffer_add(&reader->scratch, number, size);
    if (reader->scratch.is_failed) longjmp(reader->no_memory, 1);
    if (pack_number(reader->out, reader->scratch.data)) return 1;
    return stop(reader, number_offset(reader, number, size),
                "a number beyond the range of a double");
}

/* ---- strings ----------------------------------------------------------------------------- */

static unsigned hex_digit(char c) {
    if (c <= '9') return (unsigned)(c - '0');
    return (unsigned)((c | 0x20) - 'a' + 10);
}

static unsigned hex_unit(const char *at) {
    return hex_digit(at[0]) << 12 | hex_digit(at[1]) << 8 | hex_digit(at[2]) << 4 |
           hex_digit(at[3]);
}

static void add_code_point(struct buffer *out, unsigned code) {
    if (code < 0x80) {
        buffer_add_byte(out, (unsigned char)code);
        return;
    }
    unsigned more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3; /* bytes after the first */
    static const unsigned char mark[4] = {0, 0xc0, 0xe0, 0xf0};
    buffer_add_byte(out, (unsigned char)(mark[more] | code >> 6 * more));
    while (more-- > 0) buffer_add_byte(out, (unsigned char)(0x80 | (code >> 6 * more & 0x3f)));
}

/* `at` is behind a "\u"; returns the place behind the escape, or behind both of a pair. */
static const char *add_unit(struct buffer *out, const char *at, const char *end) {
    unsigned unit = hex_unit(at), low = 0;
    at += 4;
    if (unit >= 0xd800 && unit <= 0xdbff && end - at >= 6 && at[0] == '\\' && at[1] == 'u')
        low = hex_unit(at + 2);
    if (low >= 0xdc00 && low <= 0xdfff) {
        add_code_point(out, 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
        return at + 6;
    }
    add_code_point(out, unit >= 0xd800 && unit <= 0xdfff ? 0xfffd : unit);
    return at;
}

static const char *add_escape(struct buffer *out, const char *at, const char *end) {
    static const char names[] = "bfnrt", bytes[] = "\b\f\n\r\t";
    if (*at == 'u') return add_unit(out, at + 1, end);
    const char *name = strchr(names, *at);
    buffer_add_byte(out, (unsigned char)(name ? bytes[name - names] : *at));
    return at + 1;
}

/* What stands between the quotes; its escapes are known to be well formed. */
static void unescape(struct buffer *out, struct bytes raw) {
    const char *at = raw.data, *end = raw.data + raw.size;
    while (at < end) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        buffer_add(out, at, (size_t)((escape ? escape : end) - at));
        at = escape ? add_escape(out, escape + 1, end) : end;
    }
}

/* The string token that was just parsed. Before it, behind the last token, are only blanks, a
 * comma or a colon. */
static struct bytes string_token(struct reader *reader) {
    const char *from = reader->text.data + reader->passed;
    token_passed(reader);
    const char *end = reader->text.data + reader->passed - 1;
    const char *first = memchr(from, '"', (size_t)(end - from));
    return (struct bytes){first + 1, (size_t)(end - first - 1)};
}

static void pack_string(struct reader *reader) {
    struct bytes raw = string_token(reader);
    if (raw.size == 0 || !memchr(raw.data, '\\', raw.size)) {
        pack_bytes(reader->out, raw);
        return;
    }
    buffer_clear(&reader->scratch);
    unescape(&reader->scratch, raw);
    if (reader->scratch.is_failed) longjmp(reader->no_memory, 1);
    pack_bytes(reader->out, buffer_bytes(&reader->scratch));
}

static int on_string(void *context, const unsigned char *text, size_t size) {
    struct reader *reader = context;
    (void)text, (void)size; /* decoded by yajl, not quite as it should be */
    value_begins(reader);
    pack_string(reader);
    return 1;
}

static int on_key(void *context, const unsigned char *text, size_t size) {
    struct reader *reader = context;
    (void)text, (void)size;
    reader->levels[reader->depth - 1].count++;
    pack_string(reader);
    return 1;
}

/* ---- lists and maps ---------------------------------------------------------------------- */

static int open_level(struct reader *reader, bool is_map) {
    value_begins(reader);
    token_passed(reader);
    if (reader->depth == VALUE_DEPTH_MAX)
        return stop(reader, reader->passed - 1, "nested deeper than 200 levels");
    size_t opened = is_map ? pack_map_open(reader->out) : pack_list_open(reader->out);
    reader->levels[reader->depth++] = (struct level){opened, 0, is_map};
    return 1;
}

static int on_map(void *context) { return open_level(context, true); }

static int on_list(void *context) { return open_level(context, false); }

static int on_close(void *context) {
    struct reader *reader = context;
    token_passed(reader);
    const struct level *level = &reader->levels[--reader->depth];
    pack_close(reader->out, level->opened, level->count);
    return 1;
}

/* ---- the whole text ---------------------------------------------------------------------- */

static int check_utf8(struct reader *reader) {
    struct bytes text = reader->text;
    for (size_t i = 0; i < text.size;) {
        if ((unsigned char)text.data[i] < 0x80) {
            i++;
            continue;
        }
        size_t length = text_utf8_length(text.data + i, text.size - i);
        if (length == 0) return stop(reader, i, "a byte that isn't UTF-8"), reader->status;
        i += length;
    }
    return 0;
}

/* yajl stops behind a token that it doesn't want, but at a character within a string. */
static size_t error_offset(const struct reader *reader, const char *message, bool is_at_end) {
    size_t consumed = yajl_get_bytes_consumed(reader->parser);
    if (is_at_end) return reader->text.size;
    return consumed == 0 || strstr(message, "inside") ? consumed : consumed - 1;
}

/* yajl's messages end in a line break and may begin with a class that says nothing more. */
static int parser_error(struct reader *reader, bool is_at_end) {
    char *message = (char *)yajl_get_error(reader->parser, 0, NULL, 0);
    size_t offset = error_offset(reader, message, is_at_end);
    const char *colon = strstr(message, "error: ");
    const char *text = colon ? colon + strlen("error: ") : message;
    return fail_at(reader, offset, text, (int)strcspn(text, "\n"));
}

static int parse(struct reader *reader) {
    const yajl_callbacks callbacks = {
        .yajl_null = on_null,
        .yajl_boolean = on_boolean,
        .yajl_number = on_number,
        .yajl_string = on_string,
        .yajl_map_key = on_key,
        .yajl_start_map = on_map,
        .yajl_end_map = on_close,
        .yajl_start_array = on_list,
        .yajl_end_array = on_close,
    };
    yajl_alloc_funcs memory = {parser_malloc, parser_realloc, parser_free, reader};
    if (setjmp(reader->no_memory) != 0) return error_no_memory(reader->err);
    reader->parser = yajl_alloc(&callbacks, &memory, reader);
    yajl_config(reader->parser, yajl_dont_validate_strings, 1);
    const unsigned char *text = (const unsigned char *)reader->text.data;
    yajl_status status = yajl_parse(reader->parser, text, reader->text.size);
    bool is_at_end = status == yajl_status_ok;
    if (is_at_end) status = yajl_complete_parse(reader->parser);
    if (reader->status != 0) return reader->status;
    if (status != yajl_status_ok) return parser_error(reader, is_at_end);
    return buffer_check(reader->out, reader->err);
}

int json_read(struct bytes text, struct buffer *out, struct error *err) {
    struct reader reader;
    reader.text = text.data ? text : bytes_of(NULL);
    reader.out = out;
    reader.scratch = BUFFER_EMPTY;
    reader.err = err;
    reader.status = 0;
    reader.passed = 0;
    reader.parser = NULL;
    reader.pieces.previous = reader.pieces.next = &reader.pieces;
    reader.depth = 0;
    struct buffer before = *out;
    int status = check_utf8(&reader);
    if (status == 0) status = parse(&reader);
    pieces_free(&reader);
    buffer_done(&reader.scratch);
    if (status != 0) buffer_rewind(out, &before);
    return status;
}
