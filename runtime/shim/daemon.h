/* SPDX-License-Identifier: Apache-2.0
 * daemon.h - the serving process of a pod: what the Task service gets from it, and its life from
 * the inherited socket to Shutdown (containerd-shim.md 1.2, 3.1).
 * Trust: the other side of the socket is containerd. Threads: one, the loop's.
 */
#ifndef SHIM_DAEMON_H
#define SHIM_DAEMON_H

#include "publish.h"
#include "service.h"

/* What the Task service may use; all of it outlives the service's own state. */
struct shim_daemon {
    struct event_base *base;
    struct shim_publisher *publisher;
    const char *name_space;  /* containerd's */
    const char *id;          /* of the sandbox, or of the single container */
    const char *bundle;      /* absolute path of its bundle; the working directory, too */
    const char *config_path; /* of the runtime's options; NULL: none given */
    /* After Shutdown was answered: sends what waits to be sent, removes the socket and ends the
     * loop. Returns at once; later calls do nothing. */
    void (*finish)(struct shim_daemon *d);
};

#endif
