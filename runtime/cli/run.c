/* SPDX-License-Identifier: Apache-2.0
 * run.c - `cloister run`: one container in one measured VM, from the flags to the exit status.
 * Trust: see runtime/cli/README.md. Threads: one event loop; the agent's calls and the relay's
 *        dialling have threads of their own. Memory: fixed per connection.
 */
#include "cli.h"
#include "run_internal.h"

#include "base/cmd.h"
#include "base/io.h"
#include "base/log.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define EXIT_OURS 125

void run_timer(struct run *r, unsigned ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    (void)event_add(r->timer, &tv);
}

/* Ends the loop when nothing is left to wait for. */
void run_check_end(struct run *r)
{
    /* The agent's last answer may still be on its way to us: it comes before the end of its
     * connection. And so may the last output. */
    if (!r->vm_over || (r->agent != NULL && !r->agent_over)) {
        return;
    }
    run_judge_vm(r);
    if (!host_server_output_pending(r->server, /* process= */ NULL)) {
        (void)event_base_loopbreak(r->base);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
    struct run *r = ctx;
    (void)fd;
    (void)what;
    if (!r->agent_over) {
        cli_report_fail(&r->report, "guest", "boot", "timeout",
                        "the agent did not call within %d seconds", RUN_BOOT_S);
    } else if (r->lost.status != CL_OK) {
        cli_report_fail(&r->report, "guest", "agent", cl_status_name(r->lost.status), "%s",
                        r->lost.msg);
    }
    run_stop_vm(r);
}

static void on_signal(evutil_socket_t signo, short what, void *ctx)
{
    struct run *r = ctx;
    (void)what;
    if (signo == SIGWINCH) {
        unsigned rows = 0;
        unsigned cols = 0;
        cli_tty_size(&rows, &cols);
        if (r->agent_started && r->initdata.terminal && rows > 0) {
            cli_agent_resize(r->agent, rows, cols);
        }
        return;
    }
    bool ends = signo != SIGUSR1 && signo != SIGUSR2;
    r->end_signals += ends ? 1 : 0;
    if (r->agent_started && !r->agent_over) {
        /* The container's first process may ignore them; whoever asks three times means it. */
        cli_agent_signal(r->agent, ends && r->end_signals >= RUN_KILL_AFTER ? SIGKILL : (int)signo);
        return;
    }
    if (!ends || r->agent_over) {
        return;
    }
    cli_report_fail(&r->report, "host", "signal", "interrupted",
                    "ended by signal %d before the container ran", (int)signo);
    r->report.exit_status = 128 + (int)signo;
    run_stop_vm(r);
}

static enum cl_status make_loop(struct run *r, struct cl_err *err)
{
    static const int signals[RUN_SIGNALS] = {SIGTERM, SIGINT,  SIGHUP,  SIGQUIT,
                                             SIGUSR1, SIGUSR2, SIGWINCH};
    r->base = event_base_new();
    if (r->base == NULL) {
        return cl_err_nomem(err, "event loop");
    }
    r->timer = event_new(r->base, -1, 0, on_timer, r);
    bool ok = r->timer != NULL;
    for (size_t i = 0; ok && i < CL_ARRAY_LEN(signals); i++) {
        r->signals[i] = evsignal_new(r->base, signals[i], on_signal, r);
        ok = r->signals[i] != NULL && event_add(r->signals[i], NULL) == 0;
    }
    return ok ? CL_OK : cl_err_nomem(err, "event loop");
}

static void free_event(struct event *e)
{
    if (e != NULL) {
        event_free(e);
    }
}

/* In the order in which things depend on each other. Nothing of the run is left. */
static void clean_up(struct run *r)
{
    cli_tty_restore(&r->tty);
    cli_agent_free(r->agent);
    host_vm_free(r->vm);
    host_server_free(r->server);
    for (size_t i = 0; i < RUN_SIGNALS; i++) {
        free_event(r->signals[i]);
    }
    free_event(r->timer);
    if (r->base != NULL) {
        event_base_free(r->base);
    }
    host_rundir_remove(&r->dir);
    cl_image_free(r->image);
    cl_initdata_done(&r->initdata);
    cl_buf_done(&r->initdata_text);
}

static void write_files(const struct run *r)
{
    struct cl_err err = {0};
    if (r->args.result != NULL &&
        cli_report_write_result(&r->report, r->args.result, &err) != CL_OK) {
        cl_report(&err, NULL);
    }
    if (r->args.timing != NULL &&
        cli_report_write_timing(&r->report, r->args.timing, &err) != CL_OK) {
        cl_report(&err, NULL);
    }
}

static void run_all(struct run *r)
{
    struct cl_err err = {0};
    if (make_loop(r, &err) != CL_OK) {
        cli_report_err(&r->report, "loop", &err);
    } else if (run_prepare(r) && run_start_vm(r)) {
        (void)event_base_dispatch(r->base);
    }
    if (!r->report.done) {
        cli_report_fail(&r->report, "host", "loop", "error", "ended without a reason");
    }
    clean_up(r);
    cli_report_mark(&r->report, "end", 0);
}

int cl_cmd_run(int argc, char **argv)
{
    struct run r = {.dir = {.lock_fd = -1}};
    int rc = cli_run_args_parse(argc, argv, /* make= */ false, EXIT_OURS, &r.args);
    if (rc < 0) {
        r.report.start_us = cl_monotonic_us();
        (void)snprintf(r.report.image, sizeof(r.report.image), "%s", r.args.image);
        run_all(&r);
        cli_report_print(&r.report);
        write_files(&r);
        rc = r.report.exit_status;
    }
    cli_run_args_done(&r.args);
    return rc;
}
