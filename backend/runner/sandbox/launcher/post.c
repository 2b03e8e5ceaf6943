/* What the keeper tells the service: frames that wait until the socket takes them. */

#define _GNU_SOURCE
#include "keeper.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

bool flush_outgoing(struct keeper *keeper, bool wait)
{
    struct buffer *out = &keeper->outgoing;
    while (keeper->sent < out->size) {
        ssize_t done = send(keeper->service, out->data + keeper->sent, out->size - keeper->sent,
                            MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return errno == EAGAIN;
        keeper->sent += (size_t)done;
    }
    keeper->sent = out->size = 0;
    return true;
}

void tell_text(struct keeper *keeper, uint8_t kind, const char *text)
{
    size_t begun = begin_frame(&keeper->outgoing, kind);
    put_bytes(&keeper->outgoing, text, strlen(text));
    end_frame(&keeper->outgoing, begun);
}

void tell_failure(struct keeper *keeper, const char *message)
{
    tell_text(keeper, 'f', message);
    (void)flush_outgoing(keeper, true);
}
