/* The nudge socket. Its address may have 107 bytes only; a home with a longer path is reached
 * through the descriptor of its folder. */
#include "journal/nudge.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void fill_address(struct sockaddr_un *address, const char *home, int folder) {
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t room = sizeof address->sun_path;
    int size = snprintf(address->sun_path, room, "%s/nudge.sock", home);
    if (size >= 0 && (size_t)size < room) return;
    snprintf(address->sun_path, room, "/proc/self/fd/%d/nudge.sock", folder);
}

int nudge_open(struct nudge *nudge, const char *home, int folder, bool is_owner,
               struct error *err) {
    struct nudge made = {.is_owner = is_owner};
    fill_address(&made.address, home, folder);
    made.socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (made.socket < 0) return error_set(err, TEND_EIO, "nudge socket: %s", strerror(errno));
    if (is_owner) {
        unlink(made.address.sun_path); /* of an owner that was killed */
        if (bind(made.socket, (struct sockaddr *)&made.address, sizeof made.address) != 0) {
            int code = errno;
            close(made.socket);
            return error_set(err, TEND_EIO, "binding %s/nudge.sock: %s", home, strerror(code));
        }
    }
    *nudge = made;
    return 0;
}

void nudge_done(struct nudge *nudge) {
    if (nudge->socket < 0) return;
    if (nudge->is_owner) unlink(nudge->address.sun_path);
    close(nudge->socket);
    nudge->socket = -1;
}

void nudge_send(const struct nudge *nudge) {
    /* No file, nobody listening: the item waits for the next owner. Full: it was nudged enough. */
    (void)sendto(nudge->socket, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL,
                 (const struct sockaddr *)&nudge->address, sizeof nudge->address);
}

void nudge_drain(const struct nudge *nudge) {
    char byte;
    while (recv(nudge->socket, &byte, 1, MSG_DONTWAIT) >= 0 || errno == EINTR) continue;
}
