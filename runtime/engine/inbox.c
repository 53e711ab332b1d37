/* The inbox; see inbox.h. An item is a packed map {kind = "run", bundle, id, input}, or
 * {kind = "signal", run, name, payload}, {kind = "cancel", run}, {kind = "retry", run}, or
 * {kind = "schedule", …} (schedule_record.c), {kind = "prune", …} (retention.c). */
#include "engine/inbox.h"

#include <string.h>

#include "base/memory.h"
#include "engine/cancel.h"
#include "engine/point.h"
#include "engine/retention.h"
#include "engine/round.h"
#include "engine/schedule_record.h"
#include "engine/signal.h"
#include "engine/upgrade.h"

int inbox_ask_run(struct journal *journal, const struct bundle *bundle, const char *id,
                  struct bytes input, struct error *err) {
    struct buffer item = BUFFER_EMPTY;
    uint64_t number;
    int status = accept_check_id(journal, id, bundle->name, input, &number, err);
    if (status || number) return status; /* there already: nothing to ask for */
    pack_map(&item, 4);
    pack_member_text(&item, "kind", "run");
    pack_member_bytes(&item, "bundle", buffer_bytes(&bundle->contents));
    pack_member_text(&item, "id", id);
    pack_text(&item, "input");
    if (input.size) buffer_add(&item, input.data, input.size);
    else pack_nil(&item);
    status = buffer_check(&item, err);
    if (!status) status = journal_inbox_add(journal, buffer_bytes(&item), err);
    point("after_hand_over");
    buffer_done(&item);
    return status;
}

static int add(struct journal *journal, struct buffer *item, struct error *err) {
    int status = buffer_check(item, err);
    if (!status) status = journal_inbox_add(journal, buffer_bytes(item), err);
    buffer_done(item);
    return status;
}

static int check_signal(const struct record *record, const char *name, struct error *err) {
    size_t size = strlen(name);
    if (size == 0 || size > SIGNAL_NAME_MAX)
        return error_set(err, TEND_EINPUT, "a signal's name has 1 to %d bytes", SIGNAL_NAME_MAX);
    if (run_status_is_final(record->status))
        return error_set(err, TEND_EINPUT, "run %s is %s: it takes no more signals", record->id,
                         run_status_name(record->status));
    return 0;
}

int inbox_ask_signal(struct journal *journal, const char *id, const char *name,
                     struct bytes payload, struct error *err) {
    struct buffer item = BUFFER_EMPTY;
    struct record record;
    int status = record_load_by_id(journal, id, &record, err);
    if (!status) status = check_signal(&record, name, err);
    if (status) return status;
    pack_map(&item, 4);
    pack_member_text(&item, "kind", "signal");
    pack_member_text(&item, "run", id);
    pack_member_text(&item, "name", name);
    pack_text(&item, "payload");
    buffer_add(&item, payload.data, payload.size);
    return add(journal, &item, err);
}

static int ask_of_run(struct journal *journal, const char *kind, const char *id,
                      struct error *err) {
    struct buffer item = BUFFER_EMPTY;
    pack_map(&item, 2);
    pack_member_text(&item, "kind", kind);
    pack_member_text(&item, "run", id);
    return add(journal, &item, err);
}

int inbox_ask_retry(struct journal *journal, const char *id, struct error *err) {
    struct record record;
    int status = record_load_by_id(journal, id, &record, err);
    if (!status) status = round_check(&record, err);
    return status ? status : ask_of_run(journal, "retry", id, err);
}

int inbox_ask_cancel(struct journal *journal, const char *id, struct error *err) {
    struct record record;
    int status = record_load_by_id(journal, id, &record, err);
    if (!status && run_status_is_final(record.status))
        status =
            error_set(err, TEND_EINPUT, "run %s is %s already", id, run_status_name(record.status));
    return status ? status : ask_of_run(journal, "cancel", id, err);
}

int inbox_ask_fork(struct journal *journal, const struct fork *fork, const struct bundle *bundle,
                   struct error *err) {
    struct buffer item = BUFFER_EMPTY;
    struct record taken;
    int status = accept_check_new_id(fork->id, err);
    if (!status && record_load_by_id(journal, fork->id, &taken, NULL) == 0)
        status = error_set(err, TEND_ECONFLICT, "the id %s is taken; choose another id", fork->id);
    if (status) return status;
    pack_map(&item, bundle ? 5 : 4);
    pack_member_text(&item, "kind", "fork");
    pack_member_text(&item, "run", fork->of);
    pack_member_text(&item, "at", fork->at);
    pack_member_text(&item, "id", fork->id);
    if (bundle) pack_member_bytes(&item, "bundle", buffer_bytes(&bundle->contents));
    return add(journal, &item, err);
}

