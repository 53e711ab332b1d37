/* Bundles: the exact sources that a run is pinned to, content-addressed. Closed at acceptance: the
 * workflow file and every module that its top level loads or a constant `require` reaches, looked
 * up beside the workflow, in the project's workflow folders and in stdlib. May use: base/,
 * lua/isolate.h. Reads files. */
#ifndef TEND_ENGINE_BUNDLE_H
#define TEND_ENGINE_BUNDLE_H

#include "base/value.h"
#include "engine/record.h"

struct sources {
    const char *const *folders; /* the project's workflow folders, NULL-terminated */
    const char *shipped;        /* tend's own workflows */
    const char *stdlib;
    struct watchdog *watchdog; /* of what a file's top level does; NULL: nobody's */
};

struct bundle {
    char name[256]; /* the workflow's */
    char file[1024];
    char hash[65];
    struct buffer contents;   /* packed {main, file, source, modules = {name = {file, source}}} */
    struct buffer definition; /* packed: what the workflow's table says beside its functions */
};

/* `target`: a path to a .lua file, or a workflow's name. TEND_ENOENT: no such workflow (the message
 * says where it was looked for). TEND_EINPUT: it doesn't compile or is no workflow. */
int bundle_load(const struct sources *sources, const char *target, struct bundle *ret,
                struct error *err);
/* The same of a test file: a bundle whose workflow is what stdlib's "test" makes of it, to be
 * opened with isolate_options.is_test. Its definition lists the cases: {cases = [{name, at}]}. */
int bundle_load_test(const struct sources *sources, const char *file, struct bundle *ret,
                     struct error *err);
/* A module that a workflow's bundle hasn't, as it is now: appends its path and its text.
 * TEND_ENOENT: there is none. TEND_EIO: it can't be read. TEND_ENOMEM. */
int bundle_module(const struct sources *sources, struct bytes workflow, struct bytes name,
                  struct buffer *file, struct buffer *source, struct error *err);
/* Opens contents that were closed elsewhere. TEND_EFORMAT, TEND_EINPUT. */
int bundle_open(struct bytes contents, struct bundle *ret, struct error *err);
/* The sources of a run's workflow as they are now: by the path that its own were closed at, else by
 * its name; those that it has, if the file is gone. TEND_EINPUT: they don't load. */
int bundle_current(const struct sources *sources, struct journal *journal,
                   const struct record *record, struct bundle *ret, struct error *err);
/* The key of the workflow's `concurrency` for a run with this input; as isolate_slot(). */
int bundle_slot(const struct bundle *bundle, struct watchdog *watchdog, struct bytes input,
                struct buffer *key, struct error *err);
void bundle_done(struct bundle *bundle);
/* The file of a target: appends its path. TEND_ENOENT. */
int bundle_find(const struct sources *sources, const char *target, struct buffer *path,
                struct error *err);

#endif
