/* SPDX-License-Identifier: Apache-2.0
 * fuzz_virtio_blk.c - the block device over a real (memory) file, its rings and requests the input.
 * Input: u8 flags (1: read-only, 2: empty slot), then the bytes of guest RAM from the rings on.
 */
#include "../unit/vmm_rig.h"
#include "blk.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define FILE_SIZE (64u * 512u)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int open_disk(bool read_only)
{
    char path[64];
    int fd = memfd_create("disk", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, FILE_SIZE) != 0) {
        abort();
    }
    if (!read_only) {
        return fd;
    }
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int again = open(path, O_RDONLY | O_CLOEXEC);
    (void)close(fd);
    return again;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct vmm_blk blk;
    struct rig rig;
    if (len < 1) {
        return 0;
    }
    bool read_only = (data[0] & 1) != 0;
    rig_init(&rig);
    vmm_blk_init(&blk, 1, &rig.mem);
    int fd = open_disk(read_only);
    if ((data[0] & 2) != 0 || vmm_blk_attach(&blk, fd, true, NULL) != CL_OK) {
        (void)close(fd);
    }
    rig_bring_up(&rig, &blk.virtio, VMM_VIRTIO_F_VERSION_1 | VMM_VIRTIO_F_ACCESS_PLATFORM, 1, 16);
    size_t n = len - 1 < RIG_RAM - RIG_QUEUE_GPA(0) ? len - 1 : RIG_RAM - RIG_QUEUE_GPA(0);
    memcpy(rig.ram + RIG_QUEUE_GPA(0), data + 1, n);
    /* The avail ring lies 0x2000 behind: short inputs name it in their first bytes instead. */
    if (n < 0x2000) {
        memcpy(rig.ram + RIG_QUEUE_GPA(0) + 0x2000, data + 1, n < 36 ? n : 36);
    }
    for (unsigned i = 0; i < 4 && vmm_blk_process(&blk); i++) {
    }
    vmm_blk_done(&blk);
    rig_done(&rig);
    return 0;
}
