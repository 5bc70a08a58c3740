/* SPDX-License-Identifier: Apache-2.0
 * yaml_scalar.h - what a scalar without quotes is. Trust, memory: yaml_tree.h.
 */
#ifndef POLICY_YAML_SCALAR_H
#define POLICY_YAML_SCALAR_H

#include "base/json.h"

/* text, len: UTF-8 without NUL, with one behind it. ret: a new null, boolean, integer, real or
 * string. CL_ERR_MALFORMED (no context: the caller adds it) for a number that JSON has not or that
 * readers differ about. */
CL_NODISCARD enum cl_status cl_yaml_plain(const char *text, size_t len, json_t **ret,
                                          struct cl_err *err);

#endif
