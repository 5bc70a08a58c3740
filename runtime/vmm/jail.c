/* SPDX-License-Identifier: Apache-2.0
 * jail.c - see jail.h. The order matters: namespaces need the capabilities that a fresh user
 * namespace gives, the root needs the mount namespace, and what gives up comes last.
 */
#include "jail.h"

#include "base/io.h"
#include "syscalls.h"
#include "vsock.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define JAIL_ID 65534u /* who we are inside: nobody */
#define JAIL_VSOCK "/vsock"

static enum cl_status layer(struct cl_err *err, const char *name)
{
    return cl_err_sys(err, errno, "jail: %s", name);
}

static enum cl_status write_proc(const char *path, const char *text, struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
        return layer(err, "user namespace: identity map");
    }
    return CL_OK;
}

/* One identity exists inside, and it is the caller's outside: files and sockets of the user who
 * started us stay reachable, nobody else's become so. */
static enum cl_status map_identity(uid_t uid, gid_t gid, struct cl_err *err)
{
    char map[64];
    CL_TRY(write_proc("/proc/self/setgroups", "deny", err));
    (void)snprintf(map, sizeof(map), "%u %u 1", JAIL_ID, (unsigned)uid);
    CL_TRY(write_proc("/proc/self/uid_map", map, err));
    (void)snprintf(map, sizeof(map), "%u %u 1", JAIL_ID, (unsigned)gid);
    return write_proc("/proc/self/gid_map", map, err);
}

/* Dies with its parent, also when the parent died before we asked for that. */
static enum cl_status follow_parent(int parent_pipe, struct cl_err *err)
{
    struct pollfd p = {.fd = parent_pipe, .events = POLLIN};
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
        return layer(err, "parent death signal");
    }
    if (poll(&p, 1, 0) != 0) {
        return cl_err_set(err, CL_ERR_SYS, "jail: the parent process is gone");
    }
    return CL_OK;
}

enum cl_status vmm_jail_fork(pid_t *ret_child, struct cl_err *err)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    int alive[2];
    if (uid == 0 && setgroups(0, NULL) != 0) {
        return layer(err, "supplementary groups");
    }
    if (unshare(CLONE_NEWUSER) != 0) {
        return layer(err, "user namespace");
    }
    CL_TRY(map_identity(uid, gid, err));
    if (unshare(CLONE_NEWPID) != 0) {
        return layer(err, "PID namespace");
    }
    if (pipe2(alive, O_CLOEXEC) != 0) {
        return layer(err, "pipe");
    }
    pid_t child = fork();
    if (child < 0) {
        return layer(err, "fork");
    }
    (void)close(child == 0 ? alive[1] : alive[0]); /* the parent's end stays open with it */
    if (child == 0) {
        enum cl_status st = follow_parent(alive[0], err);
        (void)close(alive[0]);
        CL_TRY(st);
    }
    *ret_child = child;
    return CL_OK;
}

/* Flags that a mount in a user namespace must keep. */
static unsigned long locked_flags(const char *path)
{
    struct statvfs st;
    unsigned long flags = 0;
    if (statvfs(path, &st) == 0) {
        flags |= (st.f_flag & ST_RDONLY) != 0 ? MS_RDONLY : 0;
        flags |= (st.f_flag & ST_NOATIME) != 0 ? MS_NOATIME : 0;
        flags |= (st.f_flag & ST_NODIRATIME) != 0 ? MS_NODIRATIME : 0;
        flags |= (st.f_flag & ST_RELATIME) != 0 ? MS_RELATIME : 0;
    }
    return flags;
}

static enum cl_status enter_root(const char *vsock_dir, struct cl_err *err)
{
    static const char root[] = "/proc"; /* always a directory; our mounts are nobody else's */
    char dir[sizeof(root) + sizeof(JAIL_VSOCK)];
    (void)snprintf(dir, sizeof(dir), "%s%s", root, JAIL_VSOCK);
    char *source = realpath(vsock_dir, NULL);
    if (source == NULL) {
        return layer(err, "vsock directory");
    }
    unsigned long hard = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    bool ok = mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
              mount("jail", root, "tmpfs", hard, "size=64k,nr_inodes=16,mode=0755") == 0 &&
              mkdir(dir, 0755) == 0 && mount(source, dir, NULL, MS_BIND | MS_REC, NULL) == 0 &&
              mount(NULL, dir, NULL, MS_BIND | MS_REMOUNT | hard | locked_flags(dir), NULL) == 0;
    int saved = errno;
    free(source);
    if (!ok) {
        errno = saved;
        return layer(err, "mounts");
    }
    /* With both arguments the same the old root comes to lie over the new one; off it goes. */
    if (chdir(root) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 ||
        umount2(".", MNT_DETACH) != 0) {
        return layer(err, "pivot_root");
    }
    if (chdir("/") != 0 || mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY | hard, NULL) != 0 ||
        chdir(JAIL_VSOCK) != 0) {
        return layer(err, "read-only root");
    }
    return CL_OK;
}

