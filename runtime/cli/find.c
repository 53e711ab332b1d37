/* The run that somebody means: by its id, or by an end of it, as progress lines print it. */
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "base/text.h"
#include "cli/command.h"

enum { CANDIDATES = 5, COMPARED = 10000 }; /* shown; the newest that are compared in spelling */

struct search {
    const char *given;
    bool is_part; /* long enough to be an end of an id */
    char found[CANDIDATES][JOURNAL_ID_MAX + 1];
    struct buffer told;
    size_t count, seen;
    struct nearest nearest;
};

static void note(struct search *search, const struct record *record) {
    if (search->count < CANDIDATES) {
        snprintf(search->found[search->count], sizeof search->found[0], "%s", record->id);
        buffer_add_format(&search->told, "\n  %s  %s  %s", record->id,
                          run_status_name(record->status), record->workflow);
    }
    search->count++;
}

static bool look_at(void *context, const struct journal_run *run) {
    struct search *search = context;
    struct record record;
    if (record_read(run, &record, NULL)) return true;
    if (strchr(record.id, '~') && !strchr(search->given, '~')) return true; /* a link that ended */
    if (search->is_part &&
        (text_has_prefix(record.id, search->given) || text_has_suffix(record.id, search->given)))
        note(search, &record);
    if (search->seen++ < COMPARED) nearest_try(&search->nearest, record.id);
    return true;
}

static int tell(const struct search *search) {
    const char *best = nearest_best(&search->nearest);
    if (search->count > 1)
        return complain(EXIT_USAGE, "%zu runs begin or end with %s; give more of the id:%s%s",
                        search->count, search->given, search->told.data ? search->told.data : "",
                        search->count > CANDIDATES ? "\n  …" : "");
    if (best) return complain(EXIT_USAGE, "no run %s; did you mean %s?", search->given, best);
    return complain(EXIT_USAGE, "no run %s; `tend runs` lists them", search->given);
}

static int find_part(struct journal *journal, const char *given, char *id) {
    struct search search = {.given = given, .is_part = strlen(given) >= RUN_PART_MIN};
    struct error err;
    nearest_init(&search.nearest, given);
    int status = journal_runs(journal, &(struct journal_filter){0}, look_at, &search, &err);
    int code = status              ? complain(exit_code_of(&err), "%s", err.message)
               : search.count == 1 ? 0
                                   : tell(&search);
    if (!code) snprintf(id, JOURNAL_ID_MAX + 1, "%s", search.found[0]);
    buffer_done(&search.told);
    return code;
}

int find_run(struct journal *journal, const char *given, char id[JOURNAL_ID_MAX + 1]) {
    struct record record;
    struct error err;
    int status = record_load_by_id(journal, given, &record, &err);
    if (status == TEND_ENOENT) return find_part(journal, given, id);
    if (status) return complain(exit_code_of(&err), "%s", err.message);
    snprintf(id, JOURNAL_ID_MAX + 1, "%s", record.id);
    return 0;
}

int open_run(const struct place *place, const char *given, struct journal **ret,
             char id[JOURNAL_ID_MAX + 1]) {
    struct journal *journal;
    int code = open_client(place, &journal);
    if (code) return code;
    code = find_run(journal, given, id);
    if (code) journal_close(journal);
    else *ret = journal;
    return code;
}
