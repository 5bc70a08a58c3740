/* SPDX-License-Identifier: Apache-2.0
 * syscalls.c - allow-lists by thread. A vCPU thread runs guests and writes wake-ups; the disk
 * thread moves bytes of open files, that of the interfaces packets of open taps, that of quotes
 * bytes of sockets it is given; the main thread also talks to sockets that exist. None opens a
 * file, starts a program or makes memory executable. Trust: this is what stands between an
 * exploited VMM and the host's kernel.
 */
#include "syscalls.h"

#include "tee/kvm_coco.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <seccomp.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define END (-1)

/* Every thread: locks, wake-ups, its own end, giving memory back, the clock when it is no vDSO. */
static const int common_calls[] = {
    SCMP_SYS(futex),          SCMP_SYS(exit),   SCMP_SYS(exit_group),      SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask), SCMP_SYS(munmap), SCMP_SYS(madvise),         SCMP_SYS(brk),
    SCMP_SYS(clock_gettime),  SCMP_SYS(write),  SCMP_SYS(restart_syscall), END};
static const int disk_calls[] = {SCMP_SYS(epoll_wait),
                                 SCMP_SYS(epoll_pwait),
                                 SCMP_SYS(read),
                                 SCMP_SYS(preadv),
                                 SCMP_SYS(pwritev),
                                 SCMP_SYS(fdatasync),
                                 END};
static const int net_calls[] = {SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(read),
                                SCMP_SYS(writev), END};
static const int quote_calls[] = {SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait),
                                  SCMP_SYS(read),       SCMP_SYS(poll),
                                  SCMP_SYS(ppoll),      SCMP_SYS(sendto),
                                  SCMP_SYS(recvfrom),   SCMP_SYS(recvmsg),
                                  SCMP_SYS(close),      END};
static const int dialer_calls[] = {SCMP_SYS(connect),
                                   SCMP_SYS(recvfrom),
                                   SCMP_SYS(sendmsg),
                                   SCMP_SYS(fcntl),
                                   SCMP_SYS(setsockopt),
                                   SCMP_SYS(close),
                                   END};
static const int main_calls[] = {
    SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl), SCMP_SYS(accept4),
    SCMP_SYS(connect),    SCMP_SYS(sendmsg),     SCMP_SYS(sendto),    SCMP_SYS(recvmsg),
    SCMP_SYS(recvfrom),   SCMP_SYS(shutdown),    SCMP_SYS(fcntl),     SCMP_SYS(fstat),
    SCMP_SYS(newfstatat), SCMP_SYS(lseek),       SCMP_SYS(mremap),    SCMP_SYS(tgkill),
    SCMP_SYS(getpid),     SCMP_SYS(read),        SCMP_SYS(close),     END};
static const int keeper_calls[] = {SCMP_SYS(wait4),
                                   SCMP_SYS(rt_sigtimedwait),
                                   SCMP_SYS(kill),
                                   SCMP_SYS(unlink),
                                   SCMP_SYS(eventfd2),
                                   SCMP_SYS(close),
                                   END};

/* Requests of the KVM descriptors that a running VM needs. */
static const unsigned long vcpu_ioctls[] = {
    KVM_RUN, KVM_SET_GSI_ROUTING, KVM_SET_USER_MEMORY_REGION, KC_SET_REGION, KC_SET_ATTRIBUTES};
static const int vcpu_calls[] = {SCMP_SYS(fallocate), END}; /* private memory goes back */

static int allow(scmp_filter_ctx ctx, const int *calls)
{
    int rc = 0;
    for (; *calls != END && rc == 0; calls++) {
        rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, *calls, 0);
    }
    return rc;
}

/* Memory for malloc, never executable. */
static int allow_memory(scmp_filter_ctx ctx)
{
    int rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                              SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    return rc != 0 ? rc
                   : seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                                      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

static int allow_socket(scmp_filter_ctx ctx, unsigned family)
{
    return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                            SCMP_A0(SCMP_CMP_EQ, family, 0));
}

static int allow_role(scmp_filter_ctx ctx, enum vmm_seccomp_role role)
{
    int rc = allow(ctx, common_calls);
    if (rc != 0) {
        return rc;
    }
    switch (role) {
    case VMM_SECCOMP_VCPU:
        for (size_t i = 0; i < CL_ARRAY_LEN(vcpu_ioctls) && rc == 0; i++) {
            rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                                  SCMP_A1(SCMP_CMP_EQ, vcpu_ioctls[i], 0));
        }
        return rc != 0 ? rc : allow(ctx, vcpu_calls);
    case VMM_SECCOMP_DISKS:
        return allow(ctx, disk_calls);
    case VMM_SECCOMP_NETS:
        rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                              SCMP_A1(SCMP_CMP_EQ, TUNSETOFFLOAD, 0));
        return rc != 0 ? rc : allow(ctx, net_calls);
    case VMM_SECCOMP_QUOTES:
        rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                              SCMP_A1(SCMP_CMP_EQ, KVM_SIGNAL_MSI, 0));
        return rc != 0 ? rc : allow(ctx, quote_calls);
    case VMM_SECCOMP_DIALER:
        rc = allow_socket(ctx, AF_UNIX);
        rc = rc != 0 ? rc : allow_socket(ctx, AF_VSOCK);
        return rc != 0 ? rc : allow(ctx, dialer_calls);
    case VMM_SECCOMP_MAIN:
        rc = allow_memory(ctx);
        rc = rc != 0 ? rc : allow_socket(ctx, AF_UNIX);
        return rc != 0 ? rc : allow(ctx, main_calls);
    case VMM_SECCOMP_KEEPER:
        return allow(ctx, keeper_calls);
    }
    return -EINVAL;
}

enum cl_status vmm_seccomp_enter(enum vmm_seccomp_role role, struct cl_err *err)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (ctx == NULL) {
        return cl_err_nomem(err, "jail: seccomp filter");
    }
    int rc = allow_role(ctx, role);
    if (rc == 0) {
        rc = seccomp_load(ctx);
    }
    seccomp_release(ctx);
    return rc == 0 ? CL_OK : cl_err_sys(err, -rc, "jail: seccomp");
}
