/* SPDX-License-Identifier: Apache-2.0
 * blockvol.c - encrypted volumes. Trust, limit, threads, memory: blockvol.h.
 */
#include "blockvol.h"

#include "base/encode.h"
#include "base/io.h"
#include "layers.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BLOCK AGENT_SCRATCH_BLOCK
#define BLOCK_SECTORS ((uint64_t)AGENT_LAYERS_BLOCK_SECTORS)
/* Superblock, journal, and more than the kernel's rounding. */
#define MEMORY_SECTORS (BLOCK_SECTORS + AGENT_BLOCKVOL_JOURNAL_SECTORS + 128u)
#define JOURNAL_KEY_SIZE 32u
#define PARAMS_SIZE 320u
#define MARK "cloister volume 1"

_Static_assert(AGENT_BLOCKVOL_KEY_SIZE == AGENT_SCRATCH_KEY_SIZE + JOURNAL_KEY_SIZE, "two keys");

/* --- what the tables say ---------------------------------------------------------------------- */

static enum cl_status check_key(const struct cl_secret *key, struct cl_err *err)
{
    return key->len == AGENT_BLOCKVOL_KEY_SIZE
               ? CL_OK
               : cl_err_set(err, CL_ERR_REJECTED, "key: expected %u bytes, got %zu",
                            AGENT_BLOCKVOL_KEY_SIZE, key->len);
}

/* The journal's sections are told apart by nothing: what a host moves among them has tags for its
 * own place all the same. */
enum cl_status agent_blockvol_integrity_params(const struct cl_secret *key, const char *device,
                                               enum agent_blockvol_mode mode,
                                               struct cl_secret *ret_s, struct cl_err *err)
{
    char hex[2 * JOURNAL_KEY_SIZE + 1];
    CL_TRY(check_key(key, err));
    CL_TRY(cl_secret_alloc(ret_s, PARAMS_SIZE, err));
    agent_scratch_hex(hex, key->data + AGENT_SCRATCH_KEY_SIZE, JOURNAL_KEY_SIZE);
    (void)snprintf((char *)ret_s->data, PARAMS_SIZE,
                   "%.24s 0 %u %c 4 journal_sectors:%u block_size:%u fix_padding "
                   "journal_mac:hmac(sha256):%s",
                   device, AGENT_SCRATCH_TAG_SIZE, (char)mode, AGENT_BLOCKVOL_JOURNAL_SECTORS,
                   BLOCK, hex);
    cl_wipe(hex, sizeof(hex));
    return CL_OK;
}

/* The disk without its first block, below `memory` sectors of ours: as long in either form. */
static enum cl_status set_lower(const struct agent_layers *l, uint64_t memory, struct cl_err *err)
{
    char mine[64];
    char theirs[64];
    (void)snprintf(mine, sizeof(mine), "%s 0", l->memory_device);
    (void)snprintf(theirs, sizeof(theirs), "%s %llu", l->disk_device, (unsigned long long)memory);
    const struct agent_dm_target t[] = {
        {0, memory, "linear", mine},
        {memory, l->disk_sectors - memory, "linear", theirs},
    };
    return agent_layers_start(l, AGENT_LOWER, t, CL_ARRAY_LEN(t), err);
}

/* --- blank, or ours --------------------------------------------------------------------------- */

static enum cl_status is_blank(const struct agent_layers *l, bool *ret, struct cl_err *err)
{
    uint8_t buffer[BLOCK];
    *ret = true;
    for (uint64_t at = 0; *ret && at < AGENT_BLOCKVOL_BLANK; at += sizeof(buffer)) {
        if (pread(l->disk, buffer, sizeof(buffer), (off_t)at) != (ssize_t)sizeof(buffer)) {
            return cl_err_sys(err, EIO, "read the disk");
        }
        for (size_t i = 0; i < sizeof(buffer); i++) {
            *ret = *ret && buffer[i] == 0;
        }
    }
    return CL_OK;
}

