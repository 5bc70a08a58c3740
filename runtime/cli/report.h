/* SPDX-License-Identifier: Apache-2.0
 * report.h - what became of a run: who failed at which step and why, and when each phase ended;
 * for people, for --result and for --timing.
 * Trust: much of the text is the guest's; base/rpc has escaped it. No secrets come here.
 * Threads: one. Memory: fixed.
 */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "rpc/agent.h"

#define CLI_MAX_MARKS 64u

struct cli_mark {
    char name[48];
    uint64_t us; /* CLOCK_MONOTONIC */
};

struct cli_report {
    bool done; /* an end is known; the first one stays */
    bool failed;
    int exit_status; /* of `cloister run` */
    char who[16];    /* "host", "sim-psp", "vmm", "firmware", "guest", "container" */
    char step[32];
    char code[32];
    char field[64];
    char expected[256];
    char actual[256];
    char why[CL_ERR_MSG_SIZE];
    char image[256];
    char tee[16];
    char manifest[80];
    char initdata[65];    /* hex */
    char measurement[97]; /* hex: the launch digest, as the security processor computed it */
    char kernel_release[64];
    char agent_version[32];
    uint64_t start_us;
    struct cli_mark mark[CLI_MAX_MARKS];
    size_t mark_count;
    struct cl_agent_phase phase[CL_AGENT_MAX_PHASES];
    size_t phase_count;
};

void cli_report_mark(struct cli_report *r, const char *name, uint64_t us); /* us 0: now */
/* An end by failure of ours (125), unless one is known. */
CL_PRINTF(5, 6)
void cli_report_fail(struct cli_report *r, const char *who, const char *step, const char *code,
                     const char *fmt, ...);
void cli_report_err(struct cli_report *r, const char *step, const struct cl_err *err);
/* What the agent said: the container's exit status, or its refusal. */
void cli_report_outcome(struct cli_report *r, const struct cl_agent_outcome *o);
/* "cloister: run '<image>': <step>: <why>" on stderr, when it failed. */
void cli_report_print(const struct cli_report *r);
CL_NODISCARD enum cl_status cli_report_write_result(const struct cli_report *r, const char *path,
                                                    struct cl_err *err);
CL_NODISCARD enum cl_status cli_report_write_timing(const struct cli_report *r, const char *path,
                                                    struct cl_err *err);

#endif
