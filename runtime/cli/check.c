/* tend check [PATH…]: is every file a workflow that loads? */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "cli/command.h"

struct checking {
    struct sources sources;
    bool is_quiet;
    bool is_json;
    size_t files, findings;
    bool is_unreadable;
};

static void print_finding(const char *file, const struct error *err) {
    struct buffer packed = BUFFER_EMPTY;
    pack_map(&packed, 2);
    pack_member_text(&packed, "file", file);
    pack_member_text(&packed, "message", err->message);
    (void)print_json(buffer_bytes(&packed), 0);
    buffer_done(&packed);
}

static void check_file(struct checking *checking, const char *file) {
    struct bundle bundle;
    struct error err;
    checking->files++;
    if (bundle_load(&checking->sources, file, &bundle, &err) == 0) {
        bundle_done(&bundle);
        return;
    }
    if (err.status == TEND_ENOENT || err.status == TEND_EIO) checking->is_unreadable = true;
    checking->findings++;
    if (checking->is_json) print_finding(file, &err);
    else printf("%s\n", err.message);
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_workflow(const struct dirent *item) {
    return text_has_suffix(item->d_name, ".lua") && !text_has_suffix(item->d_name, "_test.lua");
}

static void check_folder(struct checking *checking, const char *folder) {
    struct dirent **items;
    int count = scandir(folder, &items, is_workflow, by_name);
    if (count < 0) {
        complain(0, "%s: no such file or folder, or it can't be read", folder);
        checking->is_unreadable = true;
        return;
    }
    for (int i = 0; i < count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, items[i]->d_name);
        check_file(checking, path);
        free(items[i]);
    }
    free(items);
}

static void check_path(struct checking *checking, const char *path) {
    struct stat info;
    if (stat(path, &info) == 0 && !S_ISDIR(info.st_mode)) check_file(checking, path);
    else check_folder(checking, path);
}

static int run(int argc, char **argv) {
    struct place place;
    bool is_json = false;
    int code = command_options(&command_check, &place, argc, argv, command_take_flag, &is_json);
    if (code) return code < 0 ? 0 : code;
    place_settle(&place);
    struct checking checking = {
        .sources = place_sources(&place), .is_quiet = place.is_quiet, .is_json = is_json};
    for (int i = optind; i < argc; i++) check_path(&checking, argv[i]);
    for (size_t i = 0; optind == argc && i < place.folder_count; i++)
        check_path(&checking, place.folders[i]);
    if (!place.is_quiet)
        fprintf(stderr, "tend check: %zu file%s, %zu finding%s\n", checking.files,
                checking.files == 1 ? "" : "s", checking.findings,
                checking.findings == 1 ? "" : "s");
    place_done(&place);
    if (checking.is_unreadable) return EXIT_USAGE;
    return checking.findings ? EXIT_FAILED : 0;
}

static const struct command_option options[] = {
    {'j', "json", NULL, "One object a finding and line: file, message."}, {0}};

const struct command command_check = {
    "check",
    "check that workflow files load",
    run,
    "Checks workflow files, or every .lua file of a folder (default: the workflow folders): does "
    "it "
    "compile, with every module that it requires, and is it a workflow? Prints FILE:LINE: what.",
    options,
    "[PATH]…",
    "0 all good, 1 something found, 2 usage, or a PATH that can't be read"};
