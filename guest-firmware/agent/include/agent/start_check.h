/* SPDX-License-Identifier: Apache-2.0
 * start_check.h - the host's Start against initdata, field by field. The values that are used come
 * from initdata; the request only shows whether the host wants the same.
 */
#ifndef AGENT_START_CHECK_H
#define AGENT_START_CHECK_H

#include "cloister/initdata.h"
#include "rpc/agent.h"

/* CL_ERR_REJECTED "start: <field>: expected <x>, got <y>" at the first field that differs; lists
 * are shown as JSON. */
CL_NODISCARD enum cl_status agent_start_check(const struct cl_agent_start *s,
                                              const struct cl_initdata *i, struct cl_err *err);

#endif
