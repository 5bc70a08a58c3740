/* SPDX-License-Identifier: Apache-2.0
 * node.h - a node's set-up for pods: files in versioned folders, settings, containerd's
 * configuration; every change in a journal, so that one that was cut off is finished or undone by
 * the next; everything byte for byte as it was after an uninstallation.
 * Trust: the operator's options and payload. containerd's configuration, the journal and the state
 *        are read as hostile text: what is not understood is left alone, and said.
 * Threads: one operation on a tree at a time (a lock file). Memory: configurations of at most
 *          NODE_CONFIG_MAX_SIZE; payload files are streamed.
 * Facts: containerd-shim.md 7, 10, 11; docs/kubernetes.md has the tables.
 */
#ifndef NODE_NODE_H
#define NODE_NODE_H

#include "base/json.h"

#include <stdbool.h>
#include <stdint.h>

#define NODE_CONFIG_MAX_SIZE (1u << 20) /* bytes of containerd's configuration, or one drop-in */
#define NODE_MAX_CLASSES 3u
#define NODE_MAX_VERSIONS 8u        /* side by side */
#define NODE_MAX_FILES 256u         /* of a payload */
#define NODE_MAX_OPS 4096u          /* of one journal */
#define NODE_JOURNAL_MAX (4u << 20) /* bytes */

enum node_class { NODE_CLASS_SNP = 1, NODE_CLASS_TDX = 2, NODE_CLASS_SIM = 4 };
#define NODE_ENCRYPTED ((unsigned)NODE_CLASS_SNP | NODE_CLASS_TDX)

enum node_snapshotter { /* cloister-snapshotter of images, set up in containerd */
                        NODE_SNAPSHOTTER_AS_IS, /* as the node has it; at first for encrypted
                                                   classes, with 1.7 on */
                        NODE_SNAPSHOTTER_NONE,  /* not at all */
                        NODE_SNAPSHOTTER_CLASS, /* for the runtimes of all classes: containerd 1.7
                                                   and later */
                        NODE_SNAPSHOTTER_NODE   /* containerd 1.6: for all that the node runs */
};

struct node_options {
    const char *root;               /* a tree instead of this machine; NULL: this machine */
    const char *payload;            /* folder with bin/ and guest/; NULL: that of this program */
    const char *containerd_config;  /* NULL: /etc/containerd/config.toml; inside root */
    const char *containerd;         /* program, or NULL: containerd on PATH */
    const char *containerd_version; /* "1.6.20": not asked of the program; NULL: it is asked */
    const char *address;            /* containerd's socket; NULL: /run/containerd/containerd.sock */
    const char *restart;            /* shell command that restarts containerd; NULL: systemctl */
    const char *image;              /* verify: an image that containerd has, for the container */
    const char *vcpu_type;          /* plan: model of vCPU for SNP's digests; NULL: EPYC-Milan */
    unsigned classes;               /* of enum node_class */
    enum node_snapshotter snapshotter;
    bool dry_run;
    bool force;
    bool no_restart;
    /* Called before each change of the file system and when all are done, with a count from 0; NULL
     * for none. Tests end the process in it. */
    void (*step)(void *ctx, unsigned n);
    void *step_ctx;
};

/* Each operation: CL_OK and a document {"schema":"cloister.node/1","command":...} for the caller
 * (also of what was recovered from a journal), or an error whose text begins with the stage that
 * failed: "preflight: ...", "files: ...", "containerd: ...". CL_ERR_REJECTED: the answer is no.
 * *ret_hint is a next step, static, or NULL. */
CL_NODISCARD enum cl_status node_install(const struct node_options *o, json_t **ret,
                                         const char **ret_hint, struct cl_err *err);
/* The payload's version beside the one that is there; with the classes that are there. */
CL_NODISCARD enum cl_status node_upgrade(const struct node_options *o, json_t **ret,
                                         const char **ret_hint, struct cl_err *err);
/* Launch digests of the payload, to be registered before an upgrade. Changes nothing. */
CL_NODISCARD enum cl_status node_plan(const struct node_options *o, json_t **ret,
                                      const char **ret_hint, struct cl_err *err);
CL_NODISCARD enum cl_status node_rollback(const struct node_options *o, json_t **ret,
                                          const char **ret_hint, struct cl_err *err);
CL_NODISCARD enum cl_status node_uninstall(const struct node_options *o, json_t **ret,
                                           const char **ret_hint, struct cl_err *err);
/* CL_OK also when items fail: "verdict" of the document says "pass" or "fail". */
CL_NODISCARD enum cl_status node_verify(const struct node_options *o, json_t **ret,
                                        const char **ret_hint, struct cl_err *err);

/* "cloister-sim" for one bit of enum node_class; NULL for others. */
const char *node_class_name(unsigned one);

#endif
