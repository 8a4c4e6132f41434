/*
 * floor: the least that a server for these requests can cost. An epoll loop
 * that answers every read with one constant reply, whatever was asked.
 *
 *     floor SOCKET
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char announcement[] = "protocol\0tlsmgr_protocol\0";
static const char reply[] = "status\0" "0\0seed\0LzXoE5LzXoE5LzXoE5LzXoE5LzXoE5LzXoE5LzXog6g=\0";

static void die(const char *what)
{
    perror(what);
    exit(1);
}

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct epoll_event events[256];
    static char request[65536];

    if (argc != 2) {
        fprintf(stderr, "usage: floor SOCKET\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", argv[1]);
    unlink(address.sun_path);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 100) != 0)
        die(argv[1]);
    int poll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int ready = epoll_wait(poll, events, 256, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
                if (fd < 0)
                    continue;
                event.data.fd = fd;
                epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
                if (write(fd, announcement, sizeof announcement) < 0)
                    close(fd);
            } else if (read(fd, request, sizeof request) <= 0 || write(fd, reply, sizeof reply) < 0) {
                close(fd);
            }
        }
    }
}
