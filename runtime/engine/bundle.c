/* Closing a bundle; see bundle.h. */
#include "engine/bundle.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/id.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/watchdog.h"
#include "lua/isolate.h"

static const size_t source_max = (size_t)8 << 20;

/* ---- finding files ---- */

/* Sets *path to FOLDER/NAME.lua (dots in a module's name are folders) and says whether it exists.
 */
static bool try_file(const char *folder, struct bytes name, bool is_module, struct buffer *path) {
    buffer_clear(path);
    buffer_add_format(path, "%s/", folder);
    for (size_t i = 0; i < name.size; i++)
        buffer_add_byte(path, is_module && name.data[i] == '.' ? '/' : (unsigned char)name.data[i]);
    buffer_add_text(path, ".lua");
    return !path->is_failed && access(path->data, R_OK) == 0;
}

static bool is_path(const char *target) {
    return strchr(target, '/') || text_has_suffix(target, ".lua");
}

int bundle_find(const struct sources *sources, const char *target, struct buffer *path,
                struct error *err) {
    if (is_path(target)) {
        buffer_add_text(path, target);
        if (access(target, R_OK) == 0) return buffer_check(path, err);
        return error_set(err, TEND_ENOENT, "%s: no such file, or it can't be read", target);
    }
    for (const char *const *folder = sources->folders; folder && *folder; folder++)
        if (try_file(*folder, bytes_of(target), false, path)) return 0;
    if (sources->shipped && try_file(sources->shipped, bytes_of(target), false, path)) return 0;
    return error_set(
        err, TEND_ENOENT,
        "no workflow '%s': neither %s/%s.lua nor a shipped one; give a name or a path to "
        "a .lua file",
        target, sources->folders && sources->folders[0] ? sources->folders[0] : "workflows",
        target);
}

/* ---- closing ---- */

struct module {
    struct module *next;
    char *name, *file;
    struct buffer source;
};

struct closing {
    const struct sources *sources;
    char folder[1024]; /* the workflow's own */
    struct map known;
    struct module *first;
    size_t count;
    struct error *err;
};

static bool find_module(struct closing *closing, struct bytes name, struct buffer *path) {
    const struct sources *sources = closing->sources;
    if (try_file(closing->folder, name, true, path)) return true;
    for (const char *const *folder = sources->folders; folder && *folder; folder++)
        if (try_file(*folder, name, true, path)) return true;
    return sources->stdlib && try_file(sources->stdlib, name, true, path);
}

static int add_module(void *context, struct bytes name);

static int read_module(struct closing *closing, struct module *module, const char *path) {
    int status = text_read_file(path, source_max, &module->source, closing->err);
    if (status) return status;
    module->file = memory_copy_text(path);
    if (!module->file) return error_no_memory(closing->err);
    status = source_check(path, buffer_bytes(&module->source), closing->err);
    if (status) return status;
    return source_requires(buffer_bytes(&module->source), add_module, closing);
}

static int add_file(struct closing *closing, struct bytes name, const char *path) {
    struct module *module = memory_new(sizeof *module);
    if (!module) return error_no_memory(closing->err);
    module->next = closing->first;
    closing->first = module;
    closing->count++;
    module->name = memory_copy(name.data, name.size);
    int status = module->name ? map_set(&closing->known, name, module) : TEND_ENOMEM;
    return status ? error_no_memory(closing->err) : read_module(closing, module, path);
}

/* A constant require was met. What can't be found is left out: the require says so when it runs. */
static int add_module(void *context, struct bytes name) {
    struct closing *closing = context;
    struct buffer path = BUFFER_EMPTY;
    int status = 0;
    if (!map_get(&closing->known, name) && find_module(closing, name, &path))
        status = add_file(closing, name, path.data);
    buffer_done(&path);
    return status;
}

static void closing_done(struct closing *closing) {
    while (closing->first) {
        struct module *module = closing->first;
        closing->first = module->next;
        memory_free(module->name);
        memory_free(module->file);
        buffer_done(&module->source);
        memory_free(module);
    }
    map_done(&closing->known);
}

/* Modules in the order of their names, so that the same sources have the same hash. */
static struct module *next_by_name(struct closing *closing, const char *after) {
    struct module *best = NULL;
    for (struct module *module = closing->first; module; module = module->next)
        if ((!after || strcmp(module->name, after) > 0) &&
            (!best || strcmp(module->name, best->name) < 0))
            best = module;
    return best;
}

