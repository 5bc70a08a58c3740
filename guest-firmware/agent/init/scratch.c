/* SPDX-License-Identifier: Apache-2.0
 * scratch.c - the disk that takes what a pod writes. Trust, limit: core/scratch.h.
 */
#include "scratch.h"

#include "agent.h"

#include <errno.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define SLOT 2u
#define MEMORY_DIR "/run"
#define MKE2FS "/bin/mke2fs"

/* Nothing waits for the host's disk to have it for good (nobarrier): nothing outlives this guest. A
 * file system whose own blocks were changed by the host takes no more writes. */
static enum cl_status mount_it(const char *device, uint64_t *ret_size, struct cl_err *err)
{
    struct statvfs v;
    if (mkdir(AGENT_SCRATCH, 0700) != 0 ||
        mount(device, AGENT_SCRATCH, "ext4", MS_NODEV,
              "errors=remount-ro,nodiscard,nobarrier,noinit_itable") != 0 ||
        statvfs(AGENT_SCRATCH, &v) != 0) {
        return cl_err_sys(err, errno, "mount '" AGENT_SCRATCH "'");
    }
    *ret_size = (uint64_t)v.f_blocks * v.f_frsize;
    return CL_OK;
}

enum cl_status agent_mount_scratch(uint64_t *ret_size, struct cl_err *err)
{
    char disk[AGENT_DISK_PATH_SIZE];
    char device[32];
    bool present = false;
    CL_TRY(agent_disk_find(SLOT, &present, disk, err));
    if (!present) {
        *ret_size = 0;
        return CL_OK;
    }
    CL_TRY(agent_scratch_open(disk, MEMORY_DIR, device, err));
    CL_TRY(agent_scratch_make_fs(device, MEMORY_DIR, MKE2FS, err));
    return mount_it(device, ret_size, err);
}
