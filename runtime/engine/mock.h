/* What a test puts in the place of the outside world: every effect, and every child workflow that
 * isn't said to be real, becomes a call that waits here until the test answers it. The runs
 * themselves, the journal, retries and replay are the real ones.
 *
 * A call is put here on a worker's thread, and its answer is taken up on the same one; the test's
 * side may be any one thread.
 * May use: engine/effect.h. */
#ifndef TEND_ENGINE_MOCK_H
#define TEND_ENGINE_MOCK_H

#include "engine/effect.h"

struct mock;

int mock_new(struct mock **ret, struct error *err);
/* Once no engine uses it any more. NULL allowed; always returns NULL. */
struct mock *mock_free(struct mock *mock);

/* ---- the engine's side ---- */

/* Called on a worker's thread whenever a call has come. NULL: nobody listens any more. */
void mock_listen(struct mock *mock, void (*on_call)(void *context), void *context);
/* Is a child of this workflow to be a real run? */
bool mock_is_real(const struct mock *mock, struct bytes workflow);
/* Takes the effect, on its worker's thread. TEND_ENOMEM. */
int mock_start(struct mock *mock, struct effect *effect, const struct effect_request *request,
               struct error *err);
/* Is there a call that mock_next() hasn't given yet? */
bool mock_has_call(struct mock *mock);
/* Has every answer arrived at its run? */
bool mock_is_delivered(struct mock *mock);

/* ---- the test's side ---- */

/* Before a run of it is begun. TEND_ENOMEM. */
int mock_make_real(struct mock *mock, struct bytes workflow, struct error *err);
/* The next call, packed: {call, kind, run, key, where, attempt, idempotency_key, options}. False:
 * there is none. */
bool mock_next(struct mock *mock, struct buffer *out);
/* Answers one: {value = …} or {error = {message, kind, retryable, …}}. The value of http and exec
 * goes through what judges real answers. TEND_ENOENT: it was aborted meanwhile. TEND_EINPUT: the
 * value can't be this call's (a model's answer that doesn't fit the schema). */
int mock_answer(struct mock *mock, uint64_t call, struct bytes answer, struct error *err);

#endif
