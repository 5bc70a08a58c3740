/* SPDX-License-Identifier: Apache-2.0
 * cmd.h - tables of subcommands: dispatch, --help, --version, usage errors. Components bring their
 * subcommands as functions of this shape; runtime/cli joins them into `cloister`.
 */
#ifndef CL_BASE_CMD_H
#define CL_BASE_CMD_H

#include "base/err.h"

struct cl_cmd {
    const char *name;
    /* argv[0] is the subcommand's own name; returns the exit status of design/cli.md. */
    int (*run)(int argc, char **argv);
    const char *summary; /* one line */
};

/* Runs the subcommand named by argv[1] out of a table that ends with a NULL name. `prog` is the
 * command so far ("cloister kbs"). --help prints the table and `example` to stdout, exit 0. Unknown
 * or missing: one line on stderr, exit 2. */
int cl_cmd_dispatch(const struct cl_cmd *table, const char *prog, const char *example, int argc,
                    char **argv);

/* "cloister: <prog>: <message>" and a hint to --help on stderr; returns 2. */
CL_PRINTF(2, 3) int cl_usage_error(const char *prog, const char *fmt, ...);

/* Last in main(): what was printed must have arrived. Returns rc; when stdout could not be written
 * it says so on stderr, and 0 becomes `failed`. */
int cl_finish_stdout(int rc, int failed);

/* cl_report(err, hint), and the exit status that belongs to err->status. */
int cl_fail(const struct cl_err *err, const char *hint);

#endif
