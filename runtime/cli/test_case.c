/* One case of a test file: an isolate for the test's own Lua, and an engine of its own in a
 * temporary home for the runs that it begins. The test asks (lua/runner.c, stdlib/test.lua) for one
 * thing after the other: begin a run, turn the engine until a call waits or nothing moves, answer,
 * set the clock. All that is decided, is decided in Lua. */
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/test.h"
#include "engine/cancel.h"
#include "engine/history.h"
#include "engine/mock.h"
#include "engine/rehearsal.h"
#include "engine/signal.h"
#include "lua/isolate.h"

struct trial {
    const struct case_request *request;
    struct case_outcome *outcome;
    struct isolate *isolate;
    struct isolate_host host;
    struct engine *engine;
    struct mock *mock;
    struct clock_manual clock;
    char home[1100];
    struct buffer settings; /* packed, as the case gave them */
    struct buffer secrets;  /* packed {NAME = value}: set in the environment */
    uint64_t signal_count;
    int64_t began_us; /* real, monotonic */
};

/* ---- the engine ---- */

static int start_engine(struct trial *trial, struct error *err) {
    struct engine_options options = {.home = trial->home,
                                     .sources = *trial->request->sources,
                                     .workers = 1,
                                     .clock = &trial->clock,
                                     .mock = trial->mock,
                                     .settings = buffer_bytes(&trial->settings)};
    return engine_new(&options, &trial->engine, err);
}

/* Secrets are variables of the environment; no thread but this one is there yet, or any more. */
static void set_secrets(struct trial *trial, bool is_set) {
    struct value_tree tree;
    if (!trial->secrets.size || value_read(buffer_bytes(&trial->secrets), &tree, NULL)) return;
    for (size_t i = 0; tree.root.kind == VALUE_MAP && i < tree.root.map.count; i++) {
        const struct value_member *member = &tree.root.map.members[i];
        char *name = memory_copy(member->key.data, member->key.size);
        char *value = value_copy_text(&member->value);
        if (name && value && is_set) setenv(name, value, 1);
        else if (name) unsetenv(name);
        memory_free(name);
        memory_free(value);
    }
    value_tree_done(&tree);
}

/* What the test says of its settings is what a tend.lua would return. */
static int op_open(struct trial *trial, const struct value *argument, struct buffer *out,
                   struct error *err) {
    const struct value *settings = value_get_map(argument, "settings"),
                       *secrets = value_get_map(argument, "secrets");
    (void)out;
    if (settings) pack_value(&trial->settings, settings);
    else pack_map(&trial->settings, 0);
    if (secrets) pack_value(&trial->secrets, secrets);
    clock_manual_set(&trial->clock, value_get_integer(argument, "now_us", trial->clock.now_us));
    set_secrets(trial, true);
    int status = buffer_check(&trial->settings, err);
    return status ? status : start_engine(trial, err);
}

/* A program that ends and is started again: what it had queued is durable, what was under way isn't
 * answered. */
static int op_crash(struct trial *trial, const struct value *argument, struct buffer *out,
                    struct error *err) {
    size_t count;
    (void)argument, (void)out;
    trial->engine = engine_free(trial->engine);
    int status = start_engine(trial, err);
    return status ? status : engine_resume_all(trial->engine, &count, err);
}

/* ---- runs ---- */

static void pack_refused(struct buffer *out, const struct error *err) {
    pack_map(out, 1);
    pack_member_text(out, "refused", err->message);
}

/* What the test did wrong is an answer; what the machine did wrong is an error. */
static int answer_refusal(int status, struct buffer *out, const struct error *err) {
    bool is_refused = status == TEND_EINPUT || status == TEND_ENOENT || status == TEND_ECONFLICT;
    if (!is_refused) return status;
    buffer_clear(out);
    pack_refused(out, err);
    return 0;
}

