/*
 * load: a closed-loop load generator for a tlsmgr socket.
 *
 *     load SOCKET OPERATION CONNECTIONS REQUESTS IDS SESSION_BYTES [no-announcement]
 *
 * OPERATION: seed policy tktkey lookup miss update fill mix connect
 *   fill     update of each id once, in turn
 *   miss     lookup of an id that is never stored
 *   mix      what captured handshakes of a mail server ask: 45 % seed, 25 %
 *            update, 17 % lookup, 5 % miss, 5 % policy, 3 % tktkey
 *   connect  connect, announcement, one policy request, close; one at a time
 *
 * Each connection has one request under way. Prints one line of JSON: requests,
 * seconds, latencies in microseconds, replies by status, and the processor time
 * of this program itself (its headroom: far below the seconds it ran).
 * All requests are encoded before the clock starts.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum operation { SEED, POLICY, TKTKEY, LOOKUP, MISS, UPDATE, FILL, MIX, CONNECT, OPERATIONS };

static const char *const operation_names[OPERATIONS] = {
    "seed", "policy", "tktkey", "lookup", "miss", "update", "fill", "mix", "connect"};

struct request {
    char *bytes;
    size_t length;
};

struct connection {
    int fd;
    char *reply;
    size_t length;
    uint64_t started;
};

static struct sockaddr_un address = {.sun_family = AF_UNIX};
static struct request *requests[OPERATIONS];
static int ids, session_bytes, announcement = 1;
static size_t reply_size;
static long by_status[3];

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* xorshift: the same sequence in every run. */
static uint32_t next_random(void)
{
    static uint32_t state = 2463534242u;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static void append(struct request *request, const char *text)
{
    size_t length = strlen(text) + 1;
    request->bytes = realloc(request->bytes, request->length + length + 1);
    memcpy(request->bytes + request->length, text, length);
    request->length += length;
    request->bytes[request->length] = 0;
}

static struct request begin(const char *name)
{
    struct request request = {0};
    append(&request, "request");
    append(&request, name);
    return request;
}

static struct request about_session(const char *name, char kind, int number)
{
    char id[160];
    struct request request = begin(name);
    snprintf(id, sizeof id, "%c%07X%08X%08X%08X%08X%08X%08X%08X&s=smtp&l=805306720", kind, number,
             number * 7u, number * 13u, number * 31u, number, number * 3u, number * 17u, number);
    append(&request, "cache_type");
    append(&request, "smtpd");
    append(&request, "cache_id");
    append(&request, id);
    return request;
}

/* The final NUL of a list stands behind the last append(). */
static void finish(enum operation operation, int index, struct request request)
{
    request.length += 1;
    requests[operation][index] = request;
}

static void encode_requests(void)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t length = (size_t)(session_bytes + 2) / 3 * 4;
    char *session = malloc(length + 1);
    for (size_t i = 0; i < length; i++)
        session[i] = alphabet[next_random() % 64];
    if (session_bytes % 3 == 1)
        memcpy(session + length - 3, "A==", 3);
    else if (session_bytes % 3 == 2)
        memcpy(session + length - 2, "A=", 2);
    session[length] = 0;
    for (int operation = 0; operation < OPERATIONS; operation++)
        requests[operation] = calloc((size_t)ids, sizeof(struct request));
    for (int i = 0; i < ids; i++) {
        struct request request = begin("seed");
        append(&request, "size");
        append(&request, "32");
        finish(SEED, i, request);
        request = begin("policy");
        append(&request, "cache_type");
        append(&request, "smtpd");
        finish(POLICY, i, request);
        request = begin("tktkey");
        append(&request, "keyname");
        append(&request, "");
        finish(TKTKEY, i, request);
        finish(LOOKUP, i, about_session("lookup", 'A', i));
        finish(MISS, i, about_session("lookup", 'Z', i));
        request = about_session("update", 'A', i);
        append(&request, "session");
        append(&request, session);
        finish(UPDATE, i, request);
    }
    free(session);
}

static const struct request *pick(enum operation operation)
{
    static uint32_t filled;
    if (operation == FILL)
        return &requests[UPDATE][filled++ % (uint32_t)ids];
    if (operation == MIX) {
        uint32_t percent = next_random() % 100;
        operation = percent < 45 ? SEED
                    : percent < 70 ? UPDATE
                    : percent < 87 ? LOOKUP
                    : percent < 92 ? MISS
                    : percent < 97 ? POLICY
                                   : TKTKEY;
    }
    return &requests[operation][next_random() % (uint32_t)ids];
}

/* Whether a list is complete; notes its status. */
static int complete(const char *bytes, size_t length)
{
    if (length < 2 || bytes[length - 1] != 0 || bytes[length - 2] != 0)
        return 0;
    const char *at = bytes, *end = bytes + length;
    int status = 2;
    while (at < end && *at != 0) {
        const char *value = memchr(at, 0, (size_t)(end - at));
        if (value == NULL || ++value >= end)
            return 0;
        const char *next = memchr(value, 0, (size_t)(end - value));
        if (next == NULL)
            return 0;
        if (strcmp(at, "status") == 0)
            status = *value == '0' ? 0 : strcmp(value, "4294967295") == 0 ? 1 : 2;
        at = next + 1;
    }
    if (at >= end)
        return 0;
    by_status[status] += 1;
    return 1;
}

