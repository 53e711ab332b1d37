/* Links of a run: continue_as ends one and begins the next, under the same number and id, with a
 * journal that begins anew. So what is kept by number stays: unread signals, who waits for the run,
 * its slot, a cancel that was asked for. The entries so far become those of a finished run of their
 * own, ID~1 for the first link: it can be shown, and goes when finished runs are pruned.
 *
 * The next link takes the sources as they are now. If its file is gone, it keeps those that it has.
 */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "engine/accept.h"
#include "engine/point.h"
#include "engine/run.h"

static void end_past(struct run *run) {
    struct buffer nil = BUFFER_EMPTY;
    pack_nil(&nil);
    struct entry entry = {.type = ENTRY_ENDED,
                          .attempt = RUN_COMPLETED,
                          .at_us = run_now_us(run),
                          .value = buffer_bytes(&nil)};
    run_append(run, NULL, &entry);
    buffer_done(&nil);
}

static void name_link(const struct run *run, uint32_t link, char name[JOURNAL_ID_MAX + 1]) {
    snprintf(name, JOURNAL_ID_MAX + 1, "%.*s~%u", RUN_ID_MAX, run->record.id, link);
}

static struct record past_record(struct run *run) {
    struct record past = run->record;
    past.number = atomic_fetch_add(&run->services->last_number, 1) + 1;
    name_link(run, run->record.links + 1, past.id);
    (void)transition_run(run->record.status, RUN_RETURNED, &past.status, NULL);
    past.ended_at_us = run_now_us(run);
    past.due_at_us = 0;
    past.parent = 0;
    past.slot_limit = 0;
    past.has_slot = false;
    past.waits_kind[0] = past.waits_for[0] = past.message[0] = '\0';
    return past;
}

/* The past link's end, and the next one's beginning, in one commit. */
static void begin_next(struct run *run, const struct bundle *bundle, struct bytes entry) {
    point("before_link");
    end_past(run);
    struct submission *submission = run->is_broken ? NULL : run_submission(run);
    if (!submission) return;
    struct record past = past_record(run);
    submission_past(submission, run->record.number, &past);
    submission_entry(submission, run->record.number, 0, entry);
    submission_wake(submission, run->record.number);
    run->record.next_sequence = 1;
    run->record.links++;
    run->record.due_at_us = 0;
    run->record.crashes = 0; /* that is progress */
    snprintf(run->record.workflow, sizeof run->record.workflow, "%s", bundle->name);
    snprintf(run->record.bundle, sizeof run->record.bundle, "%s", bundle->hash);
    snprintf(run->record.settings, sizeof run->record.settings, "%s", run->services->settings_hash);
    (void)run_change_status(run, RUN_CONTINUED);
    run->is_over = true;
}

static void fail(struct run *run, const struct error *err) {
    struct buffer packed = BUFFER_EMPTY;
    char message[ERROR_MESSAGE_MAX];
    snprintf(message, sizeof message, "continue_as: %.900s", err->message);
    effect_pack_error(&packed, "error", message, false);
    run_end(run, RUN_RAISED, buffer_bytes(&packed));
    buffer_done(&packed);
}

void link_continue(struct run *run, struct bytes input) {
    struct buffer entry = BUFFER_EMPTY;
    struct bundle bundle;
    struct error err;
    char name[JOURNAL_ID_MAX + 1];
    if (run->is_over) return;
    if (run->is_dry) {
        run->is_over = true; /* all is read: it fits */
        return;
    }
    if (run->has_cancel) {
        run_end(run, RUN_RETURNED, input); /* cancelled, however it ends */
        return;
    }
    int status = run_submission(run)
                     ? bundle_current(&run->services->sources, run->services->journal, &run->record,
                                      &bundle, &err)
                     : TEND_ENOMEM;
    if (run->is_broken) return;
    if (status) {
        fail(run, &err);
        return;
    }
    name_link(run, run->record.links + 2, name);
    status =
        accept_link(run->services, &bundle, name, input, run->given, run->submission, &entry, &err);
    if (status) fail(run, &err);
    else begin_next(run, &bundle, buffer_bytes(&entry));
    bundle_done(&bundle);
    buffer_done(&entry);
}
