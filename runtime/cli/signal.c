/* tend signal RUN NAME [JSON]: hands a run what it waits for. */
#include <stdio.h>

#include "base/json.h"
#include "cli/command.h"
#include "engine/inbox.h"

static int read_payload(const char *text, struct buffer *packed, struct error *err) {
    if (!text) {
        pack_boolean(packed, true);
        return buffer_check(packed, err);
    }
    int status = json_read(bytes_of(text), packed, err);
    if (status) error_context(err, "the payload");
    return status;
}

static int send_signal(const struct place *place, char **arguments, struct bytes payload,
                       bool is_json) {
    char id[JOURNAL_ID_MAX + 1];
    struct journal *journal;
    struct error err;
    int code = open_run(place, arguments[0], &journal, id);
    if (code) return code;
    bool has_engine = journal_owner(journal) != 0;
    const struct asked_of_run asked = {is_json, false, "accepted; ", "goes on"};
    if (inbox_ask_signal(journal, id, arguments[1], payload, &err))
        code = complain(exit_code_of(&err), "%s", err.message);
    else code = tell_asked(place, id, has_engine, &asked);
    journal_close(journal);
    return code;
}

static int run(int argc, char **argv) {
    struct buffer payload = BUFFER_EMPTY;
    struct place place;
    struct error err;
    bool is_json = false;
    int code = command_options(&command_signal, &place, argc, argv, command_take_flag, &is_json);
    if (code) return code < 0 ? 0 : code;
    int count = argc - optind;
    if (count < 2 || count > 3) return misuse(&command_signal, "give RUN and NAME, and maybe JSON");
    if (read_payload(count > 2 ? argv[optind + 2] : NULL, &payload, &err))
        code = complain(EXIT_USAGE, "%s", err.message);
    else code = send_signal(&place, argv + optind, buffer_bytes(&payload), is_json);
    buffer_done(&payload);
    return code;
}

static const struct command_option options[] = {
    {'j', "json", NULL, "One object: run, and is_waiting (no engine owns the home now)."}, {0}};

const struct command command_signal = {
    "signal",
    "send a signal to a run",
    run,
    "Sends a signal to a run: what `wait_for(NAME)` in it returns (true where no JSON is given). "
    "Signals queue in order, also before they are waited for; each is taken once. Durable when the "
    "command returns; without an engine it waits until one owns the home.",
    options,
    "RUN NAME [JSON]",
    "0 accepted, 2 no such run, it has ended, or the JSON is wrong"};