/* A block of memory that is aligned for direct reads and writes. */
static enum cl_status open_direct(const struct agent_layers *l, int how, int *ret_fd,
                                  uint8_t **ret_block, struct cl_err *err)
{
    char path[32];
    agent_layers_path(l, path);
    int fd = open(path, how | O_DIRECT | O_CLOEXEC);
    if (fd < 0) {
        return cl_err_sys(err, errno, "open '%s'", path);
    }
    *ret_block = aligned_alloc(BLOCK, BLOCK);
    if (*ret_block == NULL) {
        (void)close(fd);
        return cl_err_nomem(err, "volume");
    }
    *ret_fd = fd;
    return CL_OK;
}

static off_t mark_offset(const struct agent_layers *l)
{
    return (off_t)((l->sectors - BLOCK_SECTORS) * AGENT_LAYERS_SECTOR);
}

static enum cl_status read_mark(const struct agent_layers *l, struct cl_err *err)
{
    uint8_t *block = NULL;
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    CL_TRY(open_direct(l, O_RDONLY, &fd, &block, err));
    ssize_t n = pread(fd, block, BLOCK, mark_offset(l));
    bool ours = n == (ssize_t)BLOCK && memcmp(block, MARK, sizeof(MARK)) == 0; /* public */
    free(block);
    return ours ? CL_OK
                : cl_err_set(err, CL_ERR_REJECTED,
                             "expected blocks of its key, got others (another key, another disk, "
                             "or changed by the host)");
}

/* The last step: what was not formatted to its end has none. */
static enum cl_status write_mark(const struct agent_layers *l, struct cl_err *err)
{
    uint8_t *block = NULL;
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    CL_TRY(open_direct(l, O_RDWR, &fd, &block, err));
    memset(block, 0, BLOCK);
    memcpy(block, MARK, sizeof(MARK));
    bool good = fsync(fd) == 0 && pwrite(fd, block, BLOCK, mark_offset(l)) == (ssize_t)BLOCK &&
                fsync(fd) == 0;
    free(block);
    return good ? CL_OK : cl_err_sys(err, errno, "mark a volume as formatted");
}

static enum cl_status format(const struct agent_blockvol *v, const struct agent_layers *l,
                             struct cl_err *err)
{
    char path[32];
    const uint64_t bytes = (uint64_t)mark_offset(l);
    uint64_t range[2] = {0, bytes};
    agent_layers_path(l, path);
    CL_CLEANUP(cl_close_fdp) int fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, BLKZEROOUT, range) != 0) {
        return cl_err_sys(err, errno, "write zeros to '%s'", path);
    }
    if (v->filesystem) {
        CL_TRY(agent_scratch_make_fs_at(fd, bytes, v->memory_dir, v->mke2fs, /* journal= */ true,
                                        err));
    }
    return write_mark(l, err);
}

/* --- layers ----------------------------------------------------------------------------------- */

static enum cl_status measure(struct agent_layers *l, const struct cl_secret *key,
                              struct cl_err *err)
{
    struct cl_secret params = {0};
    CL_TRY(agent_layers_create(l, AGENT_INTEGRITY, err));
    CL_TRY(agent_blockvol_integrity_params(key, l->device[AGENT_LOWER], AGENT_BLOCKVOL_JOURNALED,
                                           &params, err));
    enum cl_status st = agent_layers_measure(l, (const char *)params.data,
                                             AGENT_BLOCKVOL_JOURNAL_SECTORS, l->disk_sectors, err);
    cl_secret_done(&params);
    return st;
}

/* Where everything lies follows from sizes alone: the kernel works it out over memory of ours, and
 * only then is the disk put below. */
static enum cl_status lay_out(struct agent_layers *l, const struct cl_secret *key,
                              struct cl_err *err)
{
    CL_TRY(agent_layers_create(l, AGENT_LOWER, err));
    CL_TRY(set_lower(l, MEMORY_SECTORS, err));
    CL_TRY(measure(l, key, err));
    return set_lower(l, BLOCK_SECTORS, err);
}