static void pack_bundle(struct closing *closing, const char *name, const char *file,
                        struct bytes source, struct buffer *out) {
    pack_map(out, 4);
    pack_member_text(out, "main", name);
    pack_member_text(out, "file", file);
    pack_member_bytes(out, "source", source);
    pack_text(out, "modules");
    pack_map(out, closing->count);
    struct module *module = NULL;
    while ((module = next_by_name(closing, module ? module->name : NULL))) {
        pack_text(out, module->name);
        pack_map(out, 2);
        pack_member_text(out, "file", module->file);
        pack_member_bytes(out, "source", buffer_bytes(&module->source));
    }
}

static int keep_definition(struct bundle *bundle, struct isolate *isolate, struct error *err) {
    struct bytes definition = isolate_definition(isolate);
    buffer_add(&bundle->definition, definition.data, definition.size);
    return buffer_check(&bundle->definition, err);
}

/* The top level asks for a module whose name isn't constant: it is part of the bundle, too. */
static int add_required(void *context, struct bytes workflow, const char *name,
                        struct isolate_module *ret, struct error *err) {
    struct closing *closing = context;
    (void)workflow;
    closing->err = err;
    int status = add_module(closing, bytes_of(name));
    const struct module *module = map_get(&closing->known, bytes_of(name));
    if (status) return status;
    if (!module) return TEND_ENOENT;
    *ret = (struct isolate_module){bytes_of(module->file), buffer_bytes(&module->source)};
    return 0;
}

/* Opens it once, to see that it is a workflow and what its table says. `closing`: what to close it
 * over, if it isn't closed yet. */
static int define(struct bundle *bundle, struct closing *closing, struct watchdog *watchdog,
                  bool is_test, struct error *err) {
    struct watched watched;
    struct isolate_host host = {.context = closing, .module = add_required};
    struct isolate_options options = {.host = closing ? &host : NULL,
                                      .bundle = buffer_bytes(&bundle->contents),
                                      .is_test = is_test,
                                      .pulse = &watched.pulse};
    struct isolate *isolate;
    watchdog_enter(watchdog, &watched);
    int status = isolate_new(&options, &isolate, err);
    watchdog_leave(watchdog, &watched);
    if (status) return status;
    status = keep_definition(bundle, isolate, err);
    isolate_free(isolate);
    return status;
}

int bundle_slot(const struct bundle *bundle, struct watchdog *watchdog, struct bytes input,
                struct buffer *key, struct error *err) {
    struct watched watched;
    struct isolate_options options = {.bundle = buffer_bytes(&bundle->contents),
                                      .pulse = &watched.pulse};
    struct isolate *isolate;
    watchdog_enter(watchdog, &watched);
    int status = isolate_new(&options, &isolate, err);
    if (!status) {
        status = isolate_slot(isolate, input, key, err);
        isolate_free(isolate);
    }
    watchdog_leave(watchdog, &watched);
    return status;
}

static void name_of(const char *file, char *name, size_t size) {
    const char *slash = strrchr(file, '/');
    snprintf(name, size, "%s", slash ? slash + 1 : file);
    char *dot = strrchr(name, '.');
    if (dot) *dot = '\0';
}

static void folder_of(const char *file, char *folder, size_t size) {
    const char *slash = strrchr(file, '/');
    snprintf(folder, size, "%.*s", slash ? (int)(slash - file) : 1, slash ? file : ".");
}

static int close_over(struct closing *closing, const char *file, struct bundle *bundle,
                      struct error *err) {
    struct buffer source = BUFFER_EMPTY;
    int status = text_read_file(file, source_max, &source, err);
    snprintf(bundle->file, sizeof bundle->file, "%s", file);
    name_of(file, bundle->name, sizeof bundle->name);
    folder_of(file, closing->folder, sizeof closing->folder);
    if (!status) status = source_check(file, buffer_bytes(&source), err);
    if (!status) status = source_requires(buffer_bytes(&source), add_module, closing);
    if (!status) {
        pack_bundle(closing, bundle->name, file, buffer_bytes(&source), &bundle->contents);
        status = buffer_check(&bundle->contents, err);
    }
    buffer_done(&source);
    return status;
}

/* With what its top level loaded beside. */
static int close_again(struct closing *closing, struct bundle *bundle, struct error *err) {
    struct buffer contents = BUFFER_EMPTY;
    struct value_tree tree;
    int status = value_read(buffer_bytes(&bundle->contents), &tree, err);
    if (status) return status;
    pack_bundle(closing, bundle->name, bundle->file, value_get_bytes(&tree.root, "source"),
                &contents);
    value_tree_done(&tree);
    buffer_done(&bundle->contents);
    bundle->contents = contents;
    return buffer_check(&bundle->contents, err);
}

static int define_closing(struct closing *closing, struct bundle *bundle, bool is_test,
                          struct error *err) {
    size_t count = closing->count;
    int status = define(bundle, closing, closing->sources->watchdog, is_test, err);
    if (!status && closing->count > count) status = close_again(closing, bundle, err);
    return status;
}

