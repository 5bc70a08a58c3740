/* SPDX-License-Identifier: Apache-2.0
 * layers.c - layers of the device mapper below what a pod writes. Trust, threads, memory: layers.h.
 */
#include "layers.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* A loop device goes when nobody uses it any more. */
static enum cl_status loop_attach(int file, int *ret_fd, struct cl_err *err)
{
    char path[32];
    struct loop_config c = {.fd = (uint32_t)file, .info = {.lo_flags = LO_FLAGS_AUTOCLEAR}};
    CL_CLEANUP(cl_close_fdp) int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    int n = control >= 0 ? ioctl(control, LOOP_CTL_GET_FREE) : -1;
    if (n < 0) {
        return cl_err_sys(err, errno, "loop device");
    }
    (void)snprintf(path, sizeof(path), "/dev/loop%d", n);
    CL_CLEANUP(cl_close_fdp) int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, LOOP_CONFIGURE, &c) != 0) {
        return cl_err_sys(err, errno, "loop device '%s'", path);
    }
    *ret_fd = fd;
    fd = -1;
    return CL_OK;
}

static enum cl_status device_of(int fd, char ret[static AGENT_LAYERS_DEVICE], struct cl_err *err)
{
    struct stat s;
    if (fstat(fd, &s) != 0 || !S_ISBLK(s.st_mode)) {
        return cl_err_sys(err, ENOTBLK, "disk");
    }
    (void)snprintf(ret, AGENT_LAYERS_DEVICE, "%u:%u", major(s.st_rdev), minor(s.st_rdev));
    return CL_OK;
}

/* --- opening and closing ---------------------------------------------------------------------- */

static enum cl_status open_parts(struct agent_layers *l, const char *disk, const char *memory_dir,
                                 uint64_t memory_bytes, struct cl_err *err)
{
    l->disk = open(disk, O_RDWR | O_CLOEXEC);
    if (l->disk < 0 || ioctl(l->disk, BLKGETSIZE64, &l->disk_bytes) != 0) {
        return cl_err_sys(err, errno, "disk '%s'", disk);
    }
    CL_TRY(agent_scratch_size(l->disk_bytes, &l->disk_sectors, err));
    l->memory = open(memory_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (l->memory < 0 || ftruncate(l->memory, (off_t)memory_bytes) != 0) {
        return cl_err_sys(err, errno, "memory for the superblock of '%s'", disk);
    }
    CL_TRY(loop_attach(l->memory, &l->loop, err));
    CL_TRY(device_of(l->loop, l->memory_device, err));
    CL_TRY(device_of(l->disk, l->disk_device, err));
    return agent_dm_open(&l->dm, err);
}

enum cl_status agent_layers_open(struct agent_layers *ret, const char *name, const char *disk,
                                 const char *memory_dir, uint64_t memory_bytes, struct cl_err *err)
{
    *ret = (struct agent_layers){.dm = -1, .disk = -1, .memory = -1, .loop = -1};
    (void)snprintf(ret->name[AGENT_LOWER], sizeof(ret->name[0]), "%.50s-lower", name);
    (void)snprintf(ret->name[AGENT_INTEGRITY], sizeof(ret->name[0]), "%.50s-integrity", name);
    (void)snprintf(ret->name[AGENT_CRYPT], sizeof(ret->name[0]), "%.50s", name);
    return open_parts(ret, disk, memory_dir, memory_bytes, err);
}

void agent_layers_done(struct agent_layers *l, bool keep)
{
    for (; !keep && l->made > 0; l->made--) {
        agent_dm_remove(l->dm, l->name[l->made - 1]);
    }
    cl_close_fdp(&l->loop);
    cl_close_fdp(&l->memory);
    cl_close_fdp(&l->disk);
    cl_close_fdp(&l->dm);
}

void agent_layers_path(const struct agent_layers *l, char ret[static 32])
{
    const char *minor_text = strchr(l->device[AGENT_CRYPT], ':');
    (void)snprintf(ret, 32, "/dev/dm-%.20s", minor_text != NULL ? minor_text + 1 : "");
}

/* --- making ----------------------------------------------------------------------------------- */

enum cl_status agent_layers_create(struct agent_layers *l, enum agent_layer which,
                                   struct cl_err *err)
{
    dev_t dev = 0;
    CL_TRY(agent_dm_create(l->dm, l->name[which], &dev, err));
    l->made = which + 1;
    (void)snprintf(l->device[which], sizeof(l->device[which]), "%u:%u", major(dev), minor(dev));
    return CL_OK;
}

enum cl_status agent_layers_start(const struct agent_layers *l, enum agent_layer which,
                                  const struct agent_dm_target *t, uint32_t count,
                                  struct cl_err *err)
{
    CL_TRY(agent_dm_load(l->dm, l->name[which], t, count, err));
    return agent_dm_resume(l->dm, l->name[which], err);
}

static enum cl_status read_superblock(struct agent_layers *l, uint32_t max_sections, uint64_t limit,
                                      struct cl_err *err)
{
    uint8_t data[AGENT_SCRATCH_SUPERBLOCK_SIZE];
    if (pread(l->memory, data, sizeof(data), 0) != (ssize_t)sizeof(data)) {
        return cl_err_sys(err, EIO, "read the superblock in memory");
    }
    return agent_scratch_read_superblock(data, max_sections, limit, &l->sectors, err);
}

/* One block is enough for the kernel to lay everything out. */
enum cl_status agent_layers_measure(struct agent_layers *l, const char *params,
                                    uint32_t max_sections, uint64_t limit, struct cl_err *err)
{
    const struct agent_dm_target t = {0, AGENT_LAYERS_BLOCK_SECTORS, "integrity", params};
    CL_TRY(agent_dm_load(l->dm, l->name[AGENT_INTEGRITY], &t, 1, err));
    CL_TRY(read_superblock(l, max_sections, limit, err));
    return agent_dm_clear(l->dm, l->name[AGENT_INTEGRITY], err);
}

enum cl_status agent_layers_crypt(const struct agent_layers *l, const struct cl_secret *key,
                                  uint64_t sectors, struct cl_err *err)
{
    struct cl_secret params = {0};
    enum cl_status st = agent_scratch_crypt_params(key, l->device[AGENT_INTEGRITY], &params, err);
    if (st == CL_OK) {
        const struct agent_dm_target t = {0, sectors, "crypt", (const char *)params.data};
        st = agent_layers_start(l, AGENT_CRYPT, &t, 1, err);
    }
    cl_secret_done(&params);
    return st;
}
