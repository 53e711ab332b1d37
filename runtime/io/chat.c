/* One answer from a chat model; see chat.h.
 *
 * A chat is a list of messages that grows: ask() sends it, on_answer() reads what came back. Where
 * a schema is given and the answer doesn't fit, the answer itself and a message that lists what is
 * wrong are appended and it is asked again, at most `repair_turns` times. One clock runs over all
 * of it, and the tokens of all turns are added up: they were all paid for. */
#include "io/chat.h"

#include <sodium.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "io/chat_answer.h"

enum { TIMEOUT_S = 600, REPAIR_TURNS = 2 };

struct chat {
    struct http_client *client;
    struct http_exchange *exchange; /* the one under way */
    char *url, *model;
    char *authorization; /* "Authorization: Bearer …", a secret; NULL: none */
    char *idempotency_key;
    struct buffer messages; /* packed one after the other */
    size_t message_count;
    struct buffer schema; /* packed; empty: plain text */
    struct value_tree schema_tree;
    double temperature;
    int64_t max_tokens;
    bool uses_completion_tokens; /* the newer name of max_tokens */
    int64_t timeout_us, ends_at_us;
    int repairs_left, repairs;
    int64_t input_tokens, output_tokens;
    chat_done *done;
    void *context;
};

static int64_t now_us(void) { return (int64_t)(uv_hrtime() / 1000); }

static void free_secret(char *text) {
    if (text) sodium_memzero(text, strlen(text));
    memory_free(text);
}

static void chat_free(struct chat *chat) {
    value_tree_done(&chat->schema_tree);
    buffer_done(&chat->schema);
    buffer_done(&chat->messages);
    free_secret(chat->authorization);
    memory_free(chat->idempotency_key);
    memory_free(chat->model);
    memory_free(chat->url);
    memory_free(chat);
}

/* ---- telling the caller
 * --------------------------------------------------------------------------- */

static void finish(struct chat *chat, struct bytes answer, const struct chat_trouble *trouble) {
    if (trouble)
        chat->done(chat->context, (struct bytes){0}, &trouble->err, trouble->is_transient,
                   trouble->retry_after_us);
    else chat->done(chat->context, answer, NULL, false, 0);
    chat_free(chat);
}

static void fail(struct chat *chat, const struct error *err, bool is_transient) {
    struct chat_trouble trouble = {.err = *err, .is_transient = is_transient};
    finish(chat, (struct bytes){0}, &trouble);
}

/* `document` is packed; no bytes: none was asked for. */
static void succeed(struct chat *chat, const struct chat_answer *answer, struct bytes document) {
    struct buffer out = BUFFER_EMPTY;
    struct error err;
    pack_map(&out, document.size ? 6 : 5);
    pack_member_bytes(&out, "text", buffer_bytes(&answer->text));
    if (document.size) {
        pack_text(&out, "json");
        buffer_add(&out, document.data, document.size);
    }
    pack_text(&out, "usage");
    pack_map(&out, 2);
    pack_member_integer(&out, "input", chat->input_tokens);
    pack_member_integer(&out, "output", chat->output_tokens);
    pack_member_bytes(&out, "model", answer->model.size ? answer->model : bytes_of(chat->model));
    pack_member_bytes(&out, "finish_reason", answer->finish_reason);
    pack_member_integer(&out, "repairs", chat->repairs);
    if (buffer_check(&out, &err)) fail(chat, &err, false);
    else finish(chat, buffer_bytes(&out), NULL);
    buffer_done(&out);
}

/* ---- asking
 * --------------------------------------------------------------------------------------- */

static void pack_response_format(struct chat *chat, struct buffer *out) {
    pack_text(out, "response_format");
    pack_map(out, 2);
    pack_member_text(out, "type", "json_schema");
    pack_text(out, "json_schema");
    pack_map(out, 3);
    pack_member_text(out, "name", "answer");
    pack_member_boolean(out, "strict", true);
    pack_text(out, "schema");
    buffer_add(out, chat->schema.data, chat->schema.size);
}

