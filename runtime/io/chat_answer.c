/* Reading a chat completions answer; see chat_answer.h. Servers that call themselves compatible
 * differ most in their errors: message and code stand in `error`, in `detail`, or at the top. */
#include "io/chat_answer.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "analysis/schema.h"
#include "base/json.h"

/* ---- errors of the server
 * ------------------------------------------------------------------------ */

enum { SERVER_WORDS_MAX = 400 };

static bool has_text(struct bytes bytes, const char *text) {
    return memmem(bytes.data, bytes.size, text, strlen(text)) != NULL;
}

/* What the server says went wrong, or the start of its body. */
static struct bytes words_of(const struct value *root, struct bytes body) {
    const struct value *error = value_get_map(root, "error");
    struct bytes words = value_get_bytes(error, "message");
    if (!words.size) words = value_get_bytes(root, "error");
    if (!words.size) words = value_get_bytes(root, "message");
    if (!words.size) words = value_get_bytes(root, "detail");
    if (!words.size) words = body;
    if (words.size > SERVER_WORDS_MAX) words.size = SERVER_WORDS_MAX;
    return words;
}

/* "7" seconds or a date; 0 where there is none. */
static int64_t retry_after_us(const struct value *headers) {
    struct bytes text = value_get_bytes(headers, "retry-after");
    char copy[64], *end;
    if (text.size == 0 || text.size >= sizeof copy) return 0;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    double seconds = strtod(copy, &end);
    if (end == copy) {
        struct tm when = {0};
        if (!strptime(copy, "%a, %d %b %Y %H:%M:%S", &when)) return 0;
        seconds = difftime(timegm(&when), time(NULL));
    }
    return seconds > 0 && seconds < 1e6 ? (int64_t)(seconds * 1e6) : 0;
}

static const char *meaning_of(long status, struct bytes words, struct bytes code) {
    if (has_text(code, "context_length") || has_text(words, "context length") ||
        has_text(words, "maximum context") || has_text(words, "context window"))
        return "the prompt is longer than the model's context";
    if (has_text(code, "insufficient_quota")) return "the account's quota is used up";
    switch (status) {
    case 401: return "the server doesn't know this key (OPENAI_API_KEY)";
    case 403: return "the key may not use this model";
    case 404: return "the server has no such model, or OPENAI_BASE_URL lacks its /v1";
    case 408: return "the server gave up waiting";
    case 429: return "too many requests";
    default: return status >= 500 ? "the server failed" : "the server refused the request";
    }
}

static bool is_transient(long status) {
    return status == 408 || status == 425 || status == 429 || status >= 500;
}

static int tell_status(const struct http_response *response, const char *model,
                       const struct value *root, const struct value *headers,
                       struct chat_trouble *trouble) {
    struct bytes words = words_of(root, buffer_bytes(&response->body));
    struct bytes code = value_get_bytes(value_get_map(root, "error"), "code");
    trouble->is_transient = is_transient(response->status);
    trouble->retry_after_us = retry_after_us(headers);
    trouble->wants_completion_tokens =
        response->status == 400 && has_text(words, "max_completion_tokens");
    return error_set_kind(&trouble->err, TEND_EIO, "llm", "model %s: %s (status %ld: %.*s)", model,
                          meaning_of(response->status, words, code), response->status,
                          (int)words.size, words.data);
}

/* ---- the answer
 * ------------------------------------------------------------------------------------- */

/* Text is one string, or a list of parts of which those of type "text" count. */
static void add_content(struct buffer *out, const struct value *content) {
    if (!content) return;
    if (content->kind == VALUE_TEXT) buffer_add(out, content->text.data, content->text.size);
    if (content->kind != VALUE_LIST) return;
    for (size_t i = 0; i < content->list.count; i++) {
        struct bytes text = value_get_bytes(&content->list.items[i], "text");
        buffer_add(out, text.data, text.size);
    }
}

static int useless(struct chat_trouble *trouble, const char *model, const char *why,
                   struct bytes detail) {
    if (detail.size > SERVER_WORDS_MAX) detail.size = SERVER_WORDS_MAX;
    return error_set_kind(&trouble->err, TEND_EFORMAT, "llm", "model %s: %s%s%.*s", model, why,
                          detail.size ? ": " : "", (int)detail.size, detail.data);
}

