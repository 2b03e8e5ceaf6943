/* Frames and the fields in them. Nothing read is trusted: a length is checked against what is there. */

#include "launcher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
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

struct reader read_block(const void *data, size_t size)
{
    return data ? (struct reader){data, (const uint8_t *)data + size, false} : (struct reader){0};
}

struct reader read_frame(const struct buffer *frame)
{
    return frame->size ? read_block(frame->data + 1, frame->size - 1) : (struct reader){NULL, NULL, true};
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

void close_all(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
}

void be_patient(int socket)
{
    struct timeval patience = {PATIENCE, 0};
    (void)setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

static void keep_descriptors(struct msghdr *message, struct inbox *in)
{
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        size_t came = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < came; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
            if (in->count < MOST_FDS)
                in->fds[in->count++] = fd;
            else
                close(fd);
        }
    }
}

/* Receive up to `size` bytes; what recvmsg returns. */
static ssize_t receive(int socket, struct inbox *in, uint8_t *into, size_t size, bool wait)
{
    union {
        char space[CMSG_SPACE(sizeof(int) * MOST_FDS)];
        struct cmsghdr aligned;
    } control;
    struct iovec part = {into, size};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
    ssize_t done = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
    if (done >= 0)
        keep_descriptors(&message, in);
    return done;
}

enum arrival receive_some(int socket, struct inbox *in, bool wait)
{
    enum { HEAD = sizeof in->length };
    if (in->got == 0) {
        in->frame.size = 0;
        in->count = 0;
    }
    while (in->got < HEAD || in->got - HEAD < in->length) {
        bool head = in->got < HEAD;
        uint8_t *into = head ? (uint8_t *)&in->length + in->got : in->frame.data + (in->got - HEAD);
        ssize_t done = receive(socket, in, into, head ? HEAD - in->got : in->length - (in->got - HEAD), wait);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0 && errno == EAGAIN && !wait)
            return PARTLY;
        if (done <= 0)
            return OVER;
        in->got += (size_t)done;
        if (!head || in->got < HEAD)
            continue;
        if (in->length == 0 || in->length > MOST_FRAME)
            return OVER;
        if (in->frame.room < in->length) {
            in->frame.data = grown(in->frame.data, in->length);
            in->frame.room = in->length;
        }
    }
    in->frame.size = in->length;
    in->got = 0;
    return WHOLE;
}

uint8_t receive_frame(int socket, struct buffer *in, int fds[MOST_FDS], size_t *count)
{
    struct inbox inbox = {.frame = *in};
    enum arrival arrived = receive_some(socket, &inbox, true);
    *in = inbox.frame;
    *count = inbox.count;
    memcpy(fds, inbox.fds, sizeof inbox.fds);
    return arrived == WHOLE ? in->data[0] : 0;
}
