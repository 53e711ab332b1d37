/* tend runs: lists runs, newest first, a page at a time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/glyph.h"
#include "cli/tree.h"
#include "engine/history.h"
#include "engine/reason.h"

enum { WORKFLOW_COLUMNS = 24 };

struct asked {
    struct journal_filter filter;
    const char *before;
    size_t limit, count;
    bool is_json, has_more;
    char last[JOURNAL_ID_MAX + 1]; /* the last one that was printed */
    int code;
    bool is_table, has_colours;
    size_t columns;
    int64_t now_us;
};

/* ---- printing ---- */

static void print_plain(const struct record *record) {
    char when[CLOCK_TEXT_MAX];
    struct buffer reason = BUFFER_EMPTY, line = BUFFER_EMPTY;
    clock_format(record->created_at_us, when);
    reason_add(record, &reason);
    buffer_add_format(&line, "%-36s  %-9s  %s  %s%s%.100s", record->id,
                      run_status_name(record->status), when, record->workflow,
                      reason.size ? "  " : "", reason.size ? reason.data : "");
    glyph_print(buffer_bytes(&line), true);
    putchar('\n');
    buffer_done(&reason);
    buffer_done(&line);
}

static void add_column(struct buffer *line, struct bytes text, size_t columns) {
    size_t used = glyph_add_fit(line, text, columns);
    glyph_add_blanks(line, columns - used + 2);
}

static void add_time(struct buffer *line, int64_t us, const char *after) {
    struct buffer text = BUFFER_EMPTY;
    tree_add_duration(&text, us < 0 ? 0 : us);
    buffer_add_text(&text, after);
    add_column(line, buffer_bytes(&text), 10);
    buffer_done(&text);
}

static void print_row(const struct asked *asked, const struct record *record) {
    struct buffer line = BUFFER_EMPTY, reason = BUFFER_EMPTY;
    bool is_final = run_status_is_final(record->status);
    size_t used = 36 + 2 + 11 + 12 + 12 + WORKFLOW_COLUMNS + 2;
    add_column(&line, bytes_of(record->id), 36);
    if (asked->has_colours) buffer_add_text(&line, glyph_tone(run_status_name(record->status)));
    add_column(&line, bytes_of(run_status_name(record->status)), 9);
    if (asked->has_colours) buffer_add_text(&line, "\033[0m");
    add_time(&line, asked->now_us - record->created_at_us, " ago");
    add_time(&line, (is_final ? record->ended_at_us : asked->now_us) - record->created_at_us, "");
    add_column(&line, bytes_of(record->workflow), WORKFLOW_COLUMNS);
    reason_add(record, &reason);
    if (asked->columns > used + 10)
        (void)glyph_add_fit(&line, buffer_bytes(&reason), asked->columns - used - 1);
    if (!line.is_failed) puts(line.data);
    buffer_done(&line);
    buffer_done(&reason);
}

static void print_head(const struct asked *asked) {
    printf("%s%-36s  %-9s  %-10s  %-10s  %-*s  %s%s\n", asked->has_colours ? "\033[2m" : "", "RUN",
           "STATUS", "BEGUN", "TOOK", WORKFLOW_COLUMNS, "WORKFLOW", "WHY",
           asked->has_colours ? "\033[0m" : "");
}

static bool print_run(void *context, const struct journal_run *run) {
    struct asked *asked = context;
    struct buffer packed = BUFFER_EMPTY;
    struct record record;
    if (asked->limit && asked->count == asked->limit) return !(asked->has_more = true);
    if (record_read(run, &record, NULL)) return true;
    if (asked->is_json) {
        history_pack_run(&record, &packed);
        asked->code = print_json(buffer_bytes(&packed), 0);
        buffer_done(&packed);
    } else if (asked->is_table) {
        if (!asked->count) print_head(asked);
        print_row(asked, &record);
    } else {
        print_plain(&record);
    }
    snprintf(asked->last, sizeof asked->last, "%s", record.id);
    asked->count++;
    return !asked->code;
}

/* ---- options ---- */

static int read_status(struct asked *asked, const char *name) {
    int status = run_status_read(name);
    if (status < 0)
        return misuse(&command_runs,
                      "'%s' is no status: pending, running, waiting, completed, "
                      "failed, cancelled, blocked or stuck",
                      name);
    asked->filter.statuses |= 1u << status;
    return 0;
}

static int read_limit(struct asked *asked, const char *text) {
    char *end;
    unsigned long limit = strtoul(text, &end, 10);
    if (*end || end == text || *text == '-')
        return misuse(&command_runs, "--limit wants a number, not '%s'", text);
    asked->limit = limit;
    return 0;
}

static int take(void *context, int option, const char *argument) {
    struct asked *asked = context;
    switch (option) {
    case 's': return read_status(asked, argument);
    case 'l': return read_limit(asked, argument);
    case 'w': asked->filter.workflow = bytes_of(argument); return 0;
    case 'b': asked->before = argument; return 0;
    default: asked->is_json = true; return 0;
    }
}

/* ---- the command ---- */

static int find_before(struct journal *journal, struct asked *asked) {
    char id[JOURNAL_ID_MAX + 1];
    struct record record;
    struct error err;
    if (!asked->before) return 0;
    int code = find_run(journal, asked->before, id);
    if (code) return code;
    if (record_load_by_id(journal, id, &record, &err))
        return complain(exit_code_of(&err), "%s", err.message);
    asked->filter.before_number = record.number;
    return 0;
}

static int list(struct journal *journal, struct asked *asked) {
    struct error err;
    size_t rows;
    asked->is_table = glyph_has_cursor(STDOUT_FILENO);
    asked->has_colours = glyph_has_colours(STDOUT_FILENO);
    asked->now_us = clock_wall_us(clock_system());
    glyph_size(STDOUT_FILENO, &asked->columns, &rows);
    int code = find_before(journal, asked);
    if (!code && journal_runs(journal, &asked->filter, print_run, asked, &err))
        code = complain(exit_code_of(&err), "%s", err.message);
    return code ? code : asked->code;
}

static int run(int argc, char **argv) {
    struct asked asked = {.limit = 50};
    struct place place;
    struct journal *journal;
    int code = command_options(&command_runs, &place, argc, argv, take, &asked);
    if (code) return code < 0 ? 0 : code;
    if (optind != argc) return misuse(&command_runs, "it takes options only");
    code = open_client(&place, &journal);
    if (code) return code;
    code = list(journal, &asked);
    journal_close(journal);
    if (code || asked.is_json || !asked.is_table || place.is_quiet) return code;
    if (asked.has_more)
        fprintf(stderr, "older ones: tend runs --before %s (and the options given)\n", asked.last);
    else if (!asked.count) fprintf(stderr, "no runs%s\n", asked.before ? " before that" : "");
    return code;
}

static const struct command_option options[] = {
    {'s', "status", "STATUS",
     "Only in this state: pending, running, waiting, completed, failed, cancelled, blocked or "
     "stuck; repeatable."},
    {'w', "workflow", "WORKFLOW", "Only of this workflow."},
    {'l', "limit", "N", "At most N (default 50; 0: all)."},
    {'b', "before", "RUN", "Only those that were accepted before RUN: the next page."},
    {'j', "json", NULL,
     "One object a line: id, workflow, status, created_at, ended_at, waits_for."},
    {0}};

const struct command command_runs = {
    "runs",
    "list runs",
    run,
    "Lists runs, newest first: how long ago each was accepted, how long it took or has been there, "
    "and why it waits or failed.",
    options,
    "",
    "0 listed, 2 usage, or there is no journal"};
