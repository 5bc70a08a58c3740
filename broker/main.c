/* SPDX-License-Identifier: Apache-2.0
 * main.c - cloister-broker: serve, init, backup, restore, rotate-key.
 */
#include "base/cmd.h"
#include "base/io.h"
#include "base/log.h"
#include "broker/broker.h"
#include "state.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define PROG "cloister broker"
#define MAX_SANS 32

static const char usage[] =
    "Usage: cloister broker [--listen ADDR:PORT] [--admin-listen ADDR:PORT] [--sim-root FILE]\n"
    "                       [--ready-fd N] [--max-sessions N] --state DIR\n"
    "       cloister broker init --state DIR [--san NAME-OR-ADDRESS]...\n"
    "       cloister broker backup --state DIR FILE\n"
    "       cloister broker restore --state DIR --master FILE BACKUP\n"
    "       cloister broker rotate-key --state DIR\n"
    "\n"
    "The key broker: releases secrets to attested guests. Guests are served at 127.0.0.1:8080,\n"
    "admins at 127.0.0.1:8081. Port 0 picks a free one. When both listen, one JSON line says so.\n"
    "\n"
    "Example:\n"
    "  cloister broker init --state /var/lib/cloister-broker --san kbs.example\n"
    "  cloister broker --state /var/lib/cloister-broker --listen 0.0.0.0:8080\n";

struct args {
    const char *state;
    const char *listen;
    const char *admin_listen;
    const char *sim_root;
    const char *master;
    const char *sans[MAX_SANS + 1];
    size_t san_count;
    uint64_t ready_fd;
    uint64_t max_sessions;
    const char *file;
};

enum {
    OPT_STATE = 256,
    OPT_LISTEN,
    OPT_ADMIN,
    OPT_SIM,
    OPT_READY,
    OPT_SAN,
    OPT_MASTER,
    OPT_MAX,
    OPT_HELP
};

static const struct option options[] = {{"state", required_argument, NULL, OPT_STATE},
                                        {"listen", required_argument, NULL, OPT_LISTEN},
                                        {"admin-listen", required_argument, NULL, OPT_ADMIN},
                                        {"sim-root", required_argument, NULL, OPT_SIM},
                                        {"ready-fd", required_argument, NULL, OPT_READY},
                                        {"san", required_argument, NULL, OPT_SAN},
                                        {"master", required_argument, NULL, OPT_MASTER},
                                        {"max-sessions", required_argument, NULL, OPT_MAX},
                                        {"help", no_argument, NULL, OPT_HELP},
                                        {NULL, 0, NULL, 0}};

/* -1: go on; else the exit status. */
static int take_option(int opt, struct args *a)
{
    struct cl_err err = {0};
    switch (opt) {
    case OPT_STATE:
        a->state = optarg;
        return -1;
    case OPT_LISTEN:
        a->listen = optarg;
        return -1;
    case OPT_ADMIN:
        a->admin_listen = optarg;
        return -1;
    case OPT_SIM:
        a->sim_root = optarg;
        return -1;
    case OPT_MASTER:
        a->master = optarg;
        return -1;
    case OPT_READY:
        return cl_uint_parse(optarg, "--ready-fd", 1, 1023, &a->ready_fd, &err) == CL_OK
                   ? -1
                   : cl_usage_error(PROG, "%s", err.msg);
    case OPT_MAX:
        return cl_uint_parse(optarg, "--max-sessions", 1, 1u << 20, &a->max_sessions, &err) == CL_OK
                   ? -1
                   : cl_usage_error(PROG, "%s", err.msg);
    case OPT_SAN:
        if (a->san_count >= MAX_SANS) {
            return cl_usage_error(PROG, "--san: expected at most %d", MAX_SANS);
        }
        a->sans[a->san_count++] = optarg;
        return -1;
    case OPT_HELP:
        (void)fputs(usage, stdout);
        return 0;
    default:
        return cl_usage_error(PROG, "unknown or incomplete option '%s'", "");
    }
}

static int parse_args(int argc, char **argv, bool wants_file, struct args *a)
{
    opterr = 0;
    optind = 1;
    for (;;) {
        int at = optind;
        int opt = getopt_long(argc, argv, "+", options, NULL);
        if (opt == -1) {
            break;
        }
        if (opt == '?') {
            return cl_usage_error(PROG, "unknown or incomplete option '%s'", argv[at]);
        }
        int rc = take_option(opt, a);
        if (rc >= 0) {
            return rc;
        }
    }
    if (wants_file && optind < argc) {
        a->file = argv[optind++];
    }
    if (optind < argc) {
        return cl_usage_error(PROG, "unexpected argument '%s'", argv[optind]);
    }
    if (a->state == NULL || (wants_file && a->file == NULL)) {
        return cl_usage_error(PROG, "%s",
                              a->state == NULL ? "--state is required" : "FILE is missing");
    }
    return -1;
}

