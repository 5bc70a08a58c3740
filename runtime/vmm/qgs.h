/* SPDX-License-Identifier: Apache-2.0
 * qgs.h - a client of Intel's quote generation service: a TDREPORT goes there, a quote comes back.
 * The jail cannot reach the service; a process outside of it connects, and passes the socket in.
 * Trust: what the service answers is checked; the guest's TDREPORT is not looked into.
 * Threads: one exchange at a time for each dialer. Memory: the caller's. Spec: tdx.md c ("QGS
 * message").
 */
#ifndef VMM_QGS_H
#define VMM_QGS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#define VMM_QGS_REPORT_SIZE 1024u
#define VMM_QGS_REQUEST_SIZE (4u + 16u + 8u + VMM_QGS_REPORT_SIZE)
#define VMM_QGS_MESSAGE_MAX (128u << 10) /* bytes of an answer; docs/limits.md */
#define VMM_QGS_VSOCK_PORT 4050u         /* of the host, CID 2 */

/* The request with its length before it. */
void vmm_qgs_request(uint8_t ret[static VMM_QGS_REQUEST_SIZE],
                     const uint8_t report[static VMM_QGS_REPORT_SIZE]);

/* Parses an answer without the length before it. *ret_quote points into data. CL_ERR_TRUNCATED,
 * CL_ERR_MALFORMED; CL_ERR_UNSUPPORTED for another version; CL_ERR_REJECTED when the service says
 * no. */
CL_NODISCARD enum cl_status vmm_qgs_response(const uint8_t *data, size_t len,
                                             const uint8_t **ret_quote, size_t *ret_size,
                                             struct cl_err *err);

struct vmm_qgs {
    int dial_fd;          /* of vmm_dialer_start(); borrowed */
    int stop_fd;          /* readable: give up; borrowed */
    uint32_t number;      /* of the last connection asked for */
    uint64_t deadline_us; /* CLOCK_MONOTONIC; for the next exchange */
};

/* One quote. buffer: VMM_QGS_MESSAGE_MAX bytes, into which *ret_quote points. CL_ERR_UNAVAILABLE
 * when the service cannot be reached; errors of vmm_qgs_response(); CL_ERR_SYS for what broke or
 * took too long. */
CL_NODISCARD enum cl_status vmm_qgs_exchange(struct vmm_qgs *q,
                                             const uint8_t report[static VMM_QGS_REPORT_SIZE],
                                             uint8_t *buffer, const uint8_t **ret_quote,
                                             size_t *ret_size, struct cl_err *err);

/* ---- qgs_dial.c: the process outside ---- */

struct vmm_qgs_address {
    union {
        struct sockaddr any;
        struct sockaddr_un un;
        uint8_t room[sizeof(struct sockaddr_storage)];
    } to;
    socklen_t size;
};

/* "vsock", or the absolute path of a Unix socket. CL_ERR_MALFORMED. */
CL_NODISCARD enum cl_status vmm_qgs_address_parse(const char *text, struct vmm_qgs_address *ret_a,
                                                  struct cl_err *err);

/* Between the two, over SOCK_SEQPACKET: a number, which comes back with a connected socket
 * (SCM_RIGHTS, non-blocking), or with the error. */
struct vmm_dial {
    uint32_t number;
    int32_t error; /* errno value; 0 in a request */
};

/* Connects whenever fd asks for it; returns when the other end is gone. */
void vmm_dialer_serve(int fd, const struct vmm_qgs_address *a);
/* Starts that as a process of its own, which has nothing else open and ends with us. Call it before
 * anything is opened, and before there are threads. jailed: with a system-call filter. */
CL_NODISCARD enum cl_status vmm_dialer_start(const struct vmm_qgs_address *a, bool jailed,
                                             int *ret_fd, struct cl_err *err);

#endif
