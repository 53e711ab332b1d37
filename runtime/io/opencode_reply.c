/* Reading a session's messages; see opencode_reply.h. A message is {info: {id, role, parentID,
 * finish, error, tokens, cost, time: {completed}}, parts: [{type: "text" | "tool" | "patch" | …}]}.
 */
#include "io/opencode_reply.h"

#include <string.h>

enum { OUTPUT_HEAD_BYTES = 1024, OUTPUT_TAIL_BYTES = 3 * 1024 };

/* ---- walking
 * --------------------------------------------------------------------------------------- */

static size_t count_of(const struct value *list) {
    return list && list->kind == VALUE_LIST ? list->list.count : 0;
}

static const struct value *info_of(const struct value *message) {
    return value_get_map(message, "info");
}

static bool is_reply(const struct value *message, const char *message_id) {
    const struct value *info = info_of(message);
    return bytes_are(value_get_bytes(info, "role"), "assistant") &&
           bytes_are(value_get_bytes(info, "parentID"), message_id);
}

static const struct value *last_reply(const struct value *messages, const char *message_id) {
    for (size_t i = count_of(messages); i > 0; i--)
        if (is_reply(&messages->list.items[i - 1], message_id)) return &messages->list.items[i - 1];
    return NULL;
}

static bool has_prompt(const struct value *messages, const char *message_id) {
    for (size_t i = 0; i < count_of(messages); i++)
        if (bytes_are(value_get_bytes(info_of(&messages->list.items[i]), "id"), message_id))
            return true;
    return false;
}

/* Calls `see` for each part of each message. */
typedef void see_part(void *context, const struct value *message, const struct value *part);

static void each_part(const struct value *messages, see_part *see, void *context) {
    for (size_t i = 0; i < count_of(messages); i++) {
        const struct value *message = &messages->list.items[i];
        const struct value *parts = value_get_list(message, "parts");
        for (size_t j = 0; j < count_of(parts); j++) see(context, message, &parts->list.items[j]);
    }
}

static bool is_tool(const struct value *part, const char *tool) {
    return bytes_are(value_get_bytes(part, "type"), "tool") &&
           bytes_are(value_get_bytes(part, "tool"), tool);
}

static bool is_completed(const struct value *part) {
    return bytes_are(value_get_bytes(value_get_map(part, "state"), "status"), "completed");
}

static struct bytes input_of(const struct value *part, const char *name) {
    return value_get_bytes(value_get_map(value_get_map(part, "state"), "input"), name);
}

/* ---- how far it is
 * --------------------------------------------------------------------------------- */

static struct reply read_failure(const struct value *error) {
    const struct value *data = value_get_map(error, "data");
    int64_t status = value_get_integer(data, "statusCode", 0);
    return (struct reply){
        .state = REPLY_FAILED,
        .error_name = value_get_bytes(error, "name"),
        .error_message = value_get_bytes(data, "message"),
        .is_transient = value_get_boolean(data, "isRetryable", false) || status == 429 ||
                        status >= 500 ||
                        bytes_are(value_get_bytes(error, "name"), "MessageAbortedError"),
    };
}

struct reply reply_read(const struct value *messages, const char *message_id) {
    const struct value *last = last_reply(messages, message_id);
    const struct value *info = info_of(last);
    const struct value *error = value_get_map(info, "error");
    struct bytes finish = value_get_bytes(info, "finish");
    bool is_completed_message = value_get(value_get_map(info, "time"), "completed") != NULL;
    if (!last)
        return (struct reply){.state =
                                  has_prompt(messages, message_id) ? REPLY_PENDING : REPLY_ABSENT};
    if (error) return read_failure(error);
    /* After "tool-calls" the loop goes on with another message; so it does after "unknown". */
    if (!is_completed_message || !finish.size || bytes_are(finish, "tool-calls") ||
        bytes_are(finish, "unknown"))
        return (struct reply){.state = REPLY_PENDING};
    return (struct reply){.state = REPLY_DONE, .finish = finish};
}

struct shell_search {
    const char *message_id, *command;
    bool is_found;
};

static void see_shell(void *context, const struct value *message, const struct value *part) {
    struct shell_search *search = context;
    if (is_tool(part, "bash") && is_completed(part) && !is_reply(message, search->message_id) &&
        bytes_are(input_of(part, "command"), search->command))
        search->is_found = true;
}

bool reply_has_shell(const struct value *messages, const char *message_id, const char *command) {
    struct shell_search search = {message_id, command, false};
    each_part(messages, see_shell, &search);
    return search.is_found;
}

/* ---- what it did
 * ----------------------------------------------------------------------------------- */

static void pack_text_parts(struct buffer *out, const struct value *message) {
    struct buffer text = BUFFER_EMPTY;
    const struct value *parts = value_get_list(message, "parts");
    for (size_t i = 0; i < count_of(parts); i++) {
        const struct value *part = &parts->list.items[i];
        if (!bytes_are(value_get_bytes(part, "type"), "text")) continue;
        struct bytes one = value_get_bytes(part, "text");
        if (text.size && one.size) buffer_add_byte(&text, '\n');
        buffer_add(&text, one.data, one.size);
    }
    pack_bytes(out, buffer_bytes(&text));
    if (text.is_failed) out->is_failed = true;
    buffer_done(&text);
}

static void pack_todos(struct buffer *out, const struct value *todos) {
    static const char *const names[] = {"content", "status", "priority"};
    pack_list(out, count_of(todos));
    for (size_t i = 0; i < count_of(todos); i++) {
        pack_map(out, 3);
        for (size_t j = 0; j < 3; j++)
            pack_member_bytes(out, names[j], value_get_bytes(&todos->list.items[i], names[j]));
    }
}

