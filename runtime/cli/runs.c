/* tend runs: lists runs, newest first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/command.h"
#include "engine/history.h"
#include "engine/reason.h"

static const char help[] =
    "usage: tend runs [--status STATUS] [--workflow NAME] [--limit N] [--json]\n\n"
    "Lists runs, newest first.\n\n"
    "  --status STATUS  pending, running, waiting, completed, failed, cancelled, blocked or stuck\n"
    "  --workflow NAME  of this workflow only\n"
    "  --limit N        at most N (default 50; 0: all)\n"
    "  --json           one object a line: id, workflow, status, created_at, ended_at, waits_for\n";

struct asked {
    struct journal_filter filter;
    size_t limit, count;
    bool is_json;
    int code;
};

static void print_plain(const struct record *record) {
    char when[CLOCK_TEXT_MAX];
    struct buffer reason = BUFFER_EMPTY;
    clock_format(record->created_at_us, when);
    reason_add(record, &reason);
    printf("%-36s  %-9s  %s  %s%s%.100s\n", record->id, run_status_name(record->status), when,
           record->workflow, reason.size ? "  " : "", reason.size ? reason.data : "");
    buffer_done(&reason);
}

static bool print_run(void *context, const struct journal_run *run) {
    struct asked *asked = context;
    struct buffer packed = BUFFER_EMPTY;
    struct record record;
    if (record_read(run, &record, NULL)) return true;
    if (asked->is_json) {
        history_pack_run(&record, &packed);
        asked->code = print_json(buffer_bytes(&packed), 0);
        buffer_done(&packed);
    } else {
        print_plain(&record);
    }
    asked->count++;
    return !asked->code && (!asked->limit || asked->count < asked->limit);
}

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
    if (*end || end == text) return misuse(&command_runs, "--limit wants a number, not '%s'", text);
    asked->limit = limit;
    return 0;
}

static int read_options(int argc, char **argv, struct place *place, struct asked *asked) {
    static const struct option options[] = {{"status", required_argument, NULL, 's'},
                                            {"workflow", required_argument, NULL, 'w'},
                                            {"limit", required_argument, NULL, 'l'},
                                            {"json", no_argument, NULL, 'j'},
                                            SHARED_OPTIONS};
    int option, code = 0;
    while (!code && (option = getopt_long(argc, argv, "hq", options, NULL)) != -1) {
        switch (option) {
        case 's': code = read_status(asked, optarg); break;
        case 'w': asked->filter.workflow = bytes_of(optarg); break;
        case 'l': code = read_limit(asked, optarg); break;
        case 'j': asked->is_json = true; break;
        case 'h': fputs(help, stdout); return -1;
        default:
            if (place_option(place, &command_runs, option)) return EXIT_USAGE;
        }
    }
    if (!code && optind != argc) code = misuse(&command_runs, "it takes options only");
    return code;
}

static int run(int argc, char **argv) {
    struct asked asked = {.limit = 50};
    struct place place;
    struct journal *journal;
    struct error err;
    place_init(&place);
    int code = read_options(argc, argv, &place, &asked);
    if (code) return code < 0 ? 0 : code;
    code = open_client(&place, &journal);
    if (code) return code;
    if (journal_runs(journal, &asked.filter, print_run, &asked, &err))
        asked.code = complain(exit_code_of(&err), "%s", err.message);
    journal_close(journal);
    return asked.code;
}

const struct command command_runs = {"runs", "list runs", run, help};
