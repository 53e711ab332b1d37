/* Options as people write them; see option.h. */
#include "engine/option.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

int duration_read(const struct value *options, const char *key, int64_t *us, struct error *err) {
    const struct value *value = value_get(options, key);
    if (!value) return 0;
    if (value_is_number(value) && value_number(value) >= 0 && value_number(value) < 1e11) {
        *us = (int64_t)(value_number(value) * 1e6);
        return 0;
    }
    if (value->kind == VALUE_TEXT &&
        clock_parse_duration(value->text.data, value->text.size, us) == 0)
        return 0;
    return error_set_kind(err, TEND_EINPUT, "error",
                          "%s is no duration: a number of seconds, or text such as \"1m30s\"", key);
}

/* "256MiB" as bytes; 0: it isn't of that form. */
static size_t parse_size(struct bytes text) {
    static const struct {
        const char *unit;
        int shift;
    } units[] = {{"KiB", 10}, {"MiB", 20}, {"GiB", 30}};
    char copy[32], *end;
    if (text.size == 0 || text.size >= sizeof copy) return 0;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    unsigned long long number = strtoull(copy, &end, 10);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (end > copy && strcmp(end, units[i].unit) == 0 && number < 1ULL << 32)
            return (size_t)number << units[i].shift;
    return 0;
}

int size_read(const struct value *options, const char *key, size_t *bytes, struct error *err) {
    const struct value *value = value_get(options, key);
    size_t size = 0;
    if (!value) return 0;
    if (value->kind == VALUE_INTEGER && value->integer > 0) size = (size_t)value->integer;
    if (value->kind == VALUE_TEXT) size = parse_size(value->text);
    if (!size)
        return error_set_kind(err, TEND_EINPUT, "error",
                              "%s is no size: a number of bytes, or text such as \"256MiB\"", key);
    *bytes = size;
    return 0;
}