static enum cl_status start_integrity(struct agent_layers *l, const struct cl_secret *key,
                                      enum agent_blockvol_mode mode, struct cl_err *err)
{
    struct cl_secret params = {0};
    if (l->made == AGENT_INTEGRITY) {
        CL_TRY(agent_layers_create(l, AGENT_INTEGRITY, err));
    }
    CL_TRY(agent_blockvol_integrity_params(key, l->device[AGENT_LOWER], mode, &params, err));
    const struct agent_dm_target t = {0, l->sectors, "integrity", (const char *)params.data};
    enum cl_status st = agent_layers_start(l, AGENT_INTEGRITY, &t, 1, err);
    cl_secret_done(&params);
    return st;
}

static enum cl_status up(struct agent_layers *l, const struct cl_secret *key,
                         enum agent_blockvol_mode mode, uint64_t sectors, struct cl_err *err)
{
    struct cl_secret crypt = {0};
    CL_TRY(start_integrity(l, key, mode, err));
    CL_TRY(agent_layers_create(l, AGENT_CRYPT, err));
    CL_TRY(cl_secret_from(&crypt, key->data, AGENT_SCRATCH_KEY_SIZE, err));
    enum cl_status st = agent_layers_crypt(l, &crypt, sectors, err);
    cl_secret_done(&crypt);
    return st;
}

/* All that is in the journal goes to its place first. */
static void down(struct agent_layers *l)
{
    for (; l->made > AGENT_INTEGRITY; l->made--) {
        agent_dm_remove(l->dm, l->name[l->made - 1]);
    }
}

/* A superblock that the kernel finds in our memory it believes, and it is its own; where it finds
 * none it also writes a new journal. */
static enum cl_status make_volume(const struct agent_blockvol *v, struct agent_layers *l,
                                  struct cl_err *err)
{
    static const uint8_t none[BLOCK];
    if (pwrite(l->memory, none, BLOCK, 0) != (ssize_t)BLOCK) {
        return cl_err_sys(err, errno, "memory of the superblock");
    }
    CL_TRY(up(l, v->key, AGENT_BLOCKVOL_JOURNALED, l->sectors, err));
    return format(v, l, err);
}

/* Read-only, and the journal not looked at: whoever comes with another key changes nothing. */
static enum cl_status check_volume(const struct agent_blockvol *v, struct agent_layers *l,
                                   struct cl_err *err)
{
    CL_TRY(up(l, v->key, AGENT_BLOCKVOL_LOOKED_AT, l->sectors, err));
    return read_mark(l, err);
}

static enum cl_status build(const struct agent_blockvol *v, struct agent_layers *l,
                            struct cl_err *err)
{
    bool blank = false;
    CL_TRY(is_blank(l, &blank, err));
    if (blank && !v->format_blank) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "expected a formatted volume, got a blank disk (the policy's format is "
                          "\"never\")");
    }
    CL_TRY(lay_out(l, v->key, err));
    CL_TRY(blank ? make_volume(v, l, err) : check_volume(v, l, err));
    down(l);
    /* The mark is out of reach for whoever uses the device. */
    return up(l, v->key, AGENT_BLOCKVOL_JOURNALED, l->sectors - BLOCK_SECTORS, err);
}

enum cl_status agent_blockvol_open(const struct agent_blockvol *v, char ret_path[static 32],
                                   struct cl_err *err)
{
    struct agent_layers l;
    CL_TRY(check_key(v->key, err));
    enum cl_status st = agent_layers_open(&l, v->name, v->disk, v->memory_dir,
                                          MEMORY_SECTORS * AGENT_LAYERS_SECTOR, err);
    st = st == CL_OK ? build(v, &l, err) : st;
    if (st == CL_OK) {
        agent_layers_path(&l, ret_path);
    }
    agent_layers_done(&l, /* keep= */ st == CL_OK);
    return st;
}
