/* SPDX-License-Identifier: Apache-2.0
 * block.c - block devices of the host that a pod's claims name (volumeMode: Block): each is put
 * into a block slot of the VM once, and stays until the VM ends.
 * Trust: containerd says which devices are the pod's. What is on them is never looked at here.
 */
#include "pod_internal.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static struct block *find(struct shim_pod *pod, const char *name)
{
    for (size_t i = 0; i < pod->block_count; i++) {
        if (strcmp(pod->block[i].name, name) == 0) {
            return &pod->block[i];
        }
    }
    return NULL;
}

static enum cl_status open_device(const struct shim_volume *v, int *ret_fd, struct cl_err *err)
{
    struct stat s;
    CL_CLEANUP(cl_close_fdp)
    int fd = open(v->host_path, (v->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &s) != 0) {
        return cl_err_sys(err, errno, "'%.100s'", v->host_path);
    }
    if (!S_ISBLK(s.st_mode)) {
        return cl_err_set(err, CL_ERR_REJECTED, "'%.100s': expected a block device", v->host_path);
    }
    *ret_fd = fd;
    fd = -1;
    return CL_OK;
}

enum cl_status block_attach(struct shim_pod *pod, const struct shim_volume *v, unsigned *ret_slot,
                            struct cl_err *err)
{
    struct block *b = find(pod, v->name);
    if (b != NULL && b->read_only && !v->read_only) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "expected read-only as for the container that was first, got writable");
    }
    if (b != NULL) {
        *ret_slot = b->slot;
        return CL_OK;
    }
    if (pod->block_count == SHIM_MAX_BLOCKS) {
        return cl_err_set(err, CL_ERR_REJECTED, "expected at most %u block devices in a pod",
                          SHIM_MAX_BLOCKS);
    }
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    CL_TRY(open_device(v, &fd, err));
    b = &pod->block[pod->block_count];
    *b = (struct block){.slot = SHIM_FIRST_BLOCK_SLOT + (unsigned)pod->block_count,
                        .read_only = v->read_only};
    (void)snprintf(b->name, sizeof(b->name), "%s", v->name);
    CL_TRY(pod->cfg.vm->attach(pod->vm, b->slot, fd, err));
    pod->block_count++;
    *ret_slot = b->slot;
    return CL_OK;
}
