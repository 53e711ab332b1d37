/* Finding schedules and reading them again; see schedule_set.h. */
#include "engine/schedule_set.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/id.h"
#include "base/memory.h"
#include "base/text.h"

/* ---- one schedule ---- */

static struct schedule *schedule_free(struct schedule *schedule) {
    if (!schedule) return NULL;
    schedule_plan_done(&schedule->plan);
    buffer_done(&schedule->input);
    memory_free(schedule);
    return NULL;
}

static void schedules_free_all(struct schedule *first) {
    while (first) {
        struct schedule *next = first->next;
        schedule_free(first);
        first = next;
    }
}

/* The schedule's own input, with the project. */
static int pack_input(const struct value *input, const char *project, struct buffer *out,
                      struct error *err) {
    size_t opened = pack_map_open(out), count = 0;
    for (size_t i = 0; input && i < input->map.count; i++, count++) {
        pack_bytes(out, input->map.members[i].key);
        pack_value(out, &input->map.members[i].value);
    }
    if (*project && !value_get(input, "project"))
        pack_member_text(out, "project", project), count++;
    pack_close(out, opened, count);
    return buffer_check(out, err);
}

static bool is_plain(const char *text) {
    return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") ==
           strlen(text);
}

/* "monitor." or "monitor.PROJECT."; names that don't fit into an id get a hash beside them. */
static void make_prefix(struct schedule *schedule, const char *workflow) {
    const char *project = schedule->project;
    char hash[ID_HASH_TEXT], *prefix = schedule->prefix;
    snprintf(prefix, SCHEDULE_PREFIX_MAX, "%.60s.%.36s%s", workflow, project, *project ? "." : "");
    if (strlen(workflow) <= 60 && strlen(project) <= 36 && is_plain(prefix)) return;
    const struct bytes parts[] = {bytes_of(workflow), bytes_of(project)};
    id_hash(parts, 2, hash);
    snprintf(prefix, SCHEDULE_PREFIX_MAX, "%.50s.%.30s%s%.12s.", workflow, project,
             *project ? "." : "", hash);
    for (char *c = prefix; *c; c++)
        if (!is_plain((char[]){*c, '\0'})) *c = '_';
}

static void make_delay(struct schedule *schedule, const char *workflow) {
    const struct bytes parts[] = {bytes_of("jitter"), bytes_of(workflow),
                                  bytes_of(schedule->project)};
    struct id_generator generator;
    if (!schedule->plan.jitter_us) return;
    id_generator_init(&generator, parts, 3);
    schedule->delay_us =
        (int64_t)(id_generator_next(&generator) % (uint64_t)schedule->plan.jitter_us);
}

/* Puts a schedule in front of *list. */
static int add(const struct schedule_set *set, const struct schedule_file *file,
               const struct bundle *bundle, const struct value *how, const char *where,
               const char *project, struct schedule **list, struct error *err) {
    struct schedule *schedule = memory_new(sizeof *schedule);
    if (!schedule) return error_no_memory(err);
    snprintf(schedule->project, sizeof schedule->project, "%s", project);
    snprintf(schedule->name, sizeof schedule->name, "%s%s%s", bundle->name, *project ? "/" : "",
             project);
    int status = schedule_plan_read(how, where, clock_wall_us(set->clock), &schedule->plan, err);
    if (!status) status = pack_input(value_get_map(how, "input"), project, &schedule->input, err);
    if (status) {
        schedule_free(schedule);
        return status;
    }
    schedule->file = file;
    make_prefix(schedule, bundle->name);
    make_delay(schedule, bundle->name);
    schedule->next = *list;
    *list = schedule;
    return 0;
}

static bool takes_project(const struct value *definition) {
    const struct value *declared = value_get_map(definition, "input");
    for (size_t i = 0; declared && i < declared->map.count; i++)
        if (bytes_are(declared->map.members[i].key, "project")) return true;
    return false;
}

static int add_for_projects(const struct schedule_set *set, const struct schedule_file *file,
                            const struct bundle *bundle, const struct value *how, const char *where,
                            const struct value *definition, struct schedule **list,
                            struct error *err) {
    const struct value *projects = value_get_list(set->settings, "projects");
    if (!takes_project(definition) || !projects || !projects->list.count)
        return add(set, file, bundle, how, where, "", list, err);
    int status = 0;
    for (size_t i = projects->list.count; i-- > 0 && !status;) {
        char name[128];
        struct bytes project = value_get_bytes(&projects->list.items[i], "project");
        snprintf(name, sizeof name, "%.*s", (int)project.size, project.data);
        status = add(set, file, bundle, how, where, name, list, err);
    }
    return status;
}

