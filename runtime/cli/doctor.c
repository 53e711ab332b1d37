/* tend doctor: is everything that a run needs as it should be? Each finding says what to do. */
#include "cli/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/glyph.h"
#include "cli/libraries.h"
#include "cli/tree.h"
#include "engine/settings.h"

static const int64_t slow_sync_us = 20000, sync_budget_us = 200000;
/* No clock that is right shows a time before this program was written. */
static const int64_t least_wall_us = 1735689600000000; /* 2025 */

/* ---- findings ---- */

void doctor_find(struct doctor *doctor, enum finding_state state, const char *what,
                 const char *format, ...) {
    va_list args;
    if (doctor->count == FINDINGS_MAX) return;
    struct finding *finding = &doctor->findings[doctor->count++];
    finding->state = state;
    finding->what = what;
    va_start(args, format);
    vsnprintf(finding->message, sizeof finding->message, format, args);
    va_end(args);
}

/* ---- the machine ---- */

static void look_at_libraries(struct doctor *doctor) {
    struct library list[LIBRARIES_MAX];
    size_t count = libraries_list(list);
    struct buffer text = BUFFER_EMPTY;
    bool is_whole = true;
    for (size_t i = 0; i < count; i++) {
        if (!list[i].version[0]) is_whole = false;
        buffer_add_format(&text, "%s%s %s", i ? ", " : "", list[i].name,
                          list[i].version[0] ? list[i].version : "(not there)");
    }
    doctor_find(doctor, is_whole ? FINDING_OK : FINDING_WRONG, "libraries",
                is_whole ? "%s" : "%s; install the Debian package of the one that isn't there",
                text.data ? text.data : "");
    buffer_done(&text);
}

static void look_at_clock(struct doctor *doctor) {
    struct timex timex = {0};
    char when[CLOCK_TEXT_MAX];
    int64_t now_us = clock_wall_us(clock_system());
    clock_format(now_us, when);
    if (now_us < least_wall_us)
        doctor_find(doctor, FINDING_WRONG, "clock", "it says %s: set it, timers go by it", when);
    else if (adjtimex(&timex) == TIME_ERROR)
        doctor_find(doctor, FINDING_OK, "clock",
                    "%s; nothing here says that it is kept in time (NTP); see to it where "
                    "schedules matter",
                    when);
    else doctor_find(doctor, FINDING_OK, "clock", "%s, kept in time", when);
}

static void look_at_limits(struct doctor *doctor) {
    struct rlimit files, space;
    if (getrlimit(RLIMIT_NOFILE, &files) || getrlimit(RLIMIT_AS, &space)) return;
    doctor_find(doctor, files.rlim_cur < 1024 ? FINDING_WARNING : FINDING_OK, "files",
                files.rlim_cur < 1024
                    ? "only %llu open files are allowed; raise it: ulimit -n 4096, or LimitNOFILE "
                      "in the service's unit"
                    : "%llu open files are allowed",
                (unsigned long long)files.rlim_cur);
    if (space.rlim_cur != RLIM_INFINITY)
        doctor_find(doctor, FINDING_WARNING, "address space",
                    "limited to %llu MiB, and with it the journal's size; lift it: ulimit -v "
                    "unlimited",
                    (unsigned long long)space.rlim_cur >> 20);
}

/* How long a write of one page takes to be safe, as the journal's do: the median of a few. */
static int by_size(const void *a, const void *b) {
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

static int64_t measure_sync(int descriptor) {
    int64_t took_us[64], began_us = clock_monotonic_us(clock_system());
    size_t count = 0;
    char page[4096] = {0};
    while (count < 64 && clock_monotonic_us(clock_system()) - began_us < sync_budget_us) {
        int64_t from_us = clock_monotonic_us(clock_system());
        if (pwrite(descriptor, page, sizeof page, 0) != sizeof page || fdatasync(descriptor))
            return -1;
        took_us[count++] = clock_monotonic_us(clock_system()) - from_us;
    }
    qsort(took_us, count, sizeof *took_us, by_size);
    return count ? took_us[count / 2] : -1;
}

static void look_at_disk(struct doctor *doctor) {
    char path[1200];
    const char *home = doctor->place->home;
    struct stat info;
    bool has_home = stat(home, &info) == 0;
    snprintf(path, sizeof path, "%.1000s/doctor-XXXXXX", has_home ? home : ".");
    int descriptor = mkstemp(path);
    if (descriptor < 0) {
        doctor_find(doctor, FINDING_WRONG, "disk", "%s can't be written: %s; give it to this user",
                    has_home ? home : "the folder of the home", strerror(errno));
        return;
    }
    unlink(path);
    int64_t us = measure_sync(descriptor);
    close(descriptor);
    if (us < 0)
        doctor_find(doctor, FINDING_WRONG, "disk", "a write could not be made durable: %s",
                    strerror(errno));
    else
        doctor_find(doctor, us > slow_sync_us ? FINDING_WARNING : FINDING_OK, "disk",
                    us > slow_sync_us ? "a durable write takes %.1f ms (%.0f a second): steps with "
                                        "effects can't be faster; put the home on a faster disk"
                                      : "a durable write takes %.2f ms (%.0f a second)",
                    (double)us / 1e3, 1e6 / (double)(us ? us : 1));
}

/* ---- what is written down ---- */

static void look_at_config(struct doctor *doctor) {
    struct buffer settings = BUFFER_EMPTY;
    struct value_tree tree = {0};
    struct limits limits;
    struct error err;
    const char *config = doctor->place->config;
    char *home = realpath(doctor->place->home, NULL);
    int status = settings_read(config, home ? home : doctor->place->home, &settings, &err);
    if (!status) status = value_read(buffer_bytes(&settings), &tree, &err);
    bool is_read = status == 0;
    if (is_read) status = limits_read(value_get(&tree.root, "limits"), NULL, &limits, &err);
    if (is_read && status && config) error_context(&err, "%s", config);
    if (status) doctor_find(doctor, FINDING_WRONG, "config", "%s; correct it", err.message);
    else if (config) doctor_find(doctor, FINDING_OK, "config", "%s is read without errors", config);
    else doctor_find(doctor, FINDING_OK, "config", "no tend.lua; the defaults hold");
    free(home);
    value_tree_done(&tree);
    buffer_done(&settings);
}

/* Names only: what they hold is nobody's business. */
static void look_at_settings(struct doctor *doctor) {
    static const char *const names[] = {"RAILWAY_API_URL",        "RAILWAY_TOKEN",
                                        "RAILWAY_API_TOKEN",      "RAILWAY_PROJECT_ID",
                                        "RAILWAY_ENVIRONMENT_ID", "RAILWAY_ENVIRONMENT_NAME",
                                        "RAILWAY_SERVICE_ID",     "OPENAI_BASE_URL",
                                        "OPENAI_API_KEY",         "ANTHROPIC_BASE_URL",
                                        "ANTHROPIC_API_KEY",      "TEND_MODEL",
                                        "OPENCODE_BASE_URL",      "OPENCODE_SERVER_PASSWORD",
                                        "TEND_AGENT_MODEL",       "TEND_WORKSPACE",
                                        "GITHUB_API_URL",         "GITHUB_TOKEN",
                                        "GITHUB_GIT_URL",         "TEND_API_TOKEN"};
    struct buffer set = BUFFER_EMPTY;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value && *value) buffer_add_format(&set, " %s", names[i]);
    }
    doctor_find(doctor, FINDING_OK, "settings",
                set.size ? "set in the environment:%s" : "none is set in the environment%s",
                set.size ? set.data : "");
    buffer_done(&set);
}

