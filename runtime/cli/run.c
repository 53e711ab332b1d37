/* tend run TARGET: runs a workflow to its end, or hands it to the engine that owns the home and
 * waits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/id.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/command.h"
#include "engine/inbox.h"

enum { SETS_MAX = 64 };
static const size_t input_max = (size_t)64 << 20;

struct asked {
    const char *target, *input, *id;
    const char *sets[SETS_MAX];
    size_t set_count;
    bool is_json;
    struct place *place;
};

/* ---- the input ---- */

/* By its descriptor: /dev/stdin can't be opened where it is a socket. */
static int read_standard_input(struct buffer *text, struct error *err) {
    ssize_t count;
    do {
        char *place = buffer_grow(text, 65536);
        count = place && text->size <= input_max ? read(STDIN_FILENO, place, 65536) : -1;
        if (place) text->size -= 65536 - (size_t)(count > 0 ? count : 0);
    } while (count > 0);
    if (text->data) text->data[text->size] = '\0';
    if (count < 0)
        return error_set(err, TEND_EIO, "standard input can't be read, or is over 64 MiB");
    return 0;
}

static int read_input_text(const char *input, struct buffer *text, struct error *err) {
    if (*input == '@') return text_read_file(input + 1, input_max, text, err);
    if (strcmp(input, "-") == 0) return read_standard_input(text, err);
    buffer_add_text(text, input);
    return buffer_check(text, err);
}

static int read_input(const char *input, struct buffer *packed, struct error *err) {
    struct buffer text = BUFFER_EMPTY;
    int status = read_input_text(input, &text, err);
    if (!status) status = json_read(buffer_bytes(&text), packed, err);
    if (status) error_context(err, "--input");
    buffer_done(&text);
    return status;
}

static void pack_set(const char *value, struct buffer *out) {
    if (json_read(bytes_of(value), out, NULL)) pack_text(out, value);
}

/* The members of --input that no --set replaces, then the --sets. */
static int merge_sets(const struct asked *asked, struct buffer *packed, struct error *err) {
    struct buffer merged = BUFFER_EMPTY;
    struct value_tree tree = {0};
    size_t count = 0;
    int status = packed->size ? value_read(buffer_bytes(packed), &tree, err) : 0;
    if (status) return status;
    size_t opened = pack_map_open(&merged);
    for (size_t i = 0; tree.root.kind == VALUE_MAP && i < tree.root.map.count; i++) {
        struct bytes key = tree.root.map.members[i].key;
        bool is_set = false;
        for (size_t j = 0; j < asked->set_count; j++)
            is_set = is_set || (strncmp(asked->sets[j], key.data, key.size) == 0 &&
                                asked->sets[j][key.size] == '=');
        if (is_set) continue;
        pack_bytes(&merged, key);
        pack_value(&merged, &tree.root.map.members[i].value);
        count++;
    }
    for (size_t i = 0; i < asked->set_count; i++, count++) {
        const char *equals = strchr(asked->sets[i], '=');
        pack_bytes(&merged, (struct bytes){asked->sets[i], (size_t)(equals - asked->sets[i])});
        pack_set(equals + 1, &merged);
    }
    pack_close(&merged, opened, count);
    value_tree_done(&tree);
    buffer_done(packed);
    *packed = merged;
    return buffer_check(packed, err);
}

static int make_input(const struct asked *asked, struct buffer *packed, struct error *err) {
    int status = asked->input ? read_input(asked->input, packed, err) : 0;
    if (!status && asked->set_count) status = merge_sets(asked, packed, err);
    return status;
}

/* ---- as the owner ---- */

static int run_here(struct engine *engine, const struct asked *asked, struct bytes input,
                    const char *id, struct live *live) {
    struct acceptance acceptance = {asked->target, input, id, 0};
    struct accepted accepted;
    struct record record;
    struct error err;
    int status = engine_accept(engine, &acceptance, &accepted, &err);
    if (!status && !accepted.is_new)
        status = record_load(engine_journal(engine), accepted.number, &record, &err);
    if (status) return complain(exit_code_of(&err), "%s", err.message);
    bool is_over = !accepted.is_new && (run_status_is_final(record.status) ||
                                        record.status == RUN_BLOCKED || record.status == RUN_STUCK);
    uint64_t number;
    if (!accepted.is_new && !is_over && engine_resume(engine, accepted.id, &number, &err))
        return complain(exit_code_of(&err), "%s", err.message);
    int code = is_over ? -1 : drive(engine, accepted.number, accepted.id, live);
    return code >= 0 ? code : report_run(engine_journal(engine), accepted.id, asked->is_json);
}

/* ---- handed over to the engine that owns the home ---- */

/* Waits until the run is at rest. -1: the engine went away. */
static int await_run(struct journal *journal, const struct asked *asked, const char *id) {
    struct record record;
    struct error err;
    for (;;) {
        int status = record_load_by_id(journal, id, &record, &err);
        if (status && status != TEND_ENOENT) return complain(exit_code_of(&err), "%s", err.message);
        if (!status && (run_status_is_final(record.status) || record.status == RUN_BLOCKED ||
                        record.status == RUN_STUCK))
            return report_run(journal, id, asked->is_json);
        if (journal_owner(journal) == 0) return -1;
        usleep(20000);
    }
}

