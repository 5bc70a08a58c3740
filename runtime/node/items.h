/* SPDX-License-Identifier: Apache-2.0
 * items.h - items of preflight and verification: {"id","status","expected","actual"}, status one of
 * pass, fail, unknown, skipped. Trust, threads, memory: node.h.
 */
#ifndef NODE_ITEMS_H
#define NODE_ITEMS_H

#include "plan.h"

CL_NODISCARD enum cl_status node_item(json_t *list, const char *id, const char *status,
                                      const char *expected, const char *actual, struct cl_err *err);
/* The snapshotter, when it is used: what containerd's own account (flattened) says of it; */
CL_NODISCARD enum cl_status node_verify_chosen(const json_t *flat, const json_t *state,
                                               json_t *list, struct cl_err *err);
/* its units, and whether it answers. */
CL_NODISCARD enum cl_status node_verify_snapshotter(const struct node_run *r, const json_t *state,
                                                    json_t *list, struct cl_err *err);
CL_NODISCARD enum cl_status node_preflight_items(const struct node_run *r, unsigned classes,
                                                 const struct node_version *v, json_t *list,
                                                 struct cl_err *err);

#endif