static int read_choice(const struct value *choice, const char *model, struct chat_answer *ret,
                       struct chat_trouble *trouble) {
    const struct value *message = value_get_map(choice, "message");
    struct bytes refusal = value_get_bytes(message, "refusal");
    struct bytes nothing = {"", 0};
    ret->finish_reason = value_get_bytes(choice, "finish_reason");
    add_content(&ret->text, value_get(message, "content"));
    if (ret->text.is_failed) return error_no_memory(&trouble->err);
    if (refusal.size) return useless(trouble, model, "it refused to answer", refusal);
    if (bytes_are(ret->finish_reason, "length"))
        return useless(trouble, model, "its answer was cut off at the token limit (max_tokens)",
                       nothing);
    if (bytes_are(ret->finish_reason, "content_filter"))
        return useless(trouble, model, "its answer was stopped by the server's content filter",
                       nothing);
    if (ret->text.size == 0) return useless(trouble, model, "it answered with no text", nothing);
    return 0;
}

static int read_completion(const struct http_response *response, const char *model,
                           const struct value *root, struct chat_answer *ret,
                           struct chat_trouble *trouble) {
    const struct value *choices = value_get_list(root, "choices");
    const struct value *usage = value_get_map(root, "usage");
    struct bytes start = words_of(NULL, buffer_bytes(&response->body));
    ret->model = value_get_bytes(root, "model");
    ret->input_tokens = value_get_integer(usage, "prompt_tokens", 0);
    ret->output_tokens = value_get_integer(usage, "completion_tokens", 0);
    if (choices && choices->list.count > 0)
        return read_choice(&choices->list.items[0], model, ret, trouble);
    trouble->is_transient = root == NULL; /* a gateway's HTML page */
    return useless(trouble, model,
                   root ? "the server's answer has no choices" : "the server didn't answer in JSON",
                   start);
}

int chat_answer_read(const struct http_response *response, const char *model,
                     struct chat_answer *ret, struct chat_trouble *trouble) {
    struct value_tree headers = {0};
    const struct value *root = NULL;
    *ret = (struct chat_answer){0};
    *trouble = (struct chat_trouble){0};
    struct error ignored; /* a body that isn't JSON is told below, by what is missing */
    if (json_read(buffer_bytes(&response->body), &ret->packed, &ignored) == 0 &&
        value_read(buffer_bytes(&ret->packed), &ret->tree, &ignored) == 0)
        root = &ret->tree.root;
    int status = value_read(buffer_bytes(&response->headers), &headers, &trouble->err);
    if (status == 0 && response->status / 100 == 2)
        status = read_completion(response, model, root, ret, trouble);
    else if (status == 0) status = tell_status(response, model, root, &headers.root, trouble);
    value_tree_done(&headers);
    return status;
}

void chat_answer_done(struct chat_answer *answer) {
    value_tree_done(&answer->tree);
    buffer_done(&answer->packed);
    buffer_done(&answer->text);
}

/* ---- the document in it
 * -------------------------------------------------------------------------------- */

/* Between ```json (or ```) and the last ```; the text itself where there is no fence. */
static struct bytes unfenced(struct bytes text) {
    const char *end = text.data + text.size;
    const char *open = memmem(text.data, text.size, "```", 3);
    const char *line = open ? memchr(open, '\n', (size_t)(end - open)) : NULL;
    const char *close = NULL;
    if (!line) return text;
    for (const char *c = end - 3; c > line && !close; c--)
        if (memcmp(c, "```", 3) == 0) close = c;
    return (struct bytes){line + 1, (size_t)((close ? close : end) - line - 1)};
}

static int read_json(struct bytes text, struct buffer *packed, struct buffer *problems,
                     struct error *err) {
    struct error why;
    int status = json_read(text, packed, &why);
    if (status == 0) return 0;
    struct bytes inside = unfenced(text);
    if (status == TEND_EFORMAT && inside.size != text.size)
        status = json_read(inside, packed, &why);
    if (status == TEND_EFORMAT) {
        buffer_add_format(problems, "answer: is not a JSON document (%s)\n", why.message);
        return buffer_check(problems, err);
    }
    if (status) *err = why;
    return status;
}

int chat_answer_document(struct bytes text, const struct value *schema, struct buffer *packed,
                         struct buffer *problems, struct error *err) {
    struct value_tree tree = {0};
    bool is_valid;
    int status = read_json(text, packed, problems, err);
    if (status || problems->size) return status;
    status = value_read(buffer_bytes(packed), &tree, err);
    if (status == 0) status = schema_check(schema, &tree.root, problems, &is_valid, err);
    value_tree_done(&tree);
    return status;
}
