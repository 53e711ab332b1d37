/* Calls that a test answers; see mock.h. A call belongs to its worker: it is made, delivered and
 * freed there. The test's thread only finds it by its number, with the mutex held, so that a call
 * which is aborted meanwhile is just not found. */
#include "engine/mock.h"

#include <pthread.h>
#include <string.h>

#include "analysis/schema.h"
#include "base/map.h"
#include "base/memory.h"
#include "engine/effect_kinds.h"

struct mock_call {
    struct mock_call *next;
    struct mock *mock;
    struct effect *effect;
    uint64_t number;
    enum ask_kind kind;
    uv_async_t answered;
    bool is_told, is_answered;
    struct buffer request, answer;
};

struct mock {
    pthread_mutex_t mutex;
    struct mock_call *first, **last; /* not delivered, in the order in which they came */
    struct map real;                 /* workflow -> non-NULL */
    uint64_t count;
    void (*on_call)(void *context);
    void *context;
};

int mock_new(struct mock **ret, struct error *err) {
    struct mock *mock = memory_new(sizeof *mock);
    if (!mock) return error_no_memory(err);
    pthread_mutex_init(&mock->mutex, NULL);
    mock->last = &mock->first;
    *ret = mock;
    return 0;
}

struct mock *mock_free(struct mock *mock) {
    if (!mock) return NULL;
    map_done(&mock->real);
    pthread_mutex_destroy(&mock->mutex);
    memory_free(mock);
    return NULL;
}

void mock_listen(struct mock *mock, void (*on_call)(void *context), void *context) {
    pthread_mutex_lock(&mock->mutex);
    mock->on_call = on_call;
    mock->context = context;
    pthread_mutex_unlock(&mock->mutex);
}

bool mock_is_real(const struct mock *mock, struct bytes workflow) {
    struct mock *own = (struct mock *)mock; /* the mutex is no part of what it says */
    pthread_mutex_lock(&own->mutex);
    bool is_real = map_get(&own->real, workflow) != NULL;
    pthread_mutex_unlock(&own->mutex);
    return is_real;
}

int mock_make_real(struct mock *mock, struct bytes workflow, struct error *err) {
    pthread_mutex_lock(&mock->mutex);
    int status = map_set(&mock->real, workflow, mock);
    pthread_mutex_unlock(&mock->mutex);
    return status ? error_no_memory(err) : 0;
}

/* ---- on the worker's thread ---- */

static void call_free(struct mock_call *call) {
    buffer_done(&call->request);
    buffer_done(&call->answer);
    memory_free(call);
}

static void on_closed(uv_handle_t *handle) { call_free(handle->data); }

static void take_out(struct mock_call *call) {
    struct mock *mock = call->mock;
    struct mock_call **at = &mock->first;
    pthread_mutex_lock(&mock->mutex);
    while (*at != call) at = &(*at)->next;
    *at = call->next;
    if (mock->last == &call->next) mock->last = at;
    pthread_mutex_unlock(&mock->mutex);
}

static void abort_call(struct effect *effect, bool is_cancelled) {
    struct mock_call *call = effect->handle;
    (void)is_cancelled;
    take_out(call);
    uv_close((uv_handle_t *)&call->answered, on_closed);
}

static void fail(struct effect *effect, const struct value *error) {
    struct buffer packed = BUFFER_EMPTY;
    pack_value(&packed, error);
    effect_fail(effect, buffer_bytes(&packed), value_get_boolean(error, "retryable", true), 0);
    buffer_done(&packed);
}

static void succeed(struct effect *effect, enum ask_kind kind, const struct value *value) {
    struct buffer packed = BUFFER_EMPTY;
    if (kind == ASK_HTTP) {
        effect_http_answered(effect, value);
    } else if (kind == ASK_EXEC) {
        effect_exec_answered(effect, value);
    } else {
        if (value) pack_value(&packed, value);
        else pack_nil(&packed);
        effect_succeed(effect, buffer_bytes(&packed));
    }
    buffer_done(&packed);
}

/* It stays in the list until its run has gone on: what isn't delivered is still moving. */
static void on_answered(uv_async_t *async) {
    struct mock_call *call = async->data;
    struct value_tree tree = {0};
    struct error err;
    pthread_mutex_lock(&call->mock->mutex);
    struct bytes answer = buffer_bytes(&call->answer); /* written once, with the mutex held */
    pthread_mutex_unlock(&call->mock->mutex);
    if (value_read(answer, &tree, &err)) {
        effect_fail_with(call->effect, &err, false, 0);
    } else {
        const struct value *error = value_get(&tree.root, "error");
        if (error) fail(call->effect, error);
        else succeed(call->effect, call->kind, value_get(&tree.root, "value"));
    }
    value_tree_done(&tree);
    take_out(call);
    uv_close((uv_handle_t *)async, on_closed);
}

