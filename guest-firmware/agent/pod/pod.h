/* SPDX-License-Identifier: Apache-2.0
 * pod.h - many containers in one guest: the service cloister.pod.v1.Pod (docs/interfaces.md I-10).
 * Trust: the host is hostile; every request is bounded and checked, and its ids are never paths.
 * What runs in containers is hostile, too. Threads: one reads calls, at most AGENT_POD_WORKERS of
 * each kind work, one reaps, one watches for memory that ran out, one moves each stream, one each
 * forwarded connection. Memory: bounded by the limits below. The process must be the first of its
 * PID namespace.
 */
#ifndef AGENT_POD_H
#define AGENT_POD_H

#include "agent/limits.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/secret.h"
#include "rpc/ttrpc_server.h"

#define AGENT_POD_SERVICE "cloister.pod.v1.Pod"
#define AGENT_POD_MAX_CONTAINERS 64u
#define AGENT_POD_MAX_PROCESSES 512u /* of all containers: their inits and what exec made */
#define AGENT_POD_MAX_VOLUMES 128u
#define AGENT_POD_MAX_FILES_SIZE (16u << 20) /* bytes of a volume of kind FILES */
#define AGENT_POD_MAX_FILES 4096u            /* entries of one */
#define AGENT_POD_MAX_GET (64u << 10)        /* bytes of a file that GetFile gives */
#define AGENT_POD_MAX_FORWARDS 64u           /* connections to forwarded ports */
#define AGENT_POD_MAX_CALLS 512u             /* that wait for their answer */
#define AGENT_POD_DISK_PATH 272u
#define AGENT_POD_FIRST_DISK 3u /* block slots of volumes */
#define AGENT_POD_LAST_DISK 8u
#define AGENT_POD_WORKERS 8u /* for Create; as many for all else */

/* A program that runs pods is run once more, as the first process of the PID namespace that
 * containers share: when its own name is this, its main() does nothing but call agent_pod_pause()
 * with its first argument. */
#define AGENT_POD_PAUSE "cloister-pause"
CL_NORETURN void agent_pod_pause(const char *dir);

struct agent_blockvol;
struct agent_pod_config {
    void *ctx;
    /* A connection to a port of the host (I-4). patient: it may be silent for long. */
    enum cl_status (*dial)(void *ctx, uint32_t port, bool patient, int *ret_fd, struct cl_err *err);
    /* The disk in this block slot, waited for a moment; NULL: no block volumes here. Of the host:
     * nothing on it is believed. */
    enum cl_status (*disk)(void *ctx, unsigned slot, char ret_path[static AGENT_POD_DISK_PATH],
                           struct cl_err *err);
    /* Opens an encrypted volume (blockvol.h), whose memory_dir and mke2fs are the callee's to fill;
     * NULL: there are none here. */
    enum cl_status (*open_volume)(void *ctx, const struct agent_blockvol *v,
                                  char ret_path[static 32], struct cl_err *err);
    /* A line for the console. Never a secret, never guest data. */
    void (*say)(void *ctx, const char *text);
    const char *dir;            /* an empty directory of ours on a tmpfs; "/run/cloister" */
    const char *crun;           /* program */
    const char *crun_root;      /* its state */
    const char *cgroup;         /* where cgroup v2 is mounted */
    struct agent_limits limits; /* of an image */
};

/* What was measured of the pod. */
struct agent_pod_measured {
    const struct cl_pod_policy *policy; /* every request is held against it */
    void *ctx;
    /* A key of the broker's, "repository/type/tag". From several threads at once. */
    enum cl_status (*get_key)(void *ctx, const char *path, struct cl_secret *ret,
                              struct cl_err *err);
    /* Before an image that the policy allows is fetched; NULL: nobody wants to know. From several
     * threads at once. */
    enum cl_status (*record_image)(void *ctx, const uint8_t manifest[static CL_SHA256_SIZE],
                                   struct cl_err *err);
};

struct cl_pod_policy;
struct agent_pod; /* opaque */

/* config: strings are borrowed for ever. Calls are kept until _begin or _refuse. */
CL_NODISCARD enum cl_status agent_pod_new(const struct agent_pod_config *config,
                                          struct agent_pod **ret_p, struct cl_err *err);
/* Only while nothing has begun: after _begin a pod ends with its guest. NULL is fine. */
void agent_pod_free(struct agent_pod *p);
struct cl_ttrpc_service agent_pod_service(struct agent_pod *p);
/* Before _begin. Without it the pod is whatever the host asks for, and no image may be encrypted.
 * The policy is borrowed for ever. */
void agent_pod_measure(struct agent_pod *p, const struct agent_pod_measured *measured);
/* Before _begin: images, what containers write and SCRATCH volumes go to this empty directory of a
 * disk, which has room for so many bytes, and not to config.dir. dir: borrowed for ever. */
void agent_pod_use_disk(struct agent_pod *p, const char *dir, uint64_t size);
/* This guest serves pods: makes its directories and cgroups, and starts to work on calls. */
CL_NODISCARD enum cl_status agent_pod_begin(struct agent_pod *p, struct cl_err *err);
/* It does not: each call, now and later, gets this answer. */
void agent_pod_refuse(struct agent_pod *p, enum cl_ttrpc_code code, const char *why);
/* The connection has ended. From any thread. */
void agent_pod_hang_up(struct agent_pod *p);
/* Returns when Stop was answered or the connection has ended; everything of the pod was killed. */
void agent_pod_wait(struct agent_pod *p);

#endif
