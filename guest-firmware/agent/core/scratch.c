/* SPDX-License-Identifier: Apache-2.0
 * scratch.c - the layers below the file system of a scratch disk. Trust, limit, threads, memory:
 * scratch.h.
 */
#include "scratch.h"

#include "base/bytes.h"
#include "base/io.h"
#include "dm.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define SECTOR 512u
#define MEMORY_SECTORS ((uint64_t)AGENT_SCRATCH_MEMORY / SECTOR)
#define BLOCK_SECTORS (AGENT_SCRATCH_BLOCK / SECTOR)
#define DEVICE_SIZE 24u /* "4095:1048575" */
#define CRYPT_PARAMS_SIZE 512u

#define LOWER "cloister-scratch-lower"
#define INTEGRITY "cloister-scratch-integrity"
#define CRYPT "cloister-scratch"

enum cl_status agent_scratch_size(uint64_t bytes, uint64_t *ret_sectors, struct cl_err *err)
{
    if (bytes < AGENT_SCRATCH_MIN_SIZE || bytes > AGENT_SCRATCH_MAX_SIZE) {
        return cl_err_set(
            err, CL_ERR_MALFORMED, "scratch disk: size: expected %llu to %llu bytes, got %llu",
            AGENT_SCRATCH_MIN_SIZE, AGENT_SCRATCH_MAX_SIZE, (unsigned long long)bytes);
    }
    *ret_sectors = bytes / AGENT_SCRATCH_BLOCK * BLOCK_SECTORS;
    return CL_OK;
}

/* --- what the tables say ---------------------------------------------------------------------- */

void agent_scratch_linear_params(char ret[static 64], const char *device)
{
    (void)snprintf(ret, 64, "%.*s 0", (int)DEVICE_SIZE, device);
}

/* D: data and tags are written where they belong, with no journal between. That a crash leaves them
 * unequal does no harm where nothing outlives a crash: the key does not. One section of a journal
 * is the least that the kernel makes. Without internal_hash, discards do not exist here. */
void agent_scratch_integrity_params(char ret[static 128], const char *device)
{
    (void)snprintf(ret, 128, "%.*s 0 %u D 3 journal_sectors:1 block_size:%u fix_padding",
                   (int)DEVICE_SIZE, device, AGENT_SCRATCH_TAG_SIZE, AGENT_SCRATCH_BLOCK);
}

/* Without a table or a branch that depends on the value. */
static char hex_digit(unsigned nibble)
{
    unsigned letter = (9u - nibble) >> 31; /* 1: nibble > 9 */
    return (char)('0' + nibble + letter * ('a' - '0' - 10u));
}

/* Random IVs of 128 bits: what is written twice does not look alike. A nonce that came twice would
 * cost AES-GCM its key; a pod that writes for years makes that a matter of chance, so not GCM. */
enum cl_status agent_scratch_crypt_params(const struct cl_secret *key, const char *device,
                                          struct cl_secret *ret_s, struct cl_err *err)
{
    static const char cipher[] = "capi:authenc(hmac(sha256),xts(aes))-random ";
    char rest[128];
    if (key->len != AGENT_SCRATCH_KEY_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED, "scratch disk: key: expected %u bytes, got %zu",
                          AGENT_SCRATCH_KEY_SIZE, key->len);
    }
    int n = snprintf(rest, sizeof(rest), " 0 %.*s 0 2 integrity:%u:aead sector_size:%u",
                     (int)DEVICE_SIZE, device, AGENT_SCRATCH_TAG_SIZE, AGENT_SCRATCH_BLOCK);
    CL_TRY(cl_secret_alloc(ret_s, CRYPT_PARAMS_SIZE, err)); /* all zero: the end is there */
    uint8_t *to = ret_s->data;
    memcpy(to, cipher, sizeof(cipher) - 1);
    to += sizeof(cipher) - 1;
    for (size_t i = 0; i < key->len; i++) {
        *to++ = (uint8_t)hex_digit(key->data[i] >> 4);
        *to++ = (uint8_t)hex_digit(key->data[i] & 15u);
    }
    memcpy(to, rest, (size_t)n);
    return CL_OK;
}
_Static_assert(48u + 2u * AGENT_SCRATCH_KEY_SIZE + 128u < CRYPT_PARAMS_SIZE, "the table fits");