static enum cl_status drop_capabilities(struct cl_err *err)
{
    for (int cap = 0; cap < 64; cap++) {
        if (prctl(PR_CAPBSET_DROP, cap) != 0 && errno != EINVAL) { /* EINVAL: there is none */
            return layer(err, "capability bounding set");
        }
    }
    cap_t none = cap_init();
    if (none == NULL) {
        return cl_err_nomem(err, "jail: capabilities");
    }
    int rc = cap_set_proc(none);
    int saved = errno;
    (void)cap_free(none);
    if (rc != 0) {
        errno = saved;
        return layer(err, "capabilities");
    }
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? CL_OK : layer(err, "no_new_privs");
}

static enum cl_status limit(int resource, rlim_t value, const char *name, struct cl_err *err)
{
    struct rlimit r;
    if (getrlimit((__rlimit_resource_t)resource, &r) != 0) {
        return layer(err, name);
    }
    r.rlim_max = r.rlim_max < value ? r.rlim_max : value; /* a stricter one stays */
    r.rlim_cur = r.rlim_max;
    return setrlimit((__rlimit_resource_t)resource, &r) == 0 ? CL_OK : layer(err, name);
}

static enum cl_status set_limits(struct cl_err *err)
{
    CL_TRY(limit(RLIMIT_CORE, 0, "limit on core dumps", err));
    CL_TRY(limit(RLIMIT_NOFILE, VMM_VSOCK_CONNS + 512, "limit on descriptors", err));
    CL_TRY(limit(RLIMIT_NPROC, 64, "limit on threads", err));
    CL_TRY(limit(RLIMIT_MEMLOCK, 0, "limit on locked memory", err));
    CL_TRY(limit(RLIMIT_MSGQUEUE, 0, "limit on message queues", err));
    return prctl(PR_SET_DUMPABLE, 0) == 0 ? CL_OK : layer(err, "dumpable");
}

enum cl_status vmm_jail_enter(const char *vsock_dir, struct cl_err *err)
{
    if (unshare(CLONE_NEWNS) != 0) {
        return layer(err, "mount namespace");
    }
    if (unshare(CLONE_NEWNET) != 0) {
        return layer(err, "net namespace");
    }
    if (unshare(CLONE_NEWIPC | CLONE_NEWUTS) != 0) {
        return layer(err, "IPC and UTS namespaces");
    }
    CL_TRY(enter_root(vsock_dir, err));
    CL_TRY(drop_capabilities(err));
    return set_limits(err);
}

static enum cl_status wait_for(pid_t child, int *ret_exit_status, struct cl_err *err)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGCHLD);
    for (;;) { /* all of these are blocked by main() */
        int sig = sigwaitinfo(&set, NULL);
        if (sig > 0 && sig != SIGCHLD) {
            (void)kill(child, SIGTERM);
            continue;
        }
        int status = 0;
        pid_t got = waitpid(child, &status, WNOHANG);
        if (got != child) {
            continue;
        }
        if (WIFEXITED(status)) {
            *ret_exit_status = WEXITSTATUS(status);
            return CL_OK;
        }
        return cl_err_set(err, CL_ERR_SYS, "the VMM was killed by signal %d%s", WTERMSIG(status),
                          WTERMSIG(status) == SIGSYS ? " (a system call outside its list)" : "");
    }
}

enum cl_status vmm_jail_keep(pid_t child, int *ret_exit_status, struct cl_err *err)
{
    CL_TRY(drop_capabilities(err));
    CL_TRY(vmm_seccomp_enter(VMM_SECCOMP_KEEPER, err));
    return wait_for(child, ret_exit_status, err);
}