/* ---- telling ---- */

static const char *state_name(enum finding_state state) {
    return state == FINDING_OK ? "ok" : state == FINDING_WARNING ? "warning" : "wrong";
}

static int print_all(const struct doctor *doctor, bool is_fine) {
    struct buffer packed = BUFFER_EMPTY;
    pack_map(&packed, 3);
    pack_member_text(&packed, "version", TEND_VERSION);
    pack_member_boolean(&packed, "ok", is_fine);
    pack_text(&packed, "findings");
    pack_list(&packed, doctor->count);
    for (size_t i = 0; i < doctor->count; i++) {
        pack_map(&packed, 3);
        pack_member_text(&packed, "what", doctor->findings[i].what);
        pack_member_text(&packed, "state", state_name(doctor->findings[i].state));
        pack_member_text(&packed, "message", doctor->findings[i].message);
    }
    int code = print_json(buffer_bytes(&packed), 0);
    buffer_done(&packed);
    return code;
}

static void print_plain(const struct doctor *doctor) {
    static const char *const tones[] = {"completed", "waiting", "failed"};
    bool has_colours = glyph_has_colours(STDOUT_FILENO);
    for (size_t i = 0; i < doctor->count; i++) {
        const struct finding *finding = &doctor->findings[i];
        printf("%s%-7s%s  %-13s  ", has_colours ? glyph_tone(tones[finding->state]) : "",
               state_name(finding->state), has_colours ? glyph_tone("") : "", finding->what);
        struct buffer text = BUFFER_EMPTY, safe = BUFFER_EMPTY;
        glyph_add(&safe, bytes_of(finding->message), true);
        if (safe.data) command_wrap(&text, safe.data, 24, 24);
        if (text.data) fputs(text.data, stdout);
        buffer_done(&text);
        buffer_done(&safe);
    }
}

static int diagnose(const struct place *place, bool is_json) {
    struct doctor doctor = {.place = place};
    bool is_fine = true;
    look_at_libraries(&doctor);
    look_at_clock(&doctor);
    look_at_limits(&doctor);
    look_at_disk(&doctor);
    doctor_look_at_home(&doctor);
    look_at_config(&doctor);
    doctor_look_at_workflows(&doctor);
    look_at_settings(&doctor);
    for (size_t i = 0; i < doctor.count; i++)
        is_fine = is_fine && doctor.findings[i].state != FINDING_WRONG;
    int code = is_json ? print_all(&doctor, is_fine) : (print_plain(&doctor), 0);
    return code ? code : is_fine ? 0 : EXIT_FAILED;
}

static int run(int argc, char **argv) {
    struct place place;
    bool is_json = false;
    int code = command_options(&command_doctor, &place, argc, argv, command_take_flag, &is_json);
    if (code) return code < 0 ? 0 : code;
    if (optind != argc) return misuse(&command_doctor, "it takes options only");
    place_settle(&place);
    code = diagnose(&place, is_json);
    place_done(&place);
    return code;
}

static const struct command_option options[] = {{'j', "json", NULL,
                                                 "One object: version, ok, and findings, a list of "
                                                 "{what, state, message}; state is ok, warning "
                                                 "or wrong."},
                                                {0}};

const struct command command_doctor = {
    "doctor",
    "look for what keeps runs from working",
    run,
    "Looks at what runs need: the libraries, the clock, the limits of open files, how fast the "
    "disk "
    "makes a write durable, the home and its journal, tend.lua, the workflow files, and which "
    "settings are set (their names). It changes nothing, and doesn't go to the network. Each "
    "finding "
    "says what to do.",
    options,
    "",
    "0 nothing is wrong (there may be warnings), 1 something is"};
