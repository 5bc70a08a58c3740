/* SPDX-License-Identifier: Apache-2.0
 * run_vm.c - what the VM's life means for a run. Trust: texts are the VMM's claims (host/vm.h).
 */
#include "run_internal.h"

#include <stdio.h>
#include <string.h>

static void on_mark(void *ctx, const char *name, uint64_t us)
{
    struct run *r = ctx;
    cli_report_mark(&r->report, name, us);
}

static void on_spawned(void *ctx)
{
    run_timer(ctx, RUN_BOOT_S * 1000);
}

static void on_launched(void *ctx, const char *measurement)
{
    struct run *r = ctx;
    (void)snprintf(r->report.measurement, sizeof(r->report.measurement), "%s", measurement);
}

static void on_failed(void *ctx, const char *who, const char *step, const struct cl_err *err)
{
    struct run *r = ctx;
    if (strcmp(who, "host") == 0) {
        cli_report_err(&r->report, step, err);
    } else {
        cli_report_fail(&r->report, who, step,
                        err->status == CL_ERR_UNAVAILABLE ? "unavailable" : "error", "%s",
                        err->msg);
    }
}

static void on_ended(void *ctx, const struct host_vm_end *end)
{
    struct run *r = ctx;
    r->vm_over = true;
    r->vm_end = *end;
    run_check_end(r);
}

bool run_start_vm(struct run *r)
{
    struct cl_err err = {0};
    const struct host_vm_config cfg = {
        .base = r->base,
        .guest = &r->guest,
        .tee_class = r->tee_class,
        .dir = r->dir.path,
        .psp_state = r->args.psp_state,
        .id_block = r->tee_class == HOST_VM_SNP ? r->args.id_block : NULL,
        .id_auth = r->tee_class == HOST_VM_SNP ? r->args.id_auth : NULL,
        .id_author = r->tee_class == HOST_VM_SNP && r->args.id_author,
        .certs = r->tee_class == HOST_VM_SNP ? r->args.certs : NULL,
        .qgs = r->tee_class == HOST_VM_TDX ? r->args.qgs : NULL,
        .cpus = r->args.cpus,
        .memory = r->args.memory,
        .initdata_digest = r->initdata_digest,
        .disk = {r->initdata_disk},
        .disk_count = 1,
        .console = r->args.console,
        .insecure_no_jail = r->args.insecure_no_jail,
        .cb = {.mark = on_mark,
               .spawned = on_spawned,
               .launched = on_launched,
               .failed = on_failed,
               .ended = on_ended,
               .ctx = r},
    };
    if (r->args.insecure_no_jail) {
        (void)fprintf(stderr, "cloister: --insecure-no-jail: a guest that breaks out of the VMM is "
                              "not confined\n");
    }
    if (host_vm_start(&cfg, &r->vm, &err) != CL_OK) {
        cli_report_err(&r->report, r->tee_class == HOST_VM_SIM_SNP ? "sim-psp" : "vmm", &err);
        return false;
    }
    return true;
}

static const char *who_of(const char *end)
{
    if (strcmp(end, "refused") == 0) {
        return "firmware";
    }
    return strcmp(end, "panic") == 0 || strcmp(end, "triple-fault") == 0 ||
                   strcmp(end, "reset") == 0 || strcmp(end, "poweroff") == 0
               ? "guest"
               : "vmm";
}

void run_judge_vm(struct run *r)
{
    const struct host_vm_end *end = &r->vm_end;
    char code[32];
    if (end->status[0] == '\0') {
        cli_report_fail(&r->report, "vmm", "vmm", "error", "%s", end->reason);
        return;
    }
    (void)snprintf(code, sizeof(code), "%s", end->status);
    if (end->code != 0) {
        (void)snprintf(code, sizeof(code), "%.20s-%lld", end->status, (long long)end->code);
    }
    cli_report_fail(
        &r->report, who_of(end->status), "boot", code, "%s%s%s",
        strcmp(end->status, "poweroff") == 0 ? "powered off without an answer" : end->reason,
        r->lost.status != CL_OK ? "; " : "", r->lost.status != CL_OK ? r->lost.msg : "");
}

void run_stop_vm(struct run *r)
{
    host_vm_stop(r->vm);
    run_check_end(r);
}
