/* SPDX-License-Identifier: Apache-2.0
 * main.c - cloister-snapshotter: options, the socket (its own, or systemd's), signals.
 * Trust: the command line and the environment are of who started us; everything on the socket is
 *        hostile.
 */
#include "service.h"

#include "base/cmd.h"
#include "base/io.h"
#include "base/log.h"

#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROG "cloister-snapshotter"
#define DEFAULT_SOCKET "/run/cloister-snapshotter/grpc.sock"
#define SYSTEMD_FD 3 /* sd_listen_fds(3) */

static const char *arg_socket = DEFAULT_SOCKET;

static void help(void)
{
    printf(
        "usage: %s [--socket PATH]\n\n"
        "A snapshotter for containerd that stores nothing: every layer is there already, for the\n"
        "guest brings it itself.\n\n"
        "  --socket PATH  where containerd's proxy plugin connects; default\n"
        "                 %s\n\n"
        "A socket that systemd passes on is taken instead.\n\n"
        "example: %s --socket /run/cloister-snapshotter/grpc.sock\n",
        PROG, DEFAULT_SOCKET, PROG);
}

/* 0 to go on, else the exit status plus one. */
static int parse(int argc, char **argv)
{
    static const struct option options[] = {
        {"socket", required_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    opterr = 0;
    for (int c = 0; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        switch (c) {
        case 's':
            arg_socket = optarg;
            break;
        case 'h':
            help();
            return 1;
        case 'v':
            printf("%s %s\n", PROG, CL_VERSION);
            return 1;
        default:
            return 1 + cl_usage_error(PROG, "option '%s': expected a known one with its value",
                                      argv[optind - 1]);
        }
    }
    return optind == argc
               ? 0
               : 1 + cl_usage_error(PROG, "argument: expected none, got '%s'", argv[optind]);
}

/* One listening socket that systemd has made for this process. */
static bool have_systemd_socket(void)
{
    const char *pid = getenv("LISTEN_PID");
    const char *fds = getenv("LISTEN_FDS");
    uint64_t n = 0;
    int listens = 0;
    socklen_t len = sizeof(listens);
    return pid != NULL && fds != NULL && strcmp(fds, "1") == 0 &&
           cl_uint_parse(pid, "LISTEN_PID", 1, INT32_MAX, &n, NULL) == CL_OK &&
           n == (uint64_t)getpid() &&
           getsockopt(SYSTEMD_FD, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 && listens != 0;
}

/* Its directory is made, for /run is empty after a boot; only one level, and only for root. */
static enum cl_status listen_at(const char *path, int *ret_fd, struct cl_err *err)
{
    char copy[256];
    if (strlen(path) < sizeof(copy)) { /* else the socket says that it is too long */
        (void)snprintf(copy, sizeof(copy), "%s", path);
        const char *dir = dirname(copy);
        if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
            return cl_err_sys(err, errno, "directory '%s'", dir);
        }
    }
    return cl_unix_listen(path, ret_fd, err);
}

static enum cl_status run(struct cl_err *err)
{
    static const struct cl_grpc_service service = {.call = snap_call};
    CL_CLEANUP(cl_close_fdp) int listen_fd = -1;
    CL_CLEANUP(cl_close_fdp) int stop_fd = -1;
    sigset_t stop;
    (void)sigemptyset(&stop);
    (void)sigaddset(&stop, SIGTERM);
    (void)sigaddset(&stop, SIGINT);
    if (sigprocmask(SIG_BLOCK, &stop, NULL) != 0) {
        return cl_err_sys(err, errno, "signals");
    }
    if (have_systemd_socket()) { /* asked before anything else can be that descriptor */
        listen_fd = SYSTEMD_FD;
    } else {
        CL_TRY(listen_at(arg_socket, &listen_fd, err));
    }
    stop_fd = signalfd(-1, &stop, SFD_CLOEXEC);
    if (stop_fd < 0) {
        return cl_err_sys(err, errno, "signals");
    }
    cl_log(CL_LOG_INFO, "snapshotter", "ready");
    return cl_grpc_serve(&service, listen_fd, stop_fd, err);
}

int main(int argc, char **argv)
{
    struct cl_err err = {0};
    cl_log_init(PROG, /* json= */ false);
    int usage = parse(argc, argv);
    if (usage != 0) {
        return cl_finish_stdout(usage - 1, 5);
    }
    return run(&err) == CL_OK ? 0 : cl_fail(&err, NULL);
}
