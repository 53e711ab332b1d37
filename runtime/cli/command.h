/* What the commands share: options, where things lie, exit codes, printing.
 * May use: everything below cli/. */
#ifndef TEND_CLI_COMMAND_H
#define TEND_CLI_COMMAND_H

#include <getopt.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "engine/engine.h"
#include "engine/limits.h"

struct live;

enum exit_code {
    EXIT_COMPLETED = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2, /* usage, configuration, a workflow that can't be loaded, a wrong input */
    EXIT_CANCELLED = 3,
    EXIT_BLOCKED = 4, /* blocked or stuck */
    EXIT_INTERRUPTED = 130
};

enum { FOLDERS_MAX = 16, LIMIT_OPTIONS_MAX = 32 };

/* Options that every command takes, and where things lie. */
struct place {
    const char *home;                     /* --home */
    const char *config;                   /* --config, or tend.lua beside the workflows, or NULL */
    const char *folders[FOLDERS_MAX + 1]; /* --workflows, or ./workflows */
    size_t folder_count;
    const char *limits[LIMIT_OPTIONS_MAX + 1]; /* --limit, as they were given */
    size_t limit_count;
    char *shipped, *stdlib;
    char *found_config;
    bool is_quiet;
    int log_level; /* 0 debug … 3 error */
};

/* An option of a command. The help, what getopt reads, the completion of shells and the manual page
 * all come from here. `argument` is as the help shows it and says what completes it: DIR, FILE,
 * RUN, TARGET, WORKFLOW, STATUS, SCHEDULE, LIMIT, or words in small letters to choose from
 * ("text|tap"). */
struct command_option {
    int value;            /* what command_take is given: any but H C W q L h; 0 ends a table */
    const char *name;     /* without the dashes */
    const char *argument; /* NULL: it takes none */
    const char *text;     /* what it does; lines are broken when it is printed */
};

struct command {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv);
    const char *help;                     /* what it does; without `options` the whole help */
    const struct command_option *options; /* its own, beside the shared ones */
    const char *arguments;                /* "RUN NAME [JSON]": as the usage shows them */
    const char *exits;                    /* "0 asked for, 2 no such run" */
};
extern const struct command command_init;
extern const struct command command_fork, command_upgrade;
extern const struct command command_prune, command_backup, command_restore, command_export,
    command_import;
extern const struct command command_completion, command_doctor;
extern const struct command command_complete, command_man; /* not listed in the help */
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
/* Takes one of the command's own options. 0, or an exit code, with the message printed. */
typedef int command_take(void *context, int option, const char *argument);
/* Makes *place and reads the options: the shared ones into it, the others by `take` (NULL: there
 * are none); optind is then at the arguments. 0, an exit code, or -1: --help was asked for and
 * given. */
int command_options(const struct command *command, struct place *place, int argc, char **argv,
                    command_take *take, void *context);
/* `take` of a command whose one option is a switch: sets the bool that is its context. */
int command_take_flag(void *context, int option, const char *argument);
/* The same of a command that has only the shared ones. */
int place_options(struct place *place, const struct command *command, int argc, char **argv);
/* --limit of the commands that carry runs: takes its argument, checked. */
#define LIMIT_OPTION                                                                               \
    {                                                                                              \
        'l', "limit", "LIMIT=VALUE",                                                               \
            "A limit for this command, over tend.lua's `limits`: watchdog=2s, memory=512MiB; "     \
            "repeatable."                                                                          \
    }
int place_limit(struct place *place, const struct command *command, const char *argument);
void command_print_help(const struct command *command);
/* Appends a line for each option. */
void command_add_options(struct buffer *out, const struct command_option *options);
/* The options that all commands take, ended by an empty one. */
const struct command_option *command_shared(void);
/* The commands that the help lists, ended by NULL. */
const struct command *const *command_list(void);
/* Appends text in lines of at most 98 columns: the first goes on at the column `at`, the others
 * are indented by `indent`. Line ends in it stay. */
void command_wrap(struct buffer *out, const char *text, size_t at, size_t indent);
/* --workflows; -1: there are FOLDERS_MAX already. */
int place_folder(struct place *place, const char *folder);
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
/* After the last line on standard output: was it written? An exit code, with the message printed.
 */
int print_end(void);
/* Prints packed as JSON and a line end. indent 0: one line. */
int print_json(struct bytes packed, int indent);

/* Something was asked of a run, and that is durable. */
struct asked_of_run {
    bool is_json;            /* prints {run, is_waiting}, and nothing else */
    bool shows_id;           /* on standard output */
    const char *done, *then; /* "asked for; ", "goes on": around what to do without an engine */
};
/* Tells so, and what carries it out where no engine owns the home. An exit code. */
int tell_asked(const struct place *place, const char *id, bool has_engine,
               const struct asked_of_run *asked);

/* Progress and logs on stderr, as plain lines. */
struct observer progress_observer(const struct place *place);
/* Appends a log's line, if its level is one that is shown. */
void progress_add_log(const struct place *place, const char *run_id, const char *level,
                      struct bytes message, struct buffer *out);

/* Progress as a tree that is drawn anew on a terminal (live.c). NULL: there is none to draw on, or
 * it isn't wanted (--quiet, TERM=dumb). */
struct live *live_new(const struct place *place);
/* Where `live` is NULL that of plain lines. */
struct observer live_observer(struct live *live, const struct place *place);
/* Draws it for the last time; the cursor is below it then. NULL allowed; once is enough. */
void live_end(struct live *live);
/* Ends it first. NULL allowed. */
void live_free(struct live *live);

/* Opens the journal of a home to read. */
int open_client(const struct place *place, struct journal **ret);
/* The run that a RUN on the command line means: its id, or the beginning or the end of it (at least
 * RUN_PART_MIN characters) if only one run has that. 0 with the id in `id`, or an exit code: the
 * candidates or the nearest match were told. */
enum { RUN_PART_MIN = 4 };
int find_run(struct journal *journal, const char *given, char id[JOURNAL_ID_MAX + 1]);
/* A journal opened to read, and the run in it. Both as above. */
int open_run(const struct place *place, const char *given, struct journal **ret,
             char id[JOURNAL_ID_MAX + 1]);
/* Prints how a run ended, as `run` and `resume` do, and gives the exit code. */
int report_run(struct journal *journal, const char *id, bool is_json);
/* Turns the engine until the run is at rest; Ctrl-C stops it. Ends `live` (NULL: none). The exit
 * code, or -1: go on. */
int drive(struct engine *engine, uint64_t until, const char *id, struct live *live);
/* After a request was put into the inbox: closes the journal, and where that went well (code 0)
 * prints the run's id, and what goes on with it if no engine runs. */
void finish(const struct place *place, struct journal *journal, const char *id, int code);
/* A word to the service manager, if there is one that asked for it: "READY=1". */
void notify(const char *state);

#endif
