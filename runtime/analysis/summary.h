/* A service's figures as a person and the report read them: services[] of judge.h's output. They
 * cover the whole window, also the buckets that aren't judged.
 * May use: base/, analysis/{slice,rules}.h. One thread. */
#ifndef TEND_ANALYSIS_SUMMARY_H
#define TEND_ANALYSIS_SUMMARY_H

#include "analysis/slice.h"

/* Appends one packed map {name, id, metrics}. TEND_ENOMEM. */
int summary_pack(const struct slice *slice, struct buffer *out, struct error *err);

#endif
