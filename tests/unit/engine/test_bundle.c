/* Bundles: closed over what a workflow requires, named by what is in them. */
#include "support.h"

#include "base/value.h"
#include "engine/bundle.h"

static const char run_one[] = "return { run = function() end }";

struct bench {
    char project[4096], shipped[4096], library[4096];
    const char *folders[2];
    struct sources sources;
};

static void open_bench(struct bench *bench, const char *folder) {
    snprintf(bench->project, sizeof bench->project, "%s/workflows", folder);
    snprintf(bench->shipped, sizeof bench->shipped, "%s/shipped", folder);
    snprintf(bench->library, sizeof bench->library, "%s/stdlib", folder);
    bench->folders[0] = bench->project;
    bench->folders[1] = NULL;
    bench->sources = (struct sources){
        .folders = bench->folders, .shipped = bench->shipped, .stdlib = bench->library};
}

static struct bundle load(const struct bench *bench, const char *target) {
    struct bundle bundle;
    struct error err;
    if (bundle_load(&bench->sources, target, &bundle, &err)) fail_msg("%s", err.message);
    return bundle;
}

/* The names of the bundle's modules, in its order, each followed by a blank. */
static void name_modules(const struct bundle *bundle, char *names, size_t size) {
    struct value_tree tree;
    assert_int_equal(value_read(buffer_bytes(&bundle->contents), &tree, NULL), 0);
    const struct value *modules = value_get_map(&tree.root, "modules");
    names[0] = '\0';
    for (size_t i = 0; i < modules->map.count; i++) {
        struct bytes key = modules->map.members[i].key;
        size_t used = strlen(names);
        snprintf(names + used, size - used, "%.*s ", (int)key.size, key.data);
    }
    value_tree_done(&tree);
}

static void a_name_is_looked_up_in_the_project_then_among_the_shipped(void **state) {
    struct bench bench;
    open_bench(&bench, *state);
    write_file(*state, "shipped/both.lua", run_one);
    write_file(*state, "shipped/only.lua", run_one);
    write_file(*state, "workflows/both.lua", run_one);
    struct bundle both = load(&bench, "both"), only = load(&bench, "only");
    assert_holds(both.file, "/workflows/both.lua");
    assert_holds(only.file, "/shipped/only.lua");
    assert_string_equal(only.name, "only");
    bundle_done(&both);
    bundle_done(&only);
}

static void a_path_is_taken_as_it_is(void **state) {
    struct bench bench;
    open_bench(&bench, *state);
    char path[4096];
    snprintf(path, sizeof path, "%s", write_file(*state, "else/where.lua", run_one));
    struct bundle bundle = load(&bench, path);
    assert_string_equal(bundle.name, "where");
    assert_string_equal(bundle.file, path);
    bundle_done(&bundle);
}

static void assert_not_loaded(const struct bench *bench, const char *target, int status,
                              const char *part) {
    struct bundle bundle;
    struct error err;
    assert_int_equal(bundle_load(&bench->sources, target, &bundle, &err), status);
    assert_holds(err.message, part);
}

static void what_is_missing_or_wrong_is_told(void **state) {
    struct bench bench;
    open_bench(&bench, *state);
    write_file(*state, "workflows/broken.lua", "return {\n run = = }");
    write_file(*state, "workflows/number.lua", "return 1");
    write_file(*state, "workflows/needs.lua", "local m = require 'bad' return { run = m }");
    write_file(*state, "workflows/bad.lua", "\n\n)");
    assert_not_loaded(&bench, "nobody", TEND_ENOENT, "no workflow 'nobody'");
    assert_not_loaded(&bench, "./nobody.lua", TEND_ENOENT, "./nobody.lua");
    assert_not_loaded(&bench, "broken", TEND_EINPUT, "broken.lua:2:");
    assert_not_loaded(&bench, "number", TEND_EINPUT, "is no workflow");
    assert_not_loaded(&bench, "needs", TEND_EINPUT, "bad.lua:3:");
}

