/* Shared options, and where things lie: the home, tend.lua, the workflows, what is shipped. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/glyph.h"

void place_init(struct place *place) { *place = (struct place){.home = ".tend", .log_level = 1}; }

static int read_level(const struct command *command, const char *text) {
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    for (int i = 0; i < 4; i++)
        if (strcmp(levels[i], text) == 0) return i;
    misuse(command, "--log-level is debug, info, warn or error, not '%s'", text);
    return -1;
}

int place_folder(struct place *place, const char *folder) {
    if (place->folder_count == FOLDERS_MAX) return -1;
    place->folders[place->folder_count++] = folder;
    return 0;
}

int place_option(struct place *place, const struct command *command, int option) {
    switch (option) {
    case 'H': place->home = optarg; return 0;
    case 'C': place->config = optarg; return 0;
    case 'q': place->is_quiet = true; return 0;
    case 'L': return (place->log_level = read_level(command, optarg)) < 0 ? -1 : 0;
    case 'W':
        if (place_folder(place, optarg) == 0) return 0;
        misuse(command, "at most %d --workflows", FOLDERS_MAX);
        return -1;
    default: return -1; /* getopt has said why */
    }
}

int place_limit(struct place *place, const struct command *command, const char *argument) {
    struct limits limits;
    struct error err;
    if (place->limit_count == LIMIT_OPTIONS_MAX)
        return misuse(command, "at most %d --limit", LIMIT_OPTIONS_MAX);
    place->limits[place->limit_count++] = argument;
    if (limits_read(NULL, place->limits, &limits, &err))
        return misuse(command, "--limit %s: %s", argument, err.message);
    return 0;
}

static char *join(const char *format, const char *folder) {
    struct buffer text = BUFFER_EMPTY;
    for (const char *c = format; *c; c++)
        if (*c == '*') buffer_add_text(&text, folder);
        else buffer_add_byte(&text, (unsigned char)*c);
    return buffer_take(&text, NULL);
}

/* `build/tend` of a source tree finds that tree's files; installed, those under the prefix. */
static void find_shipped(struct place *place) {
    char self[4096];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    if (size > 0) {
        self[size] = '\0';
        *strrchr(self, '/') = '\0';
        char *stdlib = join("*/../stdlib", self);
        if (stdlib && access(stdlib, R_OK) == 0) {
            place->stdlib = stdlib;
            place->shipped = join("*/../workflows", self);
            return;
        }
        memory_free(stdlib);
        place->stdlib = join("*/../share/tend/stdlib", self);
        place->shipped = join("*/../share/tend/workflows", self);
        if (place->stdlib && access(place->stdlib, R_OK) == 0) return;
        memory_free(place->stdlib);
        memory_free(place->shipped);
    }
    place->stdlib = join("*/share/tend/stdlib", TEND_PREFIX);
    place->shipped = join("*/share/tend/workflows", TEND_PREFIX);
}

void place_settle(struct place *place) {
    if (!place->folder_count) place->folders[place->folder_count++] = "workflows";
    find_shipped(place);
    if (place->config) return;
    place->found_config =
        join(strcmp(place->folders[0], "workflows") == 0 ? "tend.lua" : "*/../tend.lua",
             place->folders[0]);
    if (place->found_config && access(place->found_config, F_OK) == 0)
        place->config = place->found_config;
}

void place_done(struct place *place) {
    memory_free(place->stdlib);
    memory_free(place->shipped);
    memory_free(place->found_config);
}

struct sources place_sources(const struct place *place) {
    return (struct sources){
        .folders = place->folders, .shipped = place->shipped, .stdlib = place->stdlib};
}

/* ---- printing ---- */

/* What is told may hold what a script said: nothing of it steers the terminal. */
__attribute__((format(printf, 2, 0))) static void tell(const char *before, const char *format,
                                                       va_list args, const char *after) {
    char text[4096];
    struct buffer out = BUFFER_EMPTY;
    int size = vsnprintf(text, sizeof text, format, args);
    struct bytes bytes = {text, size < 0                     ? 0
                                : (size_t)size < sizeof text ? (size_t)size
                                                             : sizeof text - 1};
    buffer_add_text(&out, before);
    glyph_add(&out, bytes, true);
    buffer_add_text(&out, after);
    fputs(out.is_failed ? "tend: out of memory\n" : out.data, stderr);
    buffer_done(&out);
}

int complain(int code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    tell("tend: ", format, args, "\n");
    va_end(args);
    return code;
}

int misuse(const struct command *command, const char *format, ...) {
    char before[40], after[60];
    va_list args;
    snprintf(before, sizeof before, "tend %.20s: ", command->name);
    snprintf(after, sizeof after, "\n`tend %.20s --help` tells more.\n", command->name);
    va_start(args, format);
    tell(before, format, args, after);
    va_end(args);
    return EXIT_USAGE;
}

int exit_code_of(const struct error *err) {
    switch (err->status) {
    case TEND_EINPUT:
    case TEND_ENOENT:
    case TEND_ECONFLICT:
    case TEND_EBUSY: return EXIT_USAGE;
    default: return EXIT_FAILED;
    }
}

int exit_code_of_run(enum run_status status) {
    switch (status) {
    case RUN_COMPLETED: return EXIT_COMPLETED;
    case RUN_CANCELLED: return EXIT_CANCELLED;
    case RUN_WAITING: /* … for a run that is */
    case RUN_BLOCKED:
    case RUN_STUCK: return EXIT_BLOCKED;
    default: return EXIT_FAILED;
    }
}

int print_end(void) {
    return fflush(stdout) ? complain(EXIT_FAILED, "standard output: could not be written") : 0;
}

int print_json(struct bytes packed, int indent) {
    struct buffer text = BUFFER_EMPTY;
    struct value_tree tree;
    struct error err;
    int status = value_read(packed, &tree, &err);
    if (!status) {
        status = json_write(&tree.root, (struct json_style){indent}, &text, &err);
        value_tree_done(&tree);
    }
    if (!status) {
        buffer_add_byte(&text, '\n');
        fwrite(text.data, 1, text.size, stdout);
    }
    buffer_done(&text);
    if (status)
        return complain(EXIT_FAILED, "the result can't be printed as JSON: %s", err.message);
    return print_end();
}

static int print_asked(const char *id, bool has_engine) {
    struct buffer packed = BUFFER_EMPTY;
    pack_map(&packed, 2);
    pack_member_text(&packed, "run", id);
    pack_member_boolean(&packed, "is_waiting", !has_engine);
    int code = print_json(buffer_bytes(&packed), 0);
    buffer_done(&packed);
    return code;
}

int tell_asked(const struct place *place, const char *id, bool has_engine,
               const struct asked_of_run *asked) {
    if (asked->is_json) return print_asked(id, has_engine);
    if (asked->shows_id) puts(id);
    if (!place->is_quiet && !has_engine)
        fprintf(stderr, "tend: %sno engine runs now: `tend resume %s` %s\n", asked->done, id,
                asked->then);
    return 0;
}
