/* A run's record: what the lists show without reading its journal, and what recovery needs.
 * May use: base/, journal/. */
#ifndef TEND_ENGINE_RECORD_H
#define TEND_ENGINE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/value.h"
#include "journal/journal.h"
#include "lua/isolate.h"

enum run_status {
    RUN_PENDING = 0,
    RUN_RUNNING = 1,
    RUN_WAITING = 2,
    RUN_COMPLETED = 3,
    RUN_FAILED = 4,
    RUN_CANCELLED = 5,
    RUN_BLOCKED = 6,
    RUN_STUCK = 7,
    RUN_STATUSES = 8
};

const char *run_status_name(enum run_status status);
/* -1: no such name. */
int run_status_read(const char *name);
bool run_status_is_final(enum run_status status); /* completed, failed, cancelled */

struct record {
    uint64_t number;
    char id[JOURNAL_ID_MAX + 1];
    char workflow[256];
    enum run_status status;
    int64_t due_at_us;
    uint64_t owner;
    uint32_t next_sequence;
    char bundle[65];
    char settings[65]; /* hash of theirs; "": an older run, its first entry has it */
    int64_t created_at_us, ended_at_us;
    uint64_t parent;                 /* run to wake at the end; 0: none */
    uint32_t slot_limit;             /* of `concurrency`; 0: it needs no slot */
    char slot[ISOLATE_SLOT_MAX + 1]; /* … and its key */
    bool has_slot;
    bool allows_added;   /* upgraded: steps may come before recorded ones */
    uint32_t links;      /* of continue_as that came before this one */
    char waits_kind[16]; /* "timer", "retry", "child", "" */
    char waits_for[256]; /* step key, or the child's id */
    char message[512];   /* why it is blocked, stuck or failed */
    uint32_t crashes;    /* of the host, in a row, while its Lua ran (recovery.c); 0: none */
    uint32_t crashed_at; /* entries of progress that it had then */
    char crashed_in[33]; /* the life of the host that ended then */
};

/* Copies a borrowed journal run. TEND_EFORMAT. */
int record_read(const struct journal_run *run, struct record *ret, struct error *err);
/* Packs the body. */
void record_pack(const struct record *record, struct buffer *out);
/* Loads by number or id. TEND_ENOENT. */
int record_load(struct journal *journal, uint64_t number, struct record *ret, struct error *err);
int record_load_by_id(struct journal *journal, const char *id, struct record *ret,
                      struct error *err);

#endif