static int op_begin(struct trial *trial, const struct value *argument, struct buffer *out,
                    struct error *err) {
    const struct value *input = value_get(argument, "input");
    char *workflow = value_copy_text(value_get(argument, "workflow"));
    char *id = value_copy_text(value_get(argument, "id"));
    struct buffer packed = BUFFER_EMPTY;
    struct accepted accepted;
    if (input) pack_value(&packed, input);
    struct acceptance acceptance = {workflow ? workflow : "", buffer_bytes(&packed), id, 0};
    int status = engine_accept(trial->engine, &acceptance, &accepted, err);
    if (!status) {
        pack_map(out, 1);
        pack_member_text(out, "id", accepted.id);
    }
    memory_free(workflow);
    memory_free(id);
    buffer_done(&packed);
    return answer_refusal(status, out, err);
}

/* A workflow that polls for ever would have its time pass for ever. */
static int check_limit(const struct trial *trial, struct error *err) {
    char now[CLOCK_TEXT_MAX];
    int64_t limit_us = trial->request->limit_us;
    if (clock_monotonic_us(clock_system()) - trial->began_us < limit_us) return 0;
    clock_format(trial->clock.now_us, now);
    return error_set(
        err, TEND_EIO,
        "the case has run for %g s, and its clock stands at %s: does the workflow ever "
        "end? t.run(…, { within = \"1h\" }) stops there; `--limit` gives it longer",
        (double)limit_us / 1e6, now);
}

static int op_turn(struct trial *trial, const struct value *argument, struct buffer *out,
                   struct error *err) {
    struct buffer call = BUFFER_EMPTY;
    int64_t next_us = 0;
    (void)argument;
    if (test_is_interrupted()) return error_set(err, TEND_EIO, "interrupted");
    int status = check_limit(trial, err);
    if (!status) status = engine_settle(trial->engine, &next_us, err);
    if (!status && mock_next(trial->mock, &call)) {
        pack_map(out, 1);
        pack_text(out, "call");
        buffer_add(out, call.data, call.size);
    } else if (!status) {
        pack_map(out, next_us ? 1 : 0);
        if (next_us) pack_member_integer(out, "next_us", next_us);
    }
    buffer_done(&call);
    return status;
}

static int op_answer(struct trial *trial, const struct value *argument, struct buffer *out,
                     struct error *err) {
    struct buffer packed = BUFFER_EMPTY;
    pack_value(&packed, argument);
    uint64_t call = (uint64_t)value_get_integer(argument, "call", 0);
    int status = buffer_check(&packed, err);
    if (!status) status = mock_answer(trial->mock, call, buffer_bytes(&packed), err);
    buffer_done(&packed);
    pack_map(out, 0);
    return status == TEND_ENOENT ? 0 : answer_refusal(status, out, err);
}

static int op_advance(struct trial *trial, const struct value *argument, struct buffer *out,
                      struct error *err) {
    (void)out, (void)err;
    clock_manual_set(&trial->clock, value_get_integer(argument, "to_us", trial->clock.now_us));
    return 0;
}

static int load_run(struct trial *trial, const struct value *argument, struct record *record,
                    struct error *err) {
    char *id = value_copy_text(value_get(argument, "run"));
    int status = id ? record_load_by_id(engine_journal(trial->engine), id, record, err)
                    : error_set(err, TEND_EINPUT, "which run?");
    memory_free(id);
    return status;
}

static int op_status(struct trial *trial, const struct value *argument, struct buffer *out,
                     struct error *err) {
    struct record record;
    int status = load_run(trial, argument, &record, err);
    if (status) return status;
    pack_map(out, 1);
    pack_member_text(out, "status", run_status_name(record.status));
    return 0;
}

static int op_history(struct trial *trial, const struct value *argument, struct buffer *out,
                      struct error *err) {
    struct record record;
    int status = load_run(trial, argument, &record, err);
    return status ? status : history_pack(engine_journal(trial->engine), record.id, out, err);
}

