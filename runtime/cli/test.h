/* Running tests: one case (test_case.c), what is told of them (test_report.c), and the command that
 * finds the files (test.c). May use: engine/, lua/isolate.h. */
#ifndef TEND_CLI_TEST_H
#define TEND_CLI_TEST_H

#include <stdio.h>

#include "cli/command.h"
#include "engine/bundle.h"
#include "engine/watchdog.h"

enum case_status { CASE_PASSED, CASE_FAILED, CASE_SKIPPED };

struct case_outcome {
    enum case_status status;
    struct buffer message, at, traceback, output; /* output: what the case printed */
    int64_t duration_us;
};
void case_outcome_done(struct case_outcome *outcome);

struct case_request {
    const struct sources *sources; /* of the workflows under test */
    const struct bundle *bundle;   /* of the test file */
    size_t index;                  /* of the case in it, from 1 */
    struct watchdog *watchdog;     /* of the case's own Lua */
    int64_t limit_us;              /* real time that it may take */
    const char *folder;            /* for temporary homes; exists */
};
/* Runs one case. 0 however it went; else the runner itself could not go on: TEND_EIO, TEND_ENOMEM.
 */
int case_run(const struct case_request *request, struct case_outcome *ret, struct error *err);
/* Was Ctrl-C pressed? It is held back while a case runs. */
bool test_is_interrupted(void);

/* ---- the report ---- */

enum report_format { REPORT_TEXT, REPORT_TAP, REPORT_JUNIT };

struct report_case {
    struct report_case *next;
    char *name;
    struct case_outcome outcome;
};

struct report_file {
    struct report_file *next;
    char *file;
    char *problem; /* it could not be loaded; NULL */
    struct report_case *first, **last;
    size_t passed, failed, skipped;
    int64_t duration_us;
};

/* -1: no such format. */
int report_format_read(const char *name);
/* One line as soon as a case has ended, for people. */
void report_progress(FILE *out, const struct report_case *of, bool has_colour);
void report_problem(FILE *out, const struct report_file *file);
void report_tap(FILE *out, const struct report_file *files);
void report_junit(FILE *out, const struct report_file *files);

#endif
