/* tend signal RUN NAME [JSON]: hands a run what it waits for. */
#include <stdio.h>

#include "base/json.h"
#include "cli/command.h"
#include "engine/inbox.h"

static const char help[] =
    "usage: tend signal RUN NAME [JSON]\n\n"
    "Sends a signal to a run: what `wait_for(NAME)` in it returns (true where no JSON is given).\n"
    "Signals queue in order, also before they are waited for; each is taken once. Durable when "
    "the\n"
    "command returns; without an engine it waits until one owns the home.\n\n"
    "exit: 0 accepted, 2 no such run, it has ended, or the JSON is wrong\n";

static int read_payload(const char *text, struct buffer *packed, struct error *err) {
    if (!text) {
        pack_boolean(packed, true);
        return buffer_check(packed, err);
    }
    int status = json_read(bytes_of(text), packed, err);
    if (status) error_context(err, "the payload");
    return status;
}

static int send_signal(const struct place *place, char **arguments, int count) {
    struct buffer payload = BUFFER_EMPTY;
    struct journal *journal;
    struct error err;
    int code = 0;
    if (read_payload(count > 2 ? arguments[2] : NULL, &payload, &err))
        code = complain(EXIT_USAGE, "%s", err.message);
    else code = open_client(place, &journal);
    if (!code) {
        if (inbox_ask_signal(journal, arguments[0], arguments[1], buffer_bytes(&payload), &err))
            code = complain(exit_code_of(&err), "%s", err.message);
        else if (!place->is_quiet && journal_owner(journal) == 0)
            fprintf(stderr, "tend: accepted; no engine runs now: `tend resume %s` goes on\n",
                    arguments[0]);
        journal_close(journal);
    }
    buffer_done(&payload);
    return code;
}

static int run(int argc, char **argv) {
    struct place place;
    int code = place_options(&place, &command_signal, argc, argv);
    if (code) return code < 0 ? 0 : code;
    if (argc - optind < 2 || argc - optind > 3)
        return misuse(&command_signal, "give RUN and NAME, and maybe JSON");
    return send_signal(&place, argv + optind, argc - optind);
}

const struct command command_signal = {"signal", "send a signal to a run", run, help};
