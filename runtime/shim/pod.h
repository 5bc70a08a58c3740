/* SPDX-License-Identifier: Apache-2.0
 * pod.h - a pod: one VM, the connection to its agent, and the containers and processes in it;
 * driven by the Task service (containerd-shim.md 3). Trust: the guest is hostile: what the agent
 * answers is bounded, checked, and believed only about the guest itself; an agent that does not
 * answer costs a deadline each time, and never keeps a pod from being deleted. Requests come from
 * containerd. Threads: the loop's. Memory: SHIM_MAX_CONTAINERS containers with SHIM_MAX_EXECS
 * further processes each; a few hundred bytes for each of them.
 */
#ifndef SHIM_POD_H
#define SHIM_POD_H

#include "daemon.h"
#include "images.h"
#include "vm.h"

#define SHIM_MAX_CONTAINERS 65u /* in a pod, the sandbox included */
#define SHIM_MAX_EXECS 320u     /* in a pod, at a time: the agent keeps a call for each of them */
#define SHIM_MAX_FORWARDS 64u   /* connections to forwarded ports, of a pod at a time */
#define SHIM_FORWARD_MS 20000   /* from such a connection until the guest has one for it */
#define SHIM_RESULT_MAX 4096u   /* bytes of a termination message */

/* How long is waited, in milliseconds. */
struct shim_times {
    int call;  /* for an answer of the agent, where nothing else is said */
    int stats; /* for metrics */
    int drain; /* from the end of a process until it is told, its output taken or not */
    int kill;  /* from SIGKILL of a container until the VM is ended instead */
};
#define SHIM_TIMES                                                                                 \
    {                                                                                              \
        .call = 30000, .stats = 5000, .drain = 10000, .kill = 30000                                \
    }

struct shim_pod; /* opaque */

struct shim_pod_config { /* pointers are borrowed until the pod is freed */
    struct shim_daemon *daemon;
    const struct shim_config *settings;
    const struct shim_vm_ops *vm;
    const struct shim_image_ops *images;
    struct shim_times times;
    void *owner; /* for shim_pod_owner */
};

CL_NODISCARD enum cl_status shim_pod_new(const struct shim_pod_config *cfg,
                                         struct shim_pod **ret_pod, struct cl_err *err);
/* NULL is fine. Kills the VM; calls that still wait are answered with SHIM_CODE_UNAVAILABLE. */
void shim_pod_free(struct shim_pod *pod);
void *shim_pod_owner(const struct shim_pod *pod);
/* The functions that serve the Task service with this pod. */
void shim_pod_ops(struct shim_pod *pod, struct shim_task_ops *ret_ops);

#endif
