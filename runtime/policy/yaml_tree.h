/* SPDX-License-Identifier: Apache-2.0
 * yaml_tree.h - YAML as Kubernetes reads it, into a strict tree of JSON.
 * Trust: every byte is hostile. Nothing is expanded: aliases, tags and merge keys are refused, so a
 *        tree is never larger than its text.
 * Threads: no shared state. Memory: the text's own size, a tree of at most CL_YAML_MAX_NODES.
 * Spec: YAML 1.1 as libyaml reads it; plain scalars become what the API machinery of Kubernetes
 *       makes of them (yes, no, on, off, y and n are booleans, 0644 is octal, times are strings).
 */
#ifndef POLICY_YAML_TREE_H
#define POLICY_YAML_TREE_H

#include "base/json.h"

#define CL_YAML_MAX_SIZE (1u << 20) /* bytes of text */
#define CL_YAML_MAX_DEPTH CL_JSON_MAX_DEPTH
#define CL_YAML_MAX_NODES 65536u /* scalars, sequences and mappings of all documents together */
#define CL_YAML_MAX_DOCUMENTS 64u

/* Reads every document of a text.
 * data, len  borrowed for the call; UTF-8
 * what       names the text in messages
 * ret        new array of the documents that are not empty, in order; freed with json_decref()
 * Returns    CL_OK; CL_ERR_MALFORMED "<what>: line N: ..." for what is not YAML, a key that is
 *            there twice or is no text, a number that JSON has not, a NUL in a text, too many
 *            levels or nodes; CL_ERR_UNSUPPORTED for aliases, tags and merge keys; CL_ERR_NOMEM. */
CL_NODISCARD enum cl_status cl_yaml_parse(const void *data, size_t len, const char *what,
                                          json_t **ret, struct cl_err *err);

#endif
