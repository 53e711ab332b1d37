/* tend doctor's look into the home and the workflow folders. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/doctor.h"

static const uint64_t least_free_bytes = 256ULL << 20;
enum { FUTURE_S = 60 };

/* ---- the home ---- */

static uint64_t size_of(const char *folder) {
    DIR *items = opendir(folder);
    struct dirent *item;
    uint64_t size = 0;
    while (items && (item = readdir(items))) {
        struct stat info;
        if (fstatat(dirfd(items), item->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(info.st_mode))
            size += (uint64_t)info.st_blocks * 512;
    }
    if (items) closedir(items);
    return size;
}

static void look_at_space(struct doctor *doctor) {
    struct statvfs disk;
    const char *home = doctor->place->home;
    if (statvfs(home, &disk)) return;
    uint64_t free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    bool is_short = free_bytes < least_free_bytes;
    doctor_find(doctor, is_short ? FINDING_WARNING : FINDING_OK, "space",
                is_short ? "%s takes %.1f MiB, and only %.0f MiB are free: make room, a run waits "
                           "when the disk is full"
                         : "%s takes %.1f MiB, %.0f MiB are free",
                home, (double)size_of(home) / (1 << 20), (double)(free_bytes >> 20));
    if (disk.f_favail && disk.f_favail < 100)
        doctor_find(doctor, FINDING_WARNING, "space", "only %llu more files fit on that disk",
                    (unsigned long long)disk.f_favail);
}

struct census {
    size_t counts[RUN_STATUSES];
    char example[RUN_STATUSES][JOURNAL_ID_MAX + 1];
    int64_t newest_us;
};

static bool count_run(void *context, const struct journal_run *run) {
    struct census *census = context;
    struct record record;
    if (run->status >= RUN_STATUSES || record_read(run, &record, NULL)) return true;
    if (!census->counts[record.status]++)
        snprintf(census->example[record.status], sizeof census->example[0], "%s", record.id);
    if (record.created_at_us > census->newest_us) census->newest_us = record.created_at_us;
    return true;
}

/* Those that don't go on by themselves. */
static void look_at_runs(struct doctor *doctor, struct journal *journal) {
    static const uint32_t unfinished = 1u << RUN_PENDING | 1u << RUN_RUNNING | 1u << RUN_WAITING |
                                       1u << RUN_BLOCKED | 1u << RUN_STUCK;
    struct journal_filter filter = {.statuses = unfinished};
    struct census census = {{0}, {{0}}, 0};
    struct error err;
    if (journal_runs(journal, &filter, count_run, &census, &err)) {
        doctor_find(doctor, FINDING_WRONG, "runs", "%s", err.message);
        return;
    }
    const size_t *counts = census.counts;
    size_t going = counts[RUN_PENDING] + counts[RUN_RUNNING] + counts[RUN_WAITING];
    bool has_engine = journal_owner(journal) != 0;
    doctor_find(doctor, going && !has_engine ? FINDING_WARNING : FINDING_OK, "runs",
                going && !has_engine
                    ? "%zu unfinished, and no engine runs: `tend serve`, or `tend resume --all`"
                    : "%zu unfinished",
                going);
    for (int status = RUN_BLOCKED; status <= RUN_STUCK; status++)
        if (counts[status])
            doctor_find(doctor, FINDING_WARNING, "runs",
                        "%zu %s: a person must see to them; `tend runs --status %s` lists them, "
                        "`tend show %s` says why",
                        counts[status], run_status_name((enum run_status)status),
                        run_status_name((enum run_status)status), census.example[status]);
    int64_t ahead_us = census.newest_us - clock_wall_us(clock_system());
    if (ahead_us > FUTURE_S * 1000000LL)
        doctor_find(doctor, FINDING_WRONG, "clock",
                    "a run was accepted %.0f s from now: the clock was set back; set it right",
                    (double)ahead_us / 1e6);
}

static void look_at_journal(struct doctor *doctor) {
    struct journal *journal;
    struct error err;
    const char *home = doctor->place->home;
    int status = journal_open(home, JOURNAL_CLIENT, &journal, &err);
    if (status == TEND_ENOENT) {
        doctor_find(doctor, FINDING_OK, "journal", "none in %s yet; the first run makes it", home);
        return;
    }
    if (status) {
        doctor_find(doctor, FINDING_WRONG, "journal", "%s", err.message);
        return;
    }
    long long owner = (long long)journal_owner(journal);
    doctor_find(doctor, FINDING_OK, "journal",
                owner ? "readable, format known; process %lld owns it"
                      : "readable, format known; no process owns it now%.0lld",
                owner);
    look_at_runs(doctor, journal);
    journal_close(journal);
}

void doctor_look_at_home(struct doctor *doctor) {
    struct stat info;
    const char *home = doctor->place->home;
    if (stat(home, &info)) {
        doctor_find(doctor, errno == ENOENT ? FINDING_OK : FINDING_WRONG, "home",
                    errno == ENOENT
                        ? "%s isn't there yet; the first run makes it, and the journal in it"
                        : "%s can't be looked at; give it to this user",
                    home);
        return;
    }
    if (!S_ISDIR(info.st_mode)) {
        doctor_find(doctor, FINDING_WRONG, "home", "%s is no folder; give another --home", home);
        return;
    }
    doctor_find(doctor, info.st_mode & 077 ? FINDING_WARNING : FINDING_OK, "home",
                info.st_mode & 077 ? "others may look into %s: chmod 700 it" : "%s is private",
                home);
    look_at_space(doctor);
    look_at_journal(doctor);
}

/* ---- the workflows ---- */

static void look_at_file(struct doctor *doctor, const char *path, size_t *loaded) {
    struct sources sources = place_sources(doctor->place);
    struct bundle bundle;
    struct error err;
    if (bundle_load(&sources, path, &bundle, &err)) {
        doctor_find(doctor, FINDING_WRONG, "workflow", "%s", err.message);
        return;
    }
    bundle_done(&bundle);
    *loaded += 1;
}

static size_t look_at_folder(struct doctor *doctor, const char *folder) {
    DIR *items = opendir(folder);
    struct dirent *item;
    size_t loaded = 0;
    while (items && (item = readdir(items))) {
        char path[4096];
        if (!text_has_suffix(item->d_name, ".lua") || text_has_suffix(item->d_name, "_test.lua"))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, item->d_name);
        look_at_file(doctor, path, &loaded);
    }
    if (items) closedir(items);
    return loaded;
}

void doctor_look_at_workflows(struct doctor *doctor) {
    const struct place *place = doctor->place;
    for (size_t i = 0; i < place->folder_count; i++) {
        const char *folder = place->folders[i];
        if (access(folder, R_OK | X_OK)) {
            doctor_find(doctor, errno == ENOENT ? FINDING_WARNING : FINDING_WRONG, "workflows",
                        "%s can't be read: %s; give the right --workflows", folder,
                        strerror(errno));
            continue;
        }
        size_t loaded = look_at_folder(doctor, folder);
        doctor_find(doctor, FINDING_OK, "workflows", "%s: %zu load", folder, loaded);
    }
    bool is_shipped = place->stdlib && access(place->stdlib, R_OK) == 0;
    doctor_find(doctor, is_shipped ? FINDING_OK : FINDING_WRONG, "stdlib",
                is_shipped ? "%s" : "%s isn't there: install tend whole (make install)",
                place->stdlib ? place->stdlib : "stdlib");
}
