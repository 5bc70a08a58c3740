/* SPDX-License-Identifier: Apache-2.0
 * main.c - cloister-sim-psp: options, sockets, and the order in which things are given up.
 * Trust: the command line is of who started us; everything on the sockets is hostile.
 */
#include "jail.h"
#include "serve.h"

#include "base/cmd.h"
#include "base/encode.h"
#include "base/io.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define PROG "cloister-sim-psp"

static const char *arg_state;
static const char *arg_launch_socket;
static const char *arg_guest_socket;
static bool arg_init;

static void help(void)
{
    printf("usage: %s --state DIR --launch-socket PATH --guest-socket PATH\n"
           "       %s --state DIR --init\n\n"
           "The simulated security processor of one VM. It protects nothing.\n\n"
           "  --state DIR           keys and certificates of this machine, made on first use\n"
           "  --launch-socket PATH  where the VMM connects, once; it is made last\n"
           "  --guest-socket PATH   where the guest asks for reports\n"
           "  --init                make the state, print SHA-384 of the root's public key, end\n\n"
           "example: %s --state /var/lib/cloister/sim-psp --init\n",
           PROG, PROG, PROG);
}

/* 0 to go on, else the exit status plus one. */
static int parse(int argc, char **argv)
{
    static const struct option options[] = {
        {"state", required_argument, NULL, 's'},
        {"launch-socket", required_argument, NULL, 'l'},
        {"guest-socket", required_argument, NULL, 'g'},
        {"init", no_argument, NULL, 'i'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    opterr = 0;
    for (int c = 0; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        switch (c) {
        case 's':
            arg_state = optarg;
            break;
        case 'l':
            arg_launch_socket = optarg;
            break;
        case 'g':
            arg_guest_socket = optarg;
            break;
        case 'i':
            arg_init = true;
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
    if (optind != argc) {
        return 1 + cl_usage_error(PROG, "argument: expected none, got '%s'", argv[optind]);
    }
    if (arg_state == NULL) {
        return 1 + cl_usage_error(PROG, "--state: expected a directory, got nothing");
    }
    if (!arg_init && (arg_launch_socket == NULL || arg_guest_socket == NULL)) {
        return 1 + cl_usage_error(PROG, "%s: expected a path, got nothing",
                                  arg_launch_socket == NULL ? "--launch-socket" : "--guest-socket");
    }
    return 0;
}

static enum cl_status run_init(const struct psp_pki *pki, struct cl_err *err)
{
    uint8_t root[48];
    char hex[97];
    CL_TRY(psp_pki_root(pki, root, err));
    cl_hex(hex, root, sizeof(root));
    printf("%s\n", hex);
    return fflush(stdout) == 0 ? CL_OK : cl_err_sys(err, errno, "write 'stdout'");
}

/* A connection that goes away between poll and accept must not block the loop. */
static enum cl_status make_nonblocking(int fd, struct cl_err *err)
{
    return fcntl(fd, F_SETFL, O_NONBLOCK) == 0 ? CL_OK : cl_err_sys(err, errno, "set up a socket");
}

static enum cl_status run(const struct psp_pki *pki, struct cl_err *err)
{
    CL_CLEANUP(psp_launch_done) struct psp_launch launch = {0};
    CL_CLEANUP(psp_reporter_done) struct psp_reporter reporter = {0};
    struct psp_listeners in = {.launch_path = arg_launch_socket, .guest_path = arg_guest_socket};
    CL_TRY(psp_launch_init(&launch, err));
    CL_TRY(psp_reporter_init(&reporter, pki, &launch, err));
    CL_TRY(cl_unix_listen(arg_guest_socket, &in.guest_fd, err));
    CL_TRY(cl_unix_listen(arg_launch_socket, &in.launch_fd, err));
    CL_TRY(make_nonblocking(in.guest_fd, err));
    CL_TRY(make_nonblocking(in.launch_fd, err));
    (void)fprintf(stderr, PROG ": SIMULATED security processor: memory is not encrypted, reports "
                               "prove nothing about this host\n");
    CL_TRY(psp_jail(err));
    return psp_serve(&in, &launch, &reporter, err);
}

int main(int argc, char **argv)
{
    struct cl_err err = {0};
    CL_CLEANUP(psp_pki_done) struct psp_pki pki = {0};
    cl_log_init(PROG, /* json= */ false);
    int usage = parse(argc, argv);
    if (usage != 0) {
        return cl_finish_stdout(usage - 1, 5);
    }
    (void)signal(SIGPIPE, SIG_IGN);
    enum cl_status st = psp_pki_open(&pki, arg_state, &err);
    if (st == CL_OK) {
        st = arg_init ? run_init(&pki, &err) : run(&pki, &err);
    }
    return st == CL_OK ? 0 : cl_fail(&err, NULL);
}
