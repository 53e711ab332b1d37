/* tend show RUN: a run's story, step by step. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/command.h"
#include "engine/history.h"

static const char help[] =
    "usage: tend show RUN [--json]\n\n"
    "Prints a run: what it is, why it waits, its steps with attempts, values (shortened) and "
    "errors,\n"
    "and its result.\n\n"
    "  --json  one object: run {id, workflow, status, input, result, error, waits_for, "
    "created_at,\n"
    "          ended_at}, steps [{key, name, kind, status, attempts, started_at, ended_at,\n"
    "          duration_ms, value, error}], logs [{at, level, message, fields}]\n";

enum { SHORT = 160 };

/* A value in one line, cut. */
static void print_short(const char *label, const struct value *value) {
    struct buffer text = BUFFER_EMPTY;
    if (!value || value->kind == VALUE_NULL || value->kind == VALUE_NIL) return;
    if (json_write(value, (struct json_style){0}, &text, NULL) == 0)
        printf("%s%.*s%s\n", label, SHORT, text.data, text.size > SHORT ? "…" : "");
    buffer_done(&text);
}

static void print_member(const char *label, const struct value *map, const char *key) {
    struct bytes text = value_get_bytes(map, key);
    if (text.size) printf("%s%.*s\n", label, (int)text.size, text.data);
}

static void print_step(const struct value *step) {
    struct bytes key = value_get_bytes(step, "key"), kind = value_get_bytes(step, "kind");
    struct bytes status = value_get_bytes(step, "status"), at = value_get_bytes(step, "started_at");
    const struct value *attempts = value_get_list(step, "attempts");
    printf("  %.*s  %-9.*s  %.*s (%.*s)", (int)at.size, at.data, (int)status.size, status.data,
           (int)key.size, key.data, (int)kind.size, kind.data);
    double duration = value_get_number(step, "duration_ms", -1);
    if (duration >= 0) printf("  %.1f ms", duration);
    if (attempts && attempts->list.count > 1) printf("  %zu attempt records", attempts->list.count);
    putchar('\n');
    print_short("      = ", value_get(step, "value"));
    print_member("      ! ", value_get_map(step, "error"), "message");
}

static void print_plain(const struct value *history) {
    const struct value *run = value_get_map(history, "run"),
                       *steps = value_get_list(history, "steps");
    print_member("run       ", run, "id");
    print_member("workflow  ", run, "workflow");
    print_member("status    ", run, "status");
    print_member("why       ", run, "waits_for");
    print_member("created   ", run, "created_at");
    print_member("ended     ", run, "ended_at");
    print_short("input     ", value_get(run, "input"));
    puts("steps");
    for (size_t i = 0; steps && i < steps->list.count; i++) print_step(&steps->list.items[i]);
    print_short("result    ", value_get(run, "result"));
    print_member("error     ", value_get_map(run, "error"), "message");
    print_member("", value_get_map(run, "error"), "traceback");
}

static int show(const struct place *place, const char *id, bool is_json) {
    struct buffer packed = BUFFER_EMPTY;
    struct value_tree tree;
    struct journal *journal;
    struct error err;
    int code = open_client(place, &journal);
    if (code) return code;
    if (history_pack(journal, id, &packed, &err))
        code = complain(exit_code_of(&err), "%s", err.message);
    else if (is_json) code = print_json(buffer_bytes(&packed), 0);
    else if (value_read(buffer_bytes(&packed), &tree, &err) == 0)
        print_plain(&tree.root), value_tree_done(&tree);
    buffer_done(&packed);
    journal_close(journal);
    return code;
}

static int run(int argc, char **argv) {
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, SHARED_OPTIONS};
    struct place place;
    bool is_json = false;
    int option;
    place_init(&place);
    while ((option = getopt_long(argc, argv, "hq", options, NULL)) != -1) {
        if (option == 'h') return fputs(help, stdout), 0;
        if (option == 'j') is_json = true;
        else if (place_option(&place, &command_show, option)) return EXIT_USAGE;
    }
    if (optind + 1 != argc) return misuse(&command_show, "give one RUN; `tend runs` lists them");
    return show(&place, argv[optind], is_json);
}

const struct command command_show = {"show", "show a run step by step", run, help};
