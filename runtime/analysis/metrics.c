/* Reading Railway's figures with yajl's events; see metrics.h.
 *
 * The reader keeps a short stack of roles: what the object or list is that it stands in. A role
 * follows from the role around it and the key before it, so an unexpected shape becomes
 * ROLE_IGNORED with everything inside it, and no order of keys is assumed. */
#include "analysis/metrics.h"

#include <math.h>
#include <setjmp.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "base/memory.h"
#include "base/text.h"

/* Numbers beyond these aren't figures; keeping them out keeps every sum finite. */
#define VALUE_LIMIT 1e15
#define TIME_LIMIT 1e11
enum { ERRORS_MAX = 1000, ROLES_MAX = 8, PIECES_MAX = 16 };

enum role {
    ROLE_IGNORED,
    ROLE_ANSWER,
    ROLE_DATA,
    ROLE_SERIES_LIST,
    ROLE_SERIES,
    ROLE_TAGS,
    ROLE_SAMPLES,
    ROLE_SAMPLE,
    ROLE_ERRORS,
    ROLE_ERROR,
    ROLE_PATH
};

enum key {
    KEY_OTHER,
    KEY_DATA,
    KEY_ERRORS,
    KEY_MESSAGE,
    KEY_PATH,
    KEY_MEASUREMENT,
    KEY_TAGS,
    KEY_SERVICE_ID,
    KEY_SAMPLES,
    KEY_STATUS_CODE,
    KEY_TS,
    KEY_VALUE,
    KEY_P50,
    KEY_P95,
    KEY_P99
};

static const struct {
    const char *name;
    enum key key;
} KEYS[] = {
    {"ts", KEY_TS},
    {"value", KEY_VALUE},
    {"p50", KEY_P50},
    {"p95", KEY_P95},
    {"p99", KEY_P99},
    {"statusCode", KEY_STATUS_CODE},
    {"samples", KEY_SAMPLES},
    {"values", KEY_SAMPLES},
    {"measurement", KEY_MEASUREMENT},
    {"tags", KEY_TAGS},
    {"serviceId", KEY_SERVICE_ID},
    {"data", KEY_DATA},
    {"errors", KEY_ERRORS},
    {"message", KEY_MESSAGE},
    {"path", KEY_PATH},
};

static const struct {
    const char *name;
    enum measurement measurement;
} MEASUREMENTS[] = {
    {"CPU_USAGE", MEASURE_CPU},          {"CPU_LIMIT", MEASURE_CPU_LIMIT},
    {"MEMORY_USAGE_GB", MEASURE_MEMORY}, {"MEMORY_LIMIT_GB", MEASURE_MEMORY_LIMIT},
    {"DISK_USAGE_GB", MEASURE_DISK},
};

struct reader {
    struct metrics *metrics;
    enum role roles[ROLES_MAX]; /* the innermost that matter; deeper ones are ignored anyway */
    size_t depth;
    enum key key;       /* the latest in the innermost object */
    struct field field; /* of `data`, while inside it */
    struct metric_series series;
    struct sample sample;
    struct metrics_error error;
    bool has_failed;          /* no memory */
    void *pieces[PIECES_MAX]; /* yajl's live allocations (seven, measured); NULL where free */
    jmp_buf no_memory;
};

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static enum key key_of(struct bytes name) {
    for (size_t i = 0; i < COUNT_OF(KEYS); i++)
        if (bytes_are(name, KEYS[i].name)) return KEYS[i].key;
    return KEY_OTHER;
}

static enum measurement measurement_of(struct bytes name) {
    for (size_t i = 0; i < COUNT_OF(MEASUREMENTS); i++)
        if (bytes_are(name, MEASUREMENTS[i].name)) return MEASUREMENTS[i].measurement;
    return MEASURE_OTHER;
}

