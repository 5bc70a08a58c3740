/* SPDX-License-Identifier: Apache-2.0
 * pod_policy.h - what a pod may be: the measured policy that the agent holds every request of the
 * host against, schema cloister.pod-policy/1. It is the text of initdata's key "pod-policy.json".
 * Trust: in the guest initdata's digest was compared before this is parsed; the parser is strict
 *        all the same: an unknown member is an error, for it would be a wish that nobody fulfils.
 *        What is checked against it (names, specifications) is the host's and hostile.
 * Threads: no shared state; a parsed policy is not changed. Memory: bounded by the text's size.
 * Spec: docs/interfaces.md I-11, docs/schema/pod-policy.schema.json; threats.md C and D.
 */
#ifndef CLOISTER_POD_POLICY_H
#define CLOISTER_POD_POLICY_H

#include "base/digest.h"
#include "oci/strv.h"

#include <stdbool.h>

#define CL_POD_POLICY_SCHEMA "cloister.pod-policy/1"
#define CL_POD_POLICY_MAX_SIZE (768u << 10) /* bytes of its text */
#define CL_POD_POLICY_MAX_CONTAINERS 64u
#define CL_POD_POLICY_MAX_VOLUMES 128u
#define CL_POD_POLICY_MAX_MOUNTS 256u /* of one container */
#define CL_POD_POLICY_MAX_EXECS 64u   /* of one container */
#define CL_POD_POLICY_MAX_STRINGS 1024u
#define CL_POD_POLICY_MAX_STRING 131072u
#define CL_POD_POLICY_MAX_GROUPS 1024u
#define CL_POD_POLICY_MAX_PORTS 256u
#define CL_POD_POLICY_MAX_NAME 64u /* bytes of a volume's name; a container's may have 63 */

/* As in pod.proto's VolumeRequest.Kind. */
enum cl_pod_kind {
    CL_POD_FILES = 1,
    CL_POD_SCRATCH = 2,
    CL_POD_MEMORY = 3,
    CL_POD_SHM = 4,
    CL_POD_BLOCK = 5,
};
/* "files", "scratch", "memory", "shm", "block"; NULL for another number. */
const char *cl_pod_kind_name(int kind);

/* A volume that the host may make. */
struct cl_pod_volume {
    char name[CL_POD_POLICY_MAX_NAME + 2]; /* a name, or the beginning of one and a '*' */
    enum cl_pod_kind kind;
    bool host_writes; /* PutFiles may; always true of CL_POD_FILES */
    bool host_reads;  /* GetFile may */
    /* Of CL_POD_BLOCK: the key id's path, "repository/type/tag", owned; NULL: a plain device. */
    char *key;
    bool format_blank; /* a blank disk becomes an empty volume; else it is refused */
};

enum cl_pod_propagation {
    CL_POD_PRIVATE,
    CL_POD_SLAVE,
    CL_POD_SHARED,
};

struct cl_pod_mount {
    char *destination;                       /* owned; absolute */
    char volume[CL_POD_POLICY_MAX_NAME + 2]; /* the name of one of the policy's volumes, as there */
    char *path; /* owned; below the volume's root, "" is the root itself; NULL: the host's choice */
    bool read_only;
    bool optional; /* the container may come without this mount */
    enum cl_pod_propagation propagation;
};

struct cl_pod_device {
    char *path;                              /* owned; in the container */
    char volume[CL_POD_POLICY_MAX_NAME + 2]; /* of kind CL_POD_BLOCK, as the policy calls it */
    char *mount; /* owned: where its file system is, instead of the device; NULL: the device. Only
                    of one with a key */
    bool read_only; /* of mount */
};

struct cl_pod_streams {
    bool terminal;
    bool stdin_allowed; /* a stream that is not allowed is not opened */
    bool stdout_allowed;
    bool stderr_allowed;
};

/* A process that the host may add to a container: with the container's own env, cwd, user and
 * capabilities. */
struct cl_pod_exec {
    struct cl_strv args;
    struct cl_pod_streams streams;
};

/* By number; or by name, which is the guest's to look up in etc/passwd and etc/group of the image:
 * the numbers that the host then says are not looked at. */
struct cl_pod_user {
    char *name; /* owned; "user" or "user:group", names or numbers; NULL: by number */
    uint32_t uid;
    uint32_t gid;
    uint32_t *groups; /* owned: additional ones */
    size_t group_count;
};

struct cl_pod_policy_container {
    char name[64]; /* of the container in the pod */
    /* The image: by digest, or by signature. */
    struct cl_image_rule *rule;       /* owned; NULL: by digest. cloister/image_signature.h */
    uint8_t manifest[CL_SHA256_SIZE]; /* of the platform manifest; zero with a rule */
    bool encryption_required;
    bool init; /* others are made only after it has ended with status 0 */
    struct cl_strv args;
    struct cl_strv env;      /* "NAME=value": each is there, once, with this value */
    struct cl_strv env_host; /* names whose values, and presence, are the host's */
    bool service_env;        /* so are those that kubelet makes of services, by name and form */
    char *cwd;               /* owned */
    struct cl_pod_user user;
    struct cl_strv capabilities; /* bounding, effective and permitted */
    struct cl_strv ambient;      /* and inheritable, as far as there */
    bool no_new_privileges;
    bool read_only_root;
    bool privileged;
    bool own_pid;  /* a PID namespace of its own; else the pod's */
    bool unmasked; /* procMount: Unmasked */
    struct cl_pod_streams streams;
    struct cl_pod_mount *mounts; /* owned */
    size_t mount_count;
    struct cl_pod_device *devices; /* owned */
    size_t device_count;
    struct cl_pod_exec *execs; /* owned */
    size_t exec_count;
};

