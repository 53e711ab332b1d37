/* Moving a run to other sources; see upgrade.h. */
#include "engine/upgrade.h"

#include <stdio.h>

#include "engine/dry_replay.h"
#include "engine/hidden.h"

static struct bytes key_of(uint64_t number, char text[HIDDEN_KEY_TEXT]) {
    hidden_key(HIDDEN_UPGRADE, number, text);
    return bytes_of(text);
}

/* ---- asking ---- */

/* What rests is made ready: a mismatch may be over with the new sources. */
static void make_ready(struct record *record, struct submission *submission) {
    enum run_status next;
    if (record->status != RUN_BLOCKED && record->status != RUN_STUCK) return;
    if (transition_run(record->status, RUN_RETRIED, &next, NULL)) return;
    record->status = next;
    record->message[0] = '\0';
    record->crashes = 0;
    submission_record(submission, record);
}

int upgrade_ask(struct services *services, struct record *record, const struct bundle *bundle,
                bool allows_added, struct submission *submission, struct error *err) {
    char text[HIDDEN_KEY_TEXT];
    struct bytes key = key_of(record->number, text);
    struct buffer value = BUFFER_EMPTY, before = BUFFER_EMPTY;
    uint64_t version, position;
    if (record->status == RUN_COMPLETED || record->status == RUN_CANCELLED)
        return error_set(err, TEND_EINPUT, "run %s is %s: there is nothing left to run", record->id,
                         run_status_name(record->status));
    int status = shared_state_read(services->state, key, &before, &version, err);
    pack_map(&value, 2);
    pack_member_text(&value, "bundle", bundle->hash);
    pack_member_boolean(&value, "allows_added", allows_added);
    if (!status) status = buffer_check(&value, err);
    if (!status) {
        submission_bundle(submission, bytes_of(bundle->hash), buffer_bytes(&bundle->contents));
        make_ready(record, submission);
        submission_wake(submission, record->number);
        status = shared_state_write(services->state, key, buffer_bytes(&value), version, submission,
                                    &position, err);
    }
    buffer_done(&before);
    buffer_done(&value);
    return status;
}

/* ---- doing it ---- */

struct request {
    char hash[65];
    bool allows_added;
    uint64_t version;
};

static bool read_request(struct run *run, struct request *request) {
    char text[HIDDEN_KEY_TEXT];
    struct buffer value = BUFFER_EMPTY;
    struct value_tree tree;
    struct bytes key = key_of(run->record.number, text);
    bool is_there = false;
    if (shared_state_read(run->services->state, key, &value, &request->version, NULL) == 0 &&
        value.size && value_read(buffer_bytes(&value), &tree, NULL) == 0) {
        struct bytes hash = value_get_bytes(&tree.root, "bundle");
        is_there = tree.root.kind == VALUE_MAP;
        snprintf(request->hash, sizeof request->hash, "%.*s", (int)hash.size, hash.data);
        request->allows_added = value_get_boolean(&tree.root, "allows_added", false);
        value_tree_done(&tree);
    }
    buffer_done(&value);
    return is_there;
}

static int try_it(struct run *run, const struct request *request, struct error *err) {
    struct buffer contents = BUFFER_EMPTY;
    struct bundle bundle;
    int status = journal_bundle(run->services->journal, bytes_of(request->hash), &contents, err);
    if (!status) status = bundle_open(buffer_bytes(&contents), &bundle, err);
    buffer_done(&contents);
    if (status) return status;
    struct dry_replay how = {run->record.number, &bundle, 0, request->allows_added};
    status = dry_replay(run->host.place, &how, err);
    bundle_done(&bundle);
    return status;
}

/* The entry (none if it doesn't fit), and the request taken back, in one commit. */
static void record_it(struct run *run, const struct request *request, bool fits) {
    char text[HIDDEN_KEY_TEXT];
    struct error err;
    struct bytes none = {NULL, 0}, key = key_of(run->record.number, text);
    struct buffer value = BUFFER_EMPTY, packed = BUFFER_EMPTY;
    struct submission *submission = submission_new();
    struct record record = run->record;
    uint64_t position;
    if (!submission) return; /* then it is done at the next load */
    pack_map(&value, 3);
    pack_member_text(&value, "from", run->record.bundle);
    pack_member_text(&value, "to", request->hash);
    pack_member_boolean(&value, "allows_added", request->allows_added);
    entry_pack(&(struct entry){.type = ENTRY_UPGRADED,
                               .at_us = run_now_us(run),
                               .value = buffer_bytes(&value)},
               &packed);
    snprintf(record.bundle, sizeof record.bundle, "%s", request->hash);
    record.allows_added = record.allows_added || request->allows_added;
    if (fits) {
        submission_entry(submission, record.number, record.next_sequence, buffer_bytes(&packed));
        record.next_sequence++;
        submission_record(submission, &record);
    }
    int status = shared_state_write(run->services->state, key, none, request->version, submission,
                                    &position, &err);
    if (status && status != TEND_ENOMEM) submission_free(submission);
    /* Its entries are read from the journal next. */
    if (!status && committer_wait(run->services->committer, position) && fits) run->record = record;
    buffer_done(&value);
    buffer_done(&packed);
}

static void tell(const struct run *run, const struct error *err) {
    const struct observer *observer = &run->services->observer;
    char message[ERROR_MESSAGE_MAX];
    snprintf(message, sizeof message,
             "run %s stays with its sources, the new ones don't fit: %.800s", run->record.id,
             err->message);
    if (observer->on_trouble) observer->on_trouble(observer->context, message, false);
}

void upgrade_check(struct run *run) {
    struct request request;
    struct error err;
    if (!read_request(run, &request)) return;
    int status = try_it(run, &request, &err);
    if (status == TEND_ENOMEM) return;
    if (status) tell(run, &err);
    record_it(run, &request, status == 0);
}
