/* What the Lua host's tests share: isolates made of a source text, and asks answered by hand. */
#ifndef TEND_TEST_LUA_SUPPORT_H
#define TEND_TEST_LUA_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "lua/isolate.h"

#define UNUSED __attribute__((unused))

/* Packs a JSON text; the caller releases it. */
UNUSED static struct buffer packed(const char *json) {
    struct buffer out = BUFFER_EMPTY;
    struct error err;
    if (json_read(bytes_of(json), &out, &err)) fail_msg("%s: %s", json, err.message);
    return out;
}

UNUSED static void assert_json(struct bytes got, const char *wanted) {
    struct buffer text = BUFFER_EMPTY;
    struct error err;
    if (json_write_packed(got, &text, &err)) fail_msg("no JSON: %s", err.message);
    assert_string_equal(text.data, wanted);
    buffer_done(&text);
}

/* The text under `key` of a packed map holds `part`. */
UNUSED static void assert_member_holds(struct bytes map, const char *key, const char *part) {
    struct value_tree tree;
    assert_int_equal(value_read(map, &tree, NULL), 0);
    char *text = value_copy_text(value_get(&tree.root, key));
    if (!text || !strstr(text, part)) fail_msg("%s is '%s', not '%s'", key, text ? text : "", part);
    memory_free(text);
    value_tree_done(&tree);
}

/* ---- isolates ---- */

struct told { /* what the host was told */
    char logs[1024];
    int64_t now_us;
};

UNUSED static void keep_log(void *context, struct branch *branch, const char *level,
                            struct bytes message, struct bytes fields) {
    struct told *told = context;
    size_t size = strlen(told->logs);
    (void)branch, (void)fields;
    snprintf(told->logs + size, sizeof told->logs - size, "%s:%.*s\n", level, (int)message.size,
             message.data);
}

UNUSED static int64_t told_now(void *context) { return ((struct told *)context)->now_us; }

struct bench {
    struct told told;
    struct isolate_host host;
    struct isolate *isolate;
    struct branch *main;
};

UNUSED static void pack_bundle(struct buffer *out, const char *source, const char *module) {
    pack_map(out, 4);
    pack_member_text(out, "main", "flow");
    pack_member_text(out, "file", "flow.lua");
    pack_member_text(out, "source", source);
    pack_text(out, "modules");
    pack_map(out, module ? 1 : 0);
    if (!module) return;
    pack_text(out, "mod");
    pack_map(out, 2);
    pack_member_text(out, "file", "mod.lua");
    pack_member_text(out, "source", module);
}

UNUSED static struct pulse *bench_pulse; /* of the isolates that are made */

UNUSED static int bench_try(struct bench *bench, const char *source, const char *module,
                            size_t memory_max, struct error *err) {
    struct buffer bundle = BUFFER_EMPTY, settings = packed("{\"model\":\"then\"}"),
                  now = packed("{\"model\":\"now\"}");
    memset(bench, 0, sizeof *bench);
    bench->host =
        (struct isolate_host){.context = &bench->told, .log = keep_log, .now_us = told_now};
    pack_bundle(&bundle, source, module);
    struct isolate_options options = {.host = &bench->host,
                                      .bundle = buffer_bytes(&bundle),
                                      .settings = buffer_bytes(&settings),
                                      .settings_now = buffer_bytes(&now),
                                      .seed = bytes_of("seed"),
                                      .memory_max = memory_max,
                                      .pulse = bench_pulse};
    int status = isolate_new(&options, &bench->isolate, err);
    buffer_done(&bundle);
    buffer_done(&settings);
    buffer_done(&now);
    return status;
}

/* An isolate whose main branch is about to call run(input). */
UNUSED static void bench_open(struct bench *bench, const char *source) {
    struct buffer input = packed("{\"n\":5}");
    struct error err;
    if (bench_try(bench, source, NULL, 0, &err)) fail_msg("%s", err.message);
    assert_int_equal(isolate_begin(bench->isolate, buffer_bytes(&input), &bench->main, &err), 0);
    branch_seed(bench->main, bytes_of(""));
    buffer_done(&input);
}

UNUSED static void bench_close(struct bench *bench) {
    bench->isolate = isolate_free(bench->isolate);
}

UNUSED static enum branch_outcome go(struct branch *branch, enum answer_kind kind) {
    struct answer answer = {
        .kind = kind, .attempt = kind != ANSWER_JOINED, .idempotency_key = "key"};
    return branch_resume(branch, &answer);
}

UNUSED static enum branch_outcome go_with(struct branch *branch, enum answer_kind kind,
                                          const char *json) {
    struct buffer value = packed(json);
    struct answer answer = {
        .kind = kind, .value = buffer_bytes(&value), .attempt = 1, .idempotency_key = "key"};
    enum branch_outcome outcome = branch_resume(branch, &answer);
    buffer_done(&value);
    return outcome;
}

/* It asks for this kind under this name. */
UNUSED static struct ask *assert_asks(struct branch *branch, enum branch_outcome outcome,
                                      enum ask_kind kind, const char *name) {
    struct ask *ask = branch_ask(branch);
    if (outcome == BRANCH_RAISED) {
        char message[500] = "";
        struct value_tree tree;
        if (value_read(buffer_bytes(&ask->value), &tree, NULL) == 0) {
            struct bytes text = value_get_bytes(&tree.root, "message");
            snprintf(message, sizeof message, "%.*s", (int)text.size, text.data);
            value_tree_done(&tree);
        }
        fail_msg("it raised: %s", message);
    }
    assert_int_equal(outcome, BRANCH_ASKS);
    assert_int_equal(ask->kind, kind);
    if (name && !bytes_are(buffer_bytes(&ask->name), name))
        fail_msg("asked for '%.*s', not '%s'", (int)ask->name.size, ask->name.data, name);
    return ask;
}

UNUSED static void assert_returns(struct branch *branch, enum branch_outcome outcome,
                                  const char *json) {
    if (outcome == BRANCH_RAISED)
        assert_member_holds(buffer_bytes(&branch_ask(branch)->value), "message",
                            "(nothing raised)");
    assert_int_equal(outcome, BRANCH_RETURNED);
    assert_json(buffer_bytes(&branch_ask(branch)->value), json);
}

UNUSED static void assert_raises(struct branch *branch, enum branch_outcome outcome,
                                 const char *kind, const char *part) {
    assert_int_equal(outcome, BRANCH_RAISED);
    assert_member_holds(buffer_bytes(&branch_ask(branch)->value), "kind", kind);
    assert_member_holds(buffer_bytes(&branch_ask(branch)->value), "message", part);
}

/* The run is over, whatever the script would catch. */
UNUSED static void assert_over(struct branch *branch, enum branch_outcome outcome, const char *kind,
                               const char *part) {
    assert_int_equal(outcome, BRANCH_OVER);
    assert_member_holds(buffer_bytes(&branch_ask(branch)->value), "kind", kind);
    assert_member_holds(buffer_bytes(&branch_ask(branch)->value), "message", part);
}

#endif
