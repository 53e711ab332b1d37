/* Entries, packed as lists of eight; see entry.h. */
#include "engine/entry.h"

void entry_pack(const struct entry *entry, struct buffer *out) {
    pack_list(out, 8);
    pack_integer(out, entry->type);
    pack_bytes(out, entry->key);
    pack_integer(out, entry->kind);
    pack_integer(out, entry->attempt);
    pack_integer(out, entry->at_us);
    pack_integer(out, entry->due_at_us);
    pack_boolean(out, entry->has_waited);
    if (entry->value.size) buffer_add(out, entry->value.data, entry->value.size);
    else pack_nil(out);
}

/* Cuts the next packed value off the front of *rest. */
static struct bytes cut(struct bytes *rest) {
    struct bytes value = {rest->data, value_size(*rest)};
    rest->data += value.size;
    rest->size -= value.size;
    return value;
}

static int read_integer(struct bytes *rest, int64_t *ret, struct error *err) {
    struct value_tree tree;
    int status = value_read(cut(rest), &tree, err);
    if (status) return status;
    *ret = tree.root.kind == VALUE_INTEGER   ? tree.root.integer
           : tree.root.kind == VALUE_BOOLEAN ? tree.root.boolean
                                             : 0;
    value_tree_done(&tree);
    return 0;
}

static int read_text(struct bytes *rest, struct bytes *ret, struct error *err) {
    struct value_tree tree;
    int status = value_read(cut(rest), &tree, err);
    if (status) return status;
    *ret = tree.root.kind == VALUE_TEXT ? tree.root.text : (struct bytes){"", 0};
    value_tree_done(&tree);
    return 0;
}

int entry_read(struct bytes packed, struct entry *ret, struct error *err) {
    struct bytes rest = {packed.data + 1, packed.size - 1};
    int64_t type, kind, attempt, at, due, waited;
    struct bytes key;
    if (packed.size < 2 || (unsigned char)packed.data[0] != 0x98)
        return error_set(err, TEND_EFORMAT,
                         "the journal holds an entry of a form that this version "
                         "doesn't know");
    int status = read_integer(&rest, &type, err);
    if (!status) status = read_text(&rest, &key, err);
    if (!status) status = read_integer(&rest, &kind, err);
    if (!status) status = read_integer(&rest, &attempt, err);
    if (!status) status = read_integer(&rest, &at, err);
    if (!status) status = read_integer(&rest, &due, err);
    if (!status) status = read_integer(&rest, &waited, err);
    if (status) return status;
    struct bytes value = cut(&rest);
    if (value.size == 0) return error_set(err, TEND_EFORMAT, "the journal holds a cut entry");
    *ret =
        (struct entry){(enum entry_type)type, key,  (enum ask_kind)kind, (uint32_t)attempt, at, due,
                       waited != 0,           value};
    return 0;
}
