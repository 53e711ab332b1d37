/* The options of commands: read, and told by the help, from one table (command.h). */
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "cli/command.h"

enum { OPTIONS_MAX = 40, LINE_COLUMNS = 98, NAME_COLUMNS = 24 };

static const struct command_option shared[] = {
    {'H', "home", "DIR", "The journal and all state lie there (default .tend)."},
    {'C', "config", "FILE", "The settings (default tend.lua beside the first workflow folder)."},
    {'W', "workflows", "DIR",
     "Where workflows and modules are looked for (default workflows); repeatable."},
    {'q', "quiet", NULL, "No progress, no logs."},
    {'L', "log-level", "debug|info|warn|error", "Which logs are shown (default info)."},
    {'h', "help", NULL, "What the command does."},
    {0}};

const struct command_option *command_shared(void) { return shared; }

/* ---- reading ---- */

static size_t add_table(struct option *table, size_t count, const struct command_option *options) {
    for (; options && options->value && count < OPTIONS_MAX; options++)
        table[count++] =
            (struct option){options->name, options->argument ? required_argument : no_argument,
                            NULL, options->value};
    return count;
}

static int complain_of_word(const struct command *command, const struct option *table,
                            const char *word) {
    struct nearest nearest;
    char name[NEAREST_WORD_MAX];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    nearest_init(&nearest, name);
    for (; table->name; table++) nearest_try(&nearest, table->name);
    const char *best = nearest_best(&nearest);
    return misuse(command, "there is no option %s%s%s%s", word, best ? "; did you mean --" : "",
                  best ? best : "", best ? "?" : "");
}

static int complain_of(const struct command *command, const struct option *table, int option,
                       char **argv) {
    const char *word = argv[optind - 1];
    if (option == ':') return misuse(command, "%s wants an argument", word);
    if (strncmp(word, "--", 2) != 0 || !optind)
        return misuse(command, "there is no option -%c", optopt);
    if (optopt) return misuse(command, "%.*s takes no argument", (int)strcspn(word, "="), word);
    size_t size = strlen(word + 2);
    for (const struct option *one = table; one->name; one++)
        if (size && strncmp(one->name, word + 2, size) == 0)
            return misuse(command, "%s is short for several options; write one out", word);
    return complain_of_word(command, table, word);
}

int command_options(const struct command *command, struct place *place, int argc, char **argv,
                    command_take *take, void *context) {
    struct option table[OPTIONS_MAX + 1] = {{0}};
    int option, code = 0;
    (void)add_table(table, add_table(table, 0, command->options), shared);
    place_init(place);
    opterr = 0;
    while (!code && (option = getopt_long(argc, argv, ":hq", table, NULL)) != -1) {
        if (option == 'h') return command_print_help(command), -1;
        if (option == '?' || option == ':') return complain_of(command, table, option, argv);
        if (strchr("HCWqL", option)) code = place_option(place, command, option) ? EXIT_USAGE : 0;
        else code = take(context, option, optarg);
    }
    return code;
}

int command_take_flag(void *context, int option, const char *argument) {
    (void)option, (void)argument;
    *(bool *)context = true;
    return 0;
}

int place_options(struct place *place, const struct command *command, int argc, char **argv) {
    return command_options(command, place, argc, argv, NULL, NULL);
}

/* ---- the help ---- */

static size_t columns_of(const char *text, size_t size) {
    size_t columns = 0;
    for (size_t i = 0; i < size; i++) columns += ((unsigned char)text[i] & 0xc0) != 0x80;
    return columns;
}

void command_wrap(struct buffer *out, const char *text, size_t at, size_t indent) {
    while (*text) {
        size_t size = strcspn(text, " \n"), columns = columns_of(text, size);
        if (at > indent && at + columns > LINE_COLUMNS) {
            if (out->size && out->data[out->size - 1] == ' ') out->size--;
            buffer_add_format(out, "\n%*s", (int)indent, "");
            at = indent;
        }
        buffer_add(out, text, size);
        at += columns;
        text += size;
        if (*text == '\n') buffer_add_format(out, "\n%*s", text[1] == '\n' ? 0 : (int)indent, "");
        if (*text == '\n') at = indent;
        if (*text == ' ') buffer_add_byte(out, ' '), at++;
        text += *text != '\0';
    }
    buffer_add_byte(out, '\n');
}

static size_t left_size(const struct command_option *option) {
    const char *argument = option->argument ? option->argument : "";
    return strlen(option->name) + columns_of(argument, strlen(argument)) + (*argument != '\0');
}

static void add_option(struct buffer *out, const struct command_option *option, size_t column) {
    buffer_add_format(out, "  --%s%s%s", option->name, option->argument ? " " : "",
                      option->argument ? option->argument : "");
    size_t at = 4 + left_size(option);
    if (at + 2 > column) buffer_add_format(out, "\n%*s", (int)column, "");
    else buffer_add_format(out, "%*s", (int)(column - at), "");
    command_wrap(out, option->text, column, column);
}

void command_add_options(struct buffer *out, const struct command_option *options) {
    size_t widest = 0;
    for (const struct command_option *option = options; option && option->value; option++) {
        size_t size = left_size(option);
        if (size > widest && size <= NAME_COLUMNS) widest = size;
    }
    for (; options && options->value; options++) add_option(out, options, widest + 6);
}

static void add_help(struct buffer *out, const struct command *command) {
    bool has_options = command->options->value != 0;
    buffer_add_format(out, "usage: tend %s%s%s%s\n\n", command->name,
                      *command->arguments ? " " : "", command->arguments,
                      has_options ? " [OPTION]…" : "");
    command_wrap(out, command->help, 0, 0);
    if (has_options) buffer_add_byte(out, '\n');
    command_add_options(out, command->options);
    buffer_add_text(out, "\n`tend --help` lists the options that every command takes.\n");
    if (!command->exits) return;
    buffer_add_text(out, "\nexit: ");
    command_wrap(out, command->exits, 6, 6);
}

void command_print_help(const struct command *command) {
    struct buffer out = BUFFER_EMPTY;
    if (command->options) add_help(&out, command);
    else buffer_add_text(&out, command->help);
    if (!out.is_failed) fputs(out.data, stdout);
    buffer_done(&out);
}
