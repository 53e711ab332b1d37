/* tend export: runs as JSON lines on standard output. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "engine/archive.h"

struct asked {
    struct journal_filter filter;
    struct buffer numbers; /* of uint64_t */
};

static bool note(void *context, const struct journal_run *run) {
    struct asked *asked = context;
    buffer_add(&asked->numbers, &run->number, sizeof run->number);
    return !asked->numbers.is_failed;
}

static int note_named(struct journal *journal, struct asked *asked, char **ids, int count,
                      struct error *err) {
    int status = 0;
    for (int i = 0; i < count && !status; i++)
        status = journal_run_by_id(journal, bytes_of(ids[i]), note, asked, err);
    return status;
}

static int write_line(void *context, struct bytes line, struct error *err) {
    (void)context;
    if (fwrite(line.data, 1, line.size, stdout) == line.size) return 0;
    return error_set(err, TEND_EIO, "standard output: could not be written");
}

static int export_runs(const struct place *place, struct asked *asked, char **ids, int count) {
    struct journal *journal;
    struct error err;
    size_t written;
    int code = open_client(place, &journal);
    if (code) return code;
    int status = count ? note_named(journal, asked, ids, count, &err)
                       : journal_runs(journal, &asked->filter, note, asked, &err);
    if (!status) status = buffer_check(&asked->numbers, &err);
    const uint64_t *numbers = (const uint64_t *)(const void *)asked->numbers.data;
    size_t number_count = asked->numbers.size / sizeof *numbers;
    if (!status)
        status = archive_export(journal, numbers, number_count, write_line, NULL, &written, &err);
    if (!status && fflush(stdout) != 0)
        status = error_set(&err, TEND_EIO, "standard output: could not be written");
    if (status) code = complain(exit_code_of(&err), "%s", err.message);
    else if (!place->is_quiet)
        fprintf(stderr, "tend: %zu run%s exported\n", written, written == 1 ? "" : "s");
    journal_close(journal);
    buffer_done(&asked->numbers);
    return code;
}

static int read_status(struct asked *asked, const char *name) {
    int status = run_status_read(name);
    if (status < 0)
        return misuse(&command_export,
                      "'%s' is no status: pending, running, waiting, completed, failed, cancelled, "
                      "blocked or stuck",
                      name);
    asked->filter.statuses |= 1u << status;
    return 0;
}

static int take(void *context, int option, const char *argument) {
    struct asked *asked = context;
    if (option == 's') return read_status(asked, argument);
    asked->filter.workflow = bytes_of(argument);
    return 0;
}

static int run(int argc, char **argv) {
    struct asked asked = {.numbers = BUFFER_EMPTY};
    struct place place;
    int code = command_options(&command_export, &place, argc, argv, take, &asked);
    if (code) return code < 0 ? 0 : code;
    bool has_filter = asked.filter.statuses || asked.filter.workflow.size;
    if (has_filter && optind != argc)
        return misuse(&command_export, "name RUNs, or choose them by options, not both");
    return export_runs(&place, &asked, argv + optind, argc - optind);
}

static const struct command_option options[] = {
    {'s', "status", "STATUS", "Those in this state; repeatable."},
    {'w', "workflow", "WORKFLOW", "Those of this workflow."},
    {0}};

const struct command command_export = {
    .name = "export",
    .summary = "write runs as JSON lines",
    .run = run,
    .help =
        "Writes runs as JSON lines, for `tend import` or to keep: all, those named, or those that "
        "the options choose; with each the runs that it invoked and its past links. A line is a "
        "run with all that the journal has of it, or sources and settings that runs share (the "
        "reference has the form). Secrets stay names; values are exact. An engine may run on "
        "meanwhile.",
    .options = options,
    .arguments = "[RUN]…",
    .exits = "0 done, 1 it could not be written, 2 usage, no such run"};