struct cl_pod_policy {
    char *hostname;          /* owned; NULL: the host's choice */
    struct cl_strv sysctls;  /* "name=value": exactly these */
    bool share_processes;    /* containers may have one PID namespace */
    bool network;            /* interfaces, routes and neighbours are the host's; else none */
    uint16_t *forward_ports; /* owned: TCP ports that the host may connect to; else none */
    size_t forward_port_count;
    struct cl_pod_volume *volumes; /* owned */
    size_t volume_count;
    struct cl_pod_policy_container *containers; /* owned; at least one */
    size_t container_count;
};

/* CL_ERR_MALFORMED, CL_ERR_UNSUPPORTED (another schema) "pod policy: <member>: expected <x>, got
 * <y>"; CL_ERR_NOMEM. On success the caller owns *ret_policy. */
CL_NODISCARD enum cl_status cl_pod_policy_parse(const void *data, size_t len,
                                                struct cl_pod_policy **ret_policy,
                                                struct cl_err *err);
void cl_pod_policy_free(struct cl_pod_policy *policy);   /* NULL is fine */
void cl_pod_policy_freep(struct cl_pod_policy **policy); /* for CL_CLEANUP */
/* Whether any image of it must be encrypted, or a volume is: then initdata names a broker. */
bool cl_pod_policy_encrypted(const struct cl_pod_policy *policy);

/* Writing one: make the JSON document that the schema describes, as text, and hand it to
 * cl_pod_policy_parse() before it is used; it goes into cl_initdata.pod_policy as it is. */

/* --- what the agent asks. Each answer that is no is CL_ERR_REJECTED and one line,
 * "policy: <where>: <member>: expected <x>, got <y>". -------------------------------------------
 */

struct cl_pod_setting {
    const char *name;
    const char *value;
};

struct cl_pod_sandbox {
    const char *hostname;
    const struct cl_pod_setting *sysctls;
    size_t sysctl_count;
    bool share_processes;
    size_t network; /* number of interfaces, routes and neighbours */
};

CL_NODISCARD enum cl_status cl_pod_policy_sandbox(const struct cl_pod_policy *policy,
                                                  const struct cl_pod_sandbox *asked,
                                                  struct cl_err *err);
/* Port-forward to this port (I-10.5). */
CL_NODISCARD enum cl_status cl_pod_policy_forward(const struct cl_pod_policy *policy, uint16_t port,
                                                  struct cl_err *err);
/* kind: of pod.proto. */
CL_NODISCARD enum cl_status cl_pod_policy_volume(const struct cl_pod_policy *policy,
                                                 const char *name, int kind, struct cl_err *err);
CL_NODISCARD enum cl_status cl_pod_policy_put(const struct cl_pod_policy *policy,
                                              const char *volume, struct cl_err *err);
CL_NODISCARD enum cl_status cl_pod_policy_get(const struct cl_pod_policy *policy,
                                              const char *volume, struct cl_err *err);
/* The container of this name; *ret_c is borrowed. */
CL_NODISCARD enum cl_status cl_pod_policy_find(const struct cl_pod_policy *policy, const char *name,
                                               const struct cl_pod_policy_container **ret_c,
                                               struct cl_err *err);

/* spec: CreateRequest.spec (I-10.2), an object. With a signature rule every manifest is let pass
 * here: that one of its signatures fits is for the caller to see, before the image is used.
 * Resources, rlimits, oomScoreAdj, the size of the terminal, seccomp, maskedPaths and readonlyPaths
 * are not compared: the first four can only deny service, the others the agent sets itself under a
 * policy. */
CL_NODISCARD enum cl_status cl_pod_policy_create(const struct cl_pod_policy_container *c,
                                                 const uint8_t manifest[static CL_SHA256_SIZE],
                                                 const json_t *spec, struct cl_err *err);
/* The device of a container, and its volume, by the path that the host gave and _create() found
 * good; both borrowed. What the host calls a block volume ("block_8_16") says nothing. */
CL_NODISCARD enum cl_status
cl_pod_policy_device(const struct cl_pod_policy *policy, const struct cl_pod_policy_container *c,
                     const char *path, const struct cl_pod_device **ret_d,
                     const struct cl_pod_volume **ret_v, struct cl_err *err);
/* process: ExecRequest.process, an object. *ret_exec is borrowed. */
CL_NODISCARD enum cl_status cl_pod_policy_exec(const struct cl_pod_policy_container *c,
                                               const json_t *process,
                                               const struct cl_pod_exec **ret_exec,
                                               struct cl_err *err);

#endif
