/* Replay: what the code asks for is looked up in the journal, and where the two don't agree the run
 * is blocked before anything is executed.
 *
 * Branches come by the same way as they did: a branch is resumed by the entry that ended its step,
 * and of several that could go on it is the one whose entry came first (entries count up over the
 * whole run). A step that ended without its branch being left (a pure one) is answered at once. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/cancel.h"
#include "engine/required.h"
#include "engine/run.h"

/* The branch path of a key: everything before the last slash (slashes in names are encoded). */
static struct bytes path_of(struct bytes key) {
    while (key.size && key.data[key.size - 1] != '/') key.size--;
    if (key.size) key.size--;
    return key;
}

static int count_unread(struct run *run, struct bytes key, int by) {
    uintptr_t count = (uintptr_t)map_get(&run->unread, path_of(key)) + (uintptr_t)by;
    run->unread_count += (size_t)by;
    if (count == 0) {
        map_remove(&run->unread, path_of(key));
        return 0;
    }
    return map_set(&run->unread, path_of(key), (void *)count);
}

static struct step *step_new(struct run *run, struct bytes key, enum ask_kind kind) {
    struct step *step = memory_new(sizeof *step);
    if (!step) return NULL;
    step->key = memory_copy(key.data, key.size);
    step->kind = kind;
    if (step->key && map_set(&run->steps, key, step) == 0) return step;
    memory_free(step->key);
    memory_free(step);
    return NULL;
}

static int read_fork(struct run *run, const struct entry *entry, uint32_t sequence,
                     struct error *err) {
    struct value_tree tree;
    int status = value_read(entry->value, &tree, err);
    if (status) return status;
    struct fork_point point = {sequence, value_get_bytes(&tree.root, "seed")};
    buffer_add(&run->forks, &point, sizeof point);
    value_tree_done(&tree);
    return buffer_check(&run->forks, err);
}

/* The next one that replay hasn't come to; NULL: none. */
static const struct fork_point *next_fork(const struct run *run) {
    const struct fork_point *points = (const struct fork_point *)(const void *)run->forks.data;
    size_t count = run->forks.size / sizeof *points;
    return run->forks_passed < count ? points + run->forks_passed : NULL;
}

/* Replay has come to where the fork began: from here on chance is its own. */
static bool pass_fork(struct run *run) {
    struct bytes seed = next_fork(run)->seed;
    run->forks_passed++;
    buffer_clear(&run->seed);
    buffer_add(&run->seed, seed.data, seed.size);
    if (run->seed.is_failed || isolate_reseed(run->isolate, buffer_bytes(&run->seed)))
        run_out_of_memory(run);
    for (struct strand *strand = run->strands; strand; strand = strand->next)
        branch_seed(strand->lua, buffer_bytes(&strand->path));
    return true;
}

int replay_load(struct run *run, const struct entry *entry, uint32_t sequence, struct error *err) {
    if (entry->type == ENTRY_CANCELLED) {
        run->cancel_sequence = sequence;
        run->cancelled_at_us = entry->at_us;
    }
    if (entry->type == ENTRY_FORKED) return read_fork(run, entry, sequence, err);
    if (entry->type == ENTRY_MODULE) return required_load(run, entry, err);
    if (entry->key.size == 0) return 0;
    struct step *step = map_get(&run->steps, entry->key);
    if (!step) step = step_new(run, entry->key, entry->kind);
    if (!step) return error_no_memory(err);
    if (!step->is_recorded && count_unread(run, entry->key, 1)) return error_no_memory(err);
    step->is_recorded = true;
    step->kind = entry->kind;
    step_apply(step, entry, sequence);
    return 0;
}

int replay_set_aside(struct run *run, const struct entry *entry, uint32_t by,
                     struct bytes failed_key, struct error *err) {
    if (entry->key.size == 0) return 0;
    struct step *step = map_get(&run->steps, entry->key);
    if (!step) step = step_new(run, entry->key, entry->kind);
    if (!step) return error_no_memory(err);
    step_set_aside(step, entry, by, bytes_equal(entry->key, failed_key));
    return 0;
}

static void make_key(struct strand *strand, struct bytes name, struct buffer *key) {
    struct buffer encoded = BUFFER_EMPTY;
    text_add_key(&encoded, name);
    struct bytes text = buffer_bytes(&encoded);
    uintptr_t uses = (uintptr_t)map_get(&strand->uses, text) + 1;
    if (encoded.is_failed || map_set(&strand->uses, text, (void *)uses)) key->is_failed = true;
    if (strand->path.size) buffer_add_format(key, "%s/", strand->path.data);
    buffer_add(key, text.data, text.size);
    if (uses > 1) buffer_add_format(key, "#%zu", (size_t)uses);
    buffer_done(&encoded);
}

