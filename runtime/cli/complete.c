/* tend complete -- WORD…: what the last word may become, a line each, "WORD<tab>what it is"; for
 * completion by shells. All of it comes from the commands' tables and from the home at hand.
 * `:files` and `:folders` ask the shell for its own. */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/glyph.h"

enum { RUNS = 200, WORD_MAX = 300 };

struct completing {
    struct place place;
    const struct command *command;
    const char *last; /* what the user has typed of it */
    size_t count;
};

static void offer(const struct completing *completing, const char *word, const char *text) {
    struct buffer line = BUFFER_EMPTY;
    if (!text_has_prefix(word, completing->last)) return;
    glyph_add(&line, bytes_of(word), false);
    buffer_add_byte(&line, '\t');
    buffer_add(&line, text, strcspn(text, "\n"));
    if (!line.is_failed) puts(line.data);
    buffer_done(&line);
}

/* ---- what stands for what ---- */

static void offer_workflows(const struct completing *completing, const char *folder) {
    DIR *items = folder ? opendir(folder) : NULL;
    struct dirent *item;
    while (items && (item = readdir(items))) {
        char name[256];
        if (!text_has_suffix(item->d_name, ".lua") || text_has_suffix(item->d_name, "_test.lua"))
            continue;
        snprintf(name, sizeof name, "%.*s", (int)strlen(item->d_name) - 4, item->d_name);
        offer(completing, name, folder);
    }
    if (items) closedir(items);
}

static void offer_all_workflows(const struct completing *completing) {
    for (size_t i = 0; i < completing->place.folder_count; i++)
        offer_workflows(completing, completing->place.folders[i]);
    offer_workflows(completing, completing->place.shipped);
}

static bool offer_run(void *context, const struct journal_run *run) {
    struct completing *completing = context;
    struct record record;
    char text[300];
    if (record_read(run, &record, NULL)) return true;
    snprintf(text, sizeof text, "%s, %s", run_status_name(record.status), record.workflow);
    offer(completing, record.id, text);
    return ++completing->count < RUNS;
}

static void offer_runs(struct completing *completing) {
    struct journal *journal;
    if (journal_open(completing->place.home, JOURNAL_CLIENT, &journal, NULL)) return;
    (void)journal_runs(journal, &(struct journal_filter){0}, offer_run, completing, NULL);
    journal_close(journal);
}

static void offer_limits(const struct completing *completing) {
    for (const char *const *name = limits_names(); *name; name++) {
        char word[40];
        snprintf(word, sizeof word, "%s=", *name);
        offer(completing, word, "limit");
    }
}

static void offer_statuses(const struct completing *completing) {
    for (int i = 0; i < RUN_STATUSES; i++)
        offer(completing, run_status_name((enum run_status)i), "state");
}

static void offer_commands(const struct completing *completing) {
    for (const struct command *const *one = command_list(); *one; one++)
        offer(completing, (*one)->name, (*one)->summary);
}

/* "text|tap|junit", "[pause|resume NAME]": each word of small letters. */
static void offer_choices(const struct completing *completing, const char *argument) {
    for (const char *at = argument; *at; at++) {
        char word[WORD_MAX];
        size_t size = strcspn(at, "|[] ");
        snprintf(word, sizeof word, "%.*s", (int)size, at);
        if (size && islower((unsigned char)word[0])) offer(completing, word, "");
        at += size;
        if (!*at) return;
    }
}

static void offer_for(struct completing *completing, const char *argument) {
    if (strstr(argument, "TARGET")) offer_all_workflows(completing), puts(":files");
    else if (strstr(argument, "WORKFLOW") || strstr(argument, "SCHEDULE"))
        offer_all_workflows(completing);
    else if (strstr(argument, "RUN")) offer_runs(completing);
    else if (strstr(argument, "DIR")) puts(":folders");
    else if (strstr(argument, "FILE") || strstr(argument, "PATH")) puts(":files");
    else if (strstr(argument, "LIMIT")) offer_limits(completing);
    else if (strstr(argument, "STATUS")) offer_statuses(completing);
    else if (strstr(argument, "COMMAND")) offer_commands(completing);
    else offer_choices(completing, argument);
}

static void offer_options(const struct completing *completing,
                          const struct command_option *options) {
    for (; options && options->value; options++) {
        char word[WORD_MAX];
        snprintf(word, sizeof word, "--%s", options->name);
        offer(completing, word, options->text);
    }
}

/* ---- the words before it ---- */

static const struct command_option *find_option(const struct command *command, const char *word) {
    const struct command_option *tables[] = {command ? command->options : NULL, command_shared()};
    if (!text_has_prefix(word, "--")) return NULL;
    for (size_t i = 0; i < 2; i++)
        for (const struct command_option *one = tables[i]; one && one->value; one++)
            if (strcmp(one->name, word + 2) == 0) return one;
    return NULL;
}

/* The n-th word of a usage ("RUN NAME [JSON]"); its last one goes on where it says so. */
static void offer_argument(struct completing *completing, const char *arguments, size_t n) {
    char word[WORD_MAX];
    while (n && strchr(arguments, ' ')) arguments = strchr(arguments, ' ') + 1, n--;
    if (n && !strstr(arguments, "…")) return;
    snprintf(word, sizeof word, "%.*s", (int)strcspn(arguments, " "), arguments);
    offer_for(completing, word);
}

/* Words that a shell splits at "=" come as three. */
static int without_equals(int argc, char **argv) {
    int count = 0;
    for (int i = 0; i < argc; i++) {
        bool is_option = i && text_has_prefix(argv[i - 1], "--");
        if (strcmp(argv[i], "=") == 0 && is_option && i + 1 < argc) continue;
        argv[count++] = argv[i];
    }
    return count;
}

static void complete(struct completing *completing, int argc, char **argv) {
    const struct command_option *option = NULL;
    size_t arguments = 0;
    for (int i = 1; i < argc - 1; i++) {
        if (option && option->argument) {
            if (option->value == 'H') completing->place.home = argv[i];
            if (option->value == 'W') (void)place_folder(&completing->place, argv[i]);
            option = NULL;
            continue;
        }
        option = find_option(completing->command, argv[i]);
        if (!text_has_prefix(argv[i], "-")) arguments++;
    }
    place_settle(&completing->place);
    if (option && option->argument) {
        offer_for(completing, option->argument);
    } else if (*completing->last == '-') {
        offer_options(completing, completing->command->options);
        offer_options(completing, command_shared());
    } else if (completing->command->arguments) {
        offer_argument(completing, completing->command->arguments, arguments);
    }
}

static int run(int argc, char **argv) {
    struct completing completing = {.last = ""};
    int first = argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1;
    place_init(&completing.place);
    argc = without_equals(argc - first, argv + first);
    argv += first;
    if (argc < 1) return 0;
    completing.last = argv[argc - 1];
    for (const struct command *const *one = command_list(); argc > 1 && *one; one++)
        if (strcmp((*one)->name, argv[0]) == 0) completing.command = *one;
    if (argc == 1) offer_commands(&completing);
    else if (completing.command) complete(&completing, argc, argv);
    else if (strcmp(argv[0], "help") == 0) offer_commands(&completing);
    place_done(&completing.place);
    return 0;
}

const struct command command_complete = {"complete", "what a word may become, for shells",
                                         run,        "usage: tend complete -- WORD…\n",
                                         NULL,       "",
                                         NULL};
