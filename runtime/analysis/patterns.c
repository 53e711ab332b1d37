/* Masking log lines and counting what is left; see patterns.h. mask.c knows the shapes. */
#include "analysis/patterns.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"

enum { LINE_MAX_BYTES = 1000, LIMIT_OTHERWISE = 20, TIME_TEXT_MAX = 64 };

/* One line, and later one group of lines that share a pattern. */
struct line {
    size_t offset, size; /* of its pattern in the buffer of all */
    const char *pattern; /* the same, once the buffer doesn't move any more */
    struct bytes sample; /* borrowed from the input */
    size_t index;
    size_t count;
    double first, last; /* NaN: no time */
};

static struct bytes line_text(const struct value *line) {
    struct bytes text = value_get_bytes(line, "text");
    if (text.size <= LINE_MAX_BYTES) return text;
    text.size = LINE_MAX_BYTES;
    /* Not in the middle of a character. */
    while (text.size && ((unsigned char)text.data[text.size] & 0xc0) == 0x80) text.size--;
    return text;
}

static double line_time(const struct value *line) {
    const struct value *at = value_get(line, "at");
    if (value_is_number(at)) return value_number(at);
    if (!at || at->kind != VALUE_TEXT || at->text.size >= TIME_TEXT_MAX) return NAN;
    char text[TIME_TEXT_MAX];
    int64_t wall_us;
    memcpy(text, at->text.data, at->text.size);
    text[at->text.size] = '\0';
    return clock_parse(text, &wall_us) == 0 ? (double)wall_us / 1e6 : NAN;
}

static int read_lines(const struct value *lines, struct line *items, struct buffer *patterns,
                      struct error *err) {
    size_t count = lines->list.count;
    for (size_t i = 0; i < count; i++) {
        struct line *item = &items[i];
        item->sample = line_text(&lines->list.items[i]);
        item->first = item->last = line_time(&lines->list.items[i]);
        item->index = i;
        item->count = 1;
        item->offset = patterns->size;
        patterns_mask(item->sample, patterns);
        item->size = patterns->size - item->offset;
    }
    int status = buffer_check(patterns, err);
    if (status) return status;
    for (size_t i = 0; i < count; i++)
        items[i].pattern = buffer_bytes(patterns).data + items[i].offset;
    return 0;
}

static struct bytes pattern_of(const struct line *line) {
    return (struct bytes){line->pattern, line->size};
}

static int by_pattern(const void *left, const void *right) {
    const struct line *a = left, *b = right;
    int order = bytes_compare(pattern_of(a), pattern_of(b));
    return order ? order : (a->index > b->index) - (a->index < b->index);
}

static int by_rank(const void *left, const void *right) {
    const struct line *a = left, *b = right;
    if (a->count != b->count) return a->count < b->count ? 1 : -1;
    if (a->last < b->last || a->last > b->last) return a->last < b->last ? 1 : -1;
    return bytes_compare(pattern_of(a), pattern_of(b));
}

/* Joins neighbours of one pattern; returns how many groups are left. fmin, fmax pass over NaN. */
static size_t join(struct line *items, size_t count) {
    size_t groups = 0;
    for (size_t i = 0; i < count; i++) {
        struct line *group = groups ? &items[groups - 1] : NULL;
        if (group && bytes_equal(pattern_of(group), pattern_of(&items[i]))) {
            group->count++;
            group->first = fmin(group->first, items[i].first);
            group->last = fmax(group->last, items[i].last);
        } else {
            items[groups++] = items[i];
        }
    }
    return groups;
}

static void pack_group(const struct line *group, struct buffer *out) {
    bool has_time = !isnan(group->first);
    pack_map(out, has_time ? 5 : 3);
    pack_member_bytes(out, "pattern", pattern_of(group));
    pack_member_integer(out, "count", (int64_t)group->count);
    if (has_time) {
        pack_member_double(out, "first", group->first);
        pack_member_double(out, "last", group->last);
    }
    pack_member_bytes(out, "sample", group->sample);
}

static int find(const struct value *lines, int64_t limit, struct line *items,
                struct buffer *patterns, struct buffer *out, struct error *err) {
    int status = read_lines(lines, items, patterns, err);
    if (status) return status;
    qsort(items, lines->list.count, sizeof *items, by_pattern);
    size_t groups = join(items, lines->list.count);
    qsort(items, groups, sizeof *items, by_rank);
    if ((uint64_t)limit < groups) groups = (size_t)limit;
    pack_list(out, groups);
    for (size_t i = 0; i < groups; i++) pack_group(&items[i], out);
    return buffer_check(out, err);
}

int patterns_find(const struct value *input, struct buffer *out, struct error *err) {
    static const struct value none = {.kind = VALUE_LIST};
    const struct value *lines = value_get_list(input, "lines");
    int64_t limit = value_get_integer(input, "limit", LIMIT_OTHERWISE);
    if (limit < 0) return error_set_kind(err, TEND_EINPUT, "value", "limit must be 0 or more");
    /* An empty table of Lua is a map. */
    if (!lines && value_get_map(input, "lines")) lines = &none;
    if (!lines) return error_set_kind(err, TEND_EINPUT, "value", "lines must be a list");
    struct line *items = memory_new((lines->list.count + 1) * sizeof *items);
    if (!items) return error_no_memory(err);
    struct buffer patterns = BUFFER_EMPTY;
    int status = find(lines, limit, items, &patterns, out, err);
    buffer_done(&patterns);
    memory_free(items);
    return status;
}
