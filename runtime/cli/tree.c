/* The tree of what is under way; see tree.h. A node is found by its run and step key; a key tells
 * its place: parallel/branch/step. */
#include "cli/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/memory.h"
#include "cli/tree_node.h"

/* ---- nodes ---- */

static void unlink_node(struct tree_node *node) {
    struct tree_node *parent = node->parent;
    struct tree_node **first = node->is_ended ? &parent->ended : &parent->active;
    struct tree_node **last = node->is_ended ? &parent->last_ended : &parent->last_active;
    if (node->previous) node->previous->next = node->next;
    else *first = node->next;
    if (node->next) node->next->previous = node->previous;
    else *last = node->previous;
    if (node->is_ended) parent->ended_kept--;
    else parent->active_count--;
    node->next = node->previous = NULL;
}

/* Those under way stand in the order in which they first came. */
static void link_active(struct tree_node *parent, struct tree_node *node) {
    struct tree_node *before = parent->last_active;
    while (before && before->order > node->order) before = before->previous;
    node->is_ended = false;
    node->previous = before;
    node->next = before ? before->next : parent->active;
    if (node->next) node->next->previous = node;
    else parent->last_active = node;
    if (before) before->next = node;
    else parent->active = node;
    parent->active_count++;
}

static void link_ended(struct tree_node *parent, struct tree_node *node) {
    node->is_ended = true;
    node->previous = parent->last_ended;
    if (parent->last_ended) parent->last_ended->next = node;
    else parent->ended = node;
    parent->last_ended = node;
    parent->ended_kept++;
}

static void free_node(struct tree *tree, struct tree_node *node);

static void free_children(struct tree *tree, struct tree_node *node) {
    while (node->active) free_node(tree, node->active);
    while (node->ended) free_node(tree, node->ended);
}

static void free_node(struct tree *tree, struct tree_node *node) {
    free_children(tree, node);
    if (node->parent) unlink_node(node);
    if (node->path.size && map_get(&tree->nodes, buffer_bytes(&node->path)) == node)
        map_remove(&tree->nodes, buffer_bytes(&node->path));
    if (node->child.size && map_get(&tree->nodes, buffer_bytes(&node->child)) == node)
        map_remove(&tree->nodes, buffer_bytes(&node->child));
    buffer_done(&node->path);
    buffer_done(&node->child);
    memory_free(node->label);
    memory_free(node);
}

/* "%2f" of a key is what the name had there. */
static char *decode(struct bytes text) {
    char *label = memory_copy(text.data, text.size), *to = label;
    for (const char *from = label; from && *from; to++) {
        char digits[3] = {0};
        bool is_code = from[0] == '%' && from[1] && from[2];
        if (is_code) memcpy(digits, from + 1, 2);
        *to = is_code ? (char)strtoul(digits, NULL, 16) : *from;
        if (!*to) *to = '?';
        from += is_code ? 3 : 1;
    }
    if (to) *to = '\0';
    return label;
}

static struct tree_node *make_node(struct tree *tree, struct tree_node *parent,
                                   const struct buffer *path, struct bytes label) {
    struct tree_node *node = memory_new(sizeof *node);
    if (!node) return NULL;
    node->label = decode(label);
    buffer_add(&node->path, path->data, path->size);
    if (!node->label || node->path.is_failed ||
        map_set(&tree->nodes, buffer_bytes(&node->path), node)) {
        free_node(tree, node);
        return NULL;
    }
    node->order = ++tree->order;
    node->parent = parent;
    node->kind = "";
    link_active(parent, node);
    return node;
}

/* ---- beginning ---- */

static void set_path(struct buffer *path, const char *run_id, struct bytes key) {
    buffer_clear(path);
    buffer_add_format(path, "%s\n", run_id);
    buffer_add(path, key.data, key.size);
}

/* A branch between two steps is under way again when the next begins. */
static void wake(struct tree_node *node) {
    for (; node && node->parent; node = node->parent) {
        if (!node->is_ended) continue;
        unlink_node(node);
        link_active(node->parent, node);
    }
}

static struct tree_node *run_node(struct tree *tree, const char *run_id, const char *workflow,
                                  int64_t now_us) {
    struct buffer path = BUFFER_EMPTY;
    set_path(&path, run_id, (struct bytes){"", 0});
    struct tree_node *node = map_get(&tree->nodes, buffer_bytes(&path));
    if (!node && !path.is_failed) {
        node = make_node(tree, tree->root, &path, bytes_of(workflow));
        if (node) {
            node->is_run = true;
            node->began_us = now_us;
            snprintf(node->run_id, sizeof node->run_id, "%s", run_id);
        }
    }
    if (node && node->is_run && !*node->label && *workflow) { /* its steps came first */
        memory_free(node->label);
        node->label = decode(bytes_of(workflow));
    }
    buffer_done(&path);
    return node;
}

/* The node of a key, with those above it. */
static struct tree_node *step_node(struct tree *tree, struct tree_node *run, const char *run_id,
                                   const char *key) {
    struct buffer path = BUFFER_EMPTY;
    struct tree_node *node = run;
    size_t from = 0, size = strlen(key);
    for (bool is_branch = false; node && from <= size; is_branch = !is_branch) {
        size_t part = strcspn(key + from, "/");
        set_path(&path, run_id, (struct bytes){key, from + part});
        struct tree_node *next = map_get(&tree->nodes, buffer_bytes(&path));
        if (!next) {
            next = make_node(tree, node, &path, (struct bytes){key + from, part});
            if (next) next->is_branch = is_branch;
        }
        node = next;
        from += part + 1;
    }
    buffer_done(&path);
    return node;
}

