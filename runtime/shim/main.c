/* SPDX-License-Identifier: Apache-2.0
 * main.c - containerd-shim-cloister-v2: containerd's runtime io.containerd.cloister.v2.
 */
#include "base/cmd.h"
#include "base/io.h"
#include "base/log.h"
#include "commands.h"
#include "pod_service.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PROGRAM "containerd-shim-cloister-v2"

static const char help[] =
    "usage: " PROGRAM " --namespace NS --address SOCKET --id ID [FLAG]... start|delete\n"
    "       " PROGRAM " --info | --version | --help\n"
    "\n"
    "containerd runs it for the runtime io.containerd.cloister.v2; people need not. Flags come\n"
    "in any order, with one dash, as containerd writes them, or with two.\n"
    "\n"
    "  start                  serve a container, or find the shim of its pod; print the address\n"
    "  delete                 clean up after a container or a pod; print a DeleteResponse\n"
    "\n"
    "  --namespace NS         containerd's namespace\n"
    "  --id ID                the container\n"
    "  --bundle DIR           its bundle; the working directory without it\n"
    "  --address SOCKET       containerd's gRPC socket\n"
    "  --publish-binary FILE  publishes events when TTRPC_ADDRESS is not set\n"
    "  --socket FILE          serve there, not below /run/containerd/s\n"
    "  --debug                log more into the bundle's FIFO\n"
    "  --debug-socket FILE    taken, not used\n"
    "  --info                 print a RuntimeInfo\n"
    "  --version, -v          print the version\n"
    "\n"
    "example: cd BUNDLE && " PROGRAM " -namespace default -id c1 \\\n"
    "             -address /run/containerd/containerd.sock start </dev/null\n";

static enum cl_status take_stdin(struct shim_args *a, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf in = {0};
    enum cl_status st = cl_buf_read_fd(&in, STDIN_FILENO, SHIM_STDIN_MAX, err);
    return st == CL_OK ? shim_args_take_stdin(a, in.data, in.len, err)
                       : cl_err_wrap(err, st, "stdin");
}

static enum cl_status act(struct shim_args *a, struct cl_buf *out, struct cl_err *err)
{
    if (a->action == SHIM_INFO) {
        return shim_info(out, err);
    }
    if (a->action == SHIM_START) {
        CL_TRY(take_stdin(a, err));
    }
    CL_TRY(shim_args_complete(a, err));
    if (a->debug && setenv("CLOISTER_LOG", "debug", 0) != 0) {
        return cl_err_nomem(err, "environment");
    }
    enum cl_status st = a->action == SHIM_START ? shim_start(a, &shim_pod_service, out, err)
                                                : shim_delete(a, out, err);
    return st == CL_OK ? CL_OK
                       : cl_err_wrap(err, st, "%s '%s'",
                                     a->action == SHIM_START ? "start" : "delete", a->id);
}

/* One line: it becomes the message of the pod. */
static int misused(struct cl_err *err)
{
    (void)cl_err_wrap(err, err->status, PROGRAM);
    cl_report(err, /* hint= */ NULL);
    return 2;
}

static int say(const char *text)
{
    (void)fputs(text, stdout);
    return cl_finish_stdout(EXIT_SUCCESS, EXIT_FAILURE);
}

int main(int argc, char **argv)
{
    CL_CLEANUP(shim_args_done) struct shim_args a = {.action = SHIM_NO_ACTION};
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    struct cl_err err = {0};
    if (shim_args_parse(argc, argv, &a, &err) != CL_OK) {
        return misused(&err);
    }
    switch (a.action) {
    case SHIM_HELP:
        return say(help);
    case SHIM_VERSION:
        return say(PROGRAM " " CL_VERSION "\n");
    case SHIM_NO_ACTION:
        (void)cl_err_set(&err, CL_ERR_MALFORMED, "expected start or delete, got nothing");
        return misused(&err);
    default:
        break;
    }
    enum cl_status st = act(&a, &out, &err);
    if (st == CL_OK) {
        st = cl_write_all(STDOUT_FILENO, out.data, out.len, "stdout", &err);
    }
    return st == CL_OK ? EXIT_SUCCESS : cl_fail(&err, /* hint= */ NULL);
}
