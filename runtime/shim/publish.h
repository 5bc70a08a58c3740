/* SPDX-License-Identifier: Apache-2.0
 * publish.h - tells containerd what happened to a task (containerd-shim.md 3.3). Never blocks and
 * never fails: events wait in a queue while containerd is away, are told in the order in which they
 * came, and the oldest of them are lost (and that is logged) when SHIM_MAX_EVENTS wait.
 * Trust: containerd's answers are only looked at for failure. Threads: the loop's. Memory: the
 * queue, a connection.
 */
#ifndef SHIM_PUBLISH_H
#define SHIM_PUBLISH_H

#include "base/err.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define SHIM_MAX_EVENTS 2048u

struct shim_publisher; /* opaque */

/* All are copied. */
struct shim_publisher_config {
    const char *name_space;     /* containerd's, of every event */
    const char *ttrpc_address;  /* socket path; NULL or empty: run publish_binary for each event */
    const char *grpc_address;   /* for publish_binary */
    const char *publish_binary; /* NULL or empty, and no ttrpc_address: events are dropped */
};

CL_NODISCARD enum cl_status shim_publisher_new(struct event_base *base,
                                               const struct shim_publisher_config *config,
                                               struct shim_publisher **ret_p, struct cl_err *err);
/* Calls `done` once, from the loop, when nothing waits any more, after timeout_ms at the latest. */
void shim_publisher_flush(struct shim_publisher *p, int timeout_ms, void (*done)(void *ctx),
                          void *ctx);
void shim_publisher_free(struct shim_publisher *p); /* what still waits is lost */

/* The events; p NULL: nothing happens. Strings NULL: empty. */
struct shim_event_mount {
    const char *type;
    const char *source;
    const char *target;
    const char *const *options; /* option_count of them */
    size_t option_count;
};
struct shim_event_create {
    const char *container_id;
    const char *bundle;
    const struct shim_event_mount *rootfs;
    size_t rootfs_count;
    const char *stdin_path;
    const char *stdout_path;
    const char *stderr_path;
    bool terminal;
    uint32_t pid;
};
void shim_publish_create(struct shim_publisher *p, const struct shim_event_create *e);
void shim_publish_start(struct shim_publisher *p, const char *container_id, uint32_t pid);
/* exec_id NULL: the container's own process. */
void shim_publish_exit(struct shim_publisher *p, const char *container_id, const char *exec_id,
                       uint32_t pid, uint32_t exit_status, struct timespec exited_at);
void shim_publish_delete(struct shim_publisher *p, const char *container_id, const char *exec_id,
                         uint32_t pid, uint32_t exit_status, struct timespec exited_at);
void shim_publish_exec_added(struct shim_publisher *p, const char *container_id,
                             const char *exec_id);
void shim_publish_exec_started(struct shim_publisher *p, const char *container_id,
                               const char *exec_id, uint32_t pid);
void shim_publish_oom(struct shim_publisher *p, const char *container_id);
void shim_publish_paused(struct shim_publisher *p, const char *container_id);
void shim_publish_resumed(struct shim_publisher *p, const char *container_id);

#endif