static int dial(void)
{
    for (int tries = 0;; tries++) {
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
            return fd;
        if (errno != EAGAIN || tries > 1000)
            die("connect");
        close(fd);
        usleep(1000);
    }
}

/* Reads one list, blocking. */
static void read_list(struct connection *connection)
{
    connection->length = 0;
    do {
        ssize_t got = read(connection->fd, connection->reply + connection->length,
                           reply_size - connection->length);
        if (got <= 0)
            die("read");
        connection->length += (size_t)got;
    } while (!complete(connection->reply, connection->length));
}

static void open_connection(struct connection *connection)
{
    connection->fd = dial();
    if (announcement)
        read_list(connection);
}

static void ask(struct connection *connection, const struct request *request)
{
    connection->length = 0;
    connection->started = now();
    if (write(connection->fd, request->bytes, request->length) != (ssize_t)request->length)
        die("write");
}

static void run_connect(uint64_t *latencies, long total)
{
    struct connection connection = {.reply = malloc(reply_size)};
    for (long i = 0; i < total; i++) {
        uint64_t started = now();
        open_connection(&connection);
        ask(&connection, &requests[POLICY][0]);
        read_list(&connection);
        close(connection.fd);
        latencies[i] = now() - started;
    }
}

/* One connection: plain reads and writes, no epoll between. */
static void run_single(enum operation operation, uint64_t *latencies, long total)
{
    struct connection connection = {.reply = malloc(reply_size)};
    open_connection(&connection);
    for (long i = 0; i < total; i++) {
        ask(&connection, pick(operation));
        read_list(&connection);
        latencies[i] = now() - connection.started;
    }
}

static void run_many(enum operation operation, uint64_t *latencies, long total, int count)
{
    struct connection *connections = calloc((size_t)count, sizeof *connections);
    int poll = epoll_create1(0);
    struct epoll_event events[256];
    long asked = 0, done = 0;

    for (int i = 0; i < count; i++) {
        struct connection *connection = &connections[i];
        connection->reply = malloc(reply_size);
        open_connection(connection);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
        if (epoll_ctl(poll, EPOLL_CTL_ADD, connection->fd, &event) != 0)
            die("epoll_ctl");
    }
    for (int i = 0; i < count && asked < total; i++, asked++)
        ask(&connections[i], pick(operation));
    while (done < total) {
        int ready = epoll_wait(poll, events, 256, 30000);
        if (ready <= 0)
            die("epoll_wait");
        for (int i = 0; i < ready; i++) {
            struct connection *connection = events[i].data.ptr;
            ssize_t got = read(connection->fd, connection->reply + connection->length,
                               reply_size - connection->length);
            if (got <= 0)
                die("read");
            connection->length += (size_t)got;
            if (!complete(connection->reply, connection->length))
                continue;
            latencies[done++] = now() - connection->started;
            if (asked < total) {
                asked++;
                ask(connection, pick(operation));
            }
        }
    }
}

static int ascending(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

int main(int argc, char **argv)
{
    if (argc < 7) {
        fprintf(stderr, "usage: load SOCKET OPERATION CONNECTIONS REQUESTS IDS SESSION_BYTES "
                        "[no-announcement]\n");
        return 2;
    }
    snprintf(address.sun_path, sizeof address.sun_path, "%s", argv[1]);
    int operation = 0;
    while (operation < OPERATIONS && strcmp(argv[2], operation_names[operation]) != 0)
        operation++;
    int count = atoi(argv[3]);
    long total = atol(argv[4]);
    ids = atoi(argv[5]);
    session_bytes = atoi(argv[6]);
    announcement = argc < 8;
    if (operation == OPERATIONS || count < 1 || total < 1 || ids < 1 || session_bytes < 0) {
        fprintf(stderr, "load: bad argument\n");
        return 2;
    }
    reply_size = (size_t)session_bytes * 2 + 4096;
    encode_requests();
    uint64_t *latencies = calloc((size_t)total, sizeof *latencies);

    uint64_t started = now();
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    if (operation == CONNECT)
        run_connect(latencies, total);
    else if (count == 1)
        run_single(operation, latencies, total);
    else
        run_many(operation, latencies, total, count);
    double seconds = (double)(now() - started) / 1e9;
    getrusage(RUSAGE_SELF, &after);

    double own = (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec) +
                 (double)(after.ru_stime.tv_sec - before.ru_stime.tv_sec) +
                 (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec) / 1e6 +
                 (double)(after.ru_stime.tv_usec - before.ru_stime.tv_usec) / 1e6;
    /* Announcements have no status: they are counted with the third kind. */
    long greetings = !announcement ? 0 : operation == CONNECT ? total : count;
    qsort(latencies, (size_t)total, sizeof *latencies, ascending);
    printf("{\"requests\":%ld,\"seconds\":%.6f,\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f,"
           "\"ok\":%ld,\"error\":%ld,\"fail\":%ld,\"ownSeconds\":%.6f}\n",
           total, seconds, (double)latencies[total / 2] / 1e3,
           (double)latencies[(long)((double)total * 0.99)] / 1e3, (double)latencies[total - 1] / 1e3,
           by_status[0], by_status[1], by_status[2] - greetings, own);
    return 0;
}
