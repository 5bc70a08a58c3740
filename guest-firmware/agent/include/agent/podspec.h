/* SPDX-License-Identifier: Apache-2.0
 * podspec.h - the OCI configuration of one container of a pod: checks what the host asks for member
 * by member (I-10.2) and makes from it what crun gets, with our cgroup, devices and system call
 * filter.
 * Trust: the host's JSON is hostile; a member that is not listed is refused by name, so crun sees
 * no hook, no annotation, no path of the guest but those that the agent put in. Threads: plain
 * values. Memory: bounded by the size of a frame.
 */
#ifndef AGENT_PODSPEC_H
#define AGENT_PODSPEC_H

#include "base/digest.h"
#include "base/json.h"

#define AGENT_POD_MAX_MOUNTS 256u
#define AGENT_POD_MAX_NAME 64u /* bytes of a volume's name */
#define AGENT_POD_MAX_ID 76u   /* bytes of a container's or exec's id */
#define AGENT_POD_MAX_DEVICES 256u
#define AGENT_POD_MAX_BLOCKS 32u /* block volumes of a container, each time it has one */

/* A mount of a volume: its source is for the agent to find. */
struct agent_pod_bind {
    char volume[AGENT_POD_MAX_NAME + 1];
    char *path;   /* owned: below the volume's root, without leading slash; "" is the root itself */
    size_t index; /* in the configuration's mounts */
};

/* A block volume as a device of the container. */
struct agent_pod_device {
    char volume[AGENT_POD_MAX_NAME + 1];
    char *path; /* owned: absolute, below /dev */
    uint32_t mode;
    uint32_t uid;
    uint32_t gid;
};

struct agent_podspec {
    json_t *config; /* owned: what crun gets, once sources were set */
    struct agent_pod_bind bind[AGENT_POD_MAX_MOUNTS];
    size_t bind_count;
    struct agent_pod_device device[AGENT_POD_MAX_BLOCKS];
    size_t device_count;
    bool terminal;
    bool privileged;
    bool own_pid; /* a PID namespace of its own; else it wants the pod's */
    bool read_only;
};

/* 1 to AGENT_POD_MAX_ID of A-Z a-z 0-9 _ . - and no dot first. CL_ERR_MALFORMED "<what>: ...". */
CL_NODISCARD enum cl_status agent_pod_check_id(const char *id, const char *what,
                                               struct cl_err *err);
/* The same with at most AGENT_POD_MAX_NAME bytes. */
CL_NODISCARD enum cl_status agent_pod_check_volume_name(const char *name, const char *what,
                                                        struct cl_err *err);
/* Whether a pod may set this sysctl: net.*, kernel.shm*, kernel.msg*, kernel.sem, fs.mqueue.*.
 * CL_ERR_REJECTED "sysctl '<name>': ..." when not. */
CL_NODISCARD enum cl_status agent_pod_check_sysctl(const char *name, const char *value,
                                                   struct cl_err *err);

/* data: CreateRequest.spec. cgroup: "/pod/<id>".
 * CL_ERR_MALFORMED "spec: <member>: expected <x>, got <y>". */
CL_NODISCARD enum cl_status agent_podspec_parse(const void *data, size_t len, const char *cgroup,
                                                struct agent_podspec *ret, struct cl_err *err);
/* The same for a container of the measured policy: CL_ERR_REJECTED "policy: ..." when the host asks
 * for anything else. What the host may not choose (system call filter, masked paths) is ours,
 * whatever it says; the user is still the host's, to be replaced once the image is there. */
struct cl_pod_policy_container;
CL_NODISCARD enum cl_status agent_podspec_measured(const void *data, size_t len, const char *cgroup,
                                                   const struct cl_pod_policy_container *c,
                                                   const uint8_t manifest[static CL_SHA256_SIZE],
                                                   struct agent_podspec *ret, struct cl_err *err);
void agent_podspec_done(struct agent_podspec *s); /* zeroed is fine */
/* Where bind i is mounted: absolute; borrowed. */
const char *agent_podspec_destination(const struct agent_podspec *s, size_t i);
/* The source of bind i, as a path of the agent's; read_only: whatever the host's options say. */
CL_NODISCARD enum cl_status agent_podspec_set_source(struct agent_podspec *s, size_t i,
                                                     const char *source, bool read_only,
                                                     struct cl_err *err);
/* The PID namespace to join, for a container that has none of its own. */
CL_NODISCARD enum cl_status agent_podspec_set_pid_namespace(struct agent_podspec *s,
                                                            const char *path, struct cl_err *err);
/* A device of the guest, for a privileged container. type: 'c' or 'b'. */
CL_NODISCARD enum cl_status agent_podspec_add_device(struct agent_podspec *s, const char *path,
                                                     char type, unsigned major, unsigned minor,
                                                     unsigned mode, struct cl_err *err);

/* Device i, as the guest has it. */
CL_NODISCARD enum cl_status agent_podspec_set_device(struct agent_podspec *s, size_t i,
                                                     unsigned major, unsigned minor,
                                                     struct cl_err *err);

/* A mount that the host did not ask for. */
CL_NODISCARD enum cl_status agent_podspec_add_bind(struct agent_podspec *s, const char *source,
                                                   const char *destination, bool read_only,
                                                   struct cl_err *err);

/* ExecRequest.process and UpdateRequest.resources: checked by the same rules, and made anew. */
CL_NODISCARD enum cl_status agent_podspec_process(const void *data, size_t len,
                                                  json_t **ret_process, bool *ret_terminal,
                                                  struct cl_err *err);
/* A process of a container of the policy; user: what it runs as, in OCI's form. *ret_exec is
 * borrowed.
 */
struct cl_pod_exec;
CL_NODISCARD enum cl_status agent_podspec_measured_process(const void *data, size_t len,
                                                           const struct cl_pod_policy_container *c,
                                                           json_t *user, json_t **ret_process,
                                                           bool *ret_terminal,
                                                           const struct cl_pod_exec **ret_exec,
                                                           struct cl_err *err);
CL_NODISCARD enum cl_status agent_podspec_resources(const void *data, size_t len,
                                                    json_t **ret_resources, struct cl_err *err);

#endif
