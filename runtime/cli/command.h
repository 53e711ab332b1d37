/* What the commands share: options, where things lie, exit codes, printing.
 * May use: everything below cli/. */
#ifndef TEND_CLI_COMMAND_H
#define TEND_CLI_COMMAND_H

#include <getopt.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "engine/engine.h"

enum exit_code {
    EXIT_COMPLETED = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2, /* usage, configuration, a workflow that can't be loaded, a wrong input */
    EXIT_CANCELLED = 3,
    EXIT_BLOCKED = 4, /* blocked or stuck */
    EXIT_INTERRUPTED = 130
};

enum { FOLDERS_MAX = 16 };

/* Options that every command takes, and where things lie. */
struct place {
    const char *home;                     /* --home */
    const char *config;                   /* --config, or tend.lua beside the workflows, or NULL */
    const char *folders[FOLDERS_MAX + 1]; /* --workflows, or ./workflows */
    size_t folder_count;
    char *shipped, *stdlib;
    char *found_config;
    bool is_quiet;
    int log_level; /* 0 debug … 3 error */
};

struct command {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv);
    const char *help;
};
extern const struct command command_init;
extern const struct command command_fork, command_upgrade;
extern const struct command command_prune, command_backup, command_restore, command_export,
    command_import;
extern const struct command command_schedules, command_signal, command_cancel, command_retry;
extern const struct command command_run, command_resume, command_runs, command_show, command_serve,
    command_check, command_test, command_version;

/* Long options that all commands share, for the end of their own tables. */
#define SHARED_OPTIONS                                                                             \
    {"home", required_argument, NULL, 'H'}, {"config", required_argument, NULL, 'C'},              \
        {"workflows", required_argument, NULL, 'W'}, {"quiet", no_argument, NULL, 'q'},            \
        {"log-level", required_argument, NULL, 'L'}, {"help", no_argument, NULL, 'h'}, {           \
        NULL, 0, NULL, 0                                                                           \
    }

void place_init(struct place *place);
/* Takes a shared option. -1: it isn't one (or it is wrong: a message was printed). */
int place_option(struct place *place, const struct command *command, int option);
/* Reads the options of a command that has only the shared ones; optind is then at its arguments.
 * 0, EXIT_USAGE, or -1: --help was asked for and given. */
int place_options(struct place *place, const struct command *command, int argc, char **argv);
/* Finds what wasn't given; after the options. */
void place_settle(struct place *place);
void place_done(struct place *place);
struct sources place_sources(const struct place *place);

/* "tend: …" on stderr. Returns `code`, so that `return complain(…)` reads well. */
int complain(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The wrong use of a command: the message, and how to learn more. Returns EXIT_USAGE. */
int misuse(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The exit code of an error of the engine. */
int exit_code_of(const struct error *err);
int exit_code_of_run(enum run_status status);
/* Prints packed as JSON and a line end. indent 0: one line. */
int print_json(struct bytes packed, int indent);

/* Progress and logs on stderr. */
struct observer progress_observer(const struct place *place);

/* Opens the journal of a home to read. */
int open_client(const struct place *place, struct journal **ret);
/* Prints how a run ended, as `run` and `resume` do, and gives the exit code. */
int report_run(struct journal *journal, const char *id, bool is_json);
/* Turns the engine until the run is at rest; Ctrl-C stops it. The exit code, or -1: go on. */
int drive(struct engine *engine, uint64_t until, const char *id);
/* After a request was put into the inbox: closes the journal, and where that went well (code 0)
 * prints the run's id, and what goes on with it if no engine runs. */
void finish(const struct place *place, struct journal *journal, const char *id, int code);
/* A word to the service manager, if there is one that asked for it: "READY=1". */
void notify(const char *state);

#endif
