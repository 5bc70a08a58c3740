/* SPDX-License-Identifier: Apache-2.0
 * main.c - cloister-vmm: options, files, jail, VM, and back again.
 * Trust: the command line is the user's; the guest is an attacker (see vmm.h).
 * Threads: the jail is entered before any other thread exists.
 */
#include "base/cmd.h"
#include "base/io.h"
#include "base/log.h"
#include "jail.h"
#include "options.h"
#include "syscalls.h"

#include <link.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void block_signals(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

static int drop_text(struct dl_phdr_info *info, CL_UNUSED size_t size, CL_UNUSED void *ctx)
{
    for (unsigned i = 0; i < info->dlpi_phnum && strstr(info->dlpi_name, "libcrypto") != NULL;
         i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        uintptr_t start = (info->dlpi_addr + p->p_vaddr + 4095) & ~(uintptr_t)4095;
        uintptr_t end = (info->dlpi_addr + p->p_vaddr + p->p_memsz) & ~(uintptr_t)4095;
        if (p->p_type == PT_LOAD && (p->p_flags & PF_W) == 0 && start < end) {
            (void)madvise((void *)start, end - start, MADV_DONTNEED);
        }
    }
    return 0;
}

/* The digests of the launch are made: what OpenSSL left in our memory goes back. Its unchanged
 * pages would come again from the file. */
static void forget_openssl(void)
{
    (void)dl_iterate_phdr(drop_text, NULL);
}

/* Starts the threads, gives up what is left, serves. */
static enum cl_status run_threads(struct vmm *v, struct cl_err *err)
{
    CL_TRY(vmm_loop_init(v, err));
    CL_TRY(vmm_disks_start(v, err));
    CL_TRY(vmm_nets_start(v, err));
    CL_TRY(vmm_quotes_start(v, err));
    CL_TRY(vmm_vcpus_start(v, err));
    if (v->cfg->jailed) {
        CL_TRY(vmm_seccomp_enter(VMM_SECCOMP_MAIN, err));
    }
    return vmm_loop_run(v, err);
}

/* Whoever reads --status-fd tells the reason, and once is enough. */
static void report_unless_told(const struct vmm_status *s, const struct cl_err *err)
{
    if (s->fd < 0) {
        cl_report(err, NULL);
    }
}

/* The VM's whole life; returns the exit status. */
static int run_vm(const struct vmm_config *cfg, struct vmm_files *files, uint64_t start_us)
{
    static struct vmm v; /* one per process, too large for the stack */
    struct cl_err err = {0};
    if (vmm_init(&v, &vmm_kvm_real, NULL, cfg, files, start_us, &err) == CL_OK) {
        forget_openssl();
        if (run_threads(&v, &err) != CL_OK) {
            vmm_status_fail(&v.status, &err);
        }
        vmm_vcpus_stop(&v);
        vmm_worker_stop(&v.disks);
        vmm_worker_stop(&v.nets);
        vmm_quotes_stop(&v);
        vmm_serial_flush(&v.serial);
    } else {
        vmm_status_fail(&v.status, &err);
    }
    if (v.status.end == VMM_END_ERROR || v.status.end == VMM_END_REFUSED) {
        (void)cl_err_set(&err, CL_ERR_SYS, "%s%s",
                         v.status.end == VMM_END_REFUSED ? "the firmware refused to boot: " : "",
                         v.status.reason);
        report_unless_told(&v.status, &err);
    }
    int rc = vmm_status_report(&v.status);
    vmm_done(&v);
    return rc;
}

/* A failure before there is a VM: still the last event on --status-fd. */
static int fail_early(int status_fd, const struct cl_err *err, int exit_status)
{
    struct vmm_status s;
    if (vmm_status_init(&s, status_fd, NULL) == CL_OK) {
        report_unless_told(&s, err);
        vmm_status_fail(&s, err);
        (void)vmm_status_report(&s);
        vmm_status_done(&s);
    } else {
        cl_report(err, NULL);
    }
    return exit_status;
}

/* Parent: waits in a small jail of its own. Child: becomes the VMM. */
static int run_jailed(const struct vmm_options *o, struct vmm_files *files, uint64_t start_us)
{
    struct cl_err err = {0};
    pid_t child = -1;
    if (vmm_jail_fork(&child, &err) != CL_OK) {
        return fail_early(o->status_fd, &err, VMM_EXIT_JAIL);
    }
    if (child == 0) {
        if (vmm_jail_enter(o->vsock_dir, &err) != CL_OK) {
            return fail_early(o->status_fd, &err, VMM_EXIT_JAIL);
        }
        return run_vm(&o->cfg, files, start_us);
    }
    int status_fd = files->status_fd;
    int rc = 0;
    files->status_fd = -1; /* kept open: the child may die without a last word */
    vmm_files_done(files);
    forget_openssl();
    if (vmm_jail_keep(child, &rc, &err) != CL_OK) {
        rc = fail_early(status_fd, &err, 5);
    }
    vmm_files_unlink(o);
    return rc;
}

int main(int argc, char **argv)
{
    uint64_t start_us = cl_monotonic_us();
    struct vmm_options o;
    struct vmm_files files;
    struct cl_err err = {0};
    int rc = vmm_options_parse(argc, argv, &o);
    if (rc >= 0) {
        return cl_finish_stdout(rc, 5);
    }
    if (o.log_level != NULL) {
        (void)setenv("CLOISTER_LOG", o.log_level, 1);
    }
    cl_log_init("cloister", false);
    block_signals();
    (void)mallopt(M_ARENA_MAX, 1); /* little is allocated, and by one thread */
    vmm_files_init(&files);
    if ((o.has_qgs && vmm_dialer_start(&o.qgs, o.cfg.jailed, &files.qgs_fd, &err) != CL_OK) ||
        vmm_files_open(&files, &o, &err) != CL_OK) {
        rc = fail_early(o.status_fd, &err, cl_status_exit_code(err.status) == 4 ? 4 : 5);
        vmm_files_done(&files);
        return rc;
    }
    if (o.cfg.jailed) {
        return run_jailed(&o, &files, start_us);
    }
    (void)fputs("cloister-vmm: WARNING: --insecure-no-jail: an escaped guest is not confined\n",
                stderr);
    if (fchdir(files.vsock_dir_fd) != 0) {
        (void)cl_err_set(&err, CL_ERR_SYS, "vsock directory '%s'", o.vsock_dir);
        return fail_early(o.status_fd, &err, 5);
    }
    rc = run_vm(&o.cfg, &files, start_us);
    vmm_files_unlink(&o);
    vmm_files_done(&files);
    return rc;
}
