/* SPDX-License-Identifier: Apache-2.0
 * snapshot_peer.c - containerd's Snapshots service by our gRPC client: containerd's own, whose
 * metadata layer then asks the snapshotter, or the snapshotter itself. usage: snapshot_peer SOCKET
 * NAMESPACE METHOD ARGUMENT... (those of call_encode(); the answer as lines)
 *       snapshot_peer hold SOCKET PIDFILE PROGRAM   what systemd does: makes the socket, keeps it,
 *       and starts PROGRAM with it, again whenever that has ended
 */
#include "../unit/snapshot_calls.h"
#include "base/cmd.h"
#include "base/io.h"
#include "base/log.h"
#include "grpc/client.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROG "snapshot_peer"

static enum cl_status call(const char *socket, const char *space, const char *method, char **args,
                           size_t count, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf request = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf answer = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    char path[128];
    (void)snprintf(path, sizeof(path), SNAP_SERVICE "%s", method);
    CL_TRY(call_encode(method, args, count, &request, err));
    const struct cl_grpc_call c = {.path = path,
                                   .metadata = {{"containerd-namespace", space}},
                                   .metadata_count = 1,
                                   .message = request.data,
                                   .len = request.len,
                                   .max_reply = 65536,
                                   .timeout_ms = 20000};
    CL_TRY(cl_grpc_unary(socket, &c, /* ret_code= */ NULL, &answer, err));
    CL_TRY(call_show(method, answer.data, answer.len, &text, err));
    (void)fwrite(text.data, 1, text.len, stdout);
    return CL_OK;
}

/* The pid is in its file before anybody is answered. */
static void be_started(int fd, const char *pidfile, char **argv)
{
    char pid[16];
    (void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
    if (cl_write_file(pidfile, pid, strlen(pid), 0600, /* err= */ NULL) == CL_OK &&
        prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && (fd == 3 || dup2(fd, 3) == 3) &&
        fcntl(3, F_SETFD, 0) == 0 && setenv("LISTEN_PID", pid, 1) == 0 &&
        setenv("LISTEN_FDS", "1", 1) == 0) {
        (void)execv(argv[0], argv);
    }
    _exit(127);
}

static enum cl_status hold(const char *socket, const char *pidfile, char **argv, struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    CL_TRY(cl_unix_listen(socket, &fd, err));
    for (;;) {
        int status = 0;
        pid_t pid = fork();
        if (pid == 0) {
            be_started(fd, pidfile, argv);
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid) {
            return cl_err_sys(err, errno, "child");
        }
        if (WIFEXITED(status)) {
            return cl_err_set(err, CL_ERR_UNAVAILABLE, "program: status %d", WEXITSTATUS(status));
        }
    }
}

int main(int argc, char **argv)
{
    struct cl_err err = {0};
    cl_log_init(PROG, /* json= */ false);
    if (argc < 5) {
        return cl_usage_error(PROG, "arguments: expected SOCKET NAMESPACE METHOD ARGUMENT...");
    }
    enum cl_status st = strcmp(argv[1], "hold") == 0
                            ? hold(argv[2], argv[3], argv + 4, &err)
                            : call(argv[1], argv[2], argv[3], argv + 4, (size_t)argc - 4, &err);
    return st == CL_OK ? cl_finish_stdout(0, 5) : cl_fail(&err, NULL);
}