/* The N of "status_N"; 0 if it is no such name. */
static int number_after(struct bytes name, const char *prefix) {
    size_t size = strlen(prefix);
    if (name.size <= size || name.size > size + 6 || memcmp(name.data, prefix, size) != 0) return 0;
    int number = 0;
    for (size_t i = size; i < name.size; i++) {
        if (name.data[i] < '0' || name.data[i] > '9') return 0;
        number = number * 10 + (name.data[i] - '0');
    }
    return number;
}

static struct field field_of(struct bytes name) {
    if (bytes_are(name, "metrics")) return (struct field){FIELD_METRICS, 0};
    int number = number_after(name, "status_");
    if (number) return (struct field){FIELD_STATUS, number};
    number = number_after(name, "duration_");
    return (struct field){number ? FIELD_DURATION : FIELD_OTHER, number};
}

/* Room for one more element; false without memory, which ends the reading. */
static bool reserve(struct reader *reader, void **items, size_t count, size_t *capacity,
                    size_t size_bytes) {
    if (count < *capacity) return true;
    size_t larger = *capacity ? *capacity * 2 : 64;
    void *grown = memory_resize(*items, larger * size_bytes);
    if (!grown) {
        reader->has_failed = true;
        return false;
    }
    *items = grown;
    *capacity = larger;
    return true;
}

/* Appends `item` to one of the arrays of struct metrics: NAME, NAME_count, NAME_capacity. */
#define APPEND(reader, array, counter, room, item)                                                 \
    append(reader, (void **)&(reader)->metrics->array, &(reader)->metrics->counter,                \
           &(reader)->metrics->room, &(item), sizeof(item))

static bool append(struct reader *reader, void **items, size_t *count, size_t *capacity,
                   const void *item, size_t size_bytes) {
    if (!reserve(reader, items, *count, capacity, size_bytes)) return false;
    memcpy((char *)*items + *count * size_bytes, item, size_bytes);
    (*count)++;
    return true;
}

static enum role role_now(const struct reader *reader) {
    if (!reader->depth || reader->depth > ROLES_MAX) return ROLE_IGNORED;
    return reader->roles[reader->depth - 1];
}

static enum role role_inside_object(const struct reader *reader, bool is_list) {
    switch (role_now(reader)) {
    case ROLE_ANSWER:
        if (reader->key == KEY_DATA && !is_list) return ROLE_DATA;
        return reader->key == KEY_ERRORS && is_list ? ROLE_ERRORS : ROLE_IGNORED;
    case ROLE_DATA: return is_list ? ROLE_SERIES_LIST : ROLE_SERIES;
    case ROLE_SERIES:
        if (reader->key == KEY_TAGS && !is_list) return ROLE_TAGS;
        return reader->key == KEY_SAMPLES && is_list ? ROLE_SAMPLES : ROLE_IGNORED;
    case ROLE_ERROR: return reader->key == KEY_PATH && is_list ? ROLE_PATH : ROLE_IGNORED;
    default: return ROLE_IGNORED;
    }
}

static enum role role_of_child(const struct reader *reader, bool is_list) {
    if (!reader->depth) return is_list ? ROLE_IGNORED : ROLE_ANSWER;
    switch (role_now(reader)) {
    case ROLE_SERIES_LIST: return is_list ? ROLE_IGNORED : ROLE_SERIES;
    case ROLE_SAMPLES: return is_list ? ROLE_IGNORED : ROLE_SAMPLE;
    case ROLE_ERRORS: return is_list ? ROLE_IGNORED : ROLE_ERROR;
    default: return role_inside_object(reader, is_list);
    }
}

static bool begin(struct reader *reader, enum role parent, enum role role) {
    switch (role) {
    case ROLE_DATA: reader->metrics->has_data = true; break;
    case ROLE_SERIES:
        reader->series =
            (struct metric_series){.field = reader->field, .first = reader->metrics->sample_count};
        break;
    case ROLE_SAMPLE: reader->sample = (struct sample){NAN, NAN, NAN, NAN, NAN}; break;
    case ROLE_ERROR: reader->error = (struct metrics_error){0}; break;
    default: break;
    }
    if (parent != ROLE_DATA) return true;
    return APPEND(reader, fields, field_count, field_capacity, reader->field);
}

