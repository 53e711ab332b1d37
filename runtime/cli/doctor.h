/* What `tend doctor` found, and the parts of it that look into the home and the workflow folders.
 * May use: everything below cli/. */
#ifndef TEND_CLI_DOCTOR_H
#define TEND_CLI_DOCTOR_H

#include "cli/command.h"

enum finding_state { FINDING_OK, FINDING_WARNING, FINDING_WRONG };

enum { FINDINGS_MAX = 64 };

struct finding {
    enum finding_state state;
    const char *what; /* one or two words */
    char message[ERROR_MESSAGE_MAX];
};

struct doctor {
    const struct place *place;
    struct finding findings[FINDINGS_MAX];
    size_t count;
};

void doctor_find(struct doctor *doctor, enum finding_state state, const char *what,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The home, its journal, and the runs that need a person. */
void doctor_look_at_home(struct doctor *doctor);
/* Does every workflow of the project's folders load? */
void doctor_look_at_workflows(struct doctor *doctor);

#endif