static struct step *find(struct strand *strand, struct bytes key, enum ask_kind kind) {
    struct run *run = strand->run;
    struct step *step = map_get(&run->steps, key);
    if (!step) return step_new(run, key, kind);
    if (!step->is_recorded) {
        step->kind = kind; /* of an earlier round only */
        return step;
    }
    if (step->kind != kind) {
        run_block(run,
                  "replay: %s asks for %s '%.*s', but its journal has a %s of that name; restore "
                  "the script's old source or start a new run",
                  branch_where(strand->lua), ask_kind_name(kind), (int)key.size, key.data,
                  ask_kind_name(step->kind));
        return NULL;
    }
    if (!step->is_asked) count_unread(run, key, -1);
    return step;
}

struct step *replay_ask(struct strand *strand, struct bytes name, enum ask_kind kind) {
    struct buffer key = BUFFER_EMPTY;
    struct step *step = NULL;
    make_key(strand, name, &key);
    if (!key.is_failed) step = find(strand, buffer_bytes(&key), kind);
    if (step) step->is_asked = true;
    else if (!strand->run->is_over) run_out_of_memory(strand->run);
    buffer_done(&key);
    return step;
}

bool replay_next(struct run *run) {
    struct strand *first = NULL;
    for (struct strand *strand = run->strands; strand; strand = strand->next) {
        if (strand->state != STRAND_PARKED || !strand->step || !strand->step->is_ended) continue;
        if (strand->work == WORK_BRANCHES && strand->branches_ended < strand->branch_count)
            continue;
        if (!first || strand->step->sequence < first->step->sequence) first = strand;
    }
    const struct fork_point *fork = next_fork(run);
    if (fork && (!first || fork->sequence < first->step->sequence)) return pass_fork(run);
    if (run->cancel_sequence && !run->has_cancel &&
        (!first || run->cancel_sequence < first->step->sequence)) {
        cancel_replay(run);
        return true;
    }
    if (first && first->work == WORK_BRANCHES) live_joined(first);
    else if (first) strand_answer_step(first);
    return first != NULL;
}

/* A key of that branch which is recorded and wasn't asked for: the first that was recorded. */
static const struct step *first_unread(const struct run *run, struct bytes path, bool is_any) {
    const struct step *first = NULL;
    size_t at = 0;
    struct bytes key;
    void *value;
    while (map_next(&run->steps, &at, &key, &value)) {
        const struct step *step = value;
        if (step->is_asked || !step->is_recorded || (!is_any && !bytes_equal(path_of(key), path)))
            continue;
        if (!first || step->first_at_us < first->first_at_us) first = step;
    }
    return first;
}

/* … of that branch, or of those below it. */
static bool has_unread(const struct run *run, struct bytes own, bool is_below_too) {
    size_t at = 0;
    struct bytes path;
    void *count;
    if (!is_below_too) return map_get(&run->unread, own) != NULL;
    while (map_next(&run->unread, &at, &path, &count)) {
        if (path.size < own.size || memcmp(path.data, own.data, own.size) != 0) continue;
        if (own.size == 0 || path.size == own.size || path.data[own.size] == '/') return true;
    }
    return false;
}

/* While it waits for its branches, what is recorded below is theirs to ask for. */
static void check_strand(struct strand *strand) {
    struct run *run = strand->run;
    struct bytes path = buffer_bytes(&strand->path);
    bool is_below_too = strand->work != WORK_BRANCHES;
    if (run->record.allows_added || !has_unread(run, path, is_below_too)) return;
    const struct step *unread = first_unread(run, path, is_below_too);
    run_block(run,
              "replay: %s asks for %s '%s', which isn't in its journal; the journal has %s '%s' "
              "there, which the code didn't ask for. Restore the script's old source or start a "
              "new run",
              branch_where(strand->lua), ask_kind_name(strand->step->kind), strand->step->key,
              unread ? ask_kind_name(unread->kind) : "a step", unread ? unread->key : "?");
}

bool replay_is_past(const struct run *run, const struct branch *lua) {
    const struct strand *strand = run->strands;
    while (strand && strand->lua != lua) strand = strand->next;
    return !has_unread(run, strand ? buffer_bytes(&strand->path) : (struct bytes){"", 0}, true);
}

void replay_check(struct run *run) {
    for (struct strand *strand = run->strands; strand && !run->is_over; strand = strand->next)
        if (strand->state == STRAND_PARKED && strand->step) check_strand(strand);
}

void replay_end(struct run *run) {
    replay_check(run);
    run->is_replaying = false;
    for (struct strand *strand = run->strands; strand && !run->is_over; strand = strand->next) {
        if (strand->state != STRAND_PARKED || !strand->step || strand->step->is_ended) continue;
        strand->is_left = true;
        live_begin(strand);
    }
    if (!run->is_over) live_check_signals(run);
    if (!run->is_over) cancel_check(run);
    if (!run->is_over) cancel_children(run);
}

bool replay_is_read(struct run *run) {
    if (!run->unread_count) return true;
    const struct step *unread = first_unread(run, (struct bytes){"", 0}, true);
    run_block(run,
              "replay: the code ended without asking for %s '%s', which its journal has. Restore "
              "the script's old source or start a new run",
              unread ? ask_kind_name(unread->kind) : "a step", unread ? unread->key : "?");
    return false;
}
