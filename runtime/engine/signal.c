/* Signals; see signal.h. A key is \1, "s", the run's number, the encoded name, \1, the order; the
 * value is {payload, at}. */
#include "engine/signal.h"

#include "base/text.h"
#include "engine/hidden.h"

static void make_prefix(uint64_t run, struct bytes name, struct buffer *key) {
    char all[HIDDEN_KEY_TEXT];
    hidden_key(HIDDEN_SIGNALS, run, all);
    buffer_add_format(key, "%s/", all);
    text_add_key(key, name);
    buffer_add_text(key, HIDDEN_PREFIX);
}

int signal_put(struct services *services, uint64_t run, struct bytes name, struct bytes payload,
               uint64_t order, struct submission *submission, struct error *err) {
    struct buffer key = BUFFER_EMPTY, value = BUFFER_EMPTY;
    uint64_t position;
    int status = 0;
    make_prefix(run, name, &key);
    buffer_add_format(&key, "%016llx", (unsigned long long)order);
    pack_map(&value, 2);
    pack_text(&value, "payload");
    buffer_add(&value, payload.data, payload.size);
    pack_member_integer(&value, "at", clock_wall_us(services->clock));
    if (key.is_failed || value.is_failed) status = error_no_memory(err);
    if (!status && key.size > JOURNAL_STATE_KEY_MAX)
        status = error_set(err, TEND_EINPUT, "the signal's name is too long");
    if (!status) {
        submission_wake(submission, run);
        status = shared_state_write(services->state, buffer_bytes(&key), buffer_bytes(&value), 0,
                                    submission, &position, err);
    }
    buffer_done(&key);
    buffer_done(&value);
    return status;
}

/* Reads the signal behind signal->key. */
static int read_signal(struct services *services, struct signal *signal, bool *is_there,
                       struct error *err) {
    struct buffer value = BUFFER_EMPTY;
    struct value_tree tree;
    int status = shared_state_read(services->state, buffer_bytes(&signal->key), &value,
                                   &signal->version, err);
    if (!status) status = value_read(buffer_bytes(&value), &tree, err);
    if (!status) {
        const struct value *payload = value_get(&tree.root, "payload");
        if (payload) pack_value(&signal->payload, payload);
        else pack_null(&signal->payload);
        signal->accepted_at_us = value_get_integer(&tree.root, "at", 0);
        *is_there = tree.root.kind == VALUE_MAP;
        value_tree_done(&tree);
        status = buffer_check(&signal->payload, err);
    }
    buffer_done(&value);
    return status;
}

int signal_first(struct services *services, uint64_t run, struct bytes name, struct signal *ret,
                 bool *is_there, struct error *err) {
    struct buffer prefix = BUFFER_EMPTY, keys = BUFFER_EMPTY;
    struct value_tree tree;
    *ret = (struct signal){.key = BUFFER_EMPTY};
    *is_there = false;
    make_prefix(run, name, &prefix);
    int status =
        shared_state_list(services->state, buffer_bytes(&prefix), bytes_of(""), 1, &keys, err);
    if (!status) status = value_read(buffer_bytes(&keys), &tree, err);
    if (!status) {
        bool has_key = tree.root.kind == VALUE_LIST && tree.root.list.count;
        if (has_key) {
            struct bytes key = tree.root.list.items[0].text;
            buffer_add(&ret->key, key.data, key.size);
        }
        value_tree_done(&tree);
        status = buffer_check(&ret->key, err);
        if (!status && has_key) status = read_signal(services, ret, is_there, err);
    }
    buffer_done(&prefix);
    buffer_done(&keys);
    return status;
}

void signal_done(struct signal *signal) {
    buffer_done(&signal->key);
    buffer_done(&signal->payload);
}
