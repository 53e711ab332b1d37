/* What a backend of the journal provides: one function per verb of journal.h, with the same
 * promises. A backend's own struct begins with `struct journal`, so that journal.c can find the
 * table; nobody else looks inside.
 * May be used by: journal/. May use: journal/journal.h. */
#ifndef TEND_JOURNAL_BACKEND_H
#define TEND_JOURNAL_BACKEND_H

#include "journal/journal.h"

struct journal_operations {
    void (*close)(struct journal *journal); /* never NULL, and fully open */
    int (*commit)(struct journal *journal, const struct journal_batch *batch, struct error *err);
    uint64_t (*fence)(struct journal *journal);
    int (*last_number)(struct journal *journal, uint64_t *ret, struct error *err);

    int (*run)(struct journal *journal, uint64_t number, journal_visit_run *visit, void *context,
               struct error *err);
    int (*run_by_id)(struct journal *journal, struct bytes id, journal_visit_run *visit,
                     void *context, struct error *err);
    int (*runs)(struct journal *journal, const struct journal_filter *filter,
                journal_visit_run *visit, void *context, struct error *err);
    int (*entries)(struct journal *journal, uint64_t number, journal_visit_entry *visit,
                   void *context, struct error *err);
    int (*due)(struct journal *journal, journal_visit_due *visit, void *context, struct error *err);

    int (*leftovers)(struct journal *journal, bool *ret, struct error *err);

    int (*bundle)(struct journal *journal, struct bytes hash, struct buffer *out,
                  struct error *err);
    uint64_t (*bundle_mark)(struct journal *journal);
    int (*bundles)(struct journal *journal, journal_visit_key *visit, void *context,
                   struct error *err);
    int (*state)(struct journal *journal, struct bytes key, struct buffer *out, uint64_t *version,
                 struct error *err);
    int (*state_keys)(struct journal *journal, struct bytes prefix, struct bytes after,
                      journal_visit_key *visit, void *context, struct error *err);

    int (*inbox_add)(struct journal *journal, struct bytes contents, struct error *err);
    int (*inbox)(struct journal *journal, journal_visit_item *visit, void *context,
                 struct error *err);
    int (*inbox_trim)(struct journal *journal, struct error *err);
    int (*inbox_descriptor)(struct journal *journal);
    void (*inbox_nudged)(struct journal *journal);

    int (*backup)(struct journal *journal, const char *folder, uint64_t *size_bytes,
                  struct error *err);
    int64_t (*owner)(struct journal *journal);
    void (*tick)(struct journal *journal);
};

struct journal {
    const struct journal_operations *operations;
};

/* The embedded backend; as journal_open(). */
int lmdb_journal_open(const char *home, enum journal_mode mode, struct journal **ret,
                      struct error *err);
int lmdb_journal_restore(const char *backup, const char *home, bool is_forced,
                         struct journal_restored *ret, struct error *err);

#endif
