/* Progress on stderr: a line for each step that ends, for logs, and for trouble. Called from the
 * engine's threads; a line is one write. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"

static void on_step(void *context, const char *run_id, const char *key, const char *kind,
                    const char *outcome, int64_t duration_us, const char *message) {
    const struct place *place = context;
    size_t size = strlen(run_id);
    if (place->is_quiet) return;
    fprintf(stderr, "%s  %-8s %s (%s) %.3f s%s%s\n", size > 8 ? run_id + size - 8 : run_id, outcome,
            key, kind, (double)duration_us / 1e6, *message ? ": " : "", message);
}

static int level_of(const char *level) {
    switch (*level) {
    case 'd': return 0;
    case 'i': return 1;
    case 'w': return 2;
    default: return 3;
    }
}

static void on_log(void *context, const char *run_id, const char *level, struct bytes message) {
    const struct place *place = context;
    size_t size = strlen(run_id);
    if (place->is_quiet || level_of(level) < place->log_level) return;
    fprintf(stderr, "%s  %-8s %.*s\n", size > 8 ? run_id + size - 8 : run_id, level,
            (int)message.size, message.data);
}

static void on_run(void *context, const struct record *record) {
    const struct place *place = context;
    size_t size = strlen(record->id);
    if (place->is_quiet || record->status == RUN_WAITING) return;
    fprintf(stderr, "%s  %-8s %s (run %s)%s%s\n", size > 8 ? record->id + size - 8 : record->id,
            run_status_name(record->status), record->workflow, record->id,
            record->message[0] ? ": " : "", record->message);
}

static void on_trouble(void *context, const char *message, bool is_fatal) {
    (void)context;
    fprintf(stderr, "tend: %s%s\n", is_fatal ? "fatal: " : "", message);
}

struct observer progress_observer(const struct place *place) {
    return (struct observer){(void *)place, on_step, on_log, on_run, on_trouble};
}