/* The request's body as JSON. */
static int write_body(struct chat *chat, struct buffer *json, struct error *err) {
    struct buffer out = BUFFER_EMPTY;
    size_t opened = pack_map_open(&out);
    size_t members = 2;
    pack_member_text(&out, "model", chat->model);
    pack_text(&out, "messages");
    pack_list(&out, chat->message_count);
    buffer_add(&out, chat->messages.data, chat->messages.size);
    if (chat->schema.size) members++, pack_response_format(chat, &out);
    if (chat->temperature >= 0)
        members++, pack_member_double(&out, "temperature", chat->temperature);
    if (chat->max_tokens > 0)
        members++, pack_member_integer(
                       &out, chat->uses_completion_tokens ? "max_completion_tokens" : "max_tokens",
                       chat->max_tokens);
    pack_close(&out, opened, members);
    int status = buffer_check(&out, err);
    if (status == 0) status = json_write_packed(buffer_bytes(&out), json, err);
    buffer_done(&out);
    return status;
}

static void on_answer(void *context, struct http_response *response, const struct error *err);

static int ask(struct chat *chat, struct error *err) {
    struct buffer body = BUFFER_EMPTY;
    const char *headers[5] = {"Content-Type: application/json", "Accept: application/json"};
    size_t count = 2;
    if (chat->authorization) headers[count++] = chat->authorization;
    /* A repair is another request than the one whose answer it mends. */
    if (chat->idempotency_key && chat->repairs == 0) headers[count++] = chat->idempotency_key;
    int64_t left_us = chat->ends_at_us - now_us();
    int status = write_body(chat, &body, err);
    if (status == 0)
        status = http_start(chat->client,
                            &(struct http_request){.method = "POST",
                                                   .url = chat->url,
                                                   .headers = headers,
                                                   .body = buffer_bytes(&body),
                                                   .timeout_us = left_us > 0 ? left_us : 1},
                            on_answer, chat, &chat->exchange, err);
    buffer_done(&body);
    return status;
}

/* ---- repair
 * --------------------------------------------------------------------------------------- */

static void add_message(struct chat *chat, const char *role, struct bytes content) {
    pack_map(&chat->messages, 2);
    pack_member_text(&chat->messages, "role", role);
    pack_member_bytes(&chat->messages, "content", content);
    chat->message_count++;
}

static int ask_for_repair(struct chat *chat, const struct chat_answer *answer,
                          const struct buffer *problems, struct error *err) {
    struct buffer text = BUFFER_EMPTY;
    buffer_add_format(&text,
                      "Your answer does not fit what was asked for:\n%s"
                      "Answer again with the whole JSON document, mended, and nothing else.",
                      problems->data);
    add_message(chat, "assistant", buffer_bytes(&answer->text));
    add_message(chat, "user", buffer_bytes(&text));
    int status = buffer_check(&text, err);
    if (status == 0) status = buffer_check(&chat->messages, err);
    buffer_done(&text);
    chat->repairs_left--;
    chat->repairs++;
    return status ? status : ask(chat, err);
}

static int give_up(struct chat *chat, const struct buffer *problems, struct error *err) {
    struct bytes lines = buffer_bytes(problems);
    while (lines.size && lines.data[lines.size - 1] == '\n') lines.size--;
    return error_set_kind(err, TEND_EFORMAT, "llm",
                          "model %s: its answer doesn't fit the schema, after %d repair turn%s: "
                          "%.*s",
                          chat->model, chat->repairs, chat->repairs == 1 ? "" : "s",
                          (int)(lines.size < 700 ? lines.size : 700), lines.data);
}

/* An answer to a question with a schema. */
static void take_document(struct chat *chat, const struct chat_answer *answer) {
    struct buffer document = BUFFER_EMPTY, problems = BUFFER_EMPTY;
    struct error err;
    int status = chat_answer_document(buffer_bytes(&answer->text), &chat->schema_tree.root,
                                      &document, &problems, &err);
    bool fits = status == 0 && problems.size == 0;
    if (status == 0 && !fits)
        status = chat->repairs_left > 0 ? ask_for_repair(chat, answer, &problems, &err)
                                        : give_up(chat, &problems, &err);
    if (fits) succeed(chat, answer, buffer_bytes(&document));
    else if (status) fail(chat, &err, false);
    buffer_done(&document);
    buffer_done(&problems);
}

/* ---- the answer
 * ------------------------------------------------------------------------------------- */

static void fail_exchange(struct chat *chat, const struct error *cause) {
    struct error err = *cause;
    bool is_timeout = strcmp(err.kind, "timeout") == 0;
    bool is_transient = err.status == TEND_EIO;     /* the network; not a URL that can't be */
    if (is_timeout && now_us() >= chat->ends_at_us) /* not what the last turn had left */
        error_set_kind(&err, TEND_EIO, "timeout", "no answer within %.10g s",
                       (double)chat->timeout_us / 1e6);
    else if (!is_timeout) error_set_kind(&err, cause->status, "llm", "%s", cause->message);
    error_context(&err, "model %s", chat->model);
    fail(chat, &err, is_transient);
}

