/* Reasons; see reason.h. */
#include "engine/reason.h"

#include <string.h>

#include "base/clock.h"

static void add_waiting(const struct record *record, struct buffer *out) {
    char when[CLOCK_TEXT_MAX] = "";
    if (record->due_at_us) clock_format(record->due_at_us, when);
    if (strcmp(record->waits_kind, "signal") == 0)
        buffer_add_format(
            out, "waiting for the signal '%s'%s%s; `tend signal %s %s '{\"ok\":true}'`",
            record->waits_for, *when ? " until " : "", when, record->id, record->waits_for);
    else if (strcmp(record->waits_kind, "child") == 0)
        buffer_add_format(out, "waiting for the run that '%s' invoked to end", record->waits_for);
    else if (strcmp(record->waits_kind, "retry") == 0)
        buffer_add_format(out, "waiting to try '%s' again at %s", record->waits_for, when);
    else buffer_add_format(out, "waiting for the timer '%s', due at %s", record->waits_for, when);
}

static void add_pending(const struct record *record, struct buffer *out) {
    if (record->slot_limit && !record->has_slot)
        buffer_add_format(out,
                          "in line for its slot: of %s%s%s%s at most %u go on at a time; it begins "
                          "when those before it have ended, and an engine runs",
                          record->workflow, *record->slot ? " with the key '" : "", record->slot,
                          *record->slot ? "'" : "", record->slot_limit);
    else
        buffer_add_text(out, "ready; it goes on as soon as an engine lets it in "
                             "(`tend serve`, or `tend resume` with its id)");
}

void reason_add(const struct record *record, struct buffer *out) {
    switch (record->status) {
    case RUN_PENDING: add_pending(record, out); break;
    case RUN_WAITING: add_waiting(record, out); break;
    case RUN_FAILED: buffer_add_format(out, "failed: %s", record->message); break;
    case RUN_BLOCKED:
    case RUN_STUCK:
        buffer_add_format(out, "%s: %s", run_status_name(record->status), record->message);
        break;
    default: break;
    }
}
