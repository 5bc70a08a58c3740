/* SPDX-License-Identifier: Apache-2.0
 * fuzz_agent_client.c - the host's half of the RPC against a guest that answers anything
 * (threats.md row 31).
 */
#include "rpc/agent_client.h"

#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(enum cl_status st)
{
    (void)st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int sv[2];
    struct cl_agent_client *c = NULL;
    struct cl_agent_info info;
    struct cl_agent_outcome o;
    if (size > 65536 || socketpair(AF_UNIX, SOCK_STREAM, 0, sv) != 0) {
        return 0;
    }
    if (write(sv[1], data, size) == (ssize_t)size && shutdown(sv[1], SHUT_WR) == 0 &&
        cl_agent_client_new(sv[0], &c, NULL) == CL_OK) {
        ignore(cl_agent_client_wait(c, 1000, &o, NULL));
        ignore(cl_agent_client_info(c, 1000, &info, NULL));
        ignore(cl_agent_client_signal(c, 15, 1000, NULL));
        cl_agent_client_free(c);
    }
    (void)close(sv[1]);
    return 0;
}
