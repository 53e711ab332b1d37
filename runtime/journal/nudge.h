/* A tap on the owner's shoulder: a Unix datagram to `nudge.sock` in the home says that something
 * lies in the inbox. It carries nothing, and losing one loses nothing but time.
 * May be used by: journal/. May use: base/. */
#ifndef TEND_JOURNAL_NUDGE_H
#define TEND_JOURNAL_NUDGE_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/error.h"

struct nudge {
    int socket; /* -1: not open */
    bool is_owner;
    struct sockaddr_un address;
};

/* `home` is the folder's absolute path and `folder` its descriptor, which must stay open as long
 * as the nudge. The owner, who holds the owner lock, listens. TEND_EIO. */
int nudge_open(struct nudge *nudge, const char *home, int folder, bool is_owner, struct error *err);
void nudge_done(struct nudge *nudge);
/* Any thread. */
void nudge_send(const struct nudge *nudge);
/* Forgets all nudges that have come. */
void nudge_drain(const struct nudge *nudge);

#endif
