/* SPDX-License-Identifier: Apache-2.0
 * scratch_fs.c - an ext4 on a device whose blocks cannot be read before they were written: see
 * scratch.h.
 *
 * Of an ext4 the kernel reads, without having written it: superblock, group descriptors, bitmaps of
 * groups that are marked as used, the root directory, and inode tables: any block of them, for it
 * may hold an inode of a neighbour that another thread is just making. mke2fs writes the former,
 * and leaves holes for the latter, which are zeroed here. There is no journal, which nobody would
 * replay; no backup of a superblock, which nobody would look for.
 */
#include "scratch.h"

#include "base/bytes.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCK AGENT_SCRATCH_BLOCK
#define CHUNK (1u << 20) /* bytes that are copied at once */
#define SUPER_OFFSET 1024u
#define SUPER_SIZE 1024u
#define SUPER_MAGIC 0xef53u
#define DESCRIPTOR 32u /* bytes; without the feature 64bit */
#define INODE 256u
#define TEXT(x) TEXT_(x)
#define TEXT_(x) #x

/* --- mke2fs ----------------------------------------------------------------------------------- */

static enum cl_status wait_for(pid_t pid, struct cl_err *err)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return cl_err_sys(err, errno, "mke2fs");
        }
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        return cl_err_set(err, CL_ERR_SYS, "mke2fs: expected exit status 0, got %d",
                          WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    }
    return CL_OK;
}

static enum cl_status run_mke2fs(const char *mke2fs, char *image, bool journal, struct cl_err *err)
{
    char name[] = "mke2fs";
    char quiet[] = "-qF";
    char features[] = "-Onone,dir_index,extent,ext_attr,extra_isize,filetype,flex_bg,huge_file,"
                      "large_file,sparse_super2,uninit_bg";
    char journaled[] = "-Onone,has_journal,dir_index,extent,ext_attr,extra_isize,filetype,flex_bg,"
                       "huge_file,large_file,sparse_super2,uninit_bg";
    char block[] = "-b" TEXT(4096);
    char inode[] = "-I" TEXT(256);
    char ratio[] = "-i" TEXT(32768);
    char reserved[] = "-m0";
    char extended[] = "-Enodiscard,lazy_itable_init=0,num_backup_sb=0";
    char config[] = "MKE2FS_CONFIG=/dev/null";
    char *argv[] = {
        name,  quiet, journal ? journaled : features, block, inode, ratio, reserved, extended,
        image, NULL};
    char *env[] = {config, NULL};
    posix_spawn_file_actions_t files;
    pid_t pid = -1;
    (void)posix_spawn_file_actions_init(&files);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) { /* it misses its configuration */
        (void)posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
    }
    int rc = posix_spawn(&pid, mke2fs, &files, NULL, argv, env);
    (void)posix_spawn_file_actions_destroy(&files);
    return rc == 0 ? wait_for(pid, err) : cl_err_sys(err, rc, "run '%s'", mke2fs);
}
_Static_assert(BLOCK == 4096 && INODE == 256 && AGENT_SCRATCH_BYTES_PER_INODE == 32768,
               "as mke2fs is told");

/* --- to the device ---------------------------------------------------------------------------- */

struct copy {
    int image;
    int device;
    uint64_t bytes;  /* of both; whole blocks */
    uint8_t *buffer; /* CHUNK bytes, aligned for direct writes */
};

static enum cl_status write_blocks(const struct copy *c, uint64_t offset, size_t len,
                                   struct cl_err *err)
{
    ssize_t n = pwrite(c->device, c->buffer, len, (off_t)offset);
    if (n != (ssize_t)len) {
        return cl_err_sys(err, n < 0 ? errno : ENOSPC, "write the scratch disk");
    }
    return CL_OK;
}

static enum cl_status copy_range(const struct copy *c, uint64_t from, uint64_t to,
                                 struct cl_err *err)
{
    while (from < to) {
        size_t len = to - from < CHUNK ? (size_t)(to - from) : CHUNK;
        ssize_t n = pread(c->image, c->buffer, len, (off_t)from);
        if (n != (ssize_t)len) {
            return cl_err_sys(err, n < 0 ? errno : EIO, "read what mke2fs made");
        }
        CL_TRY(write_blocks(c, from, len, err));
        from += len;
    }
    return CL_OK;
}

/* All of the image that is no hole. */
static enum cl_status copy_data(const struct copy *c, struct cl_err *err)
{
    off_t at = lseek(c->image, 0, SEEK_DATA);
    while (at >= 0 && (uint64_t)at < c->bytes) {
        off_t end = lseek(c->image, at, SEEK_HOLE);
        if (end <= at) {
            return cl_err_sys(err, end < 0 ? errno : EIO, "read what mke2fs made");
        }
        uint64_t from = (uint64_t)at / BLOCK * BLOCK;
        uint64_t to = ((uint64_t)end + BLOCK - 1) / BLOCK * BLOCK;
        CL_TRY(copy_range(c, from, to, err));
        at = lseek(c->image, (off_t)to, SEEK_DATA);
    }
    return at >= 0 || errno == ENXIO ? CL_OK : cl_err_sys(err, errno, "read what mke2fs made");
}

