/* SPDX-License-Identifier: Apache-2.0
 * sandbox.c - what all containers of the pod share, and the pod's end.
 */
#include "engine.h"

#include "agent/network.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MAX_SYSCTLS 64u
#define STOP_S 5 /* for what was killed to end */
#define NOBODY 65534u

static enum cl_status set_hostname(const char *name, struct cl_err *err)
{
    size_t n = strlen(name);
    if (n > 64 ||
        strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-") != n) {
        return cl_err_set(err, CL_ERR_MALFORMED, "hostname: expected a host name, got '%.80s'",
                          name);
    }
    if (n > 0 && sethostname(name, n) != 0) {
        return cl_err_sys(err, errno, "hostname");
    }
    return CL_OK;
}

static enum cl_status set_sysctl(const char *name, const char *value, struct cl_err *err)
{
    char path[192];
    int n = snprintf(path, sizeof(path), "/proc/sys/%s", name);
    CL_TRY(agent_pod_check_sysctl(name, value, err));
    if (n < 0 || (size_t)n >= sizeof(path)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "sysctl: the name is too long");
    }
    for (char *c = path + 10; *c != '\0'; c++) {
        *c = *c == '.' ? '/' : *c;
    }
    CL_CLEANUP(cl_close_fdp) int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || cl_write_all(fd, value, strlen(value), "sysctl", NULL) != CL_OK) {
        return cl_err_sys(err, errno, "sysctl '%s'", name);
    }
    return CL_OK;
}

static enum cl_status set_up(struct agent_pod *p, const Cloister__Pod__V1__SandboxRequest *r,
                             struct cl_err *err)
{
    CL_TRY(agent_pod_check_id(r->sandbox_id, "sandbox id", err));
    CL_TRY(pod_policy_sandbox(p, r, err));
    CL_TRY(agent_network_check(r, err));
    if (r->n_sysctls > MAX_SYSCTLS) {
        return cl_err_set(err, CL_ERR_MALFORMED, "sysctls: expected at most %u, got %zu",
                          MAX_SYSCTLS, r->n_sysctls);
    }
    CL_TRY(set_hostname(r->hostname, err));
    for (size_t i = 0; i < r->n_sysctls; i++) {
        CL_TRY(set_sysctl(r->sysctls[i]->name, r->sysctls[i]->value, err));
    }
    CL_TRY(agent_network_apply(r, err));
    (void)pthread_mutex_lock(&p->lock);
    p->sandbox = true;
    (void)pthread_mutex_unlock(&p->lock);
    return CL_OK;
}

POD_RUN(pod_sandbox)
{
    (void)out;
    (void)pthread_mutex_lock(&p->lock);
    bool again = p->sandbox_begun;
    p->sandbox_begun = true;
    (void)pthread_mutex_unlock(&p->lock);
    if (again) {
        return pod_error(err, CL_TTRPC_FAILED_PRECONDITION, "Sandbox: was called already");
    }
    enum cl_status st = set_up(p, (const Cloister__Pod__V1__SandboxRequest *)m, err);
    if (st != CL_OK) {
        (void)pthread_mutex_lock(&p->lock);
        p->sandbox_begun = false;
        (void)pthread_mutex_unlock(&p->lock);
    }
    return pod_code(st);
}

/* --- the process that holds a shared PID namespace -------------------------------------------- */

/* Others of its namespace may look at it, so it holds nothing that is ours: a program of its own,
 * not a copy of the agent's memory; an empty root; nobody's rights; no descriptors. */
void agent_pod_pause(const char *dir)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGCHLD, &ignore, NULL); /* orphans vanish by themselves */
    (void)prctl(PR_SET_NAME, "pause");
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", dir, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k") != 0 ||
        chdir(dir) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 ||
        umount2(".", MNT_DETACH) != 0 || chdir("/") != 0) {
        _exit(125);
    }
    (void)syscall(SYS_close_range, 0U, ~0U, 0U);
    if (syscall(SYS_setgroups, 0, NULL) != 0 ||
        syscall(SYS_setresgid, NOBODY, NOBODY, NOBODY) != 0 ||
        syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY) != 0) {
        _exit(125);
    }
    for (;;) {
        (void)pause();
    }
}

/* A new process in a new PID namespace. Between clone and exec there are only system calls: other
 * threads may hold any lock. */
static pid_t clone_pause(const char *dir)
{
    union {
        const char *c;
        char *v;
    } name = {.c = AGENT_POD_PAUSE}, path = {.c = dir};
    char *const argv[] = {name.v, path.v, NULL};
    char *const env[] = {NULL};
    long pid = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0) {
        (void)execve("/proc/self/exe", argv, env);
        _exit(125);
    }
    return (pid_t)pid;
}

enum cl_status pod_pause(struct agent_pod *p, pid_t *ret_pid, struct cl_err *err)
{
    char dir[POD_PATH_SIZE];
    enum cl_status st = CL_OK;
    (void)snprintf(dir, sizeof(dir), "%.120s/volumes", p->config.dir);
    (void)pthread_mutex_lock(&p->lock);
    if (p->pause_pid == 0) {
        pid_t pid = clone_pause(dir);
        if (pid < 0) {
            st = cl_err_sys(err, errno, "process that holds the PID namespace");
        } else {
            p->pause_pid = pid;
            (void)pthread_cond_broadcast(&p->changed);
        }
    }
    *ret_pid = p->pause_pid;
    (void)pthread_mutex_unlock(&p->lock);
    return st;
}

/* --- the end ---------------------------------------------------------------------------------- */

void pod_kill_all(struct agent_pod *p)
{
    for (struct pod_container *c = p->containers; c != NULL; c = c->next) {
        if (c->init.state == POD_RUNNING) {
            (void)kill(c->init.pid, SIGKILL);
        }
        pod_cgroup_signal(c, SIGKILL);
    }
}

static bool all_ended(const struct agent_pod *p)
{
    for (const struct pod_container *c = p->containers; c != NULL; c = c->next) {
        if (c->init.state == POD_RUNNING || c->init.state == POD_DRAINING) {
            return false;
        }
    }
    return true;
}

POD_RUN(pod_stop)
{
    struct timespec until;
    int rc = 0;
    (void)m;
    (void)out;
    (void)err;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += STOP_S;
    (void)pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pod_kill_all(p);
    while (!all_ended(p) && rc == 0) {
        rc = pthread_cond_timedwait(&p->changed, &p->lock, &until);
    }
    (void)pthread_mutex_unlock(&p->lock);
    return CL_TTRPC_OK;
}