static void modules_come_along_from_everywhere_and_through_each_other(void **state) {
    struct bench bench;
    char names[300];
    open_bench(&bench, *state);
    write_file(*state, "workflows/flow.lua",
               "local a = require 'near'\nlocal f = function() return require('late') end\n"
               "-- require 'comment'\nreturn { run = f }");
    write_file(*state, "workflows/near.lua", "return require 'lib.deep'");
    (void)mkdir(bench.library, 0700);
    char library[4096];
    snprintf(library, sizeof library, "%.4000s/stdlib", (const char *)*state);
    write_file(library, "lib/deep.lua", "return require 'near' and {}");
    write_file(library, "late.lua", "return {}");
    write_file(library, "unused.lua", "return {}");
    write_file(library, "near.lua", "error('the nearer one is taken')");
    /* they require each other: at load that would never end, so the workflow isn't run here */
    write_file(*state, "workflows/near.lua",
               "return { deep = function() return require 'lib.deep' end }");
    struct bundle bundle = load(&bench, "flow");
    name_modules(&bundle, names, sizeof names);
    assert_holds(names, "near ");
    assert_holds(names, "lib.deep ");
    assert_holds(names, "late ");
    assert_null(strstr(names, "unused"));
    assert_null(strstr(names, "comment"));
    bundle_done(&bundle);
}

static void a_module_that_is_not_there_is_left_to_the_require(void **state) {
    struct bench bench;
    open_bench(&bench, *state);
    write_file(*state, "workflows/flow.lua",
               "return { run = function() return require 'later' end }");
    struct bundle bundle = load(&bench, "flow");
    bundle_done(&bundle);
}

static void the_hash_tells_every_source_apart(void **state) {
    struct bench bench;
    open_bench(&bench, *state);
    write_file(*state, "workflows/flow.lua",
               "local m = require 'mod' return { run = function() end }");
    write_file(*state, "workflows/mod.lua", "return 1");
    struct bundle first = load(&bench, "flow"), again = load(&bench, "flow");
    assert_string_equal(first.hash, again.hash);
    assert_int_equal(strlen(first.hash), 64);
    write_file(*state, "workflows/mod.lua", "return 2");
    struct bundle other = load(&bench, "flow");
    assert_string_not_equal(first.hash, other.hash);
    bundle_done(&first);
    bundle_done(&again);
    bundle_done(&other);
}

static void contents_open_to_the_same_bundle_without_the_files(void **state) {
    struct bench bench;
    struct bundle opened;
    struct error err;
    open_bench(&bench, *state);
    write_file(*state, "workflows/mod.lua", "return { n = 3 }");
    char path[4096];
    snprintf(path, sizeof path, "%s",
             write_file(*state, "workflows/flow.lua",
                        "local m = require 'mod'\n"
                        "return { input = { n = m.n }, description = 'd', run = function() end }"));
    struct bundle closed = load(&bench, "flow");
    assert_int_equal(remove(path), 0);
    assert_int_equal(bundle_open(buffer_bytes(&closed.contents), &opened, &err), 0);
    assert_string_equal(opened.hash, closed.hash);
    assert_string_equal(opened.name, "flow");
    assert_string_equal(opened.file, closed.file);
    assert_json(buffer_bytes(&opened.definition), "{\"description\":\"d\",\"input\":{\"n\":3}}");
    assert_json(buffer_bytes(&closed.definition), "{\"description\":\"d\",\"input\":{\"n\":3}}");
    bundle_done(&closed);
    bundle_done(&opened);
}

static void contents_that_are_none_are_refused(void **state) {
    struct bundle bundle;
    struct error err;
    (void)state;
    assert_int_equal(bundle_open(bytes_of("\xc1"), &bundle, &err), TEND_EFORMAT);
    assert_int_not_equal(bundle_open(bytes_of("\x80"), &bundle, &err), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(a_name_is_looked_up_in_the_project_then_among_the_shipped),
        FOLDER_TEST(a_path_is_taken_as_it_is),
        FOLDER_TEST(what_is_missing_or_wrong_is_told),
        FOLDER_TEST(modules_come_along_from_everywhere_and_through_each_other),
        FOLDER_TEST(a_module_that_is_not_there_is_left_to_the_require),
        FOLDER_TEST(the_hash_tells_every_source_apart),
        FOLDER_TEST(contents_open_to_the_same_bundle_without_the_files),
        cmocka_unit_test(contents_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