struct collection {
    struct buffer *out;
    const char *directory;
    struct buffer seen; /* of files: each name between two zeros */
    size_t count;
};

/* A name in the session's directory is told relative to it. */
static struct bytes relative(struct bytes file, const char *directory) {
    size_t size = strlen(directory);
    while (size && directory[size - 1] == '/') size--;
    if (file.size > size + 1 && memcmp(file.data, directory, size) == 0 && file.data[size] == '/')
        return (struct bytes){file.data + size + 1, file.size - size - 1};
    return file;
}

static void add_file(struct collection *files, struct bytes file) {
    file = relative(file, files->directory);
    if (file.size == 0 || files->seen.is_failed) return;
    size_t start = files->seen.size;
    buffer_add(&files->seen, "", 1);
    buffer_add(&files->seen, file.data, file.size);
    buffer_add(&files->seen, "", 1);
    if (files->seen.is_failed) return;
    const char *name = files->seen.data + start;
    if (start && memmem(files->seen.data, start, name, files->seen.size - start)) {
        files->seen.size = start;
        return;
    }
    pack_bytes(files->out, file);
    files->count++;
}

/* The tools that write name their file; a part of type "patch" lists all that a turn changed, also
 * by bash, as far as the server takes snapshots. */
static void see_file(void *context, const struct value *message, const struct value *part) {
    static const char *const tools[] = {"edit", "write", "multiedit", "patch"};
    (void)message;
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++)
        if (is_tool(part, tools[i]) && is_completed(part))
            add_file(context, input_of(part, "filePath"));
    if (!bytes_are(value_get_bytes(part, "type"), "patch")) return;
    const struct value *files = value_get_list(part, "files");
    for (size_t i = 0; i < count_of(files); i++)
        if (files->list.items[i].kind == VALUE_TEXT) add_file(context, files->list.items[i].text);
}

static void pack_files(struct buffer *out, const struct reply_source *source) {
    struct collection files = {.out = out, .directory = source->directory};
    size_t opened = pack_list_open(out);
    each_part(source->messages, see_file, &files);
    pack_close(out, opened, files.count);
    if (files.seen.is_failed) out->is_failed = true;
    buffer_done(&files.seen);
}

/* The start says what ran, the end says how it went. */
static void pack_output(struct buffer *out, struct bytes output) {
    struct buffer text = BUFFER_EMPTY;
    if (output.size <= OUTPUT_HEAD_BYTES + OUTPUT_TAIL_BYTES) {
        pack_bytes(out, output);
        return;
    }
    size_t left_out = output.size - OUTPUT_HEAD_BYTES - OUTPUT_TAIL_BYTES;
    buffer_add(&text, output.data, OUTPUT_HEAD_BYTES);
    buffer_add_format(&text, "\n[%zu bytes left out]\n", left_out);
    buffer_add(&text, output.data + OUTPUT_HEAD_BYTES + left_out, OUTPUT_TAIL_BYTES);
    pack_bytes(out, buffer_bytes(&text));
    if (text.is_failed) out->is_failed = true;
    buffer_done(&text);
}

static void see_command(void *context, const struct value *message, const struct value *part) {
    struct collection *commands = context;
    const struct value *state = value_get_map(part, "state");
    (void)message;
    if (!is_tool(part, "bash") || !input_of(part, "command").size) return;
    struct bytes output = value_get_bytes(state, "output");
    if (!output.size) output = value_get_bytes(state, "error"); /* a call that was denied */
    pack_map(commands->out, 2);
    pack_member_bytes(commands->out, "command", input_of(part, "command"));
    pack_text(commands->out, "output");
    pack_output(commands->out, output);
    commands->count++;
}

static void pack_commands(struct buffer *out, const struct value *messages) {
    struct collection commands = {.out = out};
    size_t opened = pack_list_open(out);
    each_part(messages, see_command, &commands);
    pack_close(out, opened, commands.count);
}

/* Everything that was paid for: tokens from the cache count as input, reasoning as output. */
static void pack_usage_and_cost(struct buffer *out, const struct reply_source *source) {
    int64_t input = 0, output = 0;
    double cost = 0;
    for (size_t i = 0; i < count_of(source->messages); i++) {
        const struct value *info = info_of(&source->messages->list.items[i]);
        const struct value *tokens = value_get_map(info, "tokens");
        const struct value *cache = value_get_map(tokens, "cache");
        if (!bytes_are(value_get_bytes(info, "role"), "assistant")) continue;
        input += value_get_integer(tokens, "input", 0) + value_get_integer(cache, "read", 0) +
                 value_get_integer(cache, "write", 0);
        output +=
            value_get_integer(tokens, "output", 0) + value_get_integer(tokens, "reasoning", 0);
        cost += value_get_number(info, "cost", 0);
    }
    pack_text(out, "usage");
    pack_map(out, 2);
    pack_member_integer(out, "input", input);
    pack_member_integer(out, "output", output);
    pack_member_double(out, "cost", cost);
}

int reply_pack(const struct reply_source *source, struct buffer *out, struct error *err) {
    struct reply reply = reply_read(source->messages, source->message_id);
    pack_map(out, 9);
    pack_member_text(out, "session_id", source->session_id);
    pack_text(out, "text");
    pack_text_parts(out, last_reply(source->messages, source->message_id));
    pack_text(out, "todos");
    pack_todos(out, source->todos);
    pack_text(out, "diff");
    if (source->diff && source->diff->kind == VALUE_LIST) pack_value(out, source->diff);
    else pack_list(out, 0);
    pack_text(out, "files");
    pack_files(out, source);
    pack_text(out, "commands");
    pack_commands(out, source->messages);
    pack_usage_and_cost(out, source);
    pack_member_bytes(out, "finish_reason", reply.finish);
    return buffer_check(out, err);
}
