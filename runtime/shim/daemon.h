/* SPDX-License-Identifier: Apache-2.0
 * daemon.h - the serving process of a pod: what the Task service gets from it, and its life from
 * the inherited socket to Shutdown (containerd-shim.md 1.2, 3.1).
 * Trust: the other side of the socket is containerd. Threads: one, the loop's.
 */
#ifndef SHIM_DAEMON_H
#define SHIM_DAEMON_H

#include "args.h"
#include "publish.h"
#include "service.h"

/* What the Task service may use; all of it outlives the service's own state. */
struct shim_daemon {
    struct event_base *base;
    struct shim_publisher *publisher;
    const char *name_space;  /* containerd's */
    const char *id;          /* of the sandbox, or of the single container */
    const char *bundle;      /* absolute path of its bundle; the working directory, too */
    const char *address;     /* of containerd's gRPC interface: a socket */
    const char *config_path; /* of the runtime's options; NULL: none given */
    /* After Shutdown was answered: sends what waits to be sent, removes the socket and ends the
     * loop. Returns at once; later calls do nothing. */
    void (*finish)(struct shim_daemon *d);
};

/* The Task service of the program. */
struct shim_daemon_service {
    /* `d` outlives what is made. */
    enum cl_status (*make)(struct shim_daemon *d, struct shim_task_ops *ret_ops,
                           struct cl_err *err);
    /* After the loop: ends the VM if there still is one. `ctx` is that of the table. */
    void (*unmake)(void *ctx);
};

/* Serves until finish, or SIGTERM, which finishes; takes listen_fd, and removes socket_path in the
 * end. `ready` is called once when connections are answered. stdio is what the caller made of it;
 * lines of the log go to the bundle's FIFO as soon as somebody reads it. */
CL_NODISCARD enum cl_status shim_daemon_run(const struct shim_args *a, int listen_fd,
                                            const char *socket_path,
                                            const struct shim_daemon_service *service,
                                            void (*ready)(void *ctx), void *ctx,
                                            struct cl_err *err);

#endif
