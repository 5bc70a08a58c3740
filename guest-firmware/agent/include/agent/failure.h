/* SPDX-License-Identifier: Apache-2.0
 * failure.h - why the agent refused, in the parts that the host reports: step, field, expected,
 * actual.
 */
#ifndef AGENT_FAILURE_H
#define AGENT_FAILURE_H

#include "base/err.h"
#include "rpc/agent.h"

/* Turns an error into a failed outcome (phases stay as they are). Field, expected and actual come
 * from the form that our messages have: "...: <field>: expected <x>, got <y>"; a message of another
 * form leaves them empty. */
void agent_failure_set(struct cl_agent_outcome *o, const char *step, const struct cl_err *err);

#endif
