/* Frames and the fields in them. Nothing read is trusted: a length is checked against what is there. */

#include "launcher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void *grown(void *data, size_t size)
{
    void *more = realloc(data, size);
    if (more == NULL)
        abort(); /* the service makes a new slot */
    return more;
}

static const uint8_t *take(struct reader *in, size_t size)
{
    if (in->bad || (size_t)(in->end - in->at) < size) {
        in->bad = true;
        return NULL;
    }
    const uint8_t *taken = in->at;
    in->at += size;
    return taken;
}

uint8_t read_u8(struct reader *in)
{
    const uint8_t *p = take(in, 1);
    return p ? *p : 0;
}

uint32_t read_u32(struct reader *in)
{
    uint32_t value = 0;
    const uint8_t *p = take(in, sizeof value);
    if (p)
        memcpy(&value, p, sizeof value);
    return value;
}

uint64_t read_u64(struct reader *in)
{
    uint64_t value = 0;
    const uint8_t *p = take(in, sizeof value);
    if (p)
        memcpy(&value, p, sizeof value);
    return value;
}

struct bytes read_bytes(struct reader *in)
{
    size_t size = read_u32(in);
    const uint8_t *p = take(in, size);
    return p ? (struct bytes){p, size} : (struct bytes){NULL, 0};
}

char *read_string(struct reader *in)
{
    struct bytes found = read_bytes(in);
    if (in->bad || (found.size && memchr(found.data, 0, found.size))) {
        in->bad = true;
        return NULL;
    }
    char *text = grown(NULL, found.size + 1);
    if (found.size)
        memcpy(text, found.data, found.size);
    text[found.size] = 0;
    return text;
}

char **read_strings(struct reader *in)
{
    size_t count = read_u32(in);
    if (in->bad || count > (size_t)(in->end - in->at) / sizeof(uint32_t)) {
        in->bad = true;
        return NULL;
    }
    char **strings = calloc(count + 1, sizeof *strings);
    if (strings == NULL)
        abort();
    for (size_t i = 0; i < count; i++)
        if ((strings[i] = read_string(in)) == NULL) {
            free_strings(strings);
            return NULL;
        }
    return strings;
}

void free_strings(char **strings)
{
    if (strings == NULL)
        return;
    for (char **each = strings; *each; each++)
        free(*each);
    free(strings);
}

void put(struct buffer *out, const void *data, size_t size)
{
    if (out->size + size > out->room) {
        out->room = (out->size + size) * 2 + 256;
        out->data = grown(out->data, out->room);
    }
    if (size)
        memcpy(out->data + out->size, data, size);
    out->size += size;
}

void put_u8(struct buffer *out, uint8_t value) { put(out, &value, sizeof value); }
void put_u32(struct buffer *out, uint32_t value) { put(out, &value, sizeof value); }
void put_u64(struct buffer *out, uint64_t value) { put(out, &value, sizeof value); }

void put_bytes(struct buffer *out, const void *data, size_t size)
{
    put_u32(out, (uint32_t)size);
    put(out, data, size);
}

void put_strings(struct buffer *out, char *const *strings)
{
    uint32_t count = 0;
    while (strings && strings[count])
        count++;
    put_u32(out, count);
    for (uint32_t i = 0; i < count; i++)
        put_bytes(out, strings[i], strlen(strings[i]));
}

size_t begin_frame(struct buffer *out, uint8_t kind)
{
    size_t begun = out->size;
    put_u32(out, 0);
    put_u8(out, kind);
    return begun;
}

void end_frame(struct buffer *out, size_t begun)
{
    uint32_t length = (uint32_t)(out->size - begun - sizeof(uint32_t));
    memcpy(out->data + begun, &length, sizeof length);
}

bool send_frame(int socket, const struct buffer *out, const int *fds, size_t count)
{
    union {
        char space[CMSG_SPACE(sizeof(int) * MOST_FDS)];
        struct cmsghdr aligned;
    } control = {0};
    size_t sent = 0;
    while (sent < out->size) {
        struct iovec part = {out->data + sent, out->size - sent};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
        if (sent == 0 && count > 0) {
            message.msg_control = control.space;
            message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
            struct cmsghdr *header = CMSG_FIRSTHDR(&message);
            header->cmsg_level = SOL_SOCKET;
            header->cmsg_type = SCM_RIGHTS;
            header->cmsg_len = CMSG_LEN(sizeof(int) * count);
            memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
        }
        ssize_t done = sendmsg(socket, &message, MSG_NOSIGNAL);
        if (done < 0 && errno != EINTR)
            return false;
        if (done > 0)
            sent += (size_t)done;
    }
    return true;
}

/* Receive exactly `size` bytes, taking descriptors that come along. */
static bool receive_all(int socket, uint8_t *into, size_t size, int fds[MOST_FDS], size_t *count)
{
    union {
        char space[CMSG_SPACE(sizeof(int) * MOST_FDS)];
        struct cmsghdr aligned;
    } control;
    size_t got = 0;
    while (got < size) {
        struct iovec part = {into + got, size - got};
        struct msghdr message = {
            .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
        ssize_t done = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        got += (size_t)done;
        for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
            if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
                continue;
            size_t came = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            for (size_t i = 0; i < came; i++) {
                int fd;
                memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
                if (*count < MOST_FDS)
                    fds[(*count)++] = fd;
                else
                    close(fd);
            }
        }
    }
    return true;
}

uint8_t receive_frame(int socket, struct buffer *in, int fds[MOST_FDS], size_t *count)
{
    uint32_t length;
    *count = 0;
    in->size = 0;
    if (!receive_all(socket, (uint8_t *)&length, sizeof length, fds, count) || length == 0 || length > MOST_FRAME)
        return 0;
    if (in->room < length) {
        in->data = grown(in->data, length);
        in->room = length;
    }
    if (!receive_all(socket, in->data, length, fds, count))
        return 0;
    in->size = length;
    return in->data[0];
}
