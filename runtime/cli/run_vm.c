/* SPDX-License-Identifier: Apache-2.0
 * run_vm.c - starts the simulated security processor and the VMM, and follows what they say.
 * Trust: both are our programs, but the VMM has been close to the guest: its events are parsed as
 *        hostile bytes.
 */
#include "run_internal.h"

#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PSP_POLL_MS 5

/* --- the security processor
 * ------------------------------------------------------------------------- */

/* Where the keys of this machine's simulated processor live. */
static enum cl_status psp_state(const struct run *r, char *ret, size_t size, struct cl_err *err)
{
    const char *base = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    int n = 0;
    if (r->args.psp_state != NULL) {
        n = snprintf(ret, size, "%s", r->args.psp_state);
    } else if (geteuid() == 0) {
        n = snprintf(ret, size, "/var/lib/cloister/sim-psp");
    } else if (base != NULL && base[0] == '/') {
        n = snprintf(ret, size, "%s/cloister/sim-psp", base);
    } else if (home != NULL && home[0] == '/') {
        n = snprintf(ret, size, "%s/.local/state/cloister/sim-psp", home);
    }
    if (n <= 0 || (size_t)n >= size) {
        return cl_err_set(err, CL_ERR_MALFORMED, "--psp-state: expected a folder, got none");
    }
    for (char *p = strchr(ret + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
        *p = '\0';
        bool ok = mkdir(ret, 0700) == 0 || errno == EEXIST;
        int error = errno;
        *p = '/';
        if (!ok) {
            return cl_err_sys(err, error, "create folders of '%.200s'", ret);
        }
    }
    return CL_OK;
}

bool run_start_psp(struct run *r)
{
    char state[1024];
    char launch[108];
    char guest[108];
    struct cl_err err = {0};
    cli_rundir_path(&r->dir, "psp.sock", launch);
    cli_rundir_path(&r->dir, "guest_1030.sock", guest);
    const char *const argv[] = {"cloister-sim-psp", "--state", state, "--launch-socket", launch,
                                "--guest-socket",   guest,     NULL};
    enum cl_status st = psp_state(r, state, sizeof(state), &err);
    st = st == CL_OK ? cli_child_start(&r->psp, "cloister-sim-psp", argv, -1, &err) : st;
    if (st != CL_OK) {
        cli_report_err(&r->report, "sim-psp", &err);
        return false;
    }
    r->psp_deadline_us = cl_monotonic_us() + RUN_PSP_S * UINT64_C(1000000);
    run_timer(r, PSP_POLL_MS);
    return true;
}

/* --- the VMM
 * ------------------------------------------------------------------------------------------- */

struct vmm_argv {
    const char *v[CLI_CHILD_MAX_ARGS + 1];
    size_t count;
};

static void put(struct vmm_argv *a, const char *option, const char *value)
{
    if (value != NULL && a->count + 2 <= CLI_CHILD_MAX_ARGS) {
        a->v[a->count++] = option;
        a->v[a->count++] = value;
    }
}

static enum cl_status start_vmm(struct run *r, int status_fd, struct cl_err *err)
{
    char cpus[24];
    char memory[32];
    char psp[108];
    char control[108];
    char disk[120] = "ro:";
    char host_data[2 * CL_SHA256_SIZE + 1];
    (void)snprintf(cpus, sizeof(cpus), "%llu", (unsigned long long)r->args.cpus);
    (void)snprintf(memory, sizeof(memory), "%lluM", (unsigned long long)(r->args.memory >> 20));
    cl_hex(host_data, r->initdata_digest, CL_SHA256_SIZE);
    cli_rundir_path(&r->dir, "psp.sock", psp);
    cli_rundir_path(&r->dir, "control.sock", control);
    cli_rundir_path(&r->dir, "initdata.img", disk + 3);
    struct vmm_argv a = {.v = {"cloister-vmm"}, .count = 1};
    put(&a, "--tee", "sim-snp");
    put(&a, "--firmware", r->guest.firmware);
    put(&a, "--kernel", r->guest.kernel);
    put(&a, "--initrd", access(r->guest.initrd, F_OK) == 0 ? r->guest.initrd : NULL);
    put(&a, "--cmdline-file", r->guest.cmdline);
    put(&a, "--cpus", cpus);
    put(&a, "--memory", memory);
    put(&a, "--host-data", host_data);
    put(&a, "--vsock-dir", r->dir.path);
    put(&a, "--disk", disk);
    put(&a, "--psp-socket", psp);
    put(&a, "--control", control);
    put(&a, "--status-fd", "3");
    put(&a, "--console", r->args.console);
    if (r->args.insecure_no_jail) {
        (void)fprintf(stderr, "cloister: --insecure-no-jail: a guest that breaks out of the VMM is "
                              "not confined\n");
        a.v[a.count++] = "--insecure-no-jail";
    }
    return cli_child_start(&r->vmm, "cloister-vmm", a.v, status_fd, err);
}

static void on_status(evutil_socket_t fd, short what, void *ctx);

static enum cl_status start_vm(struct run *r, struct cl_err *err)
{
    int pipe_fds[2];
    if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
        return cl_err_sys(err, errno, "pipe");
    }
    r->status_fd = pipe_fds[0];
    CL_CLEANUP(cl_close_fdp) int theirs = pipe_fds[1];
    if (fcntl(r->status_fd, F_SETFL, O_NONBLOCK) != 0) {
        return cl_err_sys(err, errno, "pipe");
    }
    r->status_ev = event_new(r->base, r->status_fd, EV_READ | EV_PERSIST, on_status, r);
    if (r->status_ev == NULL || event_add(r->status_ev, NULL) != 0) {
        return cl_err_nomem(err, "event");
    }
    return start_vmm(r, theirs, err);
}

