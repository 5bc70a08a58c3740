/* SPDX-License-Identifier: Apache-2.0
 * json.h - strict JSON over jansson: duplicates refused, depth and size capped, typed getters that
 * name the field.
 */
#ifndef CL_BASE_JSON_H
#define CL_BASE_JSON_H

#include "base/buf.h"

#include <jansson.h>
#include <stdbool.h>

#define CL_JSON_MAX_DEPTH 32u

/* Parses exactly one document (no trailing bytes). `what` names it in errors. Owned by the caller
 * (json_decref). */
CL_NODISCARD enum cl_status cl_json_parse(const void *data, size_t len, const char *what,
                                          json_t **ret_j, struct cl_err *err);
CL_NODISCARD enum cl_status cl_json_read_file(const char *path, size_t max, json_t **ret_j,
                                              struct cl_err *err);
/* Compact text with sorted keys: for the ASCII-keyed objects without numbers that we sign this
 * equals RFC 8785 (JCS). */
CL_NODISCARD enum cl_status cl_json_canonical(const json_t *j, struct cl_buf *out,
                                              struct cl_err *err);
/* Compact text in insertion order. */
CL_NODISCARD enum cl_status cl_json_compact(const json_t *j, struct cl_buf *out,
                                            struct cl_err *err);
void cl_json_decrefp(json_t **j); /* for CL_CLEANUP */

/* Required members: CL_ERR_MALFORMED "<what>: <key>: expected string, got integer" when absent or
 * of another type. Borrowed. */
CL_NODISCARD enum cl_status cl_json_get_string(const json_t *obj, const char *what, const char *key,
                                               const char **ret_s, struct cl_err *err);
CL_NODISCARD enum cl_status cl_json_get_object(const json_t *obj, const char *what, const char *key,
                                               json_t **ret_o, struct cl_err *err);
CL_NODISCARD enum cl_status cl_json_get_array(const json_t *obj, const char *what, const char *key,
                                              json_t **ret_a, struct cl_err *err);
/* The same of members that may be absent: false, NULL. An array has at most `max` items. */
CL_NODISCARD enum cl_status cl_json_opt_bool(const json_t *obj, const char *what, const char *key,
                                             bool *ret_b, struct cl_err *err);
CL_NODISCARD enum cl_status cl_json_opt_object(const json_t *obj, const char *what, const char *key,
                                               json_t **ret_o, struct cl_err *err);
CL_NODISCARD enum cl_status cl_json_opt_array(const json_t *obj, const char *what, const char *key,
                                              size_t max, json_t **ret_a, struct cl_err *err);
/* An integer in min..max. */
CL_NODISCARD enum cl_status cl_json_get_int(const json_t *obj, const char *what, const char *key,
                                            int64_t min, int64_t max, int64_t *ret_i,
                                            struct cl_err *err);
/* A string YYYY-MM-DDTHH:MM:SSZ, as seconds since 1970. */
CL_NODISCARD enum cl_status cl_json_get_time(const json_t *obj, const char *what, const char *key,
                                             int64_t *ret_seconds, struct cl_err *err);
CL_NODISCARD enum cl_status cl_json_get_bool(const json_t *obj, const char *what, const char *key,
                                             bool *ret_b, struct cl_err *err);
/* CL_ERR_MALFORMED when obj has a member that is not in the NULL-terminated list. */
CL_NODISCARD enum cl_status cl_json_only_keys(const json_t *obj, const char *what,
                                              const char *const *keys, struct cl_err *err);

#endif
