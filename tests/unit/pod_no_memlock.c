/* SPDX-License-Identifier: Apache-2.0
 * pod_no_memlock.c - preloaded into crun on machines that give root no CAP_SYS_RESOURCE: raising
 * RLIMIT_MEMLOCK is said to have worked. Linux 5.11 and later do not need it for BPF.
 */
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

int setrlimit(__rlimit_resource_t resource, const struct rlimit *limits)
{
    if (resource == RLIMIT_MEMLOCK) {
        return 0;
    }
    return (int)syscall(SYS_prlimit64, 0, resource, limits, NULL);
}
