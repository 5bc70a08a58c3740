/* SPDX-License-Identifier: Apache-2.0
 * serve.h - what the host serves to one guest over vsock (docs/interfaces.md I-4): the agent's
 * connection, blobs, the relay to the broker, the streams of its processes, forwarded ports.
 * Trust: the guest is hostile. Which blobs and which streams it gets is for the owner's callbacks
 * to say, each time it asks; the broker is the one that operator and initdata both name. Threads:
 * the loop's; names are resolved and dialled in detached threads that share nothing with it but a
 * message. Memory: at most HOST_SERVE_MAX connections, a pump or two each.
 */
#ifndef HOST_SERVE_H
#define HOST_SERVE_H

#include "base/digest.h"
#include "host/allow.h"

#include <event2/event.h>
#include <stdbool.h>

/* Three for each of a pod's 64 containers and 320 further processes, 64 forwarded ports, and as
 * many more for downloads and the relay. */
#define HOST_SERVE_MAX 1408u
#define HOST_ID_MAX 76u /* bytes of a container's or an exec's id: containerd's limit */
#define HOST_PROCESS_SIZE (2 * HOST_ID_MAX + 2) /* "<container id>/<exec id>" and a NUL */
#define HOST_SERVE_LINE 512u                    /* bytes of a request line */
#define HOST_SERVE_LINE_S 30                    /* seconds until it must be there */
#define HOST_RELAY_TIMEOUT_S 20                 /* to connect */
#define HOST_FORWARD_MAGIC "CLFWD1 "            /* on the port of streams */

enum host_port { HOST_PORT_AGENT = 1024, HOST_PORT_BLOB, HOST_PORT_RELAY, HOST_PORT_STDIO };

struct host_server; /* opaque */

struct host_server_config {
    struct event_base *base;
    struct host_allow allow;
    /* A blob by its SHA-256: a descriptor (file or socket; the server closes it) that gives exactly
     * *ret_size bytes. CL_ERR_REJECTED: not for this guest; CL_ERR_UNAVAILABLE: not there. */
    enum cl_status (*open_blob)(void *ctx, const uint8_t digest[CL_SHA256_SIZE], int *ret_fd,
                                uint64_t *ret_size, struct cl_err *err);
    /* A signature of an image, by what the guest asks for ("signatures:..." or
     * "simple-signature:..." of I-4.6), which is its claim; answers as open_blob. NULL: there is
     * none. */
    enum cl_status (*open_signature)(void *ctx, const char *name, int *ret_fd, uint64_t *ret_size,
                                     struct cl_err *err);
    /* The stream (0 in, 1 out, 2 error) of `process`: "<container id>" or "<container id>/<exec
     * id>", well formed, but the guest's claim. false: refused. Nothing here keeps the guest from
     * asking twice. The descriptor may be of any kind, stays blocking as it is, and is closed when
     * copying has ended if *ret_owned. The program ignores SIGPIPE. */
    bool (*open_stdio)(void *ctx, const char *process, unsigned stream, int *ret_fd,
                       bool *ret_owned);
    /* The connection that waits under this number for the guest (I-10.5); non-blocking, and the
     * server closes it. false: none does. NULL: there is no port-forward. */
    bool (*open_forward)(void *ctx, uint64_t id, int *ret_fd);
    /* One that was opened has ended. Not NULL beside open_forward. */
    void (*on_forward_end)(void *ctx);
    /* The agent's connection, once; takes the descriptor. */
    void (*on_agent)(void *ctx, int fd);
    /* An output stream has ended and is written out, or its reader is gone. */
    void (*on_output_end)(void *ctx, const char *process, unsigned stream);
    void *ctx;
};

CL_NODISCARD enum cl_status host_server_new(const struct host_server_config *cfg,
                                            struct host_server **ret_s, struct cl_err *err);
void host_server_free(struct host_server *s); /* NULL is fine */
/* Listens on DIR/guest_1024.sock to guest_1027.sock. */
CL_NODISCARD enum cl_status host_server_listen(struct host_server *s, const char *dir,
                                               struct cl_err *err);
/* One connection, as if accepted on that port. Takes the descriptor. */
void host_server_take(struct host_server *s, enum host_port port, int fd);
/* Output of this process (NULL: of any) is still on its way to where the host puts it. */
bool host_server_output_pending(const struct host_server *s, const char *process);
size_t host_server_connections(const struct host_server *s);

/* "CLSTDIO1 <process> <0|1|2>" without its line end; ids of 1 to HOST_ID_MAX bytes out of
 * A-Z a-z 0-9 _ . - (I-4.3). CL_ERR_MALFORMED. */
CL_NODISCARD enum cl_status host_stdio_request_parse(const char *line,
                                                     char ret_process[static HOST_PROCESS_SIZE],
                                                     unsigned *ret_stream, struct cl_err *err);
/* "CLFWD1 <number>" without its line end: decimal digits. CL_ERR_MALFORMED. */
CL_NODISCARD enum cl_status host_forward_request_parse(const char *line, uint64_t *ret_id,
                                                       struct cl_err *err);

#endif