static int op_signal(struct trial *trial, const struct value *argument, struct buffer *out,
                     struct error *err) {
    const struct value *payload = value_get(argument, "payload");
    struct buffer packed = BUFFER_EMPTY;
    struct record record;
    int status = load_run(trial, argument, &record, err);
    if (!status && run_status_is_final(record.status))
        status = error_set(err, TEND_EINPUT, "run %s is %s already", record.id,
                           run_status_name(record.status));
    if (payload) pack_value(&packed, payload);
    else pack_null(&packed);
    struct submission *submission = status ? NULL : submission_new();
    if (!status && !submission) status = error_no_memory(err);
    if (!status) {
        status = signal_put(engine_services(trial->engine), record.number,
                            value_get_bytes(argument, "name"), buffer_bytes(&packed),
                            ++trial->signal_count, submission, err);
        if (status && status != TEND_ENOMEM) submission_free(submission);
    }
    buffer_done(&packed);
    pack_map(out, 0);
    return answer_refusal(status, out, err);
}

static int op_cancel(struct trial *trial, const struct value *argument, struct buffer *out,
                     struct error *err) {
    struct record record;
    (void)out;
    int status = load_run(trial, argument, &record, err);
    struct submission *submission = status ? NULL : submission_new();
    if (!status && !submission) status = error_no_memory(err);
    if (status) return status;
    status = cancel_ask(engine_services(trial->engine), record.number, submission, err);
    if (status && status != TEND_ENOMEM) submission_free(submission);
    return status == TEND_ECONFLICT ? 0 : status;
}

static int op_replay(struct trial *trial, const struct value *argument, struct buffer *out,
                     struct error *err) {
    char id[JOURNAL_ID_MAX + 1];
    struct record record;
    int status = load_run(trial, argument, &record, err);
    if (!status)
        status = rehearsal_begin(engine_services(trial->engine), &record, id, sizeof id, err);
    if (status) return status;
    committer_rest(engine_services(trial->engine)->committer);
    status = engine_resume(trial->engine, id, &record.number, err);
    if (status) return status;
    pack_map(out, 1);
    pack_member_text(out, "id", id);
    return 0;
}

/* ---- what there is beside runs ---- */

static int op_real(struct trial *trial, const struct value *argument, struct buffer *out,
                   struct error *err) {
    (void)out;
    return mock_make_real(trial->mock, value_get_bytes(argument, "workflow"), err);
}

static int op_state_get(struct trial *trial, const struct value *argument, struct buffer *out,
                        struct error *err) {
    uint64_t version;
    pack_map(out, 1);
    pack_text(out, "value");
    return shared_state_read(engine_services(trial->engine)->state,
                             value_get_bytes(argument, "key"), out, &version, err);
}

static int op_state_set(struct trial *trial, const struct value *argument, struct buffer *out,
                        struct error *err) {
    struct shared_state *state = engine_services(trial->engine)->state;
    struct bytes key = value_get_bytes(argument, "key");
    const struct value *value = value_get(argument, "value");
    struct buffer packed = BUFFER_EMPTY, ignored = BUFFER_EMPTY;
    struct submission *submission = submission_new();
    uint64_t version, position;
    (void)out;
    if (value) pack_value(&packed, value);
    int status =
        submission ? shared_state_read(state, key, &ignored, &version, err) : error_no_memory(err);
    if (!status)
        status = shared_state_write(state, key, buffer_bytes(&packed), version, submission,
                                    &position, err);
    else submission_free(submission);
    buffer_done(&packed);
    buffer_done(&ignored);
    return status;
}

