/* SPDX-License-Identifier: Apache-2.0
 * run_agent.c - what the agent's answers mean for a run. Trust: agent_link.h.
 */
#include "run_internal.h"

#include <signal.h>
#include <stdio.h>

static void on_started(void *ctx, const struct cl_agent_info *info)
{
    struct run *r = ctx;
    (void)snprintf(r->report.agent_version, sizeof(r->report.agent_version), "%s",
                   info->agent_version);
    (void)snprintf(r->report.kernel_release, sizeof(r->report.kernel_release), "%s",
                   info->kernel_release);
    cli_report_mark(&r->report, "agent.started", 0);
    r->agent_started = true;
    (void)event_del(r->timer); /* booting is over; the container may take its time */
    if (r->initdata.terminal) {
        cli_tty_raw(&r->tty);
    }
}

static void on_outcome(void *ctx, const struct cl_agent_outcome *o)
{
    struct run *r = ctx;
    cli_report_mark(&r->report, "agent.outcome", 0);
    cli_report_outcome(&r->report, o);
    r->agent_over = true;
    run_timer(r, RUN_POWEROFF_S * 1000);
    run_check_end(r);
}

static void on_lost(void *ctx, const struct cl_err *err)
{
    struct run *r = ctx;
    r->lost = *err;
    r->agent_over = true;
    run_timer(r, RUN_LOST_S * 1000); /* the VMM is about to say why */
    run_check_end(r);
}

static void on_signal_refused(void *ctx, int signo)
{
    struct run *r = ctx;
    if (!r->agent_over && signo != SIGUSR1 && signo != SIGUSR2) {
        cli_report_fail(&r->report, "host", "signal", "interrupted",
                        "ended by signal %d before the container ran", signo);
        r->report.exit_status = 128 + signo;
        run_stop_vm(r);
    }
}

void run_on_agent(void *ctx, int fd)
{
    struct run *r = ctx;
    struct cl_err err = {0};
    const struct cli_agent_callbacks cb = {.started = on_started,
                                           .outcome = on_outcome,
                                           .lost = on_lost,
                                           .signal_refused = on_signal_refused,
                                           .ctx = r};
    cli_report_mark(&r->report, "agent.connected", 0);
    if (cli_agent_new(r->base, fd, &r->start, &cb, &r->agent, &err) != CL_OK) {
        cli_report_err(&r->report, "agent", &err);
        run_stop_vm(r);
    }
}