static int come_again(void) {
    usleep(20000);
    return -1;
}

static int hand_over(const struct place *place, const struct asked *asked, struct bytes input,
                     const char *id) {
    struct sources sources = place_sources(place);
    struct buffer checked = BUFFER_EMPTY;
    struct journal *journal;
    struct bundle bundle;
    struct error err;
    int status = bundle_load(&sources, asked->target, &bundle, &err);
    if (status) return complain(exit_code_of(&err), "%s", err.message);
    status = accept_input(buffer_bytes(&bundle.definition), input, &checked, &err);
    if (status) error_context(&err, "%s", bundle.name);
    if (!status) status = journal_open(place->home, JOURNAL_CLIENT, &journal, &err);
    int code = !status                 ? 0
               : status == TEND_ENOENT ? come_again() /* its owner is just making it */
                                       : complain(exit_code_of(&err), "%s", err.message);
    if (!code) {
        status = inbox_ask_run(journal, &bundle, id, input, &err);
        code = status ? complain(exit_code_of(&err), "%s", err.message)
                      : await_run(journal, asked, id);
        journal_close(journal);
    }
    bundle_done(&bundle);
    buffer_done(&checked);
    return code;
}

static int run_somewhere(const struct place *place, const struct asked *asked, struct bytes input) {
    struct live *live = live_new(place);
    struct engine_options settings = {.home = place->home,
                                      .config = place->config,
                                      .sources = place_sources(place),
                                      .observer = live_observer(live, place),
                                      .limits = place->limits};
    char own_id[ID_UUID_TEXT];
    struct engine *engine;
    struct error err;
    int code = -1;
    id_uuid7(clock_wall_us(clock_system()), own_id);
    const char *id = asked->id ? asked->id : own_id;
    while (code < 0) {
        int status = engine_new(&settings, &engine, &err);
        if (status == TEND_EBUSY) {
            code = hand_over(place, asked, input, id);
        } else if (status) {
            code = complain(exit_code_of(&err), "%s", err.message);
        } else {
            code = run_here(engine, asked, input, id, live);
            engine_free(engine);
        }
    }
    live_free(live);
    return code;
}

static int add_set(struct asked *asked, const char *text) {
    if (!strchr(text, '=') || *text == '=')
        return misuse(&command_run, "--set wants KEY=VALUE, not '%s'", text);
    if (asked->set_count == SETS_MAX) return misuse(&command_run, "at most 64 --set");
    asked->sets[asked->set_count++] = text;
    return 0;
}

static int take(void *context, int option, const char *argument) {
    struct asked *asked = context;
    switch (option) {
    case 'i': asked->input = argument; return 0;
    case 'd': asked->id = argument; return 0;
    case 'j': asked->is_json = true; return 0;
    case 's': return add_set(asked, argument);
    default: return place_limit(asked->place, &command_run, argument);
    }
}

static int read_options(int argc, char **argv, struct place *place, struct asked *asked) {
    asked->place = place;
    int code = command_options(&command_run, place, argc, argv, take, asked);
    if (code) return code;
    if (optind + 1 != argc)
        return misuse(&command_run, optind == argc ? "TARGET is missing" : "one TARGET only");
    asked->target = argv[optind];
    return 0;
}

static int run(int argc, char **argv) {
    struct asked asked = {0};
    struct place place;
    struct buffer input = BUFFER_EMPTY;
    struct error err;
    int code = read_options(argc, argv, &place, &asked);
    if (code) return code < 0 ? 0 : code;
    place_settle(&place);
    if (make_input(&asked, &input, &err)) code = complain(EXIT_USAGE, "%s", err.message);
    else code = run_somewhere(&place, &asked, buffer_bytes(&input));
    buffer_done(&input);
    place_done(&place);
    return code;
}

static const struct command_option options[] = {
    {'i', "input", "JSON|@FILE|-", "The input; @FILE reads a file, - reads standard input."},
    {'s', "set", "KEY=VALUE", "One input value: JSON where it parses, otherwise text; repeatable."},
    {'d', "id", "ID",
     "The run's id (its idempotency key): the same id again resumes an unfinished run and prints "
     "the recorded result of a finished one."},
    {'j', "json", NULL, "The result in one line, nothing else on standard output."},
    LIMIT_OPTION,
    {0}};

const struct command command_run = {"run",
                                    "run a workflow and print its result",
                                    run,
                                    "Runs a workflow and prints its result as JSON. TARGET is a "
                                    "path to a .lua file, or a name that "
                                    "is looked up in ./workflows and among the shipped workflows.",
                                    options,
                                    "TARGET",
                                    "0 completed, 1 failed, 2 usage, configuration, workflow or "
                                    "input wrong, 3 cancelled, 4 blocked "
                                    "or stuck, 130 interrupted (the run stays; `tend resume ID`)"};