/* Seconds since 1970, or RFC 3339, as microseconds. */
static int op_instant(struct trial *trial, const struct value *argument, struct buffer *out,
                      struct error *err) {
    const struct value *at = value_get(argument, "at");
    int64_t now_us = at && value_is_number(at) ? (int64_t)(value_number(at) * 1e6) : 0;
    char *text = at && at->kind == VALUE_TEXT ? value_copy_text(at) : NULL;
    (void)trial, (void)err;
    bool is_good = now_us > 0 || (text && clock_parse(text, &now_us) == 0);
    memory_free(text);
    pack_map(out, 1);
    if (is_good) pack_member_integer(out, "now_us", now_us);
    else
        pack_member_text(out, "refused",
                         "t.now takes seconds since 1970 or text such as \"2026-03-01T08:00:00Z\"");
    return 0;
}

struct op {
    const char *name;
    int (*act)(struct trial *trial, const struct value *argument, struct buffer *out,
               struct error *err);
};

static const struct op ops[] = {
    {"open", op_open},       {"begin", op_begin},         {"turn", op_turn},
    {"answer", op_answer},   {"advance", op_advance},     {"status", op_status},
    {"history", op_history}, {"signal", op_signal},       {"cancel", op_cancel},
    {"replay", op_replay},   {"real", op_real},           {"state_get", op_state_get},
    {"crash", op_crash},     {"state_set", op_state_set}, {"instant", op_instant}};

static int act(struct trial *trial, const struct ask *ask, struct buffer *out, struct error *err) {
    struct value_tree argument;
    const struct op *op = ops, *end = ops + sizeof ops / sizeof *ops;
    while (op < end && !bytes_are(buffer_bytes(&ask->name), op->name)) op++;
    if (op == end) return error_set(err, TEND_EINPUT, "a test's runner can't do that");
    int status = value_read(buffer_bytes(&ask->options), &argument, err);
    if (status) return status;
    status = op->act(trial, &argument.root, out, err);
    value_tree_done(&argument);
    return status ? status : buffer_check(out, err);
}

/* ---- the test's Lua ---- */

static void on_log(void *context, struct branch *branch, const char *level, struct bytes message,
                   struct bytes fields) {
    struct trial *trial = context;
    (void)branch, (void)level, (void)fields;
    buffer_add(&trial->outcome->output, message.data, message.size);
    buffer_add_byte(&trial->outcome->output, '\n');
}

static int64_t on_now(void *context) { return ((struct trial *)context)->clock.now_us; }

static void pack_failure(struct buffer *out, const struct error *err) {
    buffer_clear(out);
    pack_map(out, 2);
    pack_member_text(out, "kind", "error");
    pack_member_text(out, "message", err->message);
}

/* Answers what the branch asks until it has ended. */
static enum branch_outcome play(struct trial *trial, struct branch *branch) {
    struct buffer value = BUFFER_EMPTY;
    struct answer answer = {0};
    struct error err;
    enum branch_outcome outcome;
    while ((outcome = branch_resume(branch, &answer)) == BRANCH_ASKS) {
        const struct ask *ask = branch_ask(branch);
        int status = ask->kind == ASK_RUNNER ? 0 : TEND_EINPUT;
        buffer_clear(&value);
        if (status)
            error_set(&err, status, "%s: a test can't use %s; a workflow under test can",
                      branch_where(branch), ask_kind_name(ask->kind));
        else status = act(trial, ask, &value, &err);
        if (status) pack_failure(&value, &err);
        answer = (struct answer){.kind = status ? ANSWER_ERROR : ANSWER_VALUE,
                                 .value = buffer_bytes(&value),
                                 .at_us = trial->clock.now_us};
    }
    buffer_done(&value);
    return outcome;
}

static void take(struct buffer *to, const struct value *map, const char *key) {
    struct bytes text = value_get_bytes(map, key);
    buffer_clear(to);
    buffer_add(to, text.data, text.size);
}

