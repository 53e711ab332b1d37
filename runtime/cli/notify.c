/* The word to a service manager that asked for it (systemd's Type=notify): one datagram to the
 * socket that the environment names. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/command.h"

void notify(const char *state) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = path ? strlen(path) : 0;
    if (size < 2 || size >= sizeof address.sun_path || !strchr("/@", *path)) return;
    memcpy(address.sun_path, path, size);
    if (*path == '@') address.sun_path[0] = '\0'; /* a name that is no file */
    int socket_of = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket_of < 0) return;
    (void)sendto(socket_of, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size));
    close(socket_of);
}
