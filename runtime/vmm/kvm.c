/* SPDX-License-Identifier: Apache-2.0
 * kvm.c - the real kernel behind the table of kvm_ops.h. Trust: the kernel. Threads: no state.
 */
#include "tee/kvm_ops.h"
#include "vmm.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static int real_open(CL_UNUSED void *ctx, const char *path)
{
    return open(path, O_RDWR | O_CLOEXEC);
}

static int real_close(CL_UNUSED void *ctx, int fd)
{
    return close(fd);
}

static int real_ioctl(CL_UNUSED void *ctx, int fd, unsigned long request, void *arg)
{
    return ioctl(fd, request, arg);
}

static void *real_map_run(CL_UNUSED void *ctx, int vcpu_fd, size_t size)
{
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu_fd, 0);
}

static int real_unmap_run(CL_UNUSED void *ctx, void *run, size_t size)
{
    return munmap(run, size);
}

static int real_punch_hole(CL_UNUSED void *ctx, int memfd, uint64_t offset, uint64_t size)
{
    return fallocate(memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)size);
}

const struct vmm_kvm_ops vmm_kvm_real = {
    .open = real_open,
    .close = real_close,
    .ioctl = real_ioctl,
    .map_run = real_map_run,
    .unmap_run = real_unmap_run,
    .punch_hole = real_punch_hole,
};
