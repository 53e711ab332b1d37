/* tend man: the manual page tend(1), from the commands' tables; `make install` puts it in place. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"

enum { SOURCE_COLUMNS = 62 };

static size_t column_of(const struct buffer *out) {
    size_t column = 0;
    while (column < out->size && out->data[out->size - 1 - column] != '\n') column++;
    return column;
}

/* A blank: the page's source has short lines, and a line for each sentence. */
static void add_blank(struct buffer *out) {
    bool is_sentence = out->size && out->data[out->size - 1] == '.';
    bool is_new = is_sentence || column_of(out) > SOURCE_COLUMNS;
    buffer_add_byte(out, is_new ? '\n' : ' ');
}

/* Text for roff: no line begins with a control character, dashes and backslashes stay what they
 * are. */
static void add_text(struct buffer *out, const char *text) {
    for (; *text; text++) {
        bool is_start = column_of(out) == 0;
        if (is_start && (*text == '.' || *text == '\'')) buffer_add_text(out, "\\&");
        if (*text == '\\') buffer_add_text(out, "\\e");
        else if (*text == '-') buffer_add_text(out, "\\-");
        else if (*text == '`') buffer_add_text(out, "\\(ga");
        else if (*text == '\'') buffer_add_text(out, "\\(aq");
        else if (*text == ' ') add_blank(out);
        else if (strncmp(text, "…", 3) == 0) buffer_add_text(out, "..."), text += 2;
        else if (strncmp(text, "\n\n", 2) == 0) buffer_add_text(out, "\n.PP\n"), text++;
        else if (*text == '\n') buffer_add_text(out, "\n.br\n");
        else buffer_add_byte(out, (unsigned char)*text);
    }
}

static void add_options(struct buffer *out, const struct command_option *options) {
    for (; options && options->value; options++) {
        buffer_add_text(out, ".TP\n.B \\-\\-");
        add_text(out, options->name);
        if (options->argument) {
            buffer_add_text(out, " \\fI");
            add_text(out, options->argument);
            buffer_add_text(out, "\\fR");
        }
        buffer_add_byte(out, '\n');
        add_text(out, options->text);
        buffer_add_byte(out, '\n');
    }
}

static void add_command(struct buffer *out, const struct command *command) {
    buffer_add_format(out, ".SS tend %s", command->name);
    if (command->arguments && *command->arguments) {
        buffer_add_text(out, " \\fI");
        add_text(out, command->arguments);
        buffer_add_text(out, "\\fR");
    }
    buffer_add_byte(out, '\n');
    add_text(out, command->options ? command->help : command->summary);
    buffer_add_byte(out, '\n');
    add_options(out, command->options);
    if (!command->exits) return;
    buffer_add_text(out, ".PP\nExit:\n");
    add_text(out, command->exits);
    buffer_add_text(out, ".\n");
}

static void add_page(struct buffer *out) {
    buffer_add_text(out, ".TH TEND 1 " TEND_DATE " \"tend " TEND_VERSION "\" \"User commands\"\n"
                         ".SH NAME\ntend \\- durable workflows in Lua\n"
                         ".SH SYNOPSIS\n.B tend\n.I command\n[\\fIoption\\fR]... "
                         "[\\fIargument\\fR]...\n.SH DESCRIPTION\n"
                         "Runs workflows whose steps are recorded in a journal on disk\nas they "
                         "happen: kill the program at any moment, start it again,\nand a run goes "
                         "on where it was.\n.SH OPTIONS OF EVERY COMMAND\n");
    add_options(out, command_shared());
    buffer_add_text(out, ".SH COMMANDS\n");
    for (const struct command *const *one = command_list(); *one; one++) add_command(out, *one);
    buffer_add_text(out, ".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nNo colours.\n.TP\n.B TERM\n"
                         "\\(lqdumb\\(rq: no tree of steps on the terminal, but plain lines.\n"
                         ".PP\nThe settings of the outside world are in the reference.\n"
                         ".SH FILES\n.TP\n.I .tend\nThe home: the journal and all state.\n"
                         ".TP\n.I tend.lua\nThe settings.\n.TP\n.I workflows\nThe workflows.\n");
}

static int run(int argc, char **argv) {
    struct buffer out = BUFFER_EMPTY;
    (void)argc, (void)argv;
    add_page(&out);
    if (!out.is_failed) fputs(out.data, stdout);
    buffer_done(&out);
    return fflush(stdout) ? EXIT_FAILED : 0;
}

const struct command command_man = {
    "man", "print the manual page", run, "usage: tend man\n", NULL, "", NULL};
