/* SPDX-License-Identifier: Apache-2.0
 * seccomp.c - the default system call filter of a container: everything an ordinary program does,
 * without what changes the kernel, the clock or other namespaces, and without AF_VSOCK, which no
 * namespace keeps from the host.
 */
#include "seccomp.h"

#include <errno.h>
#include <linux/sched.h>
#include <sys/socket.h>

/* Refused with EPERM. */
static const char *const denied[] = {
    "acct",
    "add_key",
    "bpf",
    "clock_adjtime",
    "clock_settime",
    "create_module",
    "delete_module",
    "fanotify_init",
    "finit_module",
    "fsconfig",
    "fsmount",
    "fsopen",
    "fspick",
    "get_kernel_syms",
    "init_module",
    "io_uring_enter",
    "io_uring_register",
    "io_uring_setup",
    "ioperm",
    "iopl",
    "kcmp",
    "kexec_file_load",
    "kexec_load",
    "keyctl",
    "lookup_dcookie",
    "mbind",
    "migrate_pages",
    "mount",
    "mount_setattr",
    "move_mount",
    "move_pages",
    "name_to_handle_at",
    "nfsservctl",
    "open_by_handle_at",
    "open_tree",
    "perf_event_open",
    "pivot_root",
    "query_module",
    "quotactl",
    "quotactl_fd",
    "reboot",
    "request_key",
    "set_mempolicy",
    "setdomainname",
    "sethostname",
    "setns",
    "settimeofday",
    "stime",
    "swapoff",
    "swapon",
    "sysfs",
    "syslog",
    "umount",
    "umount2",
    "unshare",
    "uselib",
    "userfaultfd",
    "ustat",
    "vhangup",
};

/* clone() may not make namespaces; one rule for each flag, for a rule compares one masked value. */
static const unsigned namespaces[] = {CLONE_NEWNS,  CLONE_NEWUTS, CLONE_NEWIPC,   CLONE_NEWUSER,
                                      CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWCGROUP};

/* A call refused when (argument 0 & mask) == value. Arguments are 64-bit in the filter but an int
 * in the kernel, so the mask must cut off the upper half. */
static json_t *masked(const char *name, int error, uint64_t mask, uint64_t value)
{
    return json_pack("{s:[s],s:s,s:i,s:[{s:i,s:I,s:I,s:s}]}", "names", name, "action",
                     "SCMP_ACT_ERRNO", "errnoRet", error, "args", "index", 0, "value",
                     (json_int_t)mask, "valueTwo", (json_int_t)value, "op", "SCMP_CMP_MASKED_EQ");
}

json_t *agent_seccomp(void)
{
    json_t *names = json_array();
    json_t *calls = json_array();
    int rc = 0;
    for (size_t i = 0; i < CL_ARRAY_LEN(denied); i++) {
        rc |= json_array_append_new(names, json_string(denied[i]));
    }
    rc |= json_array_append_new(calls, json_pack("{s:o,s:s,s:i}", "names", names, "action",
                                                 "SCMP_ACT_ERRNO", "errnoRet", EPERM));
    /* The C library falls back to clone(), whose flags a filter can see. */
    rc |= json_array_append_new(calls, json_pack("{s:[s],s:s,s:i}", "names", "clone3", "action",
                                                 "SCMP_ACT_ERRNO", "errnoRet", ENOSYS));
    for (size_t i = 0; i < CL_ARRAY_LEN(namespaces); i++) {
        rc |= json_array_append_new(calls, masked("clone", EPERM, namespaces[i], namespaces[i]));
    }
    rc |= json_array_append_new(calls, masked("socket", EAFNOSUPPORT, UINT32_MAX, AF_VSOCK));
    json_t *all = json_pack("{s:s,s:[s],s:o}", "defaultAction", "SCMP_ACT_ALLOW", "architectures",
                            "SCMP_ARCH_X86_64", "syscalls", calls);
    if (rc != 0) {
        json_decref(all);
        return NULL;
    }
    return all;
}