static int done(enum cl_status st, const struct cl_err *err, const char *hint)
{
    return st == CL_OK ? 0 : cl_fail(err, hint);
}

static int run_init(struct args *a)
{
    static const char *const defaults[] = {"127.0.0.1", "localhost", NULL};
    struct cl_err err = {0};
    enum cl_status st = cl_state_init(a->state, a->san_count > 0 ? a->sans : defaults, &err);
    if (st == CL_OK) {
        printf("state '%s' is ready: clients pin tls.crt; move admin.key to the admin's machine; "
               "keep a copy of master.key elsewhere\n",
               a->state);
    }
    return done(st, &err, NULL);
}

static struct cl_broker *running; /* for the signal handler only */

static void on_signal(int sig)
{
    (void)sig;
    cl_broker_stop(running);
}

static enum cl_status tell_ready(const struct args *a, const struct cl_broker *b,
                                 struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf line = {0};
    CL_TRY(cl_buf_printf(&line, err, "{\"event\":\"listening\",\"port\":%u,\"admin-port\":%u}\n",
                         (unsigned)cl_broker_port(b), (unsigned)cl_broker_admin_port(b)));
    int fd = a->ready_fd != 0 ? (int)a->ready_fd : STDOUT_FILENO;
    CL_TRY(cl_write_all(fd, line.data, line.len, "ready line", err));
    if (a->ready_fd != 0) {
        (void)close(fd);
    }
    return CL_OK;
}

static enum cl_status serve(const struct args *a, struct cl_broker *b, struct cl_err *err)
{
    struct sigaction stop = {.sa_handler = on_signal};
    if (a->sim_root != NULL) {
        CL_TRY(cl_broker_trust_sim_root(b, a->sim_root, err));
        cl_log(CL_LOG_WARN, "broker", "accepting class sim-snp: it protects nothing");
    }
    running = b;
    if (sigaction(SIGTERM, &stop, NULL) != 0 || sigaction(SIGINT, &stop, NULL) != 0) {
        return cl_err_sys(err, errno, "signals");
    }
    CL_TRY(tell_ready(a, b, err));
    return cl_broker_run(b, err);
}

static int run_serve(const struct args *a)
{
    struct cl_err err = {0};
    struct cl_broker *b = NULL;
    struct cl_broker_config cfg = {.state_dir = a->state,
                                   .listen = a->listen != NULL ? a->listen : "127.0.0.1:8080",
                                   .admin_listen =
                                       a->admin_listen != NULL ? a->admin_listen : "127.0.0.1:8081",
                                   .max_sessions = (uint32_t)a->max_sessions};
    (void)signal(SIGPIPE, SIG_IGN);
    (void)prctl(PR_SET_DUMPABLE, 0); /* no core file with keys in it */
    enum cl_status st = cl_broker_new(&cfg, &b, &err);
    st = st == CL_OK ? serve(a, b, &err) : st;
    cl_broker_free(b);
    return done(st, &err,
                st == CL_OK || err.sys_errno != ENOENT
                    ? NULL
                    : "make the state with: cloister broker init --state DIR");
}

static int broker_main(int argc, char **argv)
{
    struct args a = {0};
    struct cl_err err = {0};
    const char *sub = argc > 1 && argv[1][0] != '-' ? argv[1] : "";
    bool moves = strcmp(sub, "backup") == 0 || strcmp(sub, "restore") == 0;
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        printf("cloister-broker %s\n", CL_VERSION);
        return 0;
    }
    bool has_sub = sub[0] != '\0';
    int rc = parse_args(has_sub ? argc - 1 : argc, has_sub ? argv + 1 : argv, moves, &a);
    if (rc >= 0) {
        return rc;
    }
    if (!has_sub) {
        return run_serve(&a);
    }
    if (strcmp(sub, "init") == 0) {
        return run_init(&a);
    }
    if (strcmp(sub, "backup") == 0) {
        return done(cl_state_backup(a.state, a.file, &err), &err, NULL);
    }
    if (strcmp(sub, "restore") == 0) {
        return a.master == NULL
                   ? cl_usage_error(PROG, "--master is required")
                   : done(cl_state_restore(a.state, a.file, a.master, &err), &err, NULL);
    }
    if (strcmp(sub, "rotate-key") == 0) {
        return done(cl_state_rotate(a.state, &err), &err, NULL);
    }
    return cl_usage_error(PROG, "unknown subcommand '%s'", sub);
}

int main(int argc, char **argv)
{
    cl_log_init("cloister-broker", false);
    return cl_finish_stdout(broker_main(argc, argv), 5);
}