static int close_and_define(struct closing *closing, const char *path, struct bundle *bundle,
                            struct error *err) {
    int status = close_over(closing, path, bundle, err);
    if (!status) status = define_closing(closing, bundle, false, err);
    struct bytes contents = buffer_bytes(&bundle->contents);
    if (!status) id_hash(&contents, 1, bundle->hash);
    return status;
}

int bundle_module(const struct sources *sources, struct bytes workflow, struct bytes name,
                  struct buffer *file, struct buffer *source, struct error *err) {
    struct closing closing = {.sources = sources};
    char path[sizeof closing.folder];
    snprintf(path, sizeof path, "%.*s", (int)workflow.size, workflow.data);
    folder_of(path, closing.folder, sizeof closing.folder);
    if (!find_module(&closing, name, file)) return TEND_ENOENT;
    return text_read_file(file->data, source_max, source, err);
}

int bundle_load(const struct sources *sources, const char *target, struct bundle *ret,
                struct error *err) {
    struct bundle bundle = {0};
    struct closing closing = {.sources = sources, .err = err};
    struct buffer path = BUFFER_EMPTY;
    int status = bundle_find(sources, target, &path, err);
    if (!status) status = close_and_define(&closing, path.data, &bundle, err);
    closing_done(&closing);
    buffer_done(&path);
    if (status) bundle_done(&bundle);
    else *ret = bundle;
    return status;
}

/* Its workflow. The test file is a module beside it, under a name that no `require` spells. */
static const char test_module[] = "the test file";
static const char test_main[] = "return require(\"test\").open(\"the test file\")";

int bundle_load_test(const struct sources *sources, const char *file, struct bundle *ret,
                     struct error *err) {
    struct bundle bundle = {0};
    struct closing closing = {.sources = sources, .err = err};
    snprintf(bundle.file, sizeof bundle.file, "%s", file);
    name_of(file, bundle.name, sizeof bundle.name);
    folder_of(file, closing.folder, sizeof closing.folder);
    int status = add_file(&closing, bytes_of(test_module), file);
    if (!status) status = add_module(&closing, bytes_of("test"));
    if (!status) {
        pack_bundle(&closing, bundle.name, file, bytes_of(test_main), &bundle.contents);
        status = buffer_check(&bundle.contents, err);
    }
    if (!status) status = define_closing(&closing, &bundle, true, err);
    closing_done(&closing);
    if (status) bundle_done(&bundle);
    else *ret = bundle;
    return status;
}

/* Name and file of contents, without opening them. */
static int read_names(struct bytes contents, struct bundle *bundle, struct error *err) {
    struct value_tree tree;
    int status = value_read(contents, &tree, err);
    if (status) return status;
    struct bytes name = value_get_bytes(&tree.root, "main");
    struct bytes file = value_get_bytes(&tree.root, "file");
    snprintf(bundle->name, sizeof bundle->name, "%.*s", (int)name.size, name.data);
    snprintf(bundle->file, sizeof bundle->file, "%.*s", (int)file.size, file.data);
    value_tree_done(&tree);
    return 0;
}

int bundle_open(struct bytes contents, struct bundle *ret, struct error *err) {
    struct bundle bundle = {0};
    int status = read_names(contents, &bundle, err);
    if (status) return status;
    buffer_add(&bundle.contents, contents.data, contents.size);
    id_hash(&contents, 1, bundle.hash);
    status = buffer_check(&bundle.contents, err);
    if (!status) status = define(&bundle, NULL, NULL, false, err);
    if (status) bundle_done(&bundle);
    else *ret = bundle;
    return status;
}

/* Its own sources are opened only if they are what it gets: they may not load any more. */
static int load_current(const struct sources *sources, struct bytes own, struct bundle *ret,
                        struct error *err) {
    struct bundle names = {0};
    int status = read_names(own, &names, err);
    if (status) return status;
    status = bundle_load(sources, names.file, ret, err);
    if (status == TEND_ENOENT) status = bundle_load(sources, names.name, ret, err);
    return status == TEND_ENOENT ? bundle_open(own, ret, err) : status;
}

int bundle_current(const struct sources *sources, struct journal *journal,
                   const struct record *record, struct bundle *ret, struct error *err) {
    struct buffer own = BUFFER_EMPTY;
    int status = journal_bundle(journal, bytes_of(record->bundle), &own, err);
    if (!status) status = load_current(sources, buffer_bytes(&own), ret, err);
    buffer_done(&own);
    return status;
}

void bundle_done(struct bundle *bundle) {
    buffer_done(&bundle->contents);
    buffer_done(&bundle->definition);
}
