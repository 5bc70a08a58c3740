/* SPDX-License-Identifier: Apache-2.0
 * toml.h - a strict subset of TOML 1.0, enough for initdata and our configuration files.
 * Supported: comments, bare and quoted keys, [table] and [dotted.table] headers, basic and literal
 * strings and their multi-line forms, integers, booleans, arrays of strings, integers, booleans,
 * and of such arrays. Refused: everything else (dates, floats, inline tables, arrays of tables,
 * dotted keys in assignments, duplicate keys or tables). Trust: the text is hostile.
 */
#ifndef CL_BASE_TOML_H
#define CL_BASE_TOML_H

#include "base/json.h"

#define CL_TOML_MAX_SIZE (1u << 20)

/* Tables become JSON objects, so that json.h's getters serve both. Errors carry err->offset and the
 * line number in the text. */
CL_NODISCARD enum cl_status cl_toml_parse(const char *text, size_t len, const char *what,
                                          json_t **ret_j, struct cl_err *err);
/* Appends `key = value` with value as a TOML basic string (or multi-line literal when it holds line
 * ends and allows it). */
CL_NODISCARD enum cl_status cl_toml_put_string(struct cl_buf *out, const char *key,
                                               const char *value, struct cl_err *err);

#endif
