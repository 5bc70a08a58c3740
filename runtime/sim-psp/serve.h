/* SPDX-License-Identifier: Apache-2.0
 * serve.h - the loop over the launch socket and the guest's connections.
 * Trust: both sides are hostile; neither can make it grow, block or end for the other, except that
 *        it ends with the launch connection, as the VM does.
 * Threads: one. Memory: one body of PSP_MSG_MAX, PSP_GUESTS_MAX small ones.
 */
#ifndef CL_SIM_PSP_SERVE_H
#define CL_SIM_PSP_SERVE_H

#include "report.h"

#define PSP_GUESTS_MAX 8
#define PSP_LAUNCH_WAIT_MS 120000 /* for the VMM to connect; afterwards nobody will */

struct psp_listeners {
    int launch_fd, guest_fd;              /* listening sockets */
    const char *launch_path, *guest_path; /* taken away again: launch once it is used */
};

/* Serves until the launch connection ends. CL_OK then; CL_ERR_UNAVAILABLE when nobody connected. */
CL_NODISCARD enum cl_status psp_serve(const struct psp_listeners *in, struct psp_launch *launch,
                                      const struct psp_reporter *reporter, struct cl_err *err);

#endif
