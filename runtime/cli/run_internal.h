/* SPDX-License-Identifier: Apache-2.0
 * run_internal.h - one `cloister run`: its state, and the steps that make and end it.
 * Threads: all of it belongs to the event loop's thread.
 */
#ifndef CLI_RUN_INTERNAL_H
#define CLI_RUN_INTERNAL_H

#include "agent_link.h"
#include "report.h"
#include "run_args.h"
#include "tty.h"

#include "cloister/guest_files.h"
#include "host/rundir.h"
#include "host/serve.h"
#include "host/vm.h"

#define RUN_BOOT_S 300    /* from the start of the VM to the agent's call */
#define RUN_POWEROFF_S 60 /* from the container's end to the VM's */
#define RUN_LOST_S 10     /* from the loss of the agent to the VMM's own word about it */
#define RUN_SIGNALS 7u
#define RUN_KILL_AFTER 3u /* SIGTERM, SIGINT and the like: the third becomes SIGKILL */

struct run {
    struct cli_run_args args;
    enum host_vm_class tee_class; /* what --tee became */
    struct cli_report report;
    struct cl_guest_files guest;
    struct cl_image *image;
    struct cl_buf initdata_text;
    struct cl_initdata initdata;
    uint8_t initdata_digest[CL_SHA256_SIZE];
    char container_id[32];
    struct cl_agent_start start; /* borrows from initdata */
    char manifest[CL_OCI_DIGEST_SIZE];
    struct host_rundir dir;
    struct cli_tty tty;
    struct event_base *base;
    struct event *signals[RUN_SIGNALS];
    struct event *timer;     /* the next deadline */
    char initdata_disk[120]; /* "ro:FILE" */
    struct host_vm *vm;
    bool vm_over;
    struct host_vm_end vm_end;
    bool stream_seen[3];
    struct host_server *server;
    struct cli_agent *agent;
    bool agent_started;
    bool agent_over;      /* outcome or loss is known */
    struct cl_err lost;   /* why the agent's connection ended; status CL_OK: it did not */
    unsigned end_signals; /* that came so far */
};

/* run_prepare.c: everything that needs no VM. Fills the report on failure. */
bool run_prepare(struct run *r);
/* run_agent.c: takes the agent's connection. ctx is the run. */
void run_on_agent(void *ctx, int fd);
/* run_vm.c */
bool run_start_vm(struct run *r);
void run_judge_vm(struct run *r); /* the VM is gone: was that the end that was expected? */
void run_stop_vm(struct run *r);
/* run.c */
void run_timer(struct run *r, unsigned ms);
void run_check_end(struct run *r);

#endif
