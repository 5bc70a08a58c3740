/* SPDX-License-Identifier: Apache-2.0
 * dm.h - the few requests of the kernel's device mapper that the agent makes, as linux/dm-ioctl.h
 * has them. (libdevmapper comes as a shared library only, and would bring libselinux and libudev
 * into a guest that has neither.)
 * Trust: the kernel. Tables may have keys in them: each request lies in a cl_secret, and the kernel
 *        is told to wipe its copy. Threads: plain calls. Memory: AGENT_DM_REQUEST_SIZE a request.
 */
#ifndef AGENT_CORE_DM_H
#define AGENT_CORE_DM_H

#include "base/secret.h"

#include <stdint.h>
#include <sys/types.h>

#define AGENT_DM_REQUEST_SIZE 4096u /* bytes; no table of ours comes near */
#define AGENT_DM_MAX_NAME 63u

struct agent_dm_target {
    uint64_t start; /* sectors of 512 bytes, as the next */
    uint64_t sectors;
    const char *type;   /* "linear" */
    const char *params; /* may hold a key */
};

/* A request with `count` targets, as an ioctl takes it; in ret_s, which must be empty.
 * CL_ERR_MALFORMED when a name or table does not fit. */
CL_NODISCARD enum cl_status agent_dm_encode(const char *name, uint32_t flags,
                                            const struct agent_dm_target *target, uint32_t count,
                                            struct cl_secret *ret_s, struct cl_err *err);

CL_NODISCARD enum cl_status agent_dm_open(int *ret_fd, struct cl_err *err);
/* A device without a table. */
CL_NODISCARD enum cl_status agent_dm_create(int dm, const char *name, dev_t *ret_dev,
                                            struct cl_err *err);
/* Gives it a table, which is not in use before agent_dm_resume(). */
CL_NODISCARD enum cl_status agent_dm_load(int dm, const char *name,
                                          const struct agent_dm_target *target, uint32_t count,
                                          struct cl_err *err);
/* Takes back what was loaded and not resumed. */
CL_NODISCARD enum cl_status agent_dm_clear(int dm, const char *name, struct cl_err *err);
CL_NODISCARD enum cl_status agent_dm_resume(int dm, const char *name, struct cl_err *err);
/* A device that nobody uses. Best effort. */
void agent_dm_remove(int dm, const char *name);

#endif
