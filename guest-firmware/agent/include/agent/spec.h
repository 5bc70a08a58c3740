/* SPDX-License-Identifier: Apache-2.0
 * spec.h - the OCI runtime specification of the one container, from initdata and the image's
 * configuration and nothing else. No hooks, no mounts from anywhere, no host value.
 */
#ifndef AGENT_SPEC_H
#define AGENT_SPEC_H

#include "agent/user.h"
#include "cloister/initdata.h"
#include "oci/image.h"

/* What will be executed: initdata's command, or entry point and command of the image. Environment:
 * the image's, then initdata's above it, then PATH, HOME and TERM when nobody set them. Both are
 * owned by the caller. CL_ERR_REJECTED "process: command: ..." when there is none. */
CL_NODISCARD enum cl_status agent_spec_args(const struct cl_initdata *i,
                                            const struct cl_oci_config *c, struct cl_strv *ret,
                                            struct cl_err *err);
CL_NODISCARD enum cl_status agent_spec_env(const struct cl_initdata *i,
                                           const struct cl_oci_config *c,
                                           const struct agent_user *u, struct cl_strv *ret,
                                           struct cl_err *err);
/* Borrowed: initdata's, the image's, or "/". CL_ERR_REJECTED when it is not absolute. */
CL_NODISCARD enum cl_status agent_spec_workdir(const struct cl_initdata *i,
                                               const struct cl_oci_config *c, const char **ret,
                                               struct cl_err *err);
/* Makes the directory (0755, root) below root_fd when it is not there; follows no link while
 * making it. CL_ERR_REJECTED when a link or file is in the way. */
CL_NODISCARD enum cl_status agent_spec_make_workdir(int root_fd, const char *dir,
                                                    struct cl_err *err);

/* What of /proc and /sys a container does not see, and what it cannot write: members of
 * config.json's `linux`; owned by the caller, NULL when memory ran out. */
json_t *agent_spec_masked_paths(void);
json_t *agent_spec_readonly_paths(void);

/* config.json, appended to out. rows and cols (0: none) only matter with a terminal. */
CL_NODISCARD enum cl_status agent_spec_build(const struct cl_initdata *i,
                                             const struct cl_oci_config *c,
                                             const struct agent_user *u, uint32_t rows,
                                             uint32_t cols, struct cl_buf *out, struct cl_err *err);

#endif
