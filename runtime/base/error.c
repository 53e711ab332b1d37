/* Errors as values; see error.h. */
#include "base/error.h"

#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 4, 0))) static int
fill(struct error *err, int status, const char *kind, const char *format, va_list args) {
    if (!err) return status;
    err->status = status;
    snprintf(err->kind, sizeof err->kind, "%s", kind);
    vsnprintf(err->message, sizeof err->message, format, args);
    return status;
}

int error_set(struct error *err, int status, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fill(err, status, "", format, args);
    va_end(args);
    return status;
}

int error_set_kind(struct error *err, int status, const char *kind, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fill(err, status, kind, format, args);
    va_end(args);
    return status;
}

void error_context(struct error *err, const char *format, ...) {
    if (!err) return;
    char old[ERROR_MESSAGE_MAX];
    memcpy(old, err->message, sizeof old);
    va_list args;
    va_start(args, format);
    int used = vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    if (used < 0) used = 0;
    if ((size_t)used < sizeof err->message)
        snprintf(err->message + used, sizeof err->message - (size_t)used, ": %s", old);
}

int error_no_memory(struct error *err) { return error_set(err, TEND_ENOMEM, "out of memory"); }
