/* Limits; see limits.h. */
#include "engine/limits.h"

#include <stdlib.h>
#include <string.h>

#include "engine/option.h"

static const struct limits defaults = {.memory_bytes = (size_t)256 << 20,
                                       .value_bytes = (size_t)64 << 20,
                                       .body_bytes = (size_t)16 << 20,
                                       .steps = 101000,
                                       .isolates = 1000,
                                       .worker_memory_bytes = (size_t)1 << 30,
                                       .watchdog_us = 30000000,
                                       .cancel_grace_us = 60000000};

static const char *const names[] = {"memory",       "watchdog", "value",         "body", "steps",
                                    "cancel_grace", "isolates", "worker_memory", NULL};

const char *const *limits_names(void) { return names; }

static bool is_known(struct bytes name) {
    for (size_t i = 0; names[i]; i++)
        if (bytes_are(name, names[i])) return true;
    return false;
}

static int unknown(struct bytes name, struct error *err) {
    struct buffer list = BUFFER_EMPTY;
    for (size_t i = 0; names[i]; i++) buffer_add_format(&list, "%s%s", i ? ", " : "", names[i]);
    int status =
        error_set(err, TEND_EINPUT, "there is no limit '%.*s'; there are %s",
                  (int)(name.size > 60 ? 60 : name.size), name.data, list.data ? list.data : "");
    buffer_done(&list);
    return status;
}

static int positive_time(const struct value *map, const char *name, int64_t *us,
                         struct error *err) {
    int status = duration_read(map, name, us, err);
    if (!status && *us <= 0)
        status = error_set(err, TEND_EINPUT, "%s must be longer than nothing", name);
    return status;
}

static int positive_count(const struct value *map, const char *name, size_t *ret,
                          struct error *err) {
    int64_t count = value_get_integer(map, name, 0);
    if (!value_get(map, name)) return 0;
    if (count < 1 || count > UINT32_MAX)
        return error_set(err, TEND_EINPUT, "%s must be a positive integer, such as 101000", name);
    *ret = (size_t)count;
    return 0;
}

static int read_map(const struct value *map, struct limits *limits, struct error *err) {
    for (size_t i = 0; i < map->map.count; i++)
        if (!is_known(map->map.members[i].key)) return unknown(map->map.members[i].key, err);
    int status = size_read(map, "memory", &limits->memory_bytes, err);
    if (!status) status = size_read(map, "value", &limits->value_bytes, err);
    if (!status) status = size_read(map, "body", &limits->body_bytes, err);
    if (!status) status = positive_count(map, "steps", &limits->steps, err);
    if (!status) status = positive_count(map, "isolates", &limits->isolates, err);
    if (!status) status = size_read(map, "worker_memory", &limits->worker_memory_bytes, err);
    if (!status) status = positive_time(map, "watchdog", &limits->watchdog_us, err);
    if (!status) status = duration_read(map, "cancel_grace", &limits->cancel_grace_us, err);
    return status;
}

/* A number counts as one: bytes, seconds or steps, as in tend.lua. */
static int read_given(const char *given, struct limits *limits, struct error *err) {
    const char *equals = strchr(given, '=');
    char *end;
    if (!equals) return error_set(err, TEND_EINPUT, "it wants NAME=VALUE, such as watchdog=2s");
    long long number = strtoll(equals + 1, &end, 10);
    struct value value = {.kind = VALUE_TEXT, .text = bytes_of(equals + 1)};
    if (equals[1] && !*end) value = (struct value){.kind = VALUE_INTEGER, .integer = number};
    struct value_member member = {{given, (size_t)(equals - given)}, value};
    struct value map = {.kind = VALUE_MAP, .map = {&member, 1}};
    return read_map(&map, limits, err);
}

int limits_read(const struct value *written, const char *const *given, struct limits *ret,
                struct error *err) {
    struct limits limits = defaults;
    int status = 0;
    if (written && written->kind != VALUE_MAP && written->kind != VALUE_LIST)
        status = error_set(err, TEND_EINPUT, "it must be a table: limits = { watchdog = \"2s\" }");
    if (written && written->kind == VALUE_LIST && written->list.count)
        status = error_set(err, TEND_EINPUT, "it must name them: limits = { watchdog = \"2s\" }");
    if (!status && written && written->kind == VALUE_MAP) status = read_map(written, &limits, err);
    if (status) error_context(err, "limits");
    for (; !status && given && *given; given++) status = read_given(*given, &limits, err);
    if (!status) *ret = limits;
    return status;
}

int limits_check_value(const struct limits *limits, const char *what, size_t size,
                       struct error *err) {
    struct buffer most = BUFFER_EMPTY;
    if (!limits->value_bytes || size <= limits->value_bytes) return 0;
    limits_add_size(&most, limits->value_bytes);
    int status = error_set_kind(
        err, TEND_EINPUT, "value",
        "%s has %zu bytes, over the limit of %s a value; keep it in a file and record its name, "
        "or raise the limit (limits.value in tend.lua, or --limit value=…)",
        what, size, most.data ? most.data : "");
    buffer_done(&most);
    return status;
}

void limits_add_size(struct buffer *out, size_t bytes) {
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB"};
    size_t unit = 0;
    while (unit < 3 && bytes && bytes % 1024 == 0) bytes /= 1024, unit++;
    buffer_add_format(out, "%zu %s", bytes, units[unit]);
}
