/* The committer: one FIFO of submissions for all runs, and the only thread that writes the journal.
 * It takes everything queued since its last commit, makes it one transaction with one sync, then
 * publishes the position up to which all is durable. So what is durable is always a prefix of what
 * was queued.
 *
 * No room on the disk: the batch is kept and tried again each second; nothing after it is taken, no
 * effect is released. Any other failure goes to `on_broken`, and nothing is written any more.
 * May use: base/, journal/. Any thread may submit. */
#ifndef TEND_ENGINE_COMMITTER_H
#define TEND_ENGINE_COMMITTER_H

#include "engine/entry.h"
#include "engine/record.h"

struct committer;
struct submission;

struct committer_host {
    void *context;
    /* On the committer's thread, after a commit. */
    void (*on_durable)(void *context, uint64_t position);
    /* For each submission that asked for it (submission_wake): once it is durable. */
    void (*on_wake)(void *context, uint64_t number);
    /* A state write became durable: the overlay can let go. */
    void (*on_state)(void *context, struct bytes key, uint64_t position);
    void (*on_no_space)(void *context, const struct error *err);
    void (*on_broken)(void *context, const struct error *err);
};

int committer_new(struct journal *journal, const struct committer_host *host,
                  struct committer **ret, struct error *err);
/* Commits what is queued, ends the thread. NULL allowed; always returns NULL. */
struct committer *committer_free(struct committer *committer);

/* A submission is built by one thread; everything given is copied. An allocation that fails is
 * remembered and reported by committer_submit. */
struct submission *submission_new(void);
struct submission *submission_free(struct submission *submission); /* one that wasn't submitted */
void submission_entry(struct submission *submission, uint64_t number, uint32_t sequence,
                      struct bytes packed);
void submission_record(struct submission *submission, const struct record *record);
/* The entries of the run `number` so far become those of `past`, a new run; what is added to the
 * submission from here on begins its journal anew, at sequence 0. */
void submission_past(struct submission *submission, uint64_t number, const struct record *past);
void submission_state(struct submission *submission, struct bytes key, struct bytes value);
void submission_bundle(struct submission *submission, struct bytes hash, struct bytes contents);
/* See journal.h. */
void submission_remove(struct submission *submission, const struct journal_removal *removal);
void submission_remove_bundle(struct submission *submission, struct bytes hash, uint64_t mark);
void submission_free_records(struct submission *submission, size_t freed_max);
void submission_inbox(struct submission *submission, uint64_t taken);
/* Wakes a run once this is durable. */
void submission_wake(struct submission *submission, uint64_t number);
bool submission_is_empty(const struct submission *submission);

/* Takes the submission. Its position, or 0 with *err filled (no memory). */
uint64_t committer_submit(struct committer *committer, struct submission *submission,
                          struct error *err);
/* Everything up to this position is durable. */
uint64_t committer_durable(const struct committer *committer);
/* Waits until `position` is durable; false if the committer broke. */
bool committer_wait(struct committer *committer, uint64_t position);
/* Waits until nothing is queued and everybody has been told; returns how many were submitted. */
uint64_t committer_rest(struct committer *committer);

#endif