static int open_child(struct reader *reader, bool is_list) {
    enum role parent = role_now(reader), role = role_of_child(reader, is_list);
    if (reader->depth < ROLES_MAX) reader->roles[reader->depth] = role;
    reader->depth++;
    return reader->depth > ROLES_MAX || begin(reader, parent, role);
}

static bool is_usable(const struct sample *sample) {
    return !isnan(sample->at) && (!isnan(sample->value) || !isnan(sample->p95));
}

static bool end(struct reader *reader, enum role role) {
    struct metrics *metrics = reader->metrics;
    switch (role) {
    case ROLE_SAMPLE:
        return !is_usable(&reader->sample) ||
               APPEND(reader, samples, sample_count, sample_capacity, reader->sample);
    case ROLE_SERIES:
        reader->series.count = metrics->sample_count - reader->series.first;
        return APPEND(reader, series, series_count, series_capacity, reader->series);
    case ROLE_ERROR:
        return metrics->error_count >= ERRORS_MAX ||
               APPEND(reader, errors, error_count, error_capacity, reader->error);
    default: return true;
    }
}

static int close_child(struct reader *reader) {
    enum role role = role_now(reader);
    reader->depth--;
    return end(reader, role);
}

static void set_number(struct reader *reader, double number) {
    enum role role = role_now(reader);
    bool is_figure = number >= 0 && number <= VALUE_LIMIT;
    if (role == ROLE_SERIES && reader->key == KEY_STATUS_CODE) {
        reader->series.status_code = number >= 100 && number < 600 ? (int)number : 0;
    } else if (role == ROLE_SAMPLE && is_figure) {
        switch (reader->key) {
        case KEY_TS: reader->sample.at = number <= TIME_LIMIT ? number : NAN; break;
        case KEY_VALUE: reader->sample.value = number; break;
        case KEY_P50: reader->sample.p50 = number; break;
        case KEY_P95: reader->sample.p95 = number; break;
        case KEY_P99: reader->sample.p99 = number; break;
        default: break;
        }
    }
}

/* One printable line of at most METRICS_MESSAGE_MAX - 1 bytes, cut between characters. */
static void set_message(struct metrics_error *error, struct bytes text) {
    size_t size = 0;
    while (size < text.size) {
        size_t length = text_utf8_length(text.data + size, text.size - size);
        bool is_shown = length && (unsigned char)text.data[size] >= ' ';
        if (!length) length = 1;
        if (size + length >= sizeof error->message) break;
        memcpy(error->message + size, is_shown ? text.data + size : " ", length);
        size += length;
    }
    error->message[size] = '\0';
}

static void set_text(struct reader *reader, struct bytes text) {
    enum role role = role_now(reader);
    if (role == ROLE_SERIES && reader->key == KEY_MEASUREMENT) {
        reader->series.measurement = measurement_of(text);
    } else if (role == ROLE_TAGS && reader->key == KEY_SERVICE_ID) {
        bool fits = text.size < METRICS_ID_MAX && !memchr(text.data, '\0', text.size);
        if (fits) memcpy(reader->series.service_id, text.data, text.size);
        reader->series.service_id[fits ? text.size : 0] = '\0';
    } else if (role == ROLE_ERROR && reader->key == KEY_MESSAGE) {
        set_message(&reader->error, text);
    } else if (role == ROLE_PATH && !reader->error.has_path) {
        reader->error.has_path = true;
        reader->error.field = field_of(text);
    }
}

static int on_integer(void *context, long long integer) {
    set_number(context, (double)integer);
    return 1;
}

static int on_double(void *context, double number) {
    set_number(context, number);
    return 1;
}

static int on_string(void *context, const unsigned char *text, size_t size) {
    set_text(context, (struct bytes){(const char *)text, size});
    return 1;
}

static int on_key(void *context, const unsigned char *text, size_t size) {
    struct reader *reader = context;
    struct bytes name = {(const char *)text, size};
    enum role role = role_now(reader);
    if (role == ROLE_DATA) {
        reader->field = field_of(name);
    } else if (role != ROLE_IGNORED) {
        reader->key = key_of(name);
    }
    return 1;
}

