/* SPDX-License-Identifier: Apache-2.0
 * cmd_policy.h - between the files of `cloister policy`.
 */
#ifndef CLI_CMD_POLICY_H
#define CLI_CMD_POLICY_H

#include "base/json.h"

int cli_policy_from_pod(int argc, char **argv);
int cli_policy_test(int argc, char **argv);
/* Hands each option to take(), but for 'h', which prints help. -1: go on behind optind; else the
 * exit status, which take() may give, too. */
struct option;
int cli_policy_options(const char *prog, const char *help, const struct option *options, int argc,
                       char **argv, int (*take)(void *ctx, int c), void *ctx);
/* The documents of a manifest; "-" is standard input. */
CL_NODISCARD enum cl_status cli_policy_documents(const char *path, json_t **ret,
                                                 struct cl_err *err);

/* One document on stdout; NULL is CL_ERR_NOMEM. */
CL_NODISCARD enum cl_status cli_policy_print(const json_t *j, bool compact, struct cl_err *err);

#endif