int inbox_ask_upgrade(struct journal *journal, const char *id, const struct bundle *bundle,
                      bool allows_added, struct error *err) {
    struct buffer item = BUFFER_EMPTY;
    struct record record;
    int status = record_load_by_id(journal, id, &record, err);
    if (!status && (record.status == RUN_COMPLETED || record.status == RUN_CANCELLED))
        status =
            error_set(err, TEND_EINPUT, "run %s is %s already", id, run_status_name(record.status));
    if (status) return status;
    pack_map(&item, 4);
    pack_member_text(&item, "kind", "upgrade");
    pack_member_text(&item, "run", id);
    pack_member_boolean(&item, "allows_added", allows_added);
    pack_member_bytes(&item, "bundle", buffer_bytes(&bundle->contents));
    return add(journal, &item, err);
}

struct item {
    struct item *next;
    uint64_t number;
    struct buffer contents;
};

struct taking {
    struct item *first, **last;
    uint64_t taken; /* up to here, maybe not durable yet */
    bool is_failed;
};

/* Copies: a visitor may not write to the journal. */
static bool keep(void *context, uint64_t number, struct bytes contents) {
    struct taking *taking = context;
    if (number <= taking->taken) return true;
    struct item *item = memory_new(sizeof *item);
    if (!item) return !(taking->is_failed = true);
    item->number = number;
    buffer_add(&item->contents, contents.data, contents.size);
    *taking->last = item;
    taking->last = &item->next;
    return true;
}

/* What an item is about to do: its order among all items, and whether it has submitted by itself.
 */
struct taken {
    uint64_t order;
    struct submission *submission;
    bool is_submitted; /* then the submission isn't ours any more */
};

static int accept_item(struct services *services, const struct value *item, struct taken *taken,
                       struct error *err) {
    struct buffer input = BUFFER_EMPTY;
    struct bundle bundle;
    struct accepted accepted;
    char *id = value_copy_text(value_get(item, "id"));
    int status = bundle_open(value_get_bytes(item, "bundle"), &bundle, err);
    if (!status) {
        const struct value *given = value_get(item, "input");
        if (given) pack_value(&input, given);
        struct acceptance acceptance = {bundle.name, buffer_bytes(&input), id, 0};
        status = accept_bundle(services, &acceptance, &bundle, taken->submission, &accepted, err);
        bundle_done(&bundle);
    }
    memory_free(id);
    buffer_done(&input);
    return status;
}

static int take_signal(struct services *services, const struct value *item, struct taken *taken,
                       struct error *err) {
    struct buffer payload = BUFFER_EMPTY;
    struct record record;
    char *id = value_copy_text(value_get(item, "run"));
    const struct value *given = value_get(item, "payload");
    if (given) pack_value(&payload, given);
    else pack_null(&payload);
    int status = id ? record_load_by_id(services->journal, id, &record, err) : error_no_memory(err);
    if (!status && run_status_is_final(record.status))
        status = error_set(err, TEND_EINPUT, "a signal came too late: run %s is %s", id,
                           run_status_name(record.status));
    if (!status)
        status = signal_put(services, record.number, value_get_bytes(item, "name"),
                            buffer_bytes(&payload), taken->order, taken->submission, err);
    taken->is_submitted = status == 0;
    point("after_signal_put");
    memory_free(id);
    buffer_done(&payload);
    return status;
}

/* What has ended meanwhile needs no cancelling. */
static int take_cancel(struct services *services, const struct value *item, struct taken *taken,
                       struct error *err) {
    struct record record;
    char *id = value_copy_text(value_get(item, "run"));
    int status = id ? record_load_by_id(services->journal, id, &record, err) : error_no_memory(err);
    memory_free(id);
    if (status || run_status_is_final(record.status)) return status;
    if (record.status == RUN_BLOCKED || record.status == RUN_STUCK) {
        cancel_at_rest(services, &record, taken->submission);
        slots_leave(services->slots, record.number); /* begins behind it in the journal's queue */
        return 0;
    }
    status = cancel_ask(services, record.number, taken->submission, err);
    taken->is_submitted = status == 0;
    return status == TEND_ECONFLICT ? 0 : status; /* asked for already */
}