/* What tend.lua says of the workflow, else its own file; `false`: not scheduled. */
static int read_schedules(const struct schedule_set *set, const struct schedule_file *file,
                          const struct bundle *bundle, struct schedule **list, struct error *err) {
    char where[1300];
    struct value_tree definition;
    int status = value_read(buffer_bytes(&bundle->definition), &definition, err);
    if (status) return status;
    const struct value *how = value_get(value_get_map(set->settings, "schedules"), bundle->name);
    snprintf(where, sizeof where, "tend.lua: schedules.%s", bundle->name);
    if (!how) {
        how = value_get(&definition.root, "schedule");
        snprintf(where, sizeof where, "%s: schedule", file->path);
    }
    bool is_off = !how || (how->kind == VALUE_BOOLEAN && !how->boolean);
    if (!is_off)
        status = add_for_projects(set, file, bundle, how, where, &definition.root, list, err);
    value_tree_done(&definition);
    return status;
}

/* ---- files ---- */

static void tell(const struct schedule_set *set, const char *message) {
    if (set->tell) set->tell(set->context, message);
}

static void file_free(struct schedule_file *file) {
    schedules_free_all(file->first);
    bundle_done(&file->bundle);
    memory_free(file);
}

/* Says what changed for those who watch. */
static void tell_new(const struct schedule_set *set, const struct schedule *was,
                     const struct schedule *is) {
    char message[900];
    const char *before = was ? was->plan.timing : "none", *now = is ? is->plan.timing : "none";
    if (set->is_new || strcmp(before, now) == 0) return;
    snprintf(message, sizeof message, "the schedule of %.255s was read again: %s (it was: %s)",
             is ? is->name : was->name, now, before);
    tell(set, message);
}

/* Where a changed schedule goes on, the wait for its last run goes on too. */
static void keep_positions(const struct schedule *was, struct schedule *is) {
    for (; is; is = is->next)
        for (const struct schedule *old = was; old; old = old->next)
            if (strcmp(old->name, is->name) == 0) is->position = old->position;
}

static void take_version(const struct schedule_set *set, struct schedule_file *file,
                         const struct bundle *bundle, struct schedule *list) {
    tell_new(set, file->first, list);
    keep_positions(file->first, list);
    schedules_free_all(file->first);
    bundle_done(&file->bundle);
    file->first = list;
    file->bundle = *bundle;
    file->is_good = true;
}

/* TEND_EINPUT: the schedule is wrong, at the first look only. */
static int read_file(const struct schedule_set *set, struct schedule_file *file,
                     struct error *err) {
    struct schedule *list = NULL;
    struct bundle bundle;
    char message[ERROR_MESSAGE_MAX + 64];
    file->is_good = false;
    int status = bundle_load(set->sources, file->path, &bundle, err);
    bool is_loaded = !status;
    if (is_loaded) status = read_schedules(set, file, &bundle, &list, err);
    if (!status) {
        take_version(set, file, &bundle, list);
        return 0;
    }
    schedules_free_all(list);
    if (is_loaded) bundle_done(&bundle);
    if (status == TEND_ENOMEM || (is_loaded && set->is_new)) return status;
    snprintf(message, sizeof message, "%s%s", err->message,
             file->first ? "; its last good version goes on" : "");
    tell(set, message);
    return 0;
}

static void name_of(const char *path, char *name, size_t size) {
    const char *slash = strrchr(path, '/');
    snprintf(name, size, "%s", slash ? slash + 1 : path);
    char *dot = strrchr(name, '.');
    if (dot) *dot = '\0';
}

/* The file of that path or, where it is in another folder, of that workflow. */
static struct schedule_file *find_file(const struct schedule_set *set, const char *path) {
    char wanted[256], name[256];
    name_of(path, wanted, sizeof wanted);
    for (struct schedule_file *file = set->first; file; file = file->next) {
        name_of(file->path, name, sizeof name);
        if (strcmp(name, wanted) == 0 && (file->is_seen || strcmp(file->path, path) == 0))
            return file;
    }
    return NULL;
}

static struct schedule_file *new_file(struct schedule_set *set, const char *path) {
    struct schedule_file *file = memory_new(sizeof *file), **last = &set->first;
    if (!file) return NULL;
    snprintf(file->path, sizeof file->path, "%s", path);
    while (*last) last = &(*last)->next;
    *last = file;
    return file;
}

