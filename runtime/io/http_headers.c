/* Header lines; see http_headers.h. */
#include "io/http_headers.h"

#include <ctype.h>
#include <sodium.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/value.h"

/* ---- of a request ------------------------------------------------------------------------- */

static bool has_name(const char *line, const char *name) {
    size_t size = strlen(name);
    return strncasecmp(line, name, size) == 0 && (line[size] == ':' || line[size] == ';');
}

static bool has_header(const struct curl_slist *list, const char *name) {
    for (; list; list = list->next)
        if (has_name(list->data, name)) return true;
    return false;
}

/* Puts a line in front; `text` is copied. */
static int push(struct curl_slist **list, const char *text, struct error *err) {
    struct curl_slist *node = memory_new(sizeof *node);
    char *copy = memory_copy_text(text);
    if (!node || !copy) {
        memory_free(node);
        memory_free(copy);
        return error_no_memory(err);
    }
    *node = (struct curl_slist){copy, *list};
    *list = node;
    return 0;
}

static int check_line(const char *line, struct error *err) {
    size_t name = strcspn(line, ":");
    if (strpbrk(line, "\r\n"))
        return error_set_kind(err, TEND_EINPUT, "http", "header %.*s has a line break in it",
                              (int)strcspn(line, ":\r\n"), line);
    if (line[name] != ':' || name == 0)
        return error_set_kind(err, TEND_EINPUT, "http",
                              "a header must read \"Name: value\"; one has no %s",
                              name == 0 ? "name" : "colon");
    if (strcspn(line, " \t\"(),/;<=>?@[\\]{}") < name)
        return error_set_kind(err, TEND_EINPUT, "http", "%.*s is no name for a header", (int)name,
                              line);
    return 0;
}

/* libcurl reads "Name:" as "don't send this one" and "Name;" as "send it empty". */
static int push_checked(struct curl_slist **list, const char *line, struct error *err) {
    int status = check_line(line, err);
    if (status == 0) status = push(list, line, err);
    if (status) return status;
    char *colon = strchr((*list)->data, ':');
    if (colon[1 + strspn(colon + 1, " \t")] == '\0') memcpy(colon, ";", 2);
    return 0;
}

int http_headers_new(const char *const *lines, struct curl_slist **ret, struct error *err) {
    static const char *const off[] = {"Expect", "Content-Type"};
    struct curl_slist *list = NULL;
    int status = 0;
    for (size_t i = 0; lines && lines[i] && status == 0; i++)
        status = push_checked(&list, lines[i], err);
    for (size_t i = 0; i < 2 && status == 0; i++) {
        char line[32] = "";
        strcat(strcpy(line, off[i]), ":");
        if (!has_header(list, off[i])) status = push(&list, line, err);
    }
    if (status) {
        http_headers_free(list);
        return status;
    }
    *ret = list;
    return 0;
}

static void free_node(struct curl_slist *node) {
    sodium_memzero(node->data, strlen(node->data));
    memory_free(node->data);
    memory_free(node);
}

struct curl_slist *http_headers_free(struct curl_slist *list) {
    while (list) {
        struct curl_slist *next = list->next;
        free_node(list);
        list = next;
    }
    return NULL;
}

static void keep_if(struct curl_slist **list, bool (*is_kept)(const char *line)) {
    while (*list) {
        struct curl_slist *node = *list;
        if (is_kept(node->data)) {
            list = &node->next;
        } else {
            *list = node->next;
            free_node(node);
        }
    }
}

/* Names of credentials can't be listed (X-Api-Key, Project-Access-Token, …); harmless ones can. The
 * two with nothing after the colon are our switches for libcurl. */
static bool is_harmless(const char *line) {
    return strncasecmp(line, "Accept", 6) == 0 || has_name(line, "User-Agent") ||
           strcmp(line, "Expect:") == 0 || strcmp(line, "Content-Type:") == 0;
}

static bool is_not_of_body(const char *line) {
    return strncasecmp(line, "Content-", 8) != 0 || strcmp(line, "Content-Type:") == 0;
}

void http_headers_cut(struct curl_slist **list) { keep_if(list, is_harmless); }

void http_headers_cut_body(struct curl_slist **list) { keep_if(list, is_not_of_body); }

/* ---- of an answer ------------------------------------------------------------------------- */

struct line {
    struct bytes name, value;
    bool is_taken; /* its value went into an earlier line's entry */
};

static bool same_name(struct bytes a, struct bytes b) {
    return a.size == b.size && strncasecmp(a.data, b.data, a.size) == 0;
}

static struct bytes trimmed(const char *start, const char *end) {
    while (start < end && (*start == ' ' || *start == '\t')) start++;
    while (end > start && strchr(" \t\r\n", end[-1])) end--;
    return (struct bytes){start, (size_t)(end - start)};
}

/* Reads the next "Name: value"; false at the end. Lines without a colon are passed over. */
static bool next_line(struct bytes *rest, struct line *line) {
    while (rest->size > 0) {
        const char *start = rest->data;
        const char *end = memchr(start, '\n', rest->size);
        end = end ? end + 1 : start + rest->size;
        *rest = (struct bytes){end, rest->size - (size_t)(end - start)};
        const char *colon = memchr(start, ':', (size_t)(end - start));
        if (!colon) continue;
        *line = (struct line){trimmed(start, colon), trimmed(colon + 1, end), false};
        return true;
    }
    return false;
}

static size_t count_lines(struct bytes lines) {
    struct line line;
    size_t count = 0;
    while (next_line(&lines, &line)) count++;
    return count;
}

static void pack_name(struct buffer *out, struct bytes name, struct buffer *scratch) {
    buffer_clear(scratch);
    for (size_t i = 0; i < name.size; i++)
        buffer_add_byte(scratch, (unsigned char)tolower((unsigned char)name.data[i]));
    pack_bytes(out, buffer_bytes(scratch));
}

static void pack_joined(struct buffer *out, struct line *lines, size_t at, size_t count,
                        struct buffer *scratch) {
    buffer_clear(scratch);
    for (size_t i = at; i < count; i++) {
        if (!same_name(lines[i].name, lines[at].name)) continue;
        if (i > at) buffer_add_text(scratch, ", ");
        buffer_add(scratch, lines[i].value.data, lines[i].value.size);
        lines[i].is_taken = true;
    }
    pack_bytes(out, buffer_bytes(scratch));
}

/* Quadratic in the number of lines, which http.c bounds with their size (libcurl gives at most
 * 100 KiB a line; a real answer has some thirty). */
int http_headers_pack(struct bytes text, struct buffer *out, struct error *err) {
    size_t count = count_lines(text);
    struct line *lines = memory_new((count + 1) * sizeof *lines);
    if (!lines) return error_no_memory(err);
    for (size_t i = 0; i < count; i++) next_line(&text, &lines[i]);
    struct buffer scratch = BUFFER_EMPTY;
    size_t opened = pack_map_open(out);
    size_t members = 0;
    for (size_t i = 0; i < count; i++) {
        if (lines[i].is_taken) continue;
        pack_name(out, lines[i].name, &scratch);
        pack_joined(out, lines, i, count, &scratch);
        members++;
    }
    pack_close(out, opened, members);
    if (scratch.is_failed) out->is_failed = true;
    buffer_done(&scratch);
    memory_free(lines);
    return buffer_check(out, err);
}
