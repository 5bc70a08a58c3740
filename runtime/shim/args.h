/* SPDX-License-Identifier: Apache-2.0
 * args.h - what containerd says when it runs the program: flags, environment, and what it writes to
 * stdin (containerd-shim.md 1.2).
 * Trust: containerd's; names are checked because paths are made of them.
 */
#ifndef SHIM_ARGS_H
#define SHIM_ARGS_H

#include "base/buf.h"

#include <stdbool.h>

#define SHIM_STDIN_MAX (10u << 20)
#define SHIM_NAME_SIZE 77u /* containerd's names have at most 76 characters */

enum shim_action { SHIM_NO_ACTION, SHIM_START, SHIM_DELETE, SHIM_INFO, SHIM_VERSION, SHIM_HELP };

struct shim_args {
    enum shim_action action;
    char name_space[SHIM_NAME_SIZE];
    char id[SHIM_NAME_SIZE];
    char *bundle;         /* absolute */
    char *address;        /* containerd's gRPC socket; "" when not told */
    char *ttrpc_address;  /* "" when not told */
    char *publish_binary; /* "" when not told */
    char *socket;         /* to serve on; NULL: made from the address */
    char *socket_dir;     /* NULL: SHIM_SOCKET_DIR */
    char *config_path;    /* of the runtime options; NULL: none */
    bool debug;
    bool bootstrap; /* stdin was BootstrapParams: containerd 2.3 or later */
};

/* Flags in any order, before and after the action, with one dash or two, with '=' or a word behind
 * them. CL_ERR_MALFORMED names what is wrong. */
CL_NODISCARD enum cl_status shim_args_parse(int argc, char **argv, struct shim_args *ret,
                                            struct cl_err *err);
/* What start got on stdin: nothing, the options (google.protobuf.Any), or BootstrapParams. */
CL_NODISCARD enum cl_status shim_args_take_stdin(struct shim_args *a, const void *data, size_t len,
                                                 struct cl_err *err);
/* After both: the environment where nothing else was said, and that all that is needed is there. */
CL_NODISCARD enum cl_status shim_args_complete(struct shim_args *a, struct cl_err *err);
void shim_args_done(struct shim_args *a);

#endif
