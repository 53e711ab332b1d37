/* tend show RUN: a run's story, step by step. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/glyph.h"
#include "cli/tree.h"
#include "engine/history.h"

enum { SHORT = 160 };

struct showing {
    bool has_colours;
    int64_t created_us;
    const struct value *logs;
    size_t next_log;
};

/* ---- parts ---- */

static void tone(const struct showing *showing, const char *name) {
    if (showing->has_colours) fputs(glyph_tone(name), stdout);
}

static void print_text(struct bytes text, const char *indent) {
    struct buffer out = BUFFER_EMPTY;
    glyph_add(&out, text, true);
    for (size_t i = 0; i < out.size && !out.is_failed; i++) {
        putchar(out.data[i]);
        if (out.data[i] == '\n') fputs(indent, stdout);
    }
    buffer_done(&out);
}

/* A value in one line, cut between two characters. */
static void print_short(const char *label, const struct value *value) {
    struct buffer text = BUFFER_EMPTY, fit = BUFFER_EMPTY;
    if (!value || value->kind == VALUE_NULL || value->kind == VALUE_NIL) return;
    if (json_write(value, (struct json_style){0}, &text, NULL) == 0) {
        (void)glyph_add_fit(&fit, buffer_bytes(&text), SHORT);
        printf("%s%s\n", label, fit.data ? fit.data : "");
    }
    buffer_done(&text);
    buffer_done(&fit);
}

static void print_member(const char *label, const struct value *map, const char *key) {
    struct bytes text = value_get_bytes(map, key);
    if (!text.size) return;
    fputs(label, stdout);
    print_text(text, "          ");
    putchar('\n');
}

static int64_t time_of(const struct value *map, const char *key) {
    char text[CLOCK_TEXT_MAX];
    int64_t at_us = 0;
    struct bytes bytes = value_get_bytes(map, key);
    snprintf(text, sizeof text, "%.*s", (int)bytes.size, bytes.data ? bytes.data : "");
    return bytes.size && clock_parse(text, &at_us) == 0 ? at_us : 0;
}

/* In at least `width` columns. */
static void print_duration(int64_t us, int width) {
    struct buffer text = BUFFER_EMPTY;
    tree_add_duration(&text, us < 0 ? 0 : us);
    if (text.data) printf("%-*s", width, text.data);
    buffer_done(&text);
}

/* ---- the timeline ---- */

static void print_at(const struct showing *showing, int64_t at_us) {
    tone(showing, "dim");
    fputs("  +", stdout);
    print_duration(at_us - showing->created_us, 10);
    tone(showing, "");
}

static void print_attempt(const struct showing *showing, const struct value *attempt) {
    struct bytes status = value_get_bytes(attempt, "status");
    const struct value *error = value_get_map(attempt, "error");
    printf("               attempt %lld %.*s at +",
           (long long)value_get_integer(attempt, "attempt", 0), (int)status.size, status.data);
    print_duration(time_of(attempt, "at") - showing->created_us, 0);
    if (error) fputs(": ", stdout);
    if (error) print_text(value_get_bytes(error, "message"), "                 ");
    putchar('\n');
}

/* The only one needs no lines of its own. */
static void print_attempts(const struct showing *showing, const struct value *attempts) {
    size_t count = attempts ? attempts->list.count : 0;
    bool is_one = !count || value_get_integer(&attempts->list.items[count - 1], "attempt", 0) < 2;
    for (size_t i = 0; !is_one && i < count; i++) print_attempt(showing, &attempts->list.items[i]);
}

static void print_step(const struct showing *showing, const struct value *step) {
    struct bytes kind = value_get_bytes(step, "kind");
    char status[24];
    struct bytes word = value_get_bytes(step, "status");
    double duration_ms = value_get_number(step, "duration_ms", -1);
    snprintf(status, sizeof status, "%.*s", (int)word.size, word.data);
    print_at(showing, time_of(step, "started_at"));
    tone(showing, status);
    printf("%-9s  ", status);
    tone(showing, "");
    glyph_print(value_get_bytes(step, "key"), false);
    printf(" (%.*s)", (int)kind.size, kind.data);
    if (duration_ms >= 0) fputs("  ", stdout);
    if (duration_ms >= 0) print_duration((int64_t)(duration_ms * 1000), 0);
    putchar('\n');
    print_attempts(showing, value_get_list(step, "attempts"));
    print_short("               = ", value_get(step, "value"));
    if (!value_get_map(step, "error")) return;
    tone(showing, "failed");
    print_member("               ! ", value_get_map(step, "error"), "message");
    tone(showing, "");
}

