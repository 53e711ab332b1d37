/* What `run`, `resume` and `serve` share: turning the engine with Ctrl-C in mind, and telling how a
 * run ended. */
#include <signal.h>
#include <stdio.h>

#include "base/memory.h"
#include "cli/command.h"
#include "engine/history.h"
#include "engine/point.h"
#include "engine/reason.h"

struct driving {
    struct engine *engine;
    int signal;
};

static void on_signal(uv_signal_t *handle, int number) {
    struct driving *driving = handle->data;
    driving->signal = number;
    engine_stop(driving->engine);
}

static void watch(struct driving *driving, uv_signal_t *handle, int number) {
    uv_signal_init(engine_loop(driving->engine), handle);
    handle->data = driving;
    uv_signal_start(handle, on_signal, number);
    uv_unref((uv_handle_t *)handle);
}

int drive(struct engine *engine, uint64_t until, const char *id, struct live *live) {
    struct driving driving = {engine, 0};
    uv_signal_t interrupt, terminate;
    struct error err;
    watch(&driving, &interrupt, SIGINT);
    watch(&driving, &terminate, SIGTERM);
    int status = engine_run(engine, until, &err);
    uv_close((uv_handle_t *)&interrupt, NULL);
    uv_close((uv_handle_t *)&terminate, NULL);
    uv_run(engine_loop(engine), UV_RUN_NOWAIT); /* the handles are on this stack */
    live_end(live);
    if (status) return complain(EXIT_FAILED, "%s", err.message);
    if (!driving.signal) return -1;
    if (id)
        fprintf(stderr, "%stend: interrupted; the run stays. Go on with: tend resume %s\n",
                live ? "" : "\n", id);
    return id ? EXIT_INTERRUPTED : -1;
}

int open_client(const struct place *place, struct journal **ret) {
    struct error err;
    if (journal_open(place->home, JOURNAL_CLIENT, ret, &err) == 0) return 0;
    return complain(exit_code_of(&err), "%s", err.message);
}

/* What waits in the inbox of a home that no engine owns is taken, so that it can be seen. */
static void take_inbox(const struct place *place) {
    struct engine_options options = {.home = place->home,
                                     .config = place->config,
                                     .sources = place_sources(place),
                                     .observer = progress_observer(place),
                                     .workers = 1};
    struct engine *engine;
    struct error err;
    if (engine_new(&options, &engine, &err) == 0) engine_free(engine); /* else it waits there */
}

void finish(const struct place *place, struct journal *journal, const char *id, int code) {
    const struct asked_of_run asked = {false, true, "", "goes on"};
    bool has_engine = journal_owner(journal) != 0;
    journal_close(journal);
    if (code) return;
    if (!has_engine) take_inbox(place);
    (void)tell_asked(place, id, has_engine, &asked); /* not as JSON: it can't fail */
}

static void tell_failure(struct journal *journal, const char *id) {
    struct buffer reason = BUFFER_EMPTY;
    struct record record;
    if (record_load_by_id(journal, id, &record, NULL) == 0) {
        reason_add(&record, &reason);
        if (reason.data) complain(0, "run %s %s", id, reason.data);
        fprintf(stderr, "`tend show %s` tells more.\n", id);
    }
    buffer_done(&reason);
}

int report_run(struct journal *journal, const char *id, bool is_json) {
    struct buffer packed = BUFFER_EMPTY, result = BUFFER_EMPTY;
    struct record record;
    struct value_tree tree;
    struct error err;
    int status = record_load_by_id(journal, id, &record, &err);
    if (!status) status = history_pack(journal, id, &packed, &err);
    if (!status) status = value_read(buffer_bytes(&packed), &tree, &err);
    if (status) {
        buffer_done(&packed);
        return complain(exit_code_of(&err), "%s", err.message);
    }
    int code = exit_code_of_run(record.status);
    point("before_answer");
    const struct value *value = value_get(value_get_map(&tree.root, "run"), "result");
    if (code == EXIT_COMPLETED) {
        if (value) pack_value(&result, value);
        else pack_nil(&result);
        code = print_json(buffer_bytes(&result), is_json ? 0 : 2);
    } else {
        tell_failure(journal, id);
    }
    value_tree_done(&tree);
    buffer_done(&packed);
    buffer_done(&result);
    return code;
}
