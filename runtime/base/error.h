/* What went wrong, as a value that travels up to whoever can tell the user.
 *
 * A function that can fail returns 0 or a negative TEND_E… and fills the caller's
 * `struct error`, where the cause is known. Callers add context in front of the
 * message with error_context() and never replace it. Nothing here allocates, so an
 * error can be reported when memory is gone; a longer message is cut at the limit.
 * May use: nothing. */
#ifndef TEND_BASE_ERROR_H
#define TEND_BASE_ERROR_H

#include <stdarg.h>
#include <stddef.h>

enum tend_status {
    TEND_OK = 0,
    TEND_ENOMEM = -1,   /* an allocation failed */
    TEND_EIO = -2,      /* the operating system refused: disk, network, process */
    TEND_EFORMAT = -3,  /* bytes that are not what they should be */
    TEND_EINPUT = -4,   /* the user asked for something that can't be */
    TEND_ENOENT = -5,   /* no such run, file, module, key */
    TEND_EBUSY = -6,    /* somebody else holds it */
    TEND_ESPACE = -7,   /* no room on the disk: nothing happened, try again later */
    TEND_ECONFLICT = -8 /* exists already, with other contents */
};

enum { ERROR_MESSAGE_MAX = 1024, ERROR_KIND_MAX = 16 };

struct error {
    int status;                      /* TEND_E… */
    char kind[ERROR_KIND_MAX];       /* a kind of SEMANTICS 10 ("value", "http", …), or "" */
    char message[ERROR_MESSAGE_MAX]; /* one sentence: what, where, what to do */
};

/* Fills *err (NULL allowed) and returns `status`, so that `return error_set(…)` reads well. */
int error_set(struct error *err, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with a kind that scripts see as `err.kind`. */
int error_set_kind(struct error *err, int status, const char *kind, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Puts "context: " in front of the message. */
void error_context(struct error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The error for a failed allocation; returns TEND_ENOMEM. */
int error_no_memory(struct error *err);

#endif
