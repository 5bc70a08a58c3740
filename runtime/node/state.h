/* SPDX-License-Identifier: Apache-2.0
 * state.h - what is installed, as NODE_STATE/state.json tells it; the lock; what a command starts
 * and ends with.
 * Trust: root's file, read strictly. Threads: one at a time. Memory: the document's.
 */
#ifndef NODE_STATE_H
#define NODE_STATE_H

#include "containerd.h"

#define NODE_PREFIX "/usr/lib/cloister"
#define NODE_ETC "/etc/cloister"
#define NODE_VAR "/var/lib/cloister"           /* what programs of ours keep while they run */
#define NODE_SIGNATURES NODE_VAR "/signatures" /* as `cloister image signatures` fills it */
#define NODE_CACHE "/var/cache/cloister"       /* of cloister-fetch */
#define NODE_STATE_FILE NODE_STATE "/state.json"
#define NODE_HANDLER_SIZE 32u

/* Locks the tree and finishes or undoes what a journal holds. *ret_recovered: static. In a dry run
 * neither: then a journal is an error. */
CL_NODISCARD enum cl_status node_open(const struct node_options *o, struct node_run *ret,
                                      const char **ret_recovered, struct cl_err *err);
void node_close(struct node_run *r);

/* NULL in *ret: nothing is installed. */
CL_NODISCARD enum cl_status node_state_load(const struct node_run *r, json_t **ret,
                                            struct cl_err *err);
CL_NODISCARD enum cl_status node_state_put(struct node_run *r, json_t *txn, const json_t *state,
                                           struct cl_err *err);
const char *node_state_text(const json_t *state, const char *key); /* NULL: null */
json_t *node_state_version(const json_t *state, const char *version);
unsigned node_state_classes(const json_t *state);

/* Number of processes and of containerd's bundles that use files of a version (NULL: of any). */
unsigned node_users(const struct node_run *r, const char *version);
/* Removes versions that nothing needs any more, and blobs that nothing names. Appends their names
 * to `gone`. */
CL_NODISCARD enum cl_status node_collect(struct node_run *r, json_t *gone, struct cl_err *err);
/* Changes that remove a version's files. */
CL_NODISCARD enum cl_status node_drop_version(struct node_run *r, json_t *txn,
                                              const json_t *version, struct cl_err *err);

/* containerd's configuration was changed, and it has not been started since. */
bool node_restart_due(const struct node_run *r, const json_t *state);
/* Restarts containerd if the state says that this is due, and writes down that it was done.
 * Adds "restart" to the document. */
CL_NODISCARD enum cl_status node_restart_if_due(struct node_run *r, json_t *doc,
                                                struct cl_err *err);
/* Adds "changes" to a document: what a list does, and to what. */
CL_NODISCARD enum cl_status node_report_changes(json_t *doc, const json_t *txn, struct cl_err *err);

#endif
