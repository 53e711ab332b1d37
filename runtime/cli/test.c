/* tend test [PATH…]: finds the files of tests, runs their cases one after the other, and reports.
 */
#include <dirent.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "cli/test.h"
#include "engine/option.h"

static const int64_t watchdog_default_us = 10000000, limit_default_us = 60000000;

struct testing {
    struct place place;
    struct watchdog *watchdog;
    int64_t watchdog_us, limit_us;
    const char *filter, *output;
    enum report_format format;
    FILE *progress; /* NULL: nothing is said while they run */
    bool has_colour, has_failed_path;
    char folder[1024];
    struct report_file *first, **last;
    size_t case_count;
};

/* ---- finding files ---- */

static int add_file(struct testing *testing, const char *path) {
    struct report_file *file = memory_new(sizeof *file);
    char *copy = file ? memory_copy_text(path) : NULL;
    if (!copy) {
        memory_free(file);
        return complain(EXIT_FAILED, "out of memory");
    }
    file->file = copy;
    file->last = &file->first;
    *testing->last = file;
    testing->last = &file->next;
    return 0;
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_visible(const struct dirent *item) {
    return item->d_name[0] != '.' && strcmp(item->d_name, "node_modules") != 0;
}

static void find_in(struct testing *testing, const char *folder) {
    struct dirent **items;
    int count = scandir(folder, &items, is_visible, by_name);
    if (count < 0) {
        complain(0, "%s: no such file or folder, or it can't be read", folder);
        testing->has_failed_path = true;
    }
    for (int i = 0; i < count; i++) {
        char path[4096];
        struct stat info;
        snprintf(path, sizeof path, "%s/%s", folder, items[i]->d_name);
        bool is_there = lstat(path, &info) == 0; /* links could lead back */
        if (is_there && S_ISDIR(info.st_mode)) find_in(testing, path);
        else if (text_has_suffix(path, "_test.lua")) (void)add_file(testing, path);
        free(items[i]);
    }
    if (count >= 0) free(items);
}

static void find_path(struct testing *testing, const char *path) {
    struct stat info;
    bool is_file = stat(path, &info) == 0 && !S_ISDIR(info.st_mode);
    if (is_file) (void)add_file(testing, path);
    else find_in(testing, path);
}

static void find_default(struct testing *testing) {
    for (size_t i = 0; i < testing->place.folder_count; i++)
        if (access(testing->place.folders[i], F_OK) == 0)
            find_in(testing, testing->place.folders[i]);
    if (access("tests", F_OK) == 0) find_in(testing, "tests");
}

/* ---- running them ---- */

/* The test's own folder comes first, where it isn't one of the project's. */
static struct sources sources_of(const struct testing *testing, const char *folders[],
                                 const char *folder) {
    struct sources sources = place_sources(&testing->place);
    size_t count = 0;
    folders[count++] = folder;
    for (size_t i = 0; i < testing->place.folder_count; i++)
        folders[count++] = testing->place.folders[i];
    folders[count] = NULL;
    sources.folders = folders;
    sources.watchdog = testing->watchdog;
    return sources;
}

static void folder_of(const char *file, char *folder, size_t size) {
    const char *slash = strrchr(file, '/');
    snprintf(folder, size, "%.*s", slash ? (int)(slash - file) : 1, slash ? file : ".");
}

static void count_case(struct report_file *file, const struct case_outcome *outcome) {
    file->passed += outcome->status == CASE_PASSED;
    file->failed += outcome->status == CASE_FAILED;
    file->skipped += outcome->status == CASE_SKIPPED;
    file->duration_us += outcome->duration_us;
}

static int run_case(struct testing *testing, struct report_file *file,
                    const struct case_request *request, const struct value *listed) {
    struct error err;
    struct report_case *of = memory_new(sizeof *of);
    if (!of) return complain(EXIT_FAILED, "out of memory");
    of->name = value_copy_text(value_get(listed, "name"));
    if (!of->name || case_run(request, &of->outcome, &err)) {
        int code = complain(EXIT_FAILED, "%s", of->name ? err.message : "out of memory");
        case_outcome_done(&of->outcome);
        memory_free(of->name);
        memory_free(of);
        return code;
    }
    *file->last = of;
    file->last = &of->next;
    count_case(file, &of->outcome);
    testing->case_count++;
    if (testing->progress) report_progress(testing->progress, of, testing->has_colour);
    return 0;
}

static bool is_wanted(const struct testing *testing, const struct report_file *file,
                      const struct value *listed) {
    struct buffer name = BUFFER_EMPTY;
    struct bytes own = value_get_bytes(listed, "name");
    buffer_add_format(&name, "%s: %.*s", file->file, (int)own.size, own.data);
    bool is_wanted = !testing->filter || (name.data && strstr(name.data, testing->filter));
    buffer_done(&name);
    return is_wanted;
}

static int run_cases(struct testing *testing, struct report_file *file,
                     struct case_request *request, const struct value *cases) {
    bool has_begun = false;
    int code = 0;
    for (size_t i = 0; cases && i < cases->list.count && !code; i++) {
        const struct value *listed = &cases->list.items[i];
        if (!is_wanted(testing, file, listed)) continue;
        if (testing->progress && !has_begun) fprintf(testing->progress, "%s\n", file->file);
        has_begun = true;
        request->index = i + 1;
        code = run_case(testing, file, request, listed);
        if (test_is_interrupted()) code = EXIT_INTERRUPTED;
    }
    return code;
}

static void note_problem(struct testing *testing, struct report_file *file,
                         const struct error *err) {
    file->problem = memory_copy_text(err->message);
    file->failed++;
    if (!testing->progress) return;
    fprintf(testing->progress, "%s\n", file->file);
    if (file->problem) report_problem(testing->progress, file);
}

static int run_file(struct testing *testing, struct report_file *file) {
    const char *folders[FOLDERS_MAX + 2];
    char folder[1024];
    struct bundle bundle;
    struct value_tree tree;
    struct error err;
    folder_of(file->file, folder, sizeof folder);
    struct sources sources = sources_of(testing, folders, folder);
    if (bundle_load_test(&sources, file->file, &bundle, &err)) {
        note_problem(testing, file, &err);
        return 0;
    }
    struct case_request request = {.sources = &sources,
                                   .bundle = &bundle,
                                   .watchdog = testing->watchdog,
                                   .limit_us = testing->limit_us,
                                   .folder = testing->folder};
    int code = value_read(buffer_bytes(&bundle.definition), &tree, &err)
                   ? complain(EXIT_FAILED, "%s", err.message)
                   : 0;
    if (!code) {
        code = run_cases(testing, file, &request, value_get_list(&tree.root, "cases"));
        value_tree_done(&tree);
    }
    bundle_done(&bundle);
    return code;
}

/* ---- the report ---- */

static int write_report(const struct testing *testing) {
    FILE *out = testing->output ? fopen(testing->output, "w") : stdout;
    if (!out) return complain(EXIT_USAGE, "--output %s: it can't be written", testing->output);
    if (testing->format == REPORT_TAP) report_tap(out, testing->first);
    else if (testing->format == REPORT_JUNIT) report_junit(out, testing->first);
    bool is_written = !ferror(out);
    if (out != stdout) is_written = fclose(out) == 0 && is_written;
    return is_written ? 0 : complain(EXIT_FAILED, "the report could not be written");
}

static int sum_up(const struct testing *testing) {
    size_t passed = 0, failed = 0, skipped = 0;
    bool has_problem = testing->has_failed_path;
    for (const struct report_file *file = testing->first; file; file = file->next) {
        passed += file->passed;
        failed += file->failed;
        skipped += file->skipped;
        has_problem = has_problem || file->problem;
    }
    if (testing->progress) {
        fprintf(testing->progress, "%zu passed, %zu failed", passed, failed);
        if (skipped) fprintf(testing->progress, ", %zu skipped", skipped);
        fputc('\n', testing->progress);
    }
    if (has_problem) return EXIT_USAGE;
    if (!testing->case_count)
        return complain(EXIT_USAGE, testing->first && testing->filter
                                        ? "no case's name holds the --filter"
                                        : "no tests: there is no case in a file *_test.lua there");
    return failed ? EXIT_FAILED : 0;
}

/* ---- the command ---- */

static int read_time(const char *option, const char *text, int64_t *us) {
    if (clock_parse_duration(text, strlen(text), us) == 0 && *us > 0) return 0;
    return misuse(&command_test, "%s is a time such as 10s, not '%s'", option, text);
}

static int read_format(const char *name, struct testing *testing) {
    int format = report_format_read(name);
    if (format < 0) return misuse(&command_test, "--format is text, tap or junit, not '%s'", name);
    testing->format = (enum report_format)format;
    return 0;
}

static int take(void *context, int option, const char *argument) {
    struct testing *testing = context;
    switch (option) {
    case 'f': testing->filter = argument; return 0;
    case 'o': testing->output = argument; return 0;
    case 'F': return read_format(argument, testing);
    case 'w': return read_time("--watchdog", argument, &testing->watchdog_us);
    default: return read_time("--limit", argument, &testing->limit_us);
    }
}

/* A test sees nothing of the environment but what every program needs: not a token, not a setting
 * that its author's machine has and another one doesn't. */
static void clear_environment(void) {
    static const char *const kept[] = {"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZDIR"};
    char *values[sizeof kept / sizeof *kept];
    size_t count = sizeof kept / sizeof *kept;
    for (size_t i = 0; i < count; i++) {
        const char *value = getenv(kept[i]);
        values[i] = value ? memory_copy_text(value) : NULL;
    }
    (void)clearenv();
    for (size_t i = 0; i < count; i++) {
        if (values[i]) setenv(kept[i], values[i], 1);
        memory_free(values[i]);
    }
}

/* Ctrl-C is looked at between two steps, so that temporary homes go. */
static void hold_interrupt(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static int open_testing(struct testing *testing) {
    struct error err;
    const char *folder = getenv("TMPDIR");
    bool is_quiet = testing->place.is_quiet, is_text = testing->format == REPORT_TEXT;
    snprintf(testing->folder, sizeof testing->folder, "%s/tend-test-XXXXXX",
             folder && *folder ? folder : "/tmp");
    if (!is_quiet && (is_text || testing->output)) testing->progress = stdout;
    testing->has_colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
    if (testing->output && is_text)
        return misuse(&command_test, "--output wants --format tap or junit");
    if (!mkdtemp(testing->folder))
        return complain(EXIT_FAILED, "%s: no folder can be made there", testing->folder);
    return watchdog_new(testing->watchdog_us, &testing->watchdog, &err)
               ? complain(EXIT_FAILED, "%s", err.message)
               : 0;
}

static void close_testing(struct testing *testing) {
    testing->watchdog = watchdog_free(testing->watchdog);
    (void)rmdir(testing->folder);
    while (testing->first) {
        struct report_file *file = testing->first;
        testing->first = file->next;
        while (file->first) {
            struct report_case *of = file->first;
            file->first = of->next;
            case_outcome_done(&of->outcome);
            memory_free(of->name);
            memory_free(of);
        }
        memory_free(file->file);
        memory_free(file->problem);
        memory_free(file);
    }
    place_done(&testing->place);
}

static int run_all(struct testing *testing, int argc, char **argv) {
    int code = open_testing(testing);
    for (int i = optind; i < argc && !code; i++) find_path(testing, argv[i]);
    if (optind == argc && !code) find_default(testing);
    clear_environment();
    hold_interrupt();
    for (struct report_file *file = testing->first; file && !code; file = file->next)
        code = run_file(testing, file);
    if (!code && testing->format != REPORT_TEXT) code = write_report(testing);
    return code ? code : sum_up(testing);
}

static int run(int argc, char **argv) {
    struct testing testing = {
        .watchdog_us = watchdog_default_us, .limit_us = limit_default_us, .last = &testing.first};
    int code = command_options(&command_test, &testing.place, argc, argv, take, &testing);
    if (code) return code < 0 ? 0 : code;
    place_settle(&testing.place);
    code = run_all(&testing, argc, argv);
    close_testing(&testing);
    return code;
}

static const struct command_option options[] = {
    {'f', "filter", "TEXT", "Only the cases whose name, with the file's before it, holds TEXT."},
    {'F', "format", "text|tap|junit", "Lines for people (default), TAP 14, or JUnit's XML."},
    {'o', "output", "FILE", "The report goes to FILE, and lines for people to standard output."},
    {'w', "watchdog", "TIME",
     "Processor time that a case's own Lua may use at a stretch (default 10s)."},
    {'l', "limit", "TIME", "Real time that a case may take (default 60s)."},
    {0}};

const struct command command_test = {
    "test",
    "run the tests of workflows",
    run,
    "Runs the cases of files that end in _test.lua: a PATH is such a file, or a folder that is "
    "searched with the folders below it (default: the workflow folders, and ./tests). Workflows "
    "run "
    "on the real engine, in a temporary home of their own, with the answers that the case gives "
    "instead of the outside, and in time that passes at once (docs/testing.md).",
    options,
    "[PATH]…",
    "0 all passed, 1 something failed, 2 usage, a file that can't be loaded, or no tests"};
