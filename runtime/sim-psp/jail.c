/* SPDX-License-Identifier: Apache-2.0
 * jail.c - see jail.h. The filter is an allow-list; everything else fails with EPERM.
 * Trust: a guest that takes over this process gets a key that protects nothing, and no way on.
 */
#include "jail.h"

#include <errno.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static const int allowed[] = {
    SCMP_SYS(read),         SCMP_SYS(write),          SCMP_SYS(recvfrom),
    SCMP_SYS(sendto),       SCMP_SYS(poll),           SCMP_SYS(ppoll),
    SCMP_SYS(accept4),      SCMP_SYS(close),          SCMP_SYS(unlink),
    SCMP_SYS(brk),          SCMP_SYS(mmap),           SCMP_SYS(munmap),
    SCMP_SYS(mremap),       SCMP_SYS(madvise),        SCMP_SYS(mlock),
    SCMP_SYS(munlock),      SCMP_SYS(getrandom),      SCMP_SYS(futex),
    SCMP_SYS(getpid),       SCMP_SYS(gettid),         SCMP_SYS(clock_gettime),
    SCMP_SYS(exit_group),   SCMP_SYS(exit),           SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask),
};

static enum cl_status filter(struct cl_err *err)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int rc = ctx != NULL ? 0 : -ENOMEM;
    for (size_t i = 0; rc == 0 && i < CL_ARRAY_LEN(allowed); i++) {
        rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
    }
    if (rc == 0) {
        rc = seccomp_load(ctx);
    }
    seccomp_release(ctx);
    return rc == 0 ? CL_OK : cl_err_sys(err, -rc, "load the system call filter");
}

enum cl_status psp_jail(struct cl_err *err)
{
    const struct rlimit files = {64, 64}, none = {0, 0};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        return cl_err_sys(err, errno, "give up privileges");
    }
    if (setrlimit(RLIMIT_NOFILE, &files) != 0 || setrlimit(RLIMIT_CORE, &none) != 0) {
        return cl_err_sys(err, errno, "set limits");
    }
    return PSP_NO_SECCOMP ? CL_OK : filter(err);
}
