/* SPDX-License-Identifier: Apache-2.0
 * translate.h - from the OCI specification that containerd wrote for this host to the one that the
 * agent takes (docs/interfaces.md I-10.2): what has no meaning in a VM is refused by name, host
 * paths become volumes to be filled (containerd-shim.md 5, 6).
 * Trust: the specification comes from containerd, and through it from whoever may make pods:
 * hostile. Nothing in it can change how the VM is made but the number of CPUs, the memory and
 * initdata. Threads: plain values; reads /proc/self/mountinfo and stat(2)s the sources of mounts.
 * Memory: at most SHIM_SPEC_MAX bytes of JSON and their tree.
 */
#ifndef SHIM_TRANSLATE_H
#define SHIM_TRANSLATE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define SHIM_SPEC_MAX (4u << 20)
#define SHIM_MAX_VOLUMES 128u
#define SHIM_NAME_MAX 64u            /* of volumes */
#define SHIM_CONTAINER_NAME_MAX 255u /* the CRI has no bound; Kubernetes' own is 63 */
#define SHIM_ID_MAX 76u
#define SHIM_RESULT_FILE "message"

enum shim_kind { SHIM_SINGLE, SHIM_SANDBOX, SHIM_CONTAINER };

/* What a mount's source becomes. */
enum shim_volume_kind {
    SHIM_VOLUME_FILES, /* a file or folder of the host that is copied in, and again when it changes
                          when `watch` */
    SHIM_VOLUME_SCRATCH, /* an emptyDir: empty, in the guest, shared by its name */
    SHIM_VOLUME_MEMORY,  /* an emptyDir of medium Memory */
    SHIM_VOLUME_SHM,     /* the pod's /dev/shm */
    SHIM_VOLUME_BLOCK,   /* a block device of the host, attached as a disk */
    SHIM_VOLUME_RESULT,  /* the file SHIM_RESULT_FILE of a volume, made empty with it, which the
                            container writes and the host gets back before its exit is told
                            (termination log) */
};

struct shim_volume {
    enum shim_volume_kind kind;
    char name[SHIM_NAME_MAX + 1]; /* "volume:NAME" of I-10.2; the same source has the same name in
                                     every container of the pod */
    char *host_path;              /* FILES, BLOCK, RESULT; else NULL */
    bool watch;
    bool read_only;
    bool transient; /* goes with the last container that has it */
    uint64_t size;  /* MEMORY, SHM: bytes; 0: none given */
};

struct shim_spec {
    enum shim_kind kind;
    char sandbox_id[SHIM_ID_MAX + 1];       /* of the pod; SINGLE, SANDBOX: empty */
    char name[SHIM_CONTAINER_NAME_MAX + 1]; /* of the container in the pod; empty: none */
    char *image_name;                       /* io.kubernetes.cri.image-name; NULL: none */
    struct cl_buf guest;                    /* JSON of I-10.2; SANDBOX: empty */
    struct shim_volume volume[SHIM_MAX_VOLUMES];
    size_t volume_count;
    bool terminal;
    uint32_t rows;
    uint32_t cols;
    /* SINGLE and SANDBOX */
    char hostname[64 + 1];
    char *netns; /* path of the network namespace; NULL: none */
    struct {
        char *name;
        char *value;
    } sysctl[64];
    size_t sysctl_count;
    bool share_processes; /* CONTAINER: it wants the pod's PID namespace, or (nobody can tell: the
                             path names the sandbox) that of another container. A sandbox's
                             specification does not say what its members will want */
    uint32_t cpus;        /* whole CPUs that quota and period ask for; 0: none given */
    uint64_t memory;      /* bytes; 0: none given */
    char *initdata;       /* dev.cloister.initdata, or Kata's annotation, as given (base64); NULL */
    char *cgroup_path;    /* linux.cgroupsPath as given; NULL */
};

/* How the host is looked at; tests put another one there. */
struct shim_host {
    /* Appends the text of /proc/self/mountinfo. */
    enum cl_status (*mountinfo)(void *ctx, struct cl_buf *out, struct cl_err *err);
    int (*stat)(void *ctx, const char *path, struct stat *ret); /* as stat(2) */
    void *ctx;
};

/* What the node's configuration says. A zeroed one holds the defaults. */
struct shim_translate_options {
    const char *kubelet_root; /* NULL: /var/lib/kubelet */
    bool host_files;          /* hostPath volumes may be copied in, when they are mounted "ro" */
    const struct shim_host *host; /* NULL: this host */
};

/* config: the bytes of the bundle's config.json; options: NULL for the defaults. CL_ERR_MALFORMED
 * when it breaks its format, CL_ERR_REJECTED when it asks for what a VM cannot give
 * ("linux.namespaces: network: expected the pod's own, got the host's (hostNetwork)"). */
CL_NODISCARD enum cl_status shim_spec_translate(const void *config, size_t len,
                                                const struct shim_translate_options *options,
                                                struct shim_spec *ret, struct cl_err *err);
void shim_spec_done(struct shim_spec *s);

/* Exec.spec: an OCI process to the one of I-10.2. */
CL_NODISCARD enum cl_status shim_process_translate(const void *json, size_t len,
                                                   struct cl_buf *ret_guest, struct cl_err *err);
/* Update.resources: OCI LinuxResources to the ones of I-10.2. */
CL_NODISCARD enum cl_status shim_resources_translate(const void *json, size_t len,
                                                     struct cl_buf *ret_guest, struct cl_err *err);

#endif
