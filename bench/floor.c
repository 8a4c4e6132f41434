/*
 * floor: the least that a server for these requests costs, an epoll loop.
 * node-floor.mjs is the same in Node.
 *
 *     floor SOCKET    answers every read with one constant
 *     floor ...       started by master(8): remembers sessions
 */
#define _GNU_SOURCE
#include <search.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct reply {
    size_t length;
    char *bytes;
};

#define REPLY(text) {sizeof text, text}

static const char announcement[] = "protocol\0tlsmgr_protocol\0";
static const struct reply seed =
    REPLY("status\0" "0\0seed\0LzXoE5LzXoE5LzXoE5LzXoE5LzXoE5LzXoE5LzXog6g=\0");
static const struct reply policy = REPLY("status\0" "0\0cachable\0" "1\0timeout\0" "3600\0");
static const struct reply done = REPLY("status\0" "0\0");
static const struct reply unknown = REPLY("status\0" "4294967295\0session\0\0");

/* Where master(8) leaves the listening socket. */
static const int master_listener = 6;

/* Replies that are remembered at most. */
static const size_t most_replies = 1000000;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    unlink(address.sun_path);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 100) != 0)
        die(path);
    return listener;
}

static char *next(char *string)
{
    return string + strlen(string) + 1;
}

static const struct reply *answer(char *request)
{
    char *type = next(request);
    char *id = next(next(next(next(type))));

    if (strcmp(type, "seed") == 0)
        return &seed;
    if (strcmp(type, "policy") == 0)
        return &policy;
    if (strcmp(type, "lookup") == 0) {
        ENTRY *found = hsearch((ENTRY){.key = id}, FIND);
        return found == NULL ? &unknown : found->data;
    }
    if (strcmp(type, "update") == 0) {
        static const char head[] = "status\0" "0\0session";
        char *session = next(next(id));
        struct reply *reply = malloc(sizeof *reply);
        /* The session and the list end with a NUL each. */
        reply->length = sizeof head + strlen(session) + 2;
        reply->bytes = calloc(1, reply->length);
        memcpy(reply->bytes, head, sizeof head);
        strcpy(reply->bytes + sizeof head, session);
        ENTRY *kept = hsearch((ENTRY){.key = strdup(id), .data = reply}, ENTER);
        if (kept != NULL)
            kept->data = reply;
        return &done;
    }
    return &unknown;
}

int main(int argc, char **argv)
{
    struct epoll_event events[256];
    static char request[65536];

    if (argc < 2) {
        fprintf(stderr, "usage: floor SOCKET\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    int constant = argv[1][0] == '/';
    int listener = constant ? listen_at(argv[1]) : master_listener;
    if (!constant && hcreate(most_replies) == 0)
        die("hcreate");
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
                continue;
            }
            if (read(fd, request, sizeof request - 1) <= 0) {
                close(fd);
                continue;
            }
            const struct reply *reply = constant ? &seed : answer(request);
            if (write(fd, reply->bytes, reply->length) < 0)
                close(fd);
        }
    }
}
