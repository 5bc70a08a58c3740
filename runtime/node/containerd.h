/* SPDX-License-Identifier: Apache-2.0
 * containerd.h - containerd of this node: its version, what it makes of its files, its restart.
 * Trust: the programs are the operator's; what they print is read as hostile and bounded.
 * Threads: starts processes and waits for them. Memory: NODE_CONFIG_MAX_SIZE of output.
 */
#ifndef NODE_CONTAINERD_H
#define NODE_CONTAINERD_H

#include "config.h"
#include "journal.h"

#define NODE_COMMAND_TIMEOUT_S 120u

struct node_version {
    unsigned major;
    unsigned minor;
    char text[32];
};

/* Runs a program (argv, found on PATH) until it ends or the time is over; its standard output into
 * ret, its errors into the message. ret may be NULL. CL_ERR_UNAVAILABLE when there is no such
 * program or the time is over, CL_ERR_REJECTED when it fails. */
CL_NODISCARD enum cl_status node_command(const char *const *argv, unsigned timeout_s,
                                         struct cl_buf *ret, struct cl_err *err);
/* "1.6.20~ds1", "v2.1.0-rc.1". */
CL_NODISCARD enum cl_status node_version_parse(const char *text, struct node_version *ret,
                                               struct cl_err *err);
CL_NODISCARD enum cl_status node_version_get(const struct node_run *r, struct node_version *ret,
                                             struct cl_err *err);
bool node_version_merges(const struct node_version *v); /* drop-ins: 2.x */
const char *node_containerd_config(const struct node_options *o);
/* Output of `containerd config dump`; an absent file is containerd's defaults. */
CL_NODISCARD enum cl_status node_dump(const struct node_run *r, struct cl_buf *ret,
                                      struct cl_err *err);
/* Whether such an output can be had: not for a tree without a containerd of its own. */
bool node_can_dump(const struct node_run *r);
/* Restarts it. *ret_how: what was or must be done, static or of the options. done == false: not by
 * us, the operator must. */
CL_NODISCARD enum cl_status node_restart(const struct node_run *r, bool *ret_done,
                                         const char **ret_how, struct cl_err *err);
/* Whether the containerd that answers at the options' socket was started after a file (a path of
 * the machine) was written last; false when that cannot be told. */
bool node_started_after(const struct node_run *r, const char *path);
const char *node_address(const struct node_options *o);
/* {"case","words"}: which snapshotter case this containerd is. */
json_t *node_snapshotter_case(const struct node_version *v);

#endif