void run_wait_psp(struct run *r)
{
    char path[108];
    struct cl_err err = {0};
    cli_rundir_path(&r->dir, "psp.sock", path);
    if (access(path, F_OK) != 0) {
        if (cl_monotonic_us() > r->psp_deadline_us) {
            cli_report_fail(&r->report, "sim-psp", "sim-psp", "unavailable",
                            "not ready within %d seconds", RUN_PSP_S);
            run_check_end(r);
            return;
        }
        run_timer(r, PSP_POLL_MS);
        return;
    }
    cli_report_mark(&r->report, "psp.ready", 0);
    if (start_vm(r, &err) != CL_OK) {
        cli_report_err(&r->report, "vmm", &err);
        run_check_end(r);
        return;
    }
    cli_report_mark(&r->report, "vmm.spawned", 0);
    run_timer(r, RUN_BOOT_S * 1000);
}

/* --- the VMM's events
 * -------------------------------------------------------------------------------------- */

static void take_event(struct run *r, const char *line, size_t len)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    const char *event = NULL;
    const char *text = NULL;
    const char *reason = NULL;
    int64_t number = 0;
    if (cl_json_parse(line, len, "vmm", &j, NULL) != CL_OK ||
        cl_json_get_string(j, "vmm", "event", &event, NULL) != CL_OK) {
        return;
    }
    if (strcmp(event, "mark") == 0 && cl_json_get_string(j, "vmm", "name", &text, NULL) == CL_OK &&
        cl_json_get_int(j, "vmm", "us", 0, INT64_MAX, &number, NULL) == CL_OK) {
        cli_report_mark(&r->report, text, (uint64_t)number);
    } else if (strcmp(event, "launched") == 0 &&
               cl_json_get_string(j, "vmm", "measurement", &text, NULL) == CL_OK) {
        uint8_t digest[48];
        if (cl_unhex(digest, sizeof(digest), text, "measurement", NULL) == CL_OK) {
            (void)snprintf(r->report.measurement, sizeof(r->report.measurement), "%s", text);
        }
    } else if (strcmp(event, "end") == 0 &&
               cl_json_get_string(j, "vmm", "status", &text, NULL) == CL_OK &&
               cl_json_get_string(j, "vmm", "reason", &reason, NULL) == CL_OK) {
        struct cl_err clean = {0}; /* makes hostile text printable */
        (void)cl_err_set(&clean, CL_ERR_SYS, "%s", reason);
        (void)snprintf(r->vmm_end, sizeof(r->vmm_end), "%s", text);
        (void)snprintf(r->vmm_reason, sizeof(r->vmm_reason), "%s", clean.msg);
        (void)!cl_json_get_int(j, "vmm", "code", 0, INT32_MAX, &r->vmm_code, NULL);
    }
}

