/* Modules outside the bundle; see required.h. */
#include "engine/required.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

struct required {
    char bundle[65];      /* of the run, when it was recorded */
    struct buffer packed; /* {name, bundle, file, source}, or {name, bundle, message} */
    struct value_tree tree;
};

static struct required *required_free(struct required *required) {
    if (!required) return NULL;
    value_tree_done(&required->tree);
    buffer_done(&required->packed);
    memory_free(required);
    return NULL;
}

/* Takes the buffer. */
static int keep(struct run *run, struct buffer *packed, struct required **ret, struct error *err) {
    struct required *required = memory_new(sizeof *required);
    if (!required) {
        buffer_done(packed);
        return error_no_memory(err);
    }
    required->packed = *packed;
    *packed = BUFFER_EMPTY;
    int status = buffer_check(&required->packed, err);
    if (!status) status = value_read(buffer_bytes(&required->packed), &required->tree, err);
    const struct value *root = &required->tree.root;
    struct bytes name = status ? (struct bytes){"", 0} : value_get_bytes(root, "name");
    if (!status) {
        struct bytes bundle = value_get_bytes(root, "bundle");
        snprintf(required->bundle, sizeof required->bundle, "%.*s", (int)bundle.size, bundle.data);
        required_free(map_remove(&run->required, name));
        if (map_set(&run->required, name, required)) status = error_no_memory(err);
    }
    if (status) required_free(required);
    else if (ret) *ret = required;
    return status;
}

int required_load(struct run *run, const struct entry *entry, struct error *err) {
    struct buffer packed = BUFFER_EMPTY;
    buffer_add(&packed, entry->value.data, entry->value.size);
    return keep(run, &packed, NULL, err);
}

void required_done(struct run *run) {
    size_t at = 0;
    struct bytes key;
    void *value;
    while (map_next(&run->required, &at, &key, &value)) required_free(value);
    map_done(&run->required);
}

static int answer(const struct required *required, struct isolate_module *ret, struct error *err) {
    const struct value *root = &required->tree.root;
    struct bytes message = value_get_bytes(root, "message");
    if (!value_get(root, "source"))
        return error_set(err, message.size ? TEND_EINPUT : TEND_ENOENT, "%.*s", (int)message.size,
                         message.data);
    *ret = (struct isolate_module){value_get_bytes(root, "file"), value_get_bytes(root, "source")};
    return 0;
}

/* What is there now. 0 with *packed, also where there is no such module, or none that can be read:
 * that is recorded, too. */
static int read_now(struct run *run, struct bytes workflow, const char *name, bool *is_there,
                    struct buffer *packed) {
    struct buffer file = BUFFER_EMPTY, source = BUFFER_EMPTY;
    struct error why = {.message = ""};
    int status =
        bundle_module(&run->services->sources, workflow, bytes_of(name), &file, &source, &why);
    *is_there = status == 0;
    if (status != TEND_ENOMEM) {
        pack_map(packed, status ? 3 : 4);
        pack_member_text(packed, "name", name);
        pack_member_text(packed, "bundle", run->record.bundle);
        if (status) {
            pack_member_text(packed, "message", status == TEND_ENOENT ? "" : why.message);
        } else {
            pack_member_bytes(packed, "file", buffer_bytes(&file));
            pack_member_bytes(packed, "source", buffer_bytes(&source));
        }
    }
    buffer_done(&file);
    buffer_done(&source);
    return status == TEND_ENOMEM ? TEND_ENOMEM : 0;
}

int required_find(void *context, struct bytes workflow, const char *name,
                  struct isolate_module *ret, struct error *err) {
    struct run *run = context;
    struct required *required = map_get(&run->required, bytes_of(name));
    struct buffer packed = BUFFER_EMPTY;
    bool is_there, is_current = required && !run->has_other_sources &&
                                strcmp(required->bundle, run->record.bundle) == 0;
    if (is_current) return answer(required, ret, err);
    if (read_now(run, workflow, name, &is_there, &packed)) return error_no_memory(err);
    if (!is_there && required) { /* gone: what it has stays */
        buffer_done(&packed);
        return answer(required, ret, err);
    }
    struct entry entry = {
        .type = ENTRY_MODULE, .at_us = run_now_us(run), .value = buffer_bytes(&packed)};
    run_append(run, NULL, &entry);
    int status = keep(run, &packed, &required, err);
    return status ? status : answer(required, ret, err);
}
