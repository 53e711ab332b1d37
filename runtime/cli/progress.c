/* Progress on stderr as plain lines: one for each step that ends, for logs, and for trouble. Called
 * from the engine's threads; a line is one write. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/glyph.h"

enum { ID_END = 8 };

static const char *end_of(const char *run_id) {
    size_t size = strlen(run_id);
    return size > ID_END ? run_id + size - ID_END : run_id;
}

static void write_line(struct buffer *line) {
    buffer_add_byte(line, '\n');
    if (!line->is_failed) fwrite(line->data, 1, line->size, stderr);
    buffer_done(line);
}

static void on_step(void *context, const char *run_id, const char *key, const char *kind,
                    const char *outcome, int64_t duration_us, const char *message) {
    const struct place *place = context;
    struct buffer line = BUFFER_EMPTY;
    if (place->is_quiet) return;
    buffer_add_format(&line, "%s  %-8s ", end_of(run_id), outcome);
    glyph_add(&line, bytes_of(key), false);
    buffer_add_format(&line, " (%s) %.3f s%s", kind, (double)duration_us / 1e6,
                      *message ? ": " : "");
    glyph_add(&line, bytes_of(message), false);
    write_line(&line);
}

static int level_of(const char *level) {
    switch (*level) {
    case 'd': return 0;
    case 'i': return 1;
    case 'w': return 2;
    default: return 3;
    }
}

void progress_add_log(const struct place *place, const char *run_id, const char *level,
                      struct bytes message, struct buffer *out) {
    if (place->is_quiet || level_of(level) < place->log_level) return;
    buffer_add_format(out, "%s  %-8s ", end_of(run_id), level);
    glyph_add(out, message, false);
    buffer_add_byte(out, '\n');
}

static void on_log(void *context, const char *run_id, const char *level, struct bytes message) {
    struct buffer line = BUFFER_EMPTY;
    progress_add_log(context, run_id, level, message, &line);
    if (line.size && !line.is_failed) fwrite(line.data, 1, line.size, stderr);
    buffer_done(&line);
}

static void on_run(void *context, const struct record *record) {
    const struct place *place = context;
    struct buffer line = BUFFER_EMPTY;
    if (place->is_quiet || record->status == RUN_WAITING) return;
    buffer_add_format(&line, "%s  %-8s ", end_of(record->id), run_status_name(record->status));
    glyph_add(&line, bytes_of(record->workflow), false);
    buffer_add_format(&line, " (run %s)%s", record->id, record->message[0] ? ": " : "");
    glyph_add(&line, bytes_of(record->message), false);
    write_line(&line);
}

static void on_trouble(void *context, const char *message, bool is_fatal) {
    (void)context;
    complain(0, "%s%s", is_fatal ? "fatal: " : "", message);
}

struct observer progress_observer(const struct place *place) {
    return (struct observer){.context = (void *)place,
                             .on_step = on_step,
                             .on_log = on_log,
                             .on_run = on_run,
                             .on_trouble = on_trouble};
}
