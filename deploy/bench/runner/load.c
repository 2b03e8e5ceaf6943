/* A load generator that costs little: it shares the processors with what it measures.
 *
 *   load PORT CLIENTS SECONDS REQUEST
 *
 * REQUEST is a file with a whole HTTP request whose answer has a Content-Length. Each client has a connection, sends the
 * request, waits for the whole answer, and sends it again, for SECONDS. Eight '#' in a row become a number that no other
 * request has. A client that is refused (429) waits as long as Retry-After says. Prints a line of JSON: how many answers
 * were right ("status":"ok" in a 200), how many were refusals, how many were wrong, the microseconds each right one took,
 * and the processor time of this process; exits with 1 when a connection fails. The first wrong answer goes to stderr.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER = 1 << 16, CLIENTS = 256 };

struct client {
    int socket;
    size_t have;
    double begun, resumes; /* resumes: when a client that was refused tries again, or 0 */
    char answer[ANSWER];
};

static char *request, *place; /* place: where the number goes, or NULL */
static size_t request_size;
static unsigned long number, right, refused, wrong;
static double *taken;
static size_t room;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void read_request(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file || !(request = calloc(1, 1 << 21))) fail(path);
    request_size = fread(request, 1, (1 << 21) - 1, file);
    fclose(file);
    place = strstr(request, "########");
    number = (unsigned long)time(NULL) % 1000 * 100000; /* another run's numbers are others */
}

static void send_request(struct client *client) {
    if (place) {
        char digits[16];
        snprintf(digits, sizeof digits, "%08lu", number++ % 100000000);
        memcpy(place, digits, 8);
    }
    client->have = 0;
    client->begun = now();
    if (send(client->socket, request, request_size, MSG_NOSIGNAL) != (ssize_t)request_size) fail("send");
}

static void connect_client(struct client *client, int port, int poll) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1;
    client->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->socket < 0 || connect(client->socket, (void *)&address, sizeof address)) fail("connect");
    setsockopt(client->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, client->socket, &event)) fail("epoll");
}

/* Whether the whole answer is there. */
static int complete(const struct client *client) {
    const char *body = strstr(client->answer, "\r\n\r\n");
    if (!body) return 0;
    const char *length = strcasestr(client->answer, "\r\ncontent-length:");
    if (!length || length > body) { fputs("an answer has no length\n", stderr); exit(1); }
    return client->have >= (size_t)(body + 4 - client->answer) + strtoul(length + 17, NULL, 10);
}

/* Count the answer; a client that is refused gets the time of its next try. */
static void note(struct client *client) {
    if (!strncmp(client->answer, "HTTP/1.1 429", 12)) {
        const char *seconds = strcasestr(client->answer, "\r\nretry-after:");
        client->resumes = now() + (seconds ? atof(seconds + 14) : 1);
        refused++;
        return;
    }
    int good = !strncmp(client->answer, "HTTP/1.1 200", 12) && strstr(client->answer, "\"status\":\"ok\"");
    if (!good) {
        if (!wrong++) fprintf(stderr, "the first wrong answer: %.600s\n", client->answer);
        return;
    }
    if (right == room && !(taken = realloc(taken, (room = room ? room * 2 : 4096) * sizeof *taken))) fail("memory");
    taken[right++] = now() - client->begun;
}

/* Read what came; true when the answer is whole. */
static int receive(struct client *client) {
    ssize_t got = recv(client->socket, client->answer + client->have, ANSWER - 1 - client->have, 0);
    if (got <= 0) fail("the service closed a connection");
    client->have += got;
    client->answer[client->have] = 0;
    if (client->have == ANSWER - 1) { fputs("an answer is too long\n", stderr); exit(1); }
    return complete(client);
}

static void report(double seconds) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double busy = used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    printf("{\"right\": %lu, \"refused\": %lu, \"wrong\": %lu, \"seconds\": %.6f, \"cpu_seconds\": %.6f, "
           "\"microseconds\": [", right, refused, wrong, seconds, busy);
    for (unsigned long each = 0; each < right; each++) printf("%s%.0f", each ? "," : "", taken[each] * 1e6);
    puts("]}");
}

int main(int count, char **words) {
    if (count != 5) { fputs("usage: load PORT CLIENTS SECONDS REQUEST\n", stderr); return 2; }
    static struct client clients[CLIENTS];
    int many = atoi(words[2]), poll = epoll_create1(EPOLL_CLOEXEC), waiting = many, resting = 0;
    if (many < 1 || many > CLIENTS || poll < 0) { fputs("too many clients\n", stderr); return 2; }
    read_request(words[4]);
    for (int each = 0; each < many; each++) connect_client(&clients[each], atoi(words[1]), poll);
    double begun = now(), end = begun + atof(words[3]);
    for (int each = 0; each < many; each++) send_request(&clients[each]);
    while (waiting) {
        struct epoll_event events[CLIENTS];
        int ready = epoll_wait(poll, events, CLIENTS, resting ? 10 : -1);
        if (ready < 0 && errno != EINTR) fail("epoll_wait");
        for (int each = 0; each < ready; each++) {
            struct client *client = events[each].data.ptr;
            if (!receive(client)) continue;
            note(client);
            if (now() >= end) waiting--;
            else if (client->resumes > 0) resting++;
            else send_request(client);
        }
        for (int each = 0; resting && each < many; each++) {
            struct client *client = &clients[each];
            if (client->resumes <= 0 || (now() < client->resumes && now() < end)) continue;
            client->resumes = 0;
            resting--;
            if (now() < end) send_request(client);
            else waiting--;
        }
    }
    report(now() - begun);
    return 0;
}
