/* SPDX-License-Identifier: Apache-2.0
 * jail.h - gives up, once everything is open, what the simulated processor no longer needs.
 */
#ifndef CL_SIM_PSP_JAIL_H
#define CL_SIM_PSP_JAIL_H

#include "base/err.h"

/* no_new_privs, not dumpable, small limits, and a system call filter without files, programs,
 * processes or new sockets. Any layer that cannot be applied is an error. */
CL_NODISCARD enum cl_status psp_jail(struct cl_err *err);

#endif
