/* SPDX-License-Identifier: Apache-2.0
 * fuzz_pod_calls.c - calls of the pod service from a host that sends anything, before the agent has
 * decided what it serves: all of them are decoded and kept, and each gets an answer in the end.
 */
#include "pod.h"
#include "rpc/ttrpc_server.h"

#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(enum cl_status st)
{
    (void)st;
}

static enum cl_status dial(void *ctx, uint32_t port, bool patient, int *ret_fd, struct cl_err *err)
{
    (void)ctx;
    (void)port;
    (void)patient;
    (void)ret_fd;
    return cl_err_set(err, CL_ERR_UNAVAILABLE, "no host");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct agent_pod_config config = {.dial = dial, .dir = "/nowhere", .crun = "/nowhere"};
    struct agent_pod *p = NULL;
    struct cl_ttrpc_server *t = NULL;
    int sv[2];
    if (size > 65536 || socketpair(AF_UNIX, SOCK_STREAM, 0, sv) != 0) {
        return 0;
    }
    if (write(sv[1], data, size) == (ssize_t)size && shutdown(sv[1], SHUT_WR) == 0 &&
        agent_pod_new(&config, &p, NULL) == CL_OK) {
        const struct cl_ttrpc_service service = agent_pod_service(p);
        if (cl_ttrpc_server_new(sv[0], &service, 1, &t, NULL) == CL_OK) {
            ignore(cl_ttrpc_server_run(t, NULL));
            agent_pod_refuse(p, CL_TTRPC_FAILED_PRECONDITION, "no pods here");
        }
        cl_ttrpc_server_free(t);
        agent_pod_free(p);
    }
    (void)close(sv[1]);
    return 0;
}