/* What the case's run() gave: {status, message, at, traceback}; or why it gave nothing. */
static int judge(struct trial *trial, enum branch_outcome outcome, struct bytes packed,
                 struct error *err) {
    struct case_outcome *ret = trial->outcome;
    struct value_tree tree;
    int status = value_read(packed, &tree, err);
    if (status) return status;
    struct bytes said = value_get_bytes(&tree.root, "status");
    bool is_said = outcome == BRANCH_RETURNED;
    ret->status = is_said && bytes_are(said, "passed")    ? CASE_PASSED
                  : is_said && bytes_are(said, "skipped") ? CASE_SKIPPED
                                                          : CASE_FAILED;
    take(&ret->message, &tree.root, "message");
    take(&ret->at, &tree.root, "at");
    take(&ret->traceback, &tree.root, "traceback");
    value_tree_done(&tree);
    return 0;
}

static int play_case(struct trial *trial, struct pulse *pulse, struct error *err) {
    struct buffer input = BUFFER_EMPTY, empty = BUFFER_EMPTY;
    struct branch *branch;
    pack_map(&empty, 0);
    pack_map(&input, 1);
    pack_member_integer(&input, "case", (int64_t)trial->request->index);
    struct isolate_options options = {.host = &trial->host,
                                      .bundle = buffer_bytes(&trial->request->bundle->contents),
                                      .settings = buffer_bytes(&empty),
                                      .settings_now = buffer_bytes(&empty),
                                      .seed = bytes_of("test"),
                                      .is_test = true,
                                      .pulse = pulse};
    int status = isolate_new(&options, &trial->isolate, err);
    if (!status) status = isolate_begin(trial->isolate, buffer_bytes(&input), &branch, err);
    if (!status) {
        branch_seed(branch, bytes_of(""));
        enum branch_outcome outcome = play(trial, branch);
        status = judge(trial, outcome, buffer_bytes(&branch_ask(branch)->value), err);
    }
    buffer_done(&input);
    buffer_done(&empty);
    return status;
}

/* ---- the whole ---- */

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *place) {
    (void)info, (void)type, (void)place;
    return remove(path);
}

static int open_trial(struct trial *trial, struct error *err) {
    snprintf(trial->home, sizeof trial->home, "%s/case-XXXXXX", trial->request->folder);
    trial->host = (struct isolate_host){.context = trial, .log = on_log, .now_us = on_now};
    clock_manual_init(&trial->clock, 0);
    if (!mkdtemp(trial->home))
        return error_set(err, TEND_EIO, "%s: no folder can be made there", trial->request->folder);
    return mock_new(&trial->mock, err);
}

static void close_trial(struct trial *trial) {
    trial->isolate = isolate_free(trial->isolate);
    trial->engine = engine_free(trial->engine);
    trial->mock = mock_free(trial->mock);
    set_secrets(trial, false);
    (void)nftw(trial->home, remove_one, 8, FTW_DEPTH | FTW_PHYS); /* temporary anyway */
    buffer_done(&trial->settings);
    buffer_done(&trial->secrets);
}

int case_run(const struct case_request *request, struct case_outcome *ret, struct error *err) {
    struct trial trial = {.request = request, .outcome = ret};
    struct watched watched;
    *ret = (struct case_outcome){.status = CASE_FAILED};
    trial.began_us = clock_monotonic_us(clock_system());
    int status = open_trial(&trial, err);
    if (!status) {
        watchdog_enter(request->watchdog, &watched);
        status = play_case(&trial, &watched.pulse, err);
        watchdog_leave(request->watchdog, &watched);
    }
    close_trial(&trial);
    ret->duration_us = clock_monotonic_us(clock_system()) - trial.began_us;
    return status;
}

void case_outcome_done(struct case_outcome *outcome) {
    buffer_done(&outcome->message);
    buffer_done(&outcome->at);
    buffer_done(&outcome->traceback);
    buffer_done(&outcome->output);
}

bool test_is_interrupted(void) {
    sigset_t pending;
    return sigpending(&pending) == 0 && sigismember(&pending, SIGINT) == 1;
}
