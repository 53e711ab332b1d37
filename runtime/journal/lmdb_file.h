/* One LMDB file of ours: opened with care, its transactions, and room on the disk before a write.
 * The journal is one, its inbox another. What the tables hold is not known here, but for table 0,
 * `meta`, which has numbers by name, the format's among them.
 *
 * A process opens a file once at a time (closing a second one would drop the locks by which other
 * processes see the readers of the first).
 * May be used by: journal/lmdb*.c. May use: base/, LMDB. */
#ifndef TEND_JOURNAL_LMDB_FILE_H
#define TEND_JOURNAL_LMDB_FILE_H

#include <lmdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "journal/home.h"

struct lmdb_table {
    const char *name;
    unsigned flags; /* of mdb_dbi_open */
};

struct lmdb_layout {
    const char *name; /* of the file, in the home */
    const char *what; /* for messages: "journal" */
    const struct lmdb_table *tables;
    size_t table_count;
    uint64_t format;  /* the newest that we read, and the one we write */
    size_t map_bytes; /* address space to reserve, if it can be had */
};

struct lmdb_file {
    MDB_env *env; /* NULL: not open */
    const struct lmdb_layout *layout;
    char *path;
    size_t page_bytes;
    bool is_lost;              /* the map could not be had again after it grew elsewhere */
    pthread_rwlock_t map_lock; /* read: a transaction is open; write: the map is exchanged */
};

/* Makes the file if there is none: complete and durable under its name, or not there. Only the
 * owner. TEND_ESPACE, TEND_EIO, … */
int lmdb_file_create(const struct home *home, const struct lmdb_layout *layout, struct error *err);
/* `dbis` receives a handle for each table. Borrows the layout.
 * TEND_ENOENT, TEND_EFORMAT (not ours, damaged, newer), TEND_ENOMEM, TEND_ESPACE, TEND_EIO. */
int lmdb_file_open(struct lmdb_file *file, const struct home *home,
                   const struct lmdb_layout *layout, bool is_read_only, MDB_dbi *dbis,
                   struct error *err);
/* No transaction may be open. A file with env NULL is left alone. */
void lmdb_file_close(struct lmdb_file *file);

/* `flags`: 0 or MDB_RDONLY. Adopts a map that grew elsewhere. Ended by one of the two below, on
 * the thread that began it. */
int lmdb_file_begin(struct lmdb_file *file, unsigned flags, MDB_txn **ret, struct error *err);
void lmdb_file_abort(struct lmdb_file *file, MDB_txn *txn);
/* TEND_ESPACE: nothing happened. TEND_EIO: unknown what happened; the file may not be written any
 * more by this process. */
int lmdb_file_commit(struct lmdb_file *file, MDB_txn *txn, struct error *err);

/* Inside a write transaction: sees to it that what it adds, up to `need_bytes`, has room on the
 * disk. TEND_ESPACE, TEND_EIO. */
int lmdb_file_reserve(struct lmdb_file *file, uint64_t need_bytes, struct error *err);
/* Writes a compacted copy of what is there now to a descriptor. TEND_ESPACE, TEND_EIO, … */
int lmdb_file_copy(struct lmdb_file *file, int target, struct error *err);
/* How much of the file is in use, free pages inside it included. */
uint64_t lmdb_file_used(struct lmdb_file *file);

/* Fills *err for a code of LMDB or errno; returns a TEND_E…. `doing`: "reading a run". */
int lmdb_file_error(const struct lmdb_file *file, int code, const char *doing, struct error *err);
/* Frees the slots of readers that died. */
void lmdb_file_clear_readers(struct lmdb_file *file);

/* Numbers in the table `meta`; one that was never written is 0. Return LMDB's codes. */
int lmdb_meta_get(MDB_txn *txn, MDB_dbi meta, const char *name, uint64_t *ret);
int lmdb_meta_put(MDB_txn *txn, MDB_dbi meta, const char *name, uint64_t value);

static inline MDB_val lmdb_val(const void *data, size_t size_bytes) {
    return (MDB_val){size_bytes, (void *)(uintptr_t)data}; /* LMDB doesn't write to keys */
}

#endif
