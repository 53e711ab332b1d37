/* Archives: runs as JSON lines, to keep or to bring into another home. docs/reference.md has the
 * form. Numbers of runs are a home's own, so an archive names runs by their ids; values are exact
 * (exact.h), secrets stay names.
 *
 * What belongs to a run: its record, its entries, its sources and settings, signals that it hasn't
 * read, and what it was asked for (a cancel, an upgrade). State that runs share does not.
 * May use: base/, journal/, engine/record.h, entry.h, exact.h, signal.h. One thread. */
#ifndef TEND_ENGINE_ARCHIVE_H
#define TEND_ENGINE_ARCHIVE_H

#include "engine/entry.h"
#include "engine/record.h"

enum { ARCHIVE_FORMAT = 1 };

/* Takes one line at a time, its end included. */
typedef int archive_sink(void *context, struct bytes line, struct error *err);

/* Writes these runs, those that they invoked, and their past links, in the order of their numbers,
 * each after the sources and settings that it needs. *written: how many. TEND_ENOENT, TEND_EIO, …;
 * the sink's errors. */
int archive_export(struct journal *journal, const uint64_t *numbers, size_t count,
                   archive_sink *sink, void *context, size_t *written, struct error *err);
/* One run as its line. `has_parent`: with the id of the run that invoked it. */
int archive_write_run(struct journal *journal, uint64_t number, bool has_parent, struct buffer *out,
                      struct error *err);

struct archive_counts {
    size_t imported, present, bundles;
};
/* Brings all runs of an archive into a journal that the caller owns, in one commit: all or none.
 * A run that is there with the same contents is passed over. TEND_ECONFLICT: one is there with
 * others. TEND_EFORMAT: the text is no such archive; the message names the line. */
int archive_import(struct journal *journal, struct bytes text, struct archive_counts *ret,
                   struct error *err);

/* The names of entry types; NULL: it has none here. -1: no such name. */
const char *archive_type_name(enum entry_type type);
int archive_type_read(struct bytes name);

#endif