static void take_lines(struct run *r)
{
    char *start = r->status;
    size_t left = r->status_len;
    for (char *end = memchr(start, '\n', left); end != NULL; end = memchr(start, '\n', left)) {
        size_t len = (size_t)(end - start);
        take_event(r, start, len);
        start += len + 1;
        left -= len + 1;
    }
    if (left == sizeof(r->status)) {
        left = 0; /* no line of ours is so long */
    }
    memmove(r->status, start, left);
    r->status_len = left;
}

void run_status_close(struct run *r)
{
    if (r->status_ev != NULL) {
        event_free(r->status_ev);
        r->status_ev = NULL;
    }
    cl_close_fdp(&r->status_fd);
}

static void on_status(evutil_socket_t fd, short what, void *ctx)
{
    struct run *r = ctx;
    (void)what;
    ssize_t n = read((int)fd, r->status + r->status_len, sizeof(r->status) - r->status_len);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        run_status_close(r);
        run_check_end(r);
        return;
    }
    r->status_len += (size_t)n;
    take_lines(r);
}

/* --- ends
 * ---------------------------------------------------------------------------------------------------
 */

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

/* The VM is gone: was that the end that was expected? */
static void judge_vm(struct run *r)
{
    char words[64];
    char code[32];
    if (r->vmm_end[0] != '\0') {
        (void)snprintf(code, sizeof(code), "%s", r->vmm_end);
        if (r->vmm_code != 0) {
            (void)snprintf(code, sizeof(code), "%.20s-%lld", r->vmm_end, (long long)r->vmm_code);
        }
        cli_report_fail(
            &r->report, who_of(r->vmm_end), "boot", code, "%s%s%s",
            strcmp(r->vmm_end, "poweroff") == 0 ? "powered off without an answer" : r->vmm_reason,
            r->lost.status != CL_OK ? "; " : "", r->lost.status != CL_OK ? r->lost.msg : "");
        return;
    }
    cli_child_words(&r->vmm, words, sizeof(words));
    cli_report_fail(&r->report, "vmm", "vmm", "error", "cloister-vmm %s", words);
}

void run_blame_psp(struct run *r)
{
    char words[64];
    cli_child_words(&r->psp, words, sizeof(words));
    cli_report_fail(&r->report, "sim-psp", "sim-psp", "error", "cloister-sim-psp %s", words);
    run_stop_vm(r);
}

void run_children_changed(struct run *r)
{
    bool vmm_was = r->vmm.pid > 0 && !r->vmm.ended;
    bool psp_was = r->psp.pid > 0 && !r->psp.ended;
    if (cli_child_poll(&r->vmm) && vmm_was) {
        cli_report_mark(&r->report, "vmm.end", 0);
    }
    if (cli_child_poll(&r->psp) && psp_was && (r->vmm.pid <= 0 || !r->vmm.ended) &&
        !r->agent_over) {
        if (cli_child_good(&r->psp) && r->vmm.pid > 0) {
            run_timer(r, RUN_STOP_S * 1000); /* it goes when the VMM does, which will say why */
        } else {
            run_blame_psp(r);
        }
    }
    /* The agent's last answer may still be on its way; it comes before the end of its connection.
     */
    if (r->vmm.ended && r->status_fd < 0 && (r->agent == NULL || r->agent_over)) {
        judge_vm(r);
    }
    run_check_end(r);
}

void run_stop_vm(struct run *r)
{
    if (!r->stopping) {
        r->stopping = true;
        cli_child_signal(&r->vmm, SIGTERM);
        run_timer(r, RUN_STOP_S * 1000);
    }
    run_check_end(r);
}