static int take_retry(struct services *services, const struct value *item, struct taken *taken,
                      struct error *err) {
    struct record record;
    char *id = value_copy_text(value_get(item, "run"));
    int status = id ? record_load_by_id(services->journal, id, &record, err) : error_no_memory(err);
    memory_free(id);
    if (!status) status = round_retry(services, record.number, taken->submission, err);
    return status == TEND_ECONFLICT ? 0 : status; /* asked for already */
}

static int take_fork(struct services *services, const struct value *item, struct taken *taken,
                     struct error *err) {
    struct bytes contents = value_get_bytes(item, "bundle");
    struct bundle bundle = {0};
    char *of = value_copy_text(value_get(item, "run")),
         *at = value_copy_text(value_get(item, "at"));
    char *id = value_copy_text(value_get(item, "id"));
    int status = of && at && id ? 0 : error_no_memory(err);
    if (!status && contents.size) status = bundle_open(contents, &bundle, err);
    if (!status) {
        struct fork fork = {of, at, id};
        status = fork_make(services, &fork, contents.size ? &bundle : NULL, taken->submission, err);
    }
    bundle_done(&bundle);
    memory_free(of);
    memory_free(at);
    memory_free(id);
    return status;
}

static int take_upgrade(struct services *services, const struct value *item, struct taken *taken,
                        struct error *err) {
    struct bundle bundle = {0};
    struct record record;
    char *id = value_copy_text(value_get(item, "run"));
    int status = id ? record_load_by_id(services->journal, id, &record, err) : error_no_memory(err);
    if (!status) status = bundle_open(value_get_bytes(item, "bundle"), &bundle, err);
    if (!status)
        status =
            upgrade_ask(services, &record, &bundle, value_get_boolean(item, "allows_added", false),
                        taken->submission, err);
    taken->is_submitted = status == 0 || status == TEND_ENOMEM;
    bundle_done(&bundle);
    memory_free(id);
    return status;
}

static int take_schedule(struct services *services, const struct value *item, struct taken *taken,
                         struct error *err) {
    int status = schedule_order_take(services, item, taken->submission, err);
    taken->is_submitted = status == 0 || status == TEND_ENOMEM;
    return status;
}

static int take_prune(struct services *services, const struct value *item, struct taken *taken,
                      struct error *err) {
    (void)taken;
    return retention_order(services->retention, item, err);
}

static int take_kind(struct services *services, const struct value *item, struct taken *taken,
                     struct error *err) {
    static const struct {
        const char *kind;
        int (*take)(struct services *, const struct value *, struct taken *, struct error *);
    } kinds[] = {{"signal", take_signal}, {"cancel", take_cancel}, {"schedule", take_schedule},
                 {"fork", take_fork},     {"retry", take_retry},   {"upgrade", take_upgrade},
                 {"prune", take_prune}};
    struct bytes kind = value_get_bytes(item, "kind");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (bytes_are(kind, kinds[i].kind)) return kinds[i].take(services, item, taken, err);
    return accept_item(services, item, taken, err);
}

/* An item that can't be done is taken all the same, and said: it must not come again for ever. */
static int take(struct services *services, struct item *item, struct error *err) {
    struct taken taken = {item->number, submission_new(), false};
    struct value_tree tree;
    struct error why;
    if (!taken.submission) return error_no_memory(err);
    point("before_item");
    submission_inbox(taken.submission, item->number);
    services->inbox_taken = item->number;
    int status = value_read(buffer_bytes(&item->contents), &tree, &why);
    if (!status) {
        status = take_kind(services, &tree.root, &taken, &why);
        value_tree_done(&tree);
    }
    if (status && services->observer.on_trouble)
        services->observer.on_trouble(services->observer.context, why.message, false);
    point("after_item");
    if (taken.is_submitted) return 0;
    uint64_t position = committer_submit(services->committer, taken.submission, err);
    return position ? 0 : TEND_ENOMEM;
}

int inbox_take(struct services *services, struct error *err) {
    struct taking taking = {NULL, &taking.first, services->inbox_taken, false};
    int status = journal_inbox(services->journal, keep, &taking, err);
    bool has_any = taking.first != NULL;
    while (taking.first) {
        struct item *next = taking.first->next;
        if (!status) status = take(services, taking.first, err);
        buffer_done(&taking.first->contents);
        memory_free(taking.first);
        taking.first = next;
    }
    if (has_any) point("before_trim");
    if (!status && has_any) status = journal_inbox_trim(services->journal, err);
    if (has_any) point("after_trim");
    return status;
}
