/* SPDX-License-Identifier: Apache-2.0
 * kvm_ops.h - the narrow table of functions through which everything of ours reaches the kernel's
 * KVM, so that a model of it can stand in. Same results as the system calls: -1 and errno.
 * Trust: the kernel. Threads: implementations are called from every thread of the VMM.
 */
#ifndef TEE_KVM_OPS_H
#define TEE_KVM_OPS_H

#include <stddef.h>
#include <stdint.h>

struct vmm_kvm_ops {
    int (*open)(void *ctx, const char *path); /* "/dev/kvm", "/dev/sev" */
    int (*close)(void *ctx, int fd);          /* of these, VMs, vCPUs, private memory */
    /* request and argument as ioctl(2) has them; a number goes in as (void *)(uintptr_t)n */
    int (*ioctl)(void *ctx, int fd, unsigned long request, void *arg);
    void *(*map_run)(void *ctx, int vcpu_fd, size_t size); /* struct kvm_run, or MAP_FAILED */
    int (*unmap_run)(void *ctx, void *run, size_t size);
    /* Gives the pages of a guest_memfd back to the host. */
    int (*punch_hole)(void *ctx, int memfd, uint64_t offset, uint64_t size);
};

struct vmm_kvm {
    const struct vmm_kvm_ops *ops;
    void *ctx;  /* of the table's owner; NULL for the real one */
    int dev_fd; /* /dev/kvm */
    int vm_fd;  /* -1 until the TEE back-end made the VM */
};

static inline int vmm_kvm_dev(const struct vmm_kvm *k, unsigned long request, void *arg)
{
    return k->ops->ioctl(k->ctx, k->dev_fd, request, arg);
}

static inline int vmm_kvm_vm(const struct vmm_kvm *k, unsigned long request, void *arg)
{
    return k->ops->ioctl(k->ctx, k->vm_fd, request, arg);
}

static inline int vmm_kvm_fd(const struct vmm_kvm *k, int fd, unsigned long request, void *arg)
{
    return k->ops->ioctl(k->ctx, fd, request, arg);
}

/* -1 is fine, and what is left behind. */
static inline void vmm_kvm_close(const struct vmm_kvm *k, int *fd)
{
    if (*fd >= 0) {
        (void)k->ops->close(k->ctx, *fd);
        *fd = -1;
    }
}

#endif
