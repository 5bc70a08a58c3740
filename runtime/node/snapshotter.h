/* SPDX-License-Identifier: Apache-2.0
 * snapshotter.h - cloister-snapshotter on a node: for which runtimes, its units, its start and end.
 * The units are files alone, and so is what makes systemd start the socket at boot (a drop-in of
 * sockets.target instead of a link): the journal puts and removes them like all others.
 * State: "snapshotter": null, or {"mode":"default"|"none"|"class"|"node", "classes":[NAME...],
 * "units":[{"path","sha256"}...]}; classes: those whose runtime names it; no units: it is not used.
 * Trust, threads, memory: node.h.
 */
#ifndef NODE_SNAPSHOTTER_H
#define NODE_SNAPSHOTTER_H

#include "plan.h"

#define NODE_SNAPSHOTTER_DIR "/run/cloister-snapshotter"
#define NODE_SNAPSHOTTER_SOCKET NODE_SNAPSHOTTER_DIR "/grpc.sock"

/* Which runtimes have it, for p->classes and containerd's version; its units for p->version. */
CL_NODISCARD enum cl_status node_plan_snapshotter(struct node_run *r, struct node_plan *p,
                                                  const char **ret_hint, struct cl_err *err);
/* Whether the program itself gives an answer at a socket; else err says what came. */
bool node_snapshotter_answers(const char *socket, struct cl_err *err);
bool node_snapshotter_used(const json_t *state);
/* Has systemd take the units as they are and start the socket; where there is none, says what is to
 * be run. Adds "service" to the document when it is used. */
CL_NODISCARD enum cl_status node_snapshotter_start(const struct node_run *r, const json_t *state,
                                                   json_t *doc, struct cl_err *err);
/* Ends it: before its units go, when containerd does not know it any more. */
void node_snapshotter_stop(const struct node_run *r);
/* Has systemd forget units that are gone. */
void node_snapshotter_forget(const struct node_run *r);
CL_NODISCARD enum cl_status node_drop_units(struct node_run *r, json_t *txn, const json_t *state,
                                            struct cl_err *err);

#endif
