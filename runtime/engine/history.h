/* A run as its journal tells it, for people and programs that look: one packed map
 * {run = {id, workflow, status, input, result, error, waits_for, created_at, ended_at},
 *  steps = [{key, name, kind, status, attempts, started_at, ended_at, duration_ms, value, error}],
 *  logs = [{at, level, message, fields}]}, times in RFC 3339 UTC.
 * May use: journal/, engine/record.h, entry.h. Reads a snapshot. */
#ifndef TEND_ENGINE_HISTORY_H
#define TEND_ENGINE_HISTORY_H

#include "engine/entry.h"
#include "engine/record.h"

/* Appends the packed map. TEND_ENOENT: no such run. */
int history_pack(struct journal *journal, const char *id, struct buffer *out, struct error *err);
/* Appends one run as `runs` lists it: {id, workflow, status, created_at, ended_at, waits_for}. */
void history_pack_run(const struct record *record, struct buffer *out);

#endif