static void pack_request(struct mock_call *call, const struct effect_request *request) {
    struct buffer *out = &call->request;
    pack_map(out, 8);
    pack_member_integer(out, "call", (int64_t)call->number);
    pack_member_text(out, "kind", ask_kind_name(request->kind));
    pack_member_text(out, "run", request->run);
    pack_member_text(out, "key", request->key);
    pack_member_text(out, "where", request->where);
    pack_member_integer(out, "attempt", request->attempt);
    pack_member_text(out, "idempotency_key", request->idempotency_key);
    pack_text(out, "options");
    pack_value(out, request->options);
}

int mock_start(struct mock *mock, struct effect *effect, const struct effect_request *request,
               struct error *err) {
    struct mock_call *call = memory_new(sizeof *call);
    if (!call) return error_no_memory(err);
    call->mock = mock;
    call->effect = effect;
    call->kind = request->kind;
    if (uv_async_init(effect->place->loop, &call->answered, on_answered)) {
        memory_free(call);
        return error_set(err, TEND_EIO, "could not make an event loop's wake-up");
    }
    call->answered.data = call;
    effect->handle = call;
    effect->abort = abort_call;
    pthread_mutex_lock(&mock->mutex);
    call->number = ++mock->count;
    pack_request(call, request);
    *mock->last = call;
    mock->last = &call->next;
    if (mock->on_call) mock->on_call(mock->context);
    pthread_mutex_unlock(&mock->mutex);
    return 0;
}

bool mock_has_call(struct mock *mock) {
    bool has_call = false;
    pthread_mutex_lock(&mock->mutex);
    for (struct mock_call *call = mock->first; call; call = call->next)
        has_call = has_call || !call->is_told;
    pthread_mutex_unlock(&mock->mutex);
    return has_call;
}

bool mock_is_delivered(struct mock *mock) {
    bool is_delivered = true;
    pthread_mutex_lock(&mock->mutex);
    for (struct mock_call *call = mock->first; call; call = call->next)
        is_delivered = is_delivered && !call->is_answered;
    pthread_mutex_unlock(&mock->mutex);
    return is_delivered;
}

/* ---- on the test's thread ---- */

bool mock_next(struct mock *mock, struct buffer *out) {
    pthread_mutex_lock(&mock->mutex);
    struct mock_call *call = mock->first;
    while (call && call->is_told) call = call->next;
    if (call) {
        call->is_told = true;
        buffer_add(out, call->request.data, call->request.size);
    }
    pthread_mutex_unlock(&mock->mutex);
    return call != NULL;
}

/* The real one would have had the model mend it. */
static int check_json(const struct value *options, const struct value *json, struct error *err) {
    const struct value *schema = value_get_map(options, "schema");
    struct buffer problems = BUFFER_EMPTY;
    bool is_valid = true;
    if (!schema) return 0;
    if (!json)
        return error_set(err, TEND_EINPUT, "the call has a schema, the answer has no `json`");
    int status = schema_check(schema, json, &problems, &is_valid, err);
    if (!status && !is_valid)
        status = error_set(err, TEND_EINPUT, "the answer doesn't fit the call's schema: %s",
                           problems.data);
    buffer_done(&problems);
    return status;
}

static int check(const struct mock_call *call, struct bytes answer, struct error *err) {
    struct value_tree request, given;
    int status =
        call->kind == ASK_LLM ? value_read(buffer_bytes(&call->request), &request, err) : 1;
    if (status) return status < 0 ? status : 0;
    status = value_read(answer, &given, err);
    if (!status) {
        const struct value *value = value_get(&given.root, "value");
        if (value)
            status =
                check_json(value_get_map(&request.root, "options"), value_get(value, "json"), err);
        value_tree_done(&given);
    }
    value_tree_done(&request);
    return status;
}

static int answer_call(struct mock_call *call, struct bytes answer, struct error *err) {
    int status = check(call, answer, err);
    if (status) return status;
    buffer_clear(&call->answer);
    buffer_add(&call->answer, answer.data, answer.size);
    status = buffer_check(&call->answer, err);
    if (status) return status;
    call->is_answered = true;
    uv_async_send(&call->answered);
    return 0;
}

int mock_answer(struct mock *mock, uint64_t number, struct bytes answer, struct error *err) {
    pthread_mutex_lock(&mock->mutex);
    struct mock_call *call = mock->first;
    while (call && call->number != number) call = call->next;
    int status = call ? answer_call(call, answer, err)
                      : error_set(err, TEND_ENOENT, "the call was given up meanwhile");
    pthread_mutex_unlock(&mock->mutex);
    return status;
}