/* Linux 6.12, drivers/md/dm-integrity.c, struct superblock. It lies in our own memory: this is to
 * notice a kernel that made something else than we think. */
enum cl_status
agent_scratch_read_superblock(const uint8_t data[static AGENT_SCRATCH_SUPERBLOCK_SIZE],
                              uint64_t limit, uint64_t *ret_sectors, struct cl_err *err)
{
    struct cl_reader r = cl_reader_init(data, AGENT_SCRATCH_SUPERBLOCK_SIZE);
    const uint8_t *magic = cl_reader_bytes(&r, 8, "magic");
    (void)cl_reader_bytes(&r, 2, "version, interleave");
    uint16_t tag_size = cl_reader_le16(&r, "tag size");
    uint32_t journal_sections = cl_reader_le32(&r, "journal sections");
    uint64_t sectors = cl_reader_le64(&r, "sectors");
    CL_TRY(cl_reader_check(&r, "scratch disk: superblock", err));
    if (memcmp(magic, "integrt", 8) != 0 /* public */ || tag_size != AGENT_SCRATCH_TAG_SIZE ||
        journal_sections != 1) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "scratch disk: superblock: expected tags of %u bytes and a journal of 1 "
                          "section, got %u and %u",
                          AGENT_SCRATCH_TAG_SIZE, (unsigned)tag_size, (unsigned)journal_sections);
    }
    sectors = sectors / BLOCK_SECTORS * BLOCK_SECTORS;
    if (sectors == 0 || sectors > limit) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "scratch disk: superblock: sectors: expected 1 to %" PRIu64
                          ", got %" PRIu64,
                          limit, sectors);
    }
    *ret_sectors = sectors;
    return CL_OK;
}

/* --- the superblock's memory ------------------------------------------------------------------ */

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

static enum cl_status device_of(int fd, char ret[static DEVICE_SIZE], struct cl_err *err)
{
    struct stat s;
    if (fstat(fd, &s) != 0 || !S_ISBLK(s.st_mode)) {
        return cl_err_sys(err, ENOTBLK, "scratch disk");
    }
    (void)snprintf(ret, DEVICE_SIZE, "%u:%u", major(s.st_rdev), minor(s.st_rdev));
    return CL_OK;
}

/* --- layers, from below ----------------------------------------------------------------------- */

struct build {
    int dm;
    int disk;   /* of the host */
    int memory; /* a file of ours, without a name */
    int loop;
    uint64_t disk_sectors;
    uint64_t sectors; /* that the integrity target offers */
    char lower[DEVICE_SIZE];
    char integrity[DEVICE_SIZE];
    unsigned made; /* devices: LOWER, INTEGRITY, CRYPT */
};

static const char *const names[] = {LOWER, INTEGRITY, CRYPT};

static void build_done(struct build *b)
{
    cl_close_fdp(&b->loop);
    cl_close_fdp(&b->memory);
    cl_close_fdp(&b->disk);
    cl_close_fdp(&b->dm);
}

/* The next device. */
static enum cl_status create(struct build *b, dev_t *ret_dev, struct cl_err *err)
{
    CL_TRY(agent_dm_create(b->dm, names[b->made], ret_dev, err));
    b->made++;
    return CL_OK;
}

static enum cl_status start(const struct build *b, const char *name,
                            const struct agent_dm_target *t, uint32_t count, struct cl_err *err)
{
    CL_TRY(agent_dm_load(b->dm, name, t, count, err));
    return agent_dm_resume(b->dm, name, err);
}

static enum cl_status make_lower(struct build *b, struct cl_err *err)
{
    char memory[DEVICE_SIZE];
    char disk[DEVICE_SIZE];
    char params[2][64];
    dev_t dev = 0;
    CL_TRY(device_of(b->loop, memory, err));
    CL_TRY(device_of(b->disk, disk, err));
    agent_scratch_linear_params(params[0], memory);
    agent_scratch_linear_params(params[1], disk);
    const struct agent_dm_target t[] = {
        {0, MEMORY_SECTORS, "linear", params[0]},
        {MEMORY_SECTORS, b->disk_sectors, "linear", params[1]},
    };
    CL_TRY(create(b, &dev, err));
    (void)snprintf(b->lower, sizeof(b->lower), "%u:%u", major(dev), minor(dev));
    return start(b, LOWER, t, CL_ARRAY_LEN(t), err);
}