static int look_at(struct schedule_set *set, const char *path, struct error *err) {
    struct stat stat_of;
    if (stat(path, &stat_of) || !S_ISREG(stat_of.st_mode)) return 0; /* gone meanwhile */
    struct schedule_file *file = find_file(set, path);
    if (file && file->is_seen) return 0; /* an earlier folder has this workflow */
    bool is_new = !file;
    if (is_new && !(file = new_file(set, path))) return error_no_memory(err);
    int64_t changed_ns = (int64_t)stat_of.st_mtim.tv_sec * 1000000000 + stat_of.st_mtim.tv_nsec;
    file->is_seen = true;
    if (!is_new && file->changed_ns == changed_ns && file->size_bytes == (int64_t)stat_of.st_size &&
        file->inode == (uint64_t)stat_of.st_ino)
        return 0;
    file->changed_ns = changed_ns;
    file->size_bytes = (int64_t)stat_of.st_size;
    file->inode = (uint64_t)stat_of.st_ino;
    return read_file(set, file, err);
}

static int look_at_folder(struct schedule_set *set, const char *folder, struct error *err) {
    DIR *open = opendir(folder);
    struct dirent *item;
    int status = 0;
    if (!open) return 0; /* a project without a workflows folder is fine */
    while (!status && (item = readdir(open))) {
        char path[1200];
        if (!text_has_suffix(item->d_name, ".lua") || text_has_suffix(item->d_name, "_test.lua"))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, item->d_name);
        status = look_at(set, path, err);
    }
    closedir(open);
    return status;
}

static int look_at_named(struct schedule_set *set, const char *name, struct error *err) {
    struct buffer path = BUFFER_EMPTY;
    struct error why;
    int status = bundle_find(set->sources, name, &path, &why) ? 0 : look_at(set, path.data, err);
    struct schedule_file *file = path.size ? find_file(set, path.data) : NULL;
    buffer_done(&path);
    if (status || !set->is_new || (file && file->is_good)) return status;
    return error_set(err, TEND_EINPUT,
                     "tend.lua schedules '%s', but there is no such workflow, or it "
                     "doesn't load",
                     name);
}

static int look_at_all(struct schedule_set *set, struct error *err) {
    const struct value *named = value_get_map(set->settings, "schedules");
    int status = 0;
    for (struct schedule_file *file = set->first; file; file = file->next) file->is_seen = false;
    for (const char *const *folder = set->sources->folders; folder && *folder && !status; folder++)
        status = look_at_folder(set, *folder, err);
    for (size_t i = 0; named && i < named->map.count && !status; i++) {
        char name[256];
        struct bytes key = named->map.members[i].key;
        const struct value *how = &named->map.members[i].value;
        if (how->kind == VALUE_BOOLEAN && !how->boolean) continue;
        snprintf(name, sizeof name, "%.*s", (int)key.size, key.data);
        status = look_at_named(set, name, err);
    }
    return status;
}

static void forget_unseen(struct schedule_set *set) {
    for (struct schedule_file **at = &set->first; *at;) {
        struct schedule_file *file = *at;
        if (file->is_seen) {
            at = &file->next;
            continue;
        }
        tell_new(set, file->first, NULL);
        *at = file->next;
        file_free(file);
    }
}

void schedule_set_refresh(struct schedule_set *set) {
    struct error err;
    if (look_at_all(set, &err)) tell(set, err.message);
    else forget_unseen(set);
}

int schedule_set_new(const struct sources *sources, const struct value *settings,
                     const struct clock *clock, void (*say)(void *context, const char *message),
                     void *context, struct schedule_set **ret, struct error *err) {
    struct schedule_set *set = memory_new(sizeof *set);
    if (!set) return error_no_memory(err);
    *set = (struct schedule_set){.sources = sources,
                                 .settings = settings,
                                 .clock = clock,
                                 .context = context,
                                 .tell = say,
                                 .is_new = true};
    int status = look_at_all(set, err);
    set->is_new = false;
    if (status) schedule_set_free(set);
    else *ret = set;
    return status;
}

struct schedule_set *schedule_set_free(struct schedule_set *set) {
    if (!set) return NULL;
    while (set->first) {
        struct schedule_file *next = set->first->next;
        file_free(set->first);
        set->first = next;
    }
    memory_free(set);
    return NULL;
}

/* ---- walking ---- */

static struct schedule *first_from(const struct schedule_file *file) {
    while (file && !file->first) file = file->next;
    return file ? file->first : NULL;
}

struct schedule *schedule_set_first(const struct schedule_set *set) {
    return first_from(set->first);
}

struct schedule *schedule_set_next(const struct schedule *schedule) {
    return schedule->next ? schedule->next : first_from(schedule->file->next);
}

void schedule_tick_id(const struct schedule *schedule, int64_t tick_us, char id[SCHEDULE_ID_MAX]) {
    char when[32];
    struct tm utc;
    time_t seconds = (time_t)(tick_us / 1000000);
    gmtime_r(&seconds, &utc);
    (void)strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", &utc);
    snprintf(id, SCHEDULE_ID_MAX, "%.111s%.16s", schedule->prefix, when);
}
