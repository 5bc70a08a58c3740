/* SPDX-License-Identifier: Apache-2.0
 * seccomp.h - the default system call filter of a container.
 */
#ifndef AGENT_SECCOMP_H
#define AGENT_SECCOMP_H

#include "base/json.h"

/* linux.seccomp of the OCI specification; owned by the caller, NULL when memory ran out. */
json_t *agent_seccomp(void);

#endif