/* What the run that it waits for does is shown below it. */
static void adopt(struct tree *tree, struct tree_node *node, const char *child_id) {
    buffer_clear(&node->child);
    set_path(&node->child, child_id, (struct bytes){"", 0});
    if (map_get(&tree->nodes, buffer_bytes(&node->child))) buffer_clear(&node->child);
    else (void)map_set(&tree->nodes, buffer_bytes(&node->child), node);
}

void tree_begin(struct tree *tree, const struct step_begin *begin, int64_t now_us) {
    struct tree_node *run = run_node(tree, begin->run_id, begin->workflow, now_us);
    struct tree_node *node = run ? step_node(tree, run, begin->run_id, begin->key) : NULL;
    if (!node) return;
    wake(node);
    node->kind = begin->kind;
    node->state = TREE_ACTIVE;
    node->attempt = begin->attempt;
    node->due_at_us = begin->due_at_us;
    if (!node->began_us) node->began_us = now_us;
    if (begin->child_id && !node->child.size) adopt(tree, node, begin->child_id);
}

/* ---- ending ---- */

static void fold(struct tree *tree, struct tree_node *parent) {
    if (parent->ended_kept <= TREE_KEPT) return;
    free_node(tree, parent->ended);
    parent->folded++;
}

static void end_node(struct tree *tree, struct tree_node *node, enum tree_state state) {
    struct tree_node *parent = node->parent;
    node->state = state;
    if (node->is_ended) return;
    unlink_node(node);
    link_ended(parent, node);
    fold(tree, parent);
    if (parent->is_branch && !parent->active) end_node(tree, parent, TREE_QUIET);
}

/* The run whose step it is, past what it may be shown below. */
static struct tree_node *owner_of(struct tree_node *node) {
    while (node && !node->is_run) node = node->parent;
    return node;
}

void tree_end(struct tree *tree, const char *run_id, const char *key, const char *kind,
              const char *outcome, int64_t duration_us, const char *message, int64_t now_us) {
    struct tree_node *run = run_node(tree, run_id, "", now_us);
    struct tree_node *node = run ? step_node(tree, run, run_id, key) : NULL;
    if (!node) return;
    bool is_retrying = strcmp(outcome, "retrying") == 0,
         has_failed = strcmp(outcome, "failed") == 0;
    struct tree_node *owner = owner_of(node);
    node->kind = kind;
    node->duration_us = node->attempt > 1 && node->began_us ? now_us - node->began_us : duration_us;
    snprintf(node->message, sizeof node->message, "%.199s", message);
    if (is_retrying) node->state = TREE_RETRYING;
    if (owner && is_retrying) owner->failed_attempts++;
    if (is_retrying) return;
    if (owner) owner->steps++;
    free_children(tree, node);
    end_node(tree, node, has_failed ? TREE_FAILED : TREE_DONE);
}

static enum tree_state state_of(enum run_status status) {
    switch (status) {
    case RUN_COMPLETED: return TREE_DONE;
    case RUN_CANCELLED: return TREE_CANCELLED;
    default: return TREE_FAILED;
    }
}

static void cancel_rest(struct tree *tree, struct tree_node *node) {
    while (node->active) {
        struct tree_node *child = node->active;
        free_children(tree, child);
        child->duration_us = 0;
        end_node(tree, child, TREE_CANCELLED);
    }
}

static bool has_run(const struct tree *tree, const char *run_id) {
    struct buffer path = BUFFER_EMPTY;
    set_path(&path, run_id, (struct bytes){"", 0});
    bool is_there = map_get(&tree->nodes, buffer_bytes(&path)) != NULL;
    buffer_done(&path);
    return is_there;
}

/* The word of a run that was invoked may come after its invoke has ended, and folded. */
void tree_run(struct tree *tree, const struct record *record, int64_t now_us) {
    if (record->parent && !has_run(tree, record->id)) return;
    struct tree_node *node = run_node(tree, record->id, record->workflow, now_us);
    bool is_waiting = record->status == RUN_WAITING || record->status == RUN_PENDING;
    if (!node || !node->is_run) return; /* its invoke tells */
    node->status = record->status;
    snprintf(node->message, sizeof node->message, "%.199s", record->message);
    if (is_waiting) return;
    node->duration_us = now_us - node->began_us;
    cancel_rest(tree, node);
    end_node(tree, node, state_of(record->status));
}

/* ---- the whole ---- */

struct tree *tree_new(void) {
    struct tree *tree = memory_new(sizeof *tree);
    if (tree) tree->root = memory_new(sizeof *tree->root);
    return tree && !tree->root ? tree_free(tree) : tree;
}

struct tree *tree_free(struct tree *tree) {
    if (!tree) return NULL;
    if (tree->root) free_node(tree, tree->root);
    map_done(&tree->nodes);
    memory_free(tree);
    return NULL;
}

bool tree_is_empty(const struct tree *tree) { return !tree->root->active && !tree->root->ended; }
bool tree_is_active(const struct tree *tree) { return tree->root->active != NULL; }