static enum cl_status zero_range(const struct copy *c, uint64_t block, uint64_t count,
                                 struct cl_err *err)
{
    uint64_t blocks = c->bytes / BLOCK;
    if (block == 0 || block > blocks || count > blocks - block) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "mke2fs: inode table: expected within %" PRIu64 " blocks, got %" PRIu64
                          " at %" PRIu64,
                          blocks, count, block);
    }
    while (count > 0) {
        uint64_t n = count < CHUNK / BLOCK ? count : CHUNK / BLOCK;
        CL_TRY(write_blocks(c, block * BLOCK, (size_t)n * BLOCK, err));
        block += n;
        count -= n;
    }
    return CL_OK;
}

/* The group descriptors follow the superblock's block. */
static enum cl_status zero_tables(const struct copy *c, uint32_t groups, uint64_t table_blocks,
                                  struct cl_err *err)
{
    memset(c->buffer, 0, CHUNK);
    for (uint32_t i = 0; i < groups; i++) {
        uint8_t raw[DESCRIPTOR];
        if (pread(c->image, raw, sizeof(raw), (off_t)(BLOCK + (uint64_t)i * DESCRIPTOR)) !=
            (ssize_t)sizeof(raw)) {
            return cl_err_sys(err, EIO, "read what mke2fs made");
        }
        struct cl_reader r = cl_reader_init(raw, sizeof(raw));
        (void)cl_reader_bytes(&r, 8, "bitmaps");
        CL_TRY(zero_range(c, cl_reader_le32(&r, "inode table"), table_blocks, err));
    }
    return CL_OK;
}

/* ext4's superblock as Documentation/filesystems/ext4/super.rst has it. */
static enum cl_status read_super(const struct copy *c, uint32_t *ret_groups,
                                 uint64_t *ret_table_blocks, struct cl_err *err)
{
    uint8_t raw[SUPER_SIZE];
    if (pread(c->image, raw, sizeof(raw), SUPER_OFFSET) != (ssize_t)sizeof(raw)) {
        return cl_err_sys(err, EIO, "read what mke2fs made");
    }
    struct cl_reader r = cl_reader_init(raw, sizeof(raw));
    (void)cl_reader_le32(&r, "inodes");
    uint32_t blocks = cl_reader_le32(&r, "blocks");
    (void)cl_reader_bytes(&r, 24, "free, first block, sizes");
    uint32_t blocks_per_group = cl_reader_le32(&r, "blocks per group");
    (void)cl_reader_le32(&r, "clusters per group");
    uint32_t inodes_per_group = cl_reader_le32(&r, "inodes per group");
    (void)cl_reader_bytes(&r, 12, "times, mounts");
    uint16_t magic = cl_reader_le16(&r, "magic");
    CL_TRY(cl_reader_check(&r, "mke2fs: superblock", err));
    if (magic != SUPER_MAGIC || blocks_per_group == 0 || blocks > c->bytes / BLOCK) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "mke2fs: superblock: expected an ext4 of at most %" PRIu64
                          " blocks, got %u blocks, magic 0x%04x",
                          c->bytes / BLOCK, (unsigned)blocks, (unsigned)magic);
    }
    *ret_groups = blocks / blocks_per_group + (blocks % blocks_per_group != 0 ? 1 : 0);
    *ret_table_blocks = ((uint64_t)inodes_per_group * INODE + BLOCK - 1) / BLOCK;
    return CL_OK;
}

static enum cl_status copy_all(const struct copy *c, struct cl_err *err)
{
    uint32_t groups = 0;
    uint64_t table_blocks = 0;
    CL_TRY(read_super(c, &groups, &table_blocks, err));
    CL_TRY(zero_tables(c, groups, table_blocks, err));
    return copy_data(c, err); /* the first table has inodes already */
}

/* --- both ------------------------------------------------------------------------------------- */

static enum cl_status make(struct copy *c, char *path, const char *mke2fs, bool journal,
                           struct cl_err *err)
{
    if (ftruncate(c->image, (off_t)c->bytes) != 0) {
        return cl_err_sys(err, errno, "'%s'", path);
    }
    CL_TRY(run_mke2fs(mke2fs, path, journal, err));
    c->buffer = aligned_alloc(BLOCK, CHUNK);
    if (c->buffer == NULL) {
        return cl_err_nomem(err, "scratch disk");
    }
    enum cl_status st = copy_all(c, err);
    free(c->buffer);
    return st;
}

enum cl_status agent_scratch_make_fs_at(int device, uint64_t bytes, const char *memory_dir,
                                        const char *mke2fs, bool journal, struct cl_err *err)
{
    char path[128];
    int n = snprintf(path, sizeof(path), "%s/ext4.XXXXXX", memory_dir);
    if (n < 0 || (size_t)n >= sizeof(path)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "scratch disk: '%.40s': name is too long",
                          memory_dir);
    }
    CL_CLEANUP(cl_close_fdp) int image = mkostemp(path, O_CLOEXEC);
    if (image < 0) {
        return cl_err_sys(err, errno, "make '%s'", path);
    }
    struct copy c = {.image = image, .device = device, .bytes = bytes / BLOCK * BLOCK};
    enum cl_status st = make(&c, path, mke2fs, journal, err);
    (void)unlink(path);
    return st;
}

enum cl_status agent_scratch_make_fs(const char *device, const char *memory_dir, const char *mke2fs,
                                     struct cl_err *err)
{
    uint64_t bytes = 0;
    /* Direct: what is not read is not read ahead either. */
    CL_CLEANUP(cl_close_fdp) int fd = open(device, O_WRONLY | O_DIRECT | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, BLKGETSIZE64, &bytes) != 0) {
        return cl_err_sys(err, errno, "open '%s'", device);
    }
    return agent_scratch_make_fs_at(fd, bytes, memory_dir, mke2fs, /* journal= */ false, err);
}
