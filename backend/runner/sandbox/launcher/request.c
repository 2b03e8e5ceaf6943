/* The request for a run: what its frame says. */

#include "keeper.h"

#include <stdlib.h>

bool read_request(struct reader *in, struct request *request)
{
    *request = (struct request){.order = {.go = -1}};
    request->flags = read_u32(in);
    request->forker = read_u32(in);
    request->key = read_string(in);
    read_limits(in, &request->order.limits);
    request->rows = read_u32(in);
    request->columns = read_u32(in);
    request->order.argv = read_strings(in);
    request->order.envp = in->bad ? NULL : read_strings(in);
    request->order.filter = read_bytes(in);
    request->files = read_bytes(in);
    request->input = read_bytes(in);
    request->go = read_bytes(in);
    request->collected = read_u64(in);
    request->patterns = in->bad ? NULL : read_strings(in);
    return !in->bad && request->order.argv[0] != NULL;
}

void free_request(struct request *request)
{
    free_order(&request->order);
    free(request->key);
    free_strings(request->patterns);
    request->key = NULL;
    request->patterns = NULL;
}