static bool asks_again_with_newer_name(struct chat *chat, const struct chat_trouble *trouble) {
    struct error err;
    if (!trouble->wants_completion_tokens || chat->uses_completion_tokens || !chat->max_tokens)
        return false;
    chat->uses_completion_tokens = true;
    return ask(chat, &err) == 0; /* if not, the server's refusal is told */
}

static void on_answer(void *context, struct http_response *response, const struct error *err) {
    struct chat *chat = context;
    struct chat_answer answer;
    struct chat_trouble trouble;
    chat->exchange = NULL;
    if (err) {
        fail_exchange(chat, err);
        return;
    }
    int status = chat_answer_read(response, chat->model, &answer, &trouble);
    chat->input_tokens += answer.input_tokens;
    chat->output_tokens += answer.output_tokens;
    if (status && !asks_again_with_newer_name(chat, &trouble))
        finish(chat, (struct bytes){0}, &trouble);
    else if (status == 0 && chat->schema.size) take_document(chat, &answer);
    else if (status == 0) succeed(chat, &answer, (struct bytes){0});
    chat_answer_done(&answer);
}

/* ---- the start
 * --------------------------------------------------------------------------------------- */

static int copy_messages(struct chat *chat, const struct value *messages, struct error *err) {
    if (!messages || messages->kind != VALUE_LIST || messages->list.count == 0)
        return error_set_kind(err, TEND_EINPUT, "llm", "no messages to send to the model");
    for (size_t i = 0; i < messages->list.count; i++)
        pack_value(&chat->messages, &messages->list.items[i]);
    chat->message_count = messages->list.count;
    return buffer_check(&chat->messages, err);
}

static int copy_schema(struct chat *chat, const struct value *schema, struct error *err) {
    if (!schema) return 0;
    pack_value(&chat->schema, schema);
    int status = buffer_check(&chat->schema, err);
    return status ? status : value_read(buffer_bytes(&chat->schema), &chat->schema_tree, err);
}

/* "Name: text", to be released by the caller; NULL for no text or without memory. In one piece of
 * memory from the start: a buffer that grows would leave copies of a secret behind. */
static char *header(const char *name, const char *text) {
    size_t name_size = strlen(name);
    char *line = text ? memory_new(name_size + strlen(text) + 1) : NULL;
    if (!line) return NULL;
    memcpy(line, name, name_size);
    strcpy(line + name_size, text);
    return line;
}

static int copy_texts(struct chat *chat, const struct chat_request *request, struct error *err) {
    size_t size = strlen(request->base_url);
    while (size && request->base_url[size - 1] == '/') size--;
    struct buffer url = BUFFER_EMPTY;
    buffer_add(&url, request->base_url, size);
    buffer_add_text(&url, "/chat/completions");
    if (!url.is_failed) chat->url = buffer_take(&url, NULL);
    buffer_done(&url);
    chat->model = memory_copy_text(request->model);
    chat->authorization = header("Authorization: Bearer ", request->key);
    chat->idempotency_key = header("Idempotency-Key: ", request->idempotency_key);
    if (!chat->url || !chat->model || (request->key && !chat->authorization) ||
        (request->idempotency_key && !chat->idempotency_key))
        return error_no_memory(err);
    return 0;
}

int chat_start(struct http_client *client, const struct chat_request *request, chat_done *done,
               void *context, struct chat **ret, struct error *err) {
    struct chat *chat = memory_new(sizeof *chat);
    if (!chat) return error_no_memory(err);
    chat->client = client;
    chat->done = done;
    chat->context = context;
    chat->temperature = request->temperature;
    chat->max_tokens = request->max_tokens;
    chat->timeout_us = request->timeout_us ? request->timeout_us : TIMEOUT_S * INT64_C(1000000);
    chat->ends_at_us = now_us() + chat->timeout_us;
    chat->repairs_left = request->repair_turns ? request->repair_turns : REPAIR_TURNS;
    int status = copy_texts(chat, request, err);
    if (status == 0) status = copy_messages(chat, request->messages, err);
    if (status == 0) status = copy_schema(chat, request->schema, err);
    if (status == 0) status = ask(chat, err);
    if (status) {
        chat_free(chat);
        return status;
    }
    *ret = chat;
    return 0;
}

void chat_abort(struct chat *chat) {
    if (!chat) return;
    http_abort(chat->exchange);
    chat_free(chat);
}
