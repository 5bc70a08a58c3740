/* SPDX-License-Identifier: Apache-2.0
 * run_internal.h - one `cloister run`: its state, and the steps that make and end it.
 * Threads: all of it belongs to the event loop's thread.
 */
#ifndef CLI_RUN_INTERNAL_H
#define CLI_RUN_INTERNAL_H

#include "agent_link.h"
#include "child.h"
#include "report.h"
#include "run_args.h"
#include "rundir.h"
#include "serve.h"
#include "tty.h"

#include "cloister/guest_files.h"

#define RUN_PSP_S 300     /* for the security processor to be ready: it may make its keys first */
#define RUN_BOOT_S 300    /* from the start of the VM to the agent's call */
#define RUN_POWEROFF_S 60 /* from the container's end to the VM's */
#define RUN_STOP_S 10     /* from SIGTERM to SIGKILL */
#define RUN_STATUS_LINE 2048u
#define RUN_SIGNALS 7u
#define RUN_KILL_AFTER 3u /* SIGTERM, SIGINT and the like: the third becomes SIGKILL */

struct run {
    struct cli_run_args args;
    struct cli_report report;
    struct cl_guest_files guest;
    struct cl_image *image;
    struct cl_buf initdata_text;
    struct cl_initdata initdata;
    uint8_t initdata_digest[CL_SHA256_SIZE];
    char container_id[32];
    struct cl_agent_start start; /* borrows from initdata */
    char manifest[CL_OCI_DIGEST_SIZE];
    struct cli_rundir dir;
    struct cli_tty tty;
    struct event_base *base;
    struct event *signals[RUN_SIGNALS];
    struct event *child_ev;  /* SIGCHLD */
    struct event *timer;     /* the next deadline */
    struct event *status_ev; /* the VMM's events */
    int status_fd;           /* -1: ended */
    char status[RUN_STATUS_LINE];
    size_t status_len;
    struct cli_child psp;
    struct cli_child vmm;
    uint64_t psp_deadline_us;
    struct cli_server *server;
    struct cli_agent *agent;
    bool agent_started;
    bool agent_over;      /* outcome or loss is known */
    struct cl_err lost;   /* why the agent's connection ended; status CL_OK: it did not */
    unsigned end_signals; /* that came so far */
    bool stopping;        /* SIGTERM was sent to the VMM */
    char vmm_end[32];     /* status of its last event; empty: none came */
    char vmm_reason[CL_ERR_MSG_SIZE];
    int64_t vmm_code;
};

/* run_prepare.c: everything that needs no VM. Fills the report on failure. */
bool run_prepare(struct run *r);
/* run_agent.c: takes the agent's connection. ctx is the run. */
void run_on_agent(void *ctx, int fd);
/* run_vm.c */
bool run_start_psp(struct run *r);
void run_wait_psp(struct run *r); /* from a timer, until the VMM can be started */
void run_children_changed(struct run *r);
void run_blame_psp(struct run *r); /* it ended, and that was not expected */
void run_stop_vm(struct run *r);   /* SIGTERM, and SIGKILL after RUN_STOP_S */
void run_status_close(struct run *r);
/* run.c */
void run_timer(struct run *r, unsigned ms);
void run_check_end(struct run *r);

#endif
