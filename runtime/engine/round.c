/* Rounds; see round.h. */
#include "engine/round.h"

#include <stdio.h>
#include <string.h>

#include "engine/resting.h"
#include "engine/transition.h"

/* What the entries tell of a run's end. */
struct ending {
    char key[512];     /* of the step whose error ended it; "": none did */
    uint32_t sequence; /* of the entry to set aside from */
    uint64_t child;    /* of an invoke that failed */
};

static bool find_end(void *context, uint32_t sequence, struct bytes packed) {
    struct ending *ending = context;
    struct entry entry;
    struct value_tree tree;
    if (entry_read(packed, &entry, NULL) || entry.type != ENTRY_ENDED) return true;
    ending->sequence = sequence;
    ending->key[0] = '\0';
    if (value_read(entry.value, &tree, NULL)) return true;
    struct bytes key = value_get_bytes(&tree.root, "step");
    if (key.size < sizeof ending->key)
        snprintf(ending->key, sizeof ending->key, "%.*s", (int)key.size, key.data);
    value_tree_done(&tree);
    return true;
}

static uint64_t child_of(struct bytes waits) {
    struct value_tree tree;
    if (value_read(waits, &tree, NULL)) return 0;
    uint64_t number = (uint64_t)value_get_integer(&tree.root, "number", 0);
    value_tree_done(&tree);
    return number;
}

struct searching {
    struct ending *ending;
    uint32_t sequence; /* of the step's error; 0: not seen */
    uint64_t child;
};

static bool find_step(void *context, uint32_t sequence, struct bytes packed) {
    struct searching *searching = context;
    struct entry entry;
    if (entry_read(packed, &entry, NULL) || !bytes_are(entry.key, searching->ending->key))
        return true;
    if (entry.type == ENTRY_RAISED) searching->sequence = sequence;
    if (entry.type == ENTRY_WAITING && entry.kind == ASK_INVOKE)
        searching->child = child_of(entry.value);
    return true;
}

static int look(struct services *services, uint64_t number, struct ending *ending,
                struct error *err) {
    struct searching searching = {ending, 0, 0};
    *ending = (struct ending){.key = ""};
    int status = journal_entries(services->journal, number, find_end, ending, err);
    if (!status && ending->key[0])
        status = journal_entries(services->journal, number, find_step, &searching, err);
    if (status) return status;
    if (searching.sequence) {
        ending->sequence = searching.sequence;
        ending->child = searching.child;
    } else {
        ending->key[0] = '\0';
    }
    return 0;
}

static void append(struct services *services, struct record *record, const struct ending *ending,
                   struct submission *submission) {
    struct buffer value = BUFFER_EMPTY, packed = BUFFER_EMPTY;
    pack_map(&value, 2);
    pack_member_integer(&value, "from", ending->sequence);
    pack_member_text(&value, "key", ending->key);
    struct entry entry = {.type = ENTRY_RETRIED,
                          .at_us = clock_wall_us(services->clock),
                          .value = buffer_bytes(&value)};
    entry_pack(&entry, &packed);
    submission_entry(submission, record->number, record->next_sequence, buffer_bytes(&packed));
    record->ended_at_us = 0;
    record->message[0] = '\0';
    submission_record(submission, record);
    submission_wake(submission, record->number);
    buffer_done(&value);
    buffer_done(&packed);
}

int round_check(const struct record *record, struct error *err) {
    enum run_status next;
    if (transition_run(record->status, RUN_RETRIED, &next, NULL) == 0) return 0;
    return error_set(err, TEND_EINPUT,
                     "run %s is %s: only a failed, blocked or stuck run can be retried", record->id,
                     run_status_name(record->status));
}

int round_retry(struct services *services, uint64_t number, struct submission *submission,
                struct error *err) {
    struct record record;
    struct ending ending = {.key = ""};
    enum run_status next;
    int status = record_load(services->journal, number, &record, err);
    if (!status) status = round_check(&record, err);
    if (!status) status = transition_run(record.status, RUN_RETRIED, &next, err);
    if (!status && record.status == RUN_FAILED) status = look(services, number, &ending, err);
    else ending.sequence = record.next_sequence; /* it hasn't ended: nothing to set aside */
    if (!status) status = resting_claim(services, &record, err);
    if (status) return status;
    record.status = next;
    record.crashes = 0;
    append(services, &record, &ending, submission);
    if (ending.child)
        (void)round_retry(services, ending.child, submission, NULL); /* if it failed */
    return 0;
}
