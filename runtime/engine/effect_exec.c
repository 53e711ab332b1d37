/* exec{…}: options to a request of io/process.h, its outcome to a result. The child sees PATH,
 * HOME, LANG, TMPDIR, TEND_MARK and what `env` names, and nothing else of tend's environment. */
#include <stdlib.h>

#include "base/memory.h"
#include "engine/effect_kinds.h"
#include "engine/option.h"
#include "io/process.h"

static int add_text(struct effect *effect, struct texts *texts, const char *name,
                    const struct value *value, struct error *err) {
    struct buffer text = BUFFER_EMPTY;
    if (name) buffer_add_format(&text, "%s=", name);
    int status = secrets_text(effect->place->services->secrets, value, &text, err);
    if (!status && texts_add(texts, &text)) status = error_no_memory(err);
    buffer_done(&text);
    return status;
}

static int add_arguments(struct effect *effect, struct texts *argv, struct error *err) {
    const struct value *options = &effect->options.root, *args = value_get_list(options, "args");
    int status = add_text(effect, argv, NULL, value_get(options, "cmd"), err);
    for (size_t i = 0; args && i < args->list.count && !status; i++)
        status = add_text(effect, argv, NULL, &args->list.items[i], err);
    return status;
}

/* By this the next tend finds it, should this one be killed. */
static int add_mark(struct effect *effect, struct texts *env, struct error *err) {
    const char *life = crash_mark_life(effect->place->services->mark);
    struct value value = {.kind = VALUE_TEXT, .text = bytes_of(life)};
    return add_text(effect, env, CRASH_MARK_VARIABLE, &value, err);
}

static int add_environment(struct effect *effect, struct texts *env, struct error *err) {
    static const char *const kept[] = {"PATH", "HOME", "LANG", "TMPDIR"};
    const struct value *given = value_get_map(&effect->options.root, "env");
    int status = add_mark(effect, env, err);
    for (size_t i = 0; i < sizeof kept / sizeof *kept && !status; i++) {
        const char *text = getenv(kept[i]);
        struct value value = {.kind = VALUE_TEXT, .text = bytes_of(text)};
        if (text && !value_get(given, kept[i]))
            status = add_text(effect, env, kept[i], &value, err);
    }
    for (size_t i = 0; given && i < given->map.count && !status; i++) {
        if (bytes_are(given->map.members[i].key, CRASH_MARK_VARIABLE)) continue; /* ours counts */
        char *name = memory_copy(given->map.members[i].key.data, given->map.members[i].key.size);
        status = name ? add_text(effect, env, name, &given->map.members[i].value, err)
                      : error_no_memory(err);
        memory_free(name);
    }
    return status;
}

static bool is_ok(const struct value *options, int code) {
    const struct value *ok = value_get_list(options, "ok");
    if (!ok) return code == 0;
    for (size_t i = 0; i < ok->list.count; i++)
        if (value_is_number(&ok->list.items[i]) && (int)value_number(&ok->list.items[i]) == code)
            return true;
    return false;
}

static void pack_result(const struct process_result *result, struct buffer *out) {
    pack_map(out, result->signal ? 4 : 3);
    pack_member_integer(out, "code", result->code);
    if (result->signal) pack_member_integer(out, "signal", result->signal);
    pack_member_bytes(out, "stdout", buffer_bytes(&result->output));
    pack_member_bytes(out, "stderr", buffer_bytes(&result->errors));
}

/* The end of stderr is what tells why. */
static void unexpected(struct effect *effect, const struct process_result *result) {
    struct buffer packed = BUFFER_EMPTY, message = BUFFER_EMPTY, masked = BUFFER_EMPTY;
    struct bytes command = value_get_bytes(&effect->options.root, "cmd");
    secrets_mask_text(effect->place->services->secrets, buffer_bytes(&result->errors), &masked);
    struct bytes tail = buffer_bytes(&masked);
    if (tail.size > 400) tail = (struct bytes){tail.data + tail.size - 400, 400};
    while (tail.size && (tail.data[tail.size - 1] == '\n' || tail.data[tail.size - 1] == ' '))
        tail.size--;
    if (result->signal)
        buffer_add_format(&message, "%.*s was ended by signal %d", (int)command.size, command.data,
                          result->signal);
    else
        buffer_add_format(&message, "%.*s exited with %d", (int)command.size, command.data,
                          result->code);
    if (tail.size) buffer_add_format(&message, ": %.*s", (int)tail.size, tail.data);
    pack_map(&packed, 4);
    pack_member_bytes(&packed, "message", buffer_bytes(&message));
    pack_member_text(&packed, "kind", "exec");
    pack_member_boolean(&packed, "retryable", true);
    pack_text(&packed, "response");
    pack_result(result, &packed);
    buffer_done(&message);
    buffer_done(&masked);
    effect_fail(effect, buffer_bytes(&packed), true, 0);
    buffer_done(&packed);
}

static void on_done(void *context, struct process_result *result, const struct error *err) {
    struct effect *effect = context;
    struct buffer packed = BUFFER_EMPTY;
    if (!result) {
        struct error told = *err;
        bool is_too_large = effect_names_limit(effect, &told);
        effect_fail_with(effect, &told, !is_too_large, 0);
    } else if (!is_ok(&effect->options.root, result->signal ? -1 : result->code)) {
        unexpected(effect, result);
    } else {
        pack_result(result, &packed);
        effect_succeed(effect, buffer_bytes(&packed));
    }
    buffer_done(&packed);
}

void effect_exec_answered(struct effect *effect, const struct value *answer) {
    struct bytes output = value_get_bytes(answer, "stdout"),
                 errors = value_get_bytes(answer, "stderr");
    struct process_result result = {.code = (int)value_get_integer(answer, "code", 0),
                                    .signal = (int)value_get_integer(answer, "signal", 0)};
    buffer_add(&result.output, output.data, output.size);
    buffer_add(&result.errors, errors.data, errors.size);
    on_done(effect, &result, NULL);
    buffer_done(&result.output);
    buffer_done(&result.errors);
}

static void abort_exec(struct effect *effect, bool is_cancelled) {
    (void)is_cancelled; /* a child never outlives its step */
    process_abort(effect->handle);
}

int effect_exec_start(struct effect *effect, const struct effect_request *request,
                      struct error *err) {
    struct texts argv = {NULL, 0}, env = {NULL, 0};
    struct process *process;
    struct process_request process_request = {0};
    char *cwd = value_copy_text(value_get(request->options, "cwd"));
    int status = duration_read(request->options, "timeout", &process_request.timeout_us, err);
    if (!status) status = add_arguments(effect, &argv, err);
    if (!status) status = add_environment(effect, &env, err);
    if (!status) {
        process_request.argv = (const char *const *)argv.items;
        process_request.env = (const char *const *)env.items;
        process_request.cwd = cwd;
        process_request.input = value_get_bytes(request->options, "stdin");
        process_request.alive = crash_mark_children(effect->place->services->mark);
        process_request.max_bytes = effect_max_bytes(effect, request->options);
        status =
            process_start(effect->place->loop, &process_request, on_done, effect, &process, err);
    }
    if (!status) {
        effect->handle = process;
        effect->abort = abort_exec;
    }
    texts_done(&argv);
    texts_done(&env);
    memory_free(cwd);
    return status;
}