static void print_log(const struct showing *showing, const struct value *log) {
    struct bytes level = value_get_bytes(log, "level");
    print_at(showing, time_of(log, "at"));
    printf("%-9.*s  ", (int)level.size, level.data);
    print_text(value_get_bytes(log, "message"), "                        ");
    putchar('\n');
    const struct value *fields = value_get_map(log, "fields");
    if (fields && fields->map.count) print_short("               ", fields);
}

static void print_logs_before(struct showing *showing, int64_t until_us) {
    size_t count = showing->logs ? showing->logs->list.count : 0;
    for (; showing->next_log < count; showing->next_log++) {
        const struct value *log = &showing->logs->list.items[showing->next_log];
        if (time_of(log, "at") > until_us) return;
        print_log(showing, log);
    }
}

/* ---- the whole ---- */

static void print_head(const struct showing *showing, const struct value *run) {
    char status[24];
    struct bytes word = value_get_bytes(run, "status");
    snprintf(status, sizeof status, "%.*s", (int)word.size, word.data);
    print_member("run       ", run, "id");
    print_member("workflow  ", run, "workflow");
    fputs("status    ", stdout);
    tone(showing, status);
    puts(status);
    tone(showing, "");
    print_member("why       ", run, "waits_for");
    print_member("created   ", run, "created_at");
    print_member("ended     ", run, "ended_at");
    int64_t ended_us = time_of(run, "ended_at");
    if (ended_us) {
        fputs("took      ", stdout);
        print_duration(ended_us - showing->created_us, 0);
        putchar('\n');
    }
    print_short("input     ", value_get(run, "input"));
}

static void print_plain(const struct value *history) {
    const struct value *run = value_get_map(history, "run"),
                       *steps = value_get_list(history, "steps");
    struct showing showing = {.has_colours = glyph_has_colours(STDOUT_FILENO),
                              .created_us = time_of(run, "created_at"),
                              .logs = value_get_list(history, "logs")};
    print_head(&showing, run);
    puts("steps");
    for (size_t i = 0; steps && i < steps->list.count; i++) {
        print_logs_before(&showing, time_of(&steps->list.items[i], "started_at"));
        print_step(&showing, &steps->list.items[i]);
    }
    print_logs_before(&showing, INT64_MAX);
    print_short("result    ", value_get(run, "result"));
    tone(&showing, "failed");
    print_member("error     ", value_get_map(run, "error"), "message");
    tone(&showing, "");
    print_member("          ", value_get_map(run, "error"), "traceback");
}

static int show(const struct place *place, const char *given, bool is_json) {
    char id[JOURNAL_ID_MAX + 1];
    struct buffer packed = BUFFER_EMPTY;
    struct value_tree tree;
    struct journal *journal;
    struct error err;
    int code = open_run(place, given, &journal, id);
    if (code) return code;
    if (history_pack(journal, id, &packed, &err))
        code = complain(exit_code_of(&err), "%s", err.message);
    else if (is_json) code = print_json(buffer_bytes(&packed), 0);
    else if (value_read(buffer_bytes(&packed), &tree, &err) == 0)
        print_plain(&tree.root), value_tree_done(&tree);
    else code = complain(exit_code_of(&err), "%s", err.message);
    buffer_done(&packed);
    journal_close(journal);
    return code;
}

static int run(int argc, char **argv) {
    struct place place;
    bool is_json = false;
    int code = command_options(&command_show, &place, argc, argv, command_take_flag, &is_json);
    if (code) return code < 0 ? 0 : code;
    if (optind + 1 != argc) return misuse(&command_show, "give one RUN; `tend runs` lists them");
    return show(&place, argv[optind], is_json);
}

static const struct command_option options[] = {
    {'j', "json", NULL,
     "One object: run {id, workflow, status, input, result, error, waits_for, created_at, "
     "ended_at}, "
     "steps [{key, name, kind, status, attempts, started_at, ended_at, duration_ms, value, "
     "error}], "
     "logs [{at, level, message, fields}]."},
    {0}};

const struct command command_show = {
    "show",
    "show a run step by step",
    run,
    "Prints a run: what it is, why it waits, its steps with attempts, values (shortened) and "
    "errors, "
    "its logs between them, and its result. Times are counted from the moment at which it was "
    "accepted. RUN is an id, or the beginning or the end of one.",
    options,
    "RUN",
    "0 shown, 2 no such run"};