static int on_map(void *context) { return open_child(context, false); }
static int on_list(void *context) { return open_child(context, true); }
static int on_end(void *context) { return close_child(context); }

static const yajl_callbacks CALLBACKS = {
    .yajl_integer = on_integer,
    .yajl_double = on_double,
    .yajl_string = on_string,
    .yajl_map_key = on_key,
    .yajl_start_map = on_map,
    .yajl_end_map = on_end,
    .yajl_start_array = on_list,
    .yajl_end_array = on_end,
};

/* ---- yajl's memory ----
 * yajl doesn't look at what its allocator returns, so ours never returns without memory: it jumps
 * out of the parser, whose few live pieces stand in an array and are released from there. */

static void **piece_find(struct reader *reader, const void *memory) {
    for (size_t i = 0; i < PIECES_MAX; i++)
        if (reader->pieces[i] == memory) return &reader->pieces[i];
    longjmp(reader->no_memory, 1);
}

static void *piece_resize(void *context, void *memory, size_t size) {
    struct reader *reader = context;
    void **piece = piece_find(reader, memory);
    void *resized = memory_resize(memory, size);
    if (!resized) longjmp(reader->no_memory, 1);
    *piece = resized;
    return resized;
}

static void *piece_new(void *context, size_t size) { return piece_resize(context, NULL, size); }

static void piece_free(void *context, void *memory) {
    if (!memory) return;
    *piece_find(context, memory) = NULL;
    memory_free(memory);
}

static void pieces_free(struct reader *reader) {
    for (size_t i = 0; i < PIECES_MAX; i++) memory_free(reader->pieces[i]);
}

/* Fills *reader->metrics; false if the body isn't JSON or memory is gone (has_failed). */
static bool parse(struct reader *reader, struct bytes body) {
    yajl_alloc_funcs memory = {piece_new, piece_resize, piece_free, reader};
    if (setjmp(reader->no_memory)) {
        reader->has_failed = true;
        return false;
    }
    yajl_handle parser = yajl_alloc(&CALLBACKS, &memory, reader);
    const unsigned char *text = (const unsigned char *)(body.data ? body.data : "");
    return yajl_parse(parser, text, body.size) == yajl_status_ok &&
           yajl_complete_parse(parser) == yajl_status_ok;
}

int metrics_read(struct bytes body, struct metrics *ret, struct error *err) {
    struct metrics metrics = METRICS_EMPTY;
    struct reader reader = {.metrics = &metrics};
    bool is_whole = parse(&reader, body);
    pieces_free(&reader);
    if (reader.has_failed || !is_whole) metrics_done(&metrics);
    if (reader.has_failed) return error_no_memory(err);
    metrics.is_readable = is_whole;
    *ret = metrics;
    return 0;
}

void metrics_done(struct metrics *metrics) {
    memory_free(metrics->samples);
    memory_free(metrics->series);
    memory_free(metrics->fields);
    memory_free(metrics->errors);
    *metrics = METRICS_EMPTY;
}

static bool is_same(struct field a, struct field b) {
    return a.kind == b.kind && a.number == b.number;
}

bool metrics_has_field(const struct metrics *metrics, struct field field) {
    for (size_t i = 0; i < metrics->field_count; i++)
        if (is_same(metrics->fields[i], field)) return true;
    return false;
}

bool metrics_is_partial(const struct metrics *metrics, struct field field) {
    const struct metrics_error *error = metrics_error_of(metrics, field);
    return error && error->has_path;
}

const struct metrics_error *metrics_error_of(const struct metrics *metrics, struct field field) {
    const struct metrics_error *general = NULL;
    for (size_t i = 0; i < metrics->error_count; i++) {
        const struct metrics_error *error = &metrics->errors[i];
        if (error->has_path && is_same(error->field, field)) return error;
        if (!error->has_path && !general) general = error;
    }
    return general;
}
