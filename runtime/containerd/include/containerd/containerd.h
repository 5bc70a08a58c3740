/* SPDX-License-Identifier: Apache-2.0
 * containerd.h - asks containerd (1.6 and later) for containers, images and its content store.
 * Trust: answers are parsed as hostile bytes, and bounded; what they say is containerd's claim.
 * Threads: no shared state; a call blocks its own thread. Memory: a reply of at most
 *          CL_CONTAINERD_MAX_REPLY, decoded into at most four times as much.
 */
#ifndef CL_CONTAINERD_H
#define CL_CONTAINERD_H

#include "base/digest.h"

#include <stdbool.h>
#include <stddef.h>

#define CL_CONTAINERD_MAX_REPLY (1u << 20) /* bytes */
#define CL_CONTAINERD_MAX_TEXT 4096u       /* bytes of an id, a name, a label: containerd's limit */
#define CL_CONTAINERD_MAX_LABELS 256u

struct cl_containerd {
    const char *socket;     /* "/run/containerd/containerd.sock" */
    const char *name_space; /* "default", "k8s.io" */
    unsigned timeout_ms;    /* for each call, 1.. */
};

struct cl_containerd_label {
    char *key, *value; /* owned */
};

struct cl_containerd_container {
    char *image;       /* owned; empty: the container has none */
    char *snapshotter; /* owned; may be empty */
    char *snapshot_key;
    struct cl_containerd_label *labels; /* owned */
    size_t label_count;
};

void cl_containerd_container_done(struct cl_containerd_container *c); /* zeroed is fine */
/* The value of a label, borrowed; NULL: none of that key. */
const char *cl_containerd_label(const struct cl_containerd_container *c, const char *key);

/* All three return
 *   CL_OK; CL_ERR_REJECTED when containerd knows none ("... got NotFound: ..."); CL_ERR_UNAVAILABLE
 *   when it cannot say or does not answer in time; CL_ERR_SYS when its socket cannot be connected
 *   to; CL_ERR_MALFORMED, CL_ERR_TRUNCATED for an answer that is none; CL_ERR_UNSUPPORTED for a
 *   containerd that does not know the call, or a digest that is not SHA-256.
 * Messages begin "containerd: container '<id>': " and the like. */
CL_NODISCARD enum cl_status cl_containerd_container_get(const struct cl_containerd *c,
                                                        const char *id,
                                                        struct cl_containerd_container *ret,
                                                        struct cl_err *err);
/* The digest of the manifest or index that the name stands for. */
CL_NODISCARD enum cl_status cl_containerd_image_target(const struct cl_containerd *c,
                                                       const char *name,
                                                       uint8_t ret_digest[static CL_SHA256_SIZE],
                                                       struct cl_err *err);
/* The folder of blobs by the hex of their SHA-256: what cl_image_open_store() takes. Heap memory,
 * the caller's. */
CL_NODISCARD enum cl_status cl_containerd_blobs_dir(const struct cl_containerd *c, char **ret_dir,
                                                    struct cl_err *err);

#endif
