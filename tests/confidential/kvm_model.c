/* SPDX-License-Identifier: Apache-2.0
 * kvm_model.c - see kvm_model.h: the model answers negative errno values, the VMM wants errno.
 */
#include "kvm_model.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

static int answer(int rc)
{
    if (rc >= 0) {
        return rc;
    }
    errno = -rc;
    return -1;
}

static int open_device(void *ctx, const char *path)
{
    return answer(model_kvm_ops.open(ctx, path, O_RDWR | O_CLOEXEC));
}

static int close_fd(void *ctx, int fd)
{
    return answer(model_kvm_ops.close(ctx, fd));
}

static int call(void *ctx, int fd, unsigned long request, void *arg)
{
    return answer(model_kvm_ops.ioctl(ctx, fd, request, arg));
}

static void *map_run(void *ctx, int fd, size_t size)
{
    int error = 0;
    void *run = model_kvm_ops.mmap(ctx, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0, &error);
    if (run == NULL) {
        errno = -error;
        return MAP_FAILED;
    }
    return run;
}

static int unmap_run(void *ctx, void *run, size_t size)
{
    return answer(model_kvm_ops.munmap(ctx, run, size));
}

static int punch_hole(void *ctx, int fd, uint64_t offset, uint64_t size)
{
    return answer(
        model_kvm_ops.fallocate(ctx, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, size));
}

const struct vmm_kvm_ops kvm_model_ops = {
    .open = open_device,
    .close = close_fd,
    .ioctl = call,
    .map_run = map_run,
    .unmap_run = unmap_run,
    .punch_hole = punch_hole,
};
