/* The door to the journal: every verb goes to the backend that the journal was opened with. There
 * is one so far, LMDB; a second is chosen in journal_open() and nowhere else. */
#include "journal/journal.h"

#include "journal/backend.h"

int journal_open(const char *home, enum journal_mode mode, struct journal **ret,
                 struct error *err) {
    return lmdb_journal_open(home, mode, ret, err);
}

struct journal *journal_close(struct journal *journal) {
    if (journal) journal->operations->close(journal);
    return NULL;
}

int journal_commit(struct journal *journal, const struct journal_batch *batch, struct error *err) {
    return journal->operations->commit(journal, batch, err);
}

uint64_t journal_fence(struct journal *journal) { return journal->operations->fence(journal); }

int journal_last_number(struct journal *journal, uint64_t *ret, struct error *err) {
    return journal->operations->last_number(journal, ret, err);
}

int journal_run(struct journal *journal, uint64_t number, journal_visit_run *visit, void *context,
                struct error *err) {
    return journal->operations->run(journal, number, visit, context, err);
}

int journal_run_by_id(struct journal *journal, struct bytes id, journal_visit_run *visit,
                      void *context, struct error *err) {
    return journal->operations->run_by_id(journal, id, visit, context, err);
}

int journal_runs(struct journal *journal, const struct journal_filter *filter,
                 journal_visit_run *visit, void *context, struct error *err) {
    return journal->operations->runs(journal, filter, visit, context, err);
}

int journal_entries(struct journal *journal, uint64_t number, journal_visit_entry *visit,
                    void *context, struct error *err) {
    return journal->operations->entries(journal, number, visit, context, err);
}

int journal_due(struct journal *journal, journal_visit_due *visit, void *context,
                struct error *err) {
    return journal->operations->due(journal, visit, context, err);
}

int journal_leftovers(struct journal *journal, bool *ret, struct error *err) {
    return journal->operations->leftovers(journal, ret, err);
}

int journal_bundle(struct journal *journal, struct bytes hash, struct buffer *out,
                   struct error *err) {
    return journal->operations->bundle(journal, hash, out, err);
}

uint64_t journal_bundle_mark(struct journal *journal) {
    return journal->operations->bundle_mark(journal);
}

int journal_bundles(struct journal *journal, journal_visit_key *visit, void *context,
                    struct error *err) {
    return journal->operations->bundles(journal, visit, context, err);
}

int journal_state(struct journal *journal, struct bytes key, struct buffer *out, uint64_t *version,
                  struct error *err) {
    return journal->operations->state(journal, key, out, version, err);
}

int journal_state_keys(struct journal *journal, struct bytes prefix, struct bytes after,
                       journal_visit_key *visit, void *context, struct error *err) {
    return journal->operations->state_keys(journal, prefix, after, visit, context, err);
}

int journal_inbox_add(struct journal *journal, struct bytes contents, struct error *err) {
    return journal->operations->inbox_add(journal, contents, err);
}

int journal_inbox(struct journal *journal, journal_visit_item *visit, void *context,
                  struct error *err) {
    return journal->operations->inbox(journal, visit, context, err);
}

int journal_inbox_trim(struct journal *journal, struct error *err) {
    return journal->operations->inbox_trim(journal, err);
}

int journal_inbox_descriptor(struct journal *journal) {
    return journal->operations->inbox_descriptor(journal);
}

void journal_inbox_nudged(struct journal *journal) { journal->operations->inbox_nudged(journal); }

int journal_backup(struct journal *journal, const char *folder, uint64_t *size_bytes,
                   struct error *err) {
    return journal->operations->backup(journal, folder, size_bytes, err);
}

int journal_restore(const char *backup, const char *home, bool is_forced,
                    struct journal_restored *ret, struct error *err) {
    return lmdb_journal_restore(backup, home, is_forced, ret, err);
}

int64_t journal_owner(struct journal *journal) { return journal->operations->owner(journal); }

void journal_tick(struct journal *journal) { journal->operations->tick(journal); }
