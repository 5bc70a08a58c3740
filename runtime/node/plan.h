/* SPDX-License-Identifier: Apache-2.0
 * plan.h - the changes that make a node run a version, and their execution: what install, upgrade
 * and rollback share. Trust, threads, memory: node.h.
 */
#ifndef NODE_PLAN_H
#define NODE_PLAN_H

#include "payload.h"
#include "state.h"

struct node_plan {
    const char *command;
    struct node_version containerd;
    unsigned classes;
    unsigned snapshot_classes;       /* those whose runtime names cloister-snapshotter */
    bool snapshot_node;              /* the whole node does: containerd 1.6 */
    char version[NODE_VERSION_SIZE]; /* that new pods will have */
    json_t *old;                     /* state before; NULL: nothing installed */
    json_t *state;                   /* state after */
    json_t *txn;
    json_t *doc;        /* for the caller */
    struct cl_buf dump; /* what containerd makes of its files before; empty: not asked yet */
};

void node_plan_done(struct node_plan *p);
/* Loads the state; classes: those asked for, or those there are. */
CL_NODISCARD enum cl_status node_plan_begin(struct node_run *r, const char *command,
                                            struct node_plan *ret, const char **ret_hint,
                                            struct cl_err *err);
CL_NODISCARD enum cl_status node_plan_files(struct node_run *r, struct node_plan *p,
                                            const struct node_payload *payload, struct cl_err *err);
CL_NODISCARD enum cl_status node_plan_settings(struct node_run *r, struct node_plan *p,
                                               struct cl_err *err);
/* containerd's configuration for p->version. */
CL_NODISCARD enum cl_status node_plan_config(struct node_run *r, struct node_plan *p,
                                             const char **ret_hint, struct cl_err *err);
/* Asks containerd once what it makes of its files as they are. */
CL_NODISCARD enum cl_status node_plan_dump(struct node_run *r, struct node_plan *p,
                                           struct cl_err *err);
/* Does it (not in a dry run), checks it by containerd's own account, restarts, collects. */
CL_NODISCARD enum cl_status node_plan_run(struct node_run *r, struct node_plan *p,
                                          const char **ret_hint, struct cl_err *err);

/* "/etc/cloister/cloister-sim.toml" */
void node_settings_path(unsigned one, char ret[static NODE_PATH_SIZE]);
/* "<folder of config.toml>/conf.d/cloister.toml" */
void node_drop_in_path(const struct node_options *o, char ret[static NODE_PATH_SIZE]);
/* A folder that goes again when we do. */
CL_NODISCARD enum cl_status node_plan_make(struct node_run *r, struct node_plan *p,
                                           const char *path, mode_t mode, struct cl_err *err);
/* The tables of the classes' runtimes, for a configuration of this version; base: what it says
 * without us. 1.6 has no ear for
 * runtime_path and looks for the name of runtime_type on its PATH, but takes a path for it. */
CL_NODISCARD enum cl_status node_tables(const struct node_plan *p, int config_version,
                                        const struct node_config *base, struct cl_buf *ret,
                                        struct cl_err *err);
/* Key of those tables that holds the shim's path. */
const char *node_shim_key(const struct node_version *containerd);
/* What must hold before anything is written. CL_ERR_REJECTED names the first that does not. Adds
 * "preflight" to the document. */
CL_NODISCARD enum cl_status node_preflight(const struct node_run *r, unsigned classes,
                                           const struct node_version *v, json_t *doc,
                                           const char **ret_hint, struct cl_err *err);

#endif