static enum cl_status read_superblock(struct build *b, struct cl_err *err)
{
    uint8_t data[AGENT_SCRATCH_SUPERBLOCK_SIZE];
    if (pread(b->memory, data, sizeof(data), 0) != (ssize_t)sizeof(data)) {
        return cl_err_sys(err, EIO, "scratch disk: read its superblock");
    }
    return agent_scratch_read_superblock(data, MEMORY_SECTORS + b->disk_sectors, &b->sectors, err);
}

/* Loaded once for the kernel to write a superblock, which says how large the device can be. */
static enum cl_status make_integrity(struct build *b, struct cl_err *err)
{
    char params[128];
    dev_t dev = 0;
    agent_scratch_integrity_params(params, b->lower);
    struct agent_dm_target t = {0, BLOCK_SECTORS, "integrity", params};
    CL_TRY(create(b, &dev, err));
    (void)snprintf(b->integrity, sizeof(b->integrity), "%u:%u", major(dev), minor(dev));
    CL_TRY(agent_dm_load(b->dm, INTEGRITY, &t, 1, err));
    CL_TRY(read_superblock(b, err));
    CL_TRY(agent_dm_clear(b->dm, INTEGRITY, err));
    t.sectors = b->sectors;
    return start(b, INTEGRITY, &t, 1, err);
}

static enum cl_status load_crypt(const struct build *b, struct cl_err *err)
{
    struct cl_secret key = {0};
    struct cl_secret params = {0};
    enum cl_status st = cl_secret_random(&key, AGENT_SCRATCH_KEY_SIZE, err);
    st = st == CL_OK ? agent_scratch_crypt_params(&key, b->integrity, &params, err) : st;
    cl_secret_done(&key);
    if (st == CL_OK) {
        const struct agent_dm_target t = {0, b->sectors, "crypt", (const char *)params.data};
        st = start(b, CRYPT, &t, 1, err);
    }
    cl_secret_done(&params);
    return st;
}

static enum cl_status make_crypt(struct build *b, char ret_path[static 32], struct cl_err *err)
{
    dev_t dev = 0;
    CL_TRY(create(b, &dev, err));
    CL_TRY(load_crypt(b, err));
    (void)snprintf(ret_path, 32, "/dev/dm-%u", minor(dev));
    return CL_OK;
}

static enum cl_status open_parts(struct build *b, const char *disk, const char *memory_dir,
                                 struct cl_err *err)
{
    uint64_t bytes = 0;
    b->disk = open(disk, O_RDWR | O_CLOEXEC);
    if (b->disk < 0 || ioctl(b->disk, BLKGETSIZE64, &bytes) != 0) {
        return cl_err_sys(err, errno, "scratch disk '%s'", disk);
    }
    CL_TRY(agent_scratch_size(bytes, &b->disk_sectors, err));
    b->memory = open(memory_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (b->memory < 0 || ftruncate(b->memory, AGENT_SCRATCH_MEMORY) != 0) {
        return cl_err_sys(err, errno, "scratch disk: memory for its superblock");
    }
    CL_TRY(loop_attach(b->memory, &b->loop, err));
    return agent_dm_open(&b->dm, err);
}

enum cl_status agent_scratch_open(const char *disk, const char *memory_dir,
                                  char ret_path[static 32], struct cl_err *err)
{
    struct build b = {.dm = -1, .disk = -1, .memory = -1, .loop = -1};
    enum cl_status st = open_parts(&b, disk, memory_dir, err);
    st = st == CL_OK ? make_lower(&b, err) : st;
    st = st == CL_OK ? make_integrity(&b, err) : st;
    st = st == CL_OK ? make_crypt(&b, ret_path, err) : st;
    for (; st != CL_OK && b.made > 0; b.made--) {
        agent_dm_remove(b.dm, names[b.made - 1]);
    }
    build_done(&b);
    return st;
}
