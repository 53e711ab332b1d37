/* Secrets; see secrets.h. */
#include "engine/secrets.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/redact.h"
#include "base/memory.h"
#include "base/text.h"

enum { SECRETS_MAX = 256, SECRET_MASKED_FROM = 6 /* a shorter value would mask ordinary text */ };

struct secrets {
    pthread_mutex_t mutex;
    struct bytes known[SECRETS_MAX];
    size_t count;
};

int secrets_new(struct secrets **ret, struct error *err) {
    struct secrets *secrets = memory_new(sizeof *secrets);
    if (!secrets) return error_no_memory(err);
    pthread_mutex_init(&secrets->mutex, NULL);
    *ret = secrets;
    return 0;
}

struct secrets *secrets_free(struct secrets *secrets) {
    if (!secrets) return NULL;
    for (size_t i = 0; i < secrets->count; i++) {
        sodium_memzero((void *)secrets->known[i].data, secrets->known[i].size);
        memory_free((void *)secrets->known[i].data);
    }
    pthread_mutex_destroy(&secrets->mutex);
    memory_free(secrets);
    return NULL;
}

static void remember_form(struct secrets *secrets, struct bytes value) {
    if (value.size < SECRET_MASKED_FROM) return;
    pthread_mutex_lock(&secrets->mutex);
    bool is_known = secrets->count == SECRETS_MAX;
    for (size_t i = 0; i < secrets->count && !is_known; i++)
        is_known = bytes_equal(secrets->known[i], value);
    char *copy = is_known ? NULL : memory_copy(value.data, value.size);
    if (copy) secrets->known[secrets->count++] = (struct bytes){copy, value.size};
    pthread_mutex_unlock(&secrets->mutex);
}

/* As it is, and as it stands in a URL, which an answer tells again. */
static void remember(struct secrets *secrets, const char *text) {
    struct buffer encoded = BUFFER_EMPTY;
    text_add_url(&encoded, bytes_of(text));
    remember_form(secrets, bytes_of(text));
    if (!encoded.is_failed) remember_form(secrets, buffer_bytes(&encoded));
    if (encoded.data) sodium_memzero(encoded.data, encoded.size);
    buffer_done(&encoded);
}

int secrets_read(struct secrets *secrets, struct bytes name, struct buffer *out,
                 struct error *err) {
    char variable[256];
    snprintf(variable, sizeof variable, "%.*s", (int)name.size, name.data);
    const char *value = getenv(variable);
    if (!value || !*value)
        return error_set_kind(err, TEND_ENOENT, "permission",
                              "secret %s is not set: set the environment variable %s for tend",
                              variable, variable);
    remember(secrets, value);
    buffer_add_text(out, value);
    return buffer_check(out, err);
}

int secrets_text(struct secrets *secrets, const struct value *value, struct buffer *out,
                 struct error *err) {
    switch (value ? value->kind : VALUE_NIL) {
    case VALUE_SECRET: return secrets_read(secrets, value->text, out, err);
    case VALUE_TEXT: buffer_add(out, value->text.data, value->text.size); break;
    case VALUE_INTEGER: buffer_add_format(out, "%lld", (long long)value->integer); break;
    case VALUE_DOUBLE: buffer_add_format(out, "%.17g", value->number); break;
    case VALUE_BOOLEAN: buffer_add_text(out, value->boolean ? "true" : "false"); break;
    default:
        return error_set_kind(err, TEND_EINPUT, "error",
                              "expected text, a number or a secret, not %s",
                              value_kind_name(value ? value->kind : VALUE_NIL));
    }
    return buffer_check(out, err);
}

static void learn(struct secrets *secrets, const struct value *value) {
    if (value->kind == VALUE_SECRET) {
        char name[256];
        snprintf(name, sizeof name, "%.*s", (int)value->text.size, value->text.data);
        const char *text = getenv(name);
        if (text) remember(secrets, text);
    }
    for (size_t i = 0; value->kind == VALUE_LIST && i < value->list.count; i++)
        learn(secrets, &value->list.items[i]);
    for (size_t i = 0; value->kind == VALUE_MAP && i < value->map.count; i++)
        learn(secrets, &value->map.members[i].value);
}

void secrets_learn(struct secrets *secrets, struct bytes packed) {
    struct value_tree tree;
    if (value_read(packed, &tree, NULL)) return;
    learn(secrets, &tree.root);
    value_tree_done(&tree);
}

static void pack_masked_text(struct secrets *secrets, struct bytes text, struct buffer *scratch,
                             struct buffer *out) {
    bool changed = false;
    buffer_clear(scratch);
    redact_known(text, secrets->known, secrets->count, scratch, &changed);
    pack_bytes(out, changed ? buffer_bytes(scratch) : text);
}

/* Depth is bounded: the tree came from value_read. */
static void pack_masked(struct secrets *secrets, const struct value *value, struct buffer *scratch,
                        struct buffer *out) {
    switch (value->kind) {
    case VALUE_TEXT: pack_masked_text(secrets, value->text, scratch, out); return;
    case VALUE_LIST:
        pack_list(out, value->list.count);
        for (size_t i = 0; i < value->list.count; i++)
            pack_masked(secrets, &value->list.items[i], scratch, out);
        return;
    case VALUE_MAP:
        pack_map(out, value->map.count);
        for (size_t i = 0; i < value->map.count; i++) {
            pack_masked_text(secrets, value->map.members[i].key, scratch, out);
            pack_masked(secrets, &value->map.members[i].value, scratch, out);
        }
        return;
    default: pack_value(out, value); return;
    }
}

static int mask_locked(struct secrets *secrets, struct bytes packed, struct buffer *out,
                       bool *changed, struct error *err) {
    struct buffer scratch = BUFFER_EMPTY;
    struct value_tree tree;
    bool is_there = false;
    int status = redact_known(packed, secrets->known, secrets->count, &scratch, &is_there);
    if (status || !is_there) goto done;
    status = value_read(packed, &tree, err);
    if (status) goto done;
    pack_masked(secrets, &tree.root, &scratch, out);
    value_tree_done(&tree);
    *changed = true;
    status = buffer_check(out, err);
done:
    buffer_done(&scratch);
    return status;
}

int secrets_mask_text(struct secrets *secrets, struct bytes text, struct buffer *out) {
    bool changed = false;
    pthread_mutex_lock(&secrets->mutex);
    int status = redact_known(text, secrets->known, secrets->count, out, &changed);
    pthread_mutex_unlock(&secrets->mutex);
    return status;
}

int secrets_mask(struct secrets *secrets, struct bytes packed, struct buffer *out, bool *changed,
                 struct error *err) {
    *changed = false;
    pthread_mutex_lock(&secrets->mutex);
    int status = secrets->count ? mask_locked(secrets, packed, out, changed, err) : 0;
    pthread_mutex_unlock(&secrets->mutex);
    return status;
}
