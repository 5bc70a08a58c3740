/* SPDX-License-Identifier: Apache-2.0
 * group.h - which shim serves a container: its own, or the one of its pod (containerd-shim.md 1.3);
 * and the socket of that shim.
 */
#ifndef SHIM_GROUP_H
#define SHIM_GROUP_H

#include "args.h"

#define SHIM_SOCKET_DIR "/run/containerd/s"
#define SHIM_SOCKET_SIZE 107u /* a socket path of at most 106 bytes, and NUL */

struct shim_group {
    char id[SHIM_NAME_SIZE]; /* the container's own, or of the pod, or of the group label */
    bool member;             /* a container of a pod: the shim must be there already */
};

/* From the annotations of config.json in the bundle. */
CL_NODISCARD enum cl_status shim_group_read(const struct shim_args *a, struct shim_group *ret,
                                            struct cl_err *err);

/* The path of the socket that the shim of this group listens on. */
CL_NODISCARD enum cl_status shim_socket_path(const struct shim_args *a, const char *group_id,
                                             char ret[static SHIM_SOCKET_SIZE], struct cl_err *err);
/* Listens there: *ret_fd. When someone does already, -1; a file that nobody listens behind is
 * replaced. Two that come at once: one listens. */
CL_NODISCARD enum cl_status shim_socket_listen(const char *path, int *ret_fd, struct cl_err *err);
/* Whether someone listens there. */
bool shim_socket_answers(const char *path);
/* Removes the file that nobody listens behind, if there is one. */
void shim_socket_remove_stale(const char *path);

#endif
