/* SPDX-License-Identifier: Apache-2.0
 * scratch.c - the layers below the file system of a scratch disk. Trust, limit, threads, memory:
 * scratch.h.
 */
#include "scratch.h"

#include "base/bytes.h"
#include "layers.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SECTOR AGENT_LAYERS_SECTOR
#define MEMORY_SECTORS ((uint64_t)AGENT_SCRATCH_MEMORY / SECTOR)
#define BLOCK_SECTORS AGENT_LAYERS_BLOCK_SECTORS
#define DEVICE_SIZE AGENT_LAYERS_DEVICE
#define CRYPT_PARAMS_SIZE 512u

#define NAME "cloister-scratch"

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

void agent_scratch_hex(char *ret, const uint8_t *secret, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        ret[2 * i] = hex_digit(secret[i] >> 4);
        ret[2 * i + 1] = hex_digit(secret[i] & 15u);
    }
    ret[2 * len] = '\0';
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
    agent_scratch_hex((char *)to, key->data, key->len);
    to += 2 * key->len;
    memcpy(to, rest, (size_t)n);
    return CL_OK;
}
_Static_assert(48u + 2u * AGENT_SCRATCH_KEY_SIZE + 128u < CRYPT_PARAMS_SIZE, "the table fits");

/* Linux 6.12, drivers/md/dm-integrity.c, struct superblock. It lies in our own memory: this is to
 * notice a kernel that made something else than we think. */
enum cl_status
agent_scratch_read_superblock(const uint8_t data[static AGENT_SCRATCH_SUPERBLOCK_SIZE],
                              uint32_t max_sections, uint64_t limit, uint64_t *ret_sectors,
                              struct cl_err *err)
{
    struct cl_reader r = cl_reader_init(data, AGENT_SCRATCH_SUPERBLOCK_SIZE);
    const uint8_t *magic = cl_reader_bytes(&r, 8, "magic");
    (void)cl_reader_bytes(&r, 2, "version, interleave");
    uint16_t tag_size = cl_reader_le16(&r, "tag size");
    uint32_t journal_sections = cl_reader_le32(&r, "journal sections");
    uint64_t sectors = cl_reader_le64(&r, "sectors");
    CL_TRY(cl_reader_check(&r, "scratch disk: superblock", err));
    if (memcmp(magic, "integrt", 8) != 0 /* public */ || tag_size != AGENT_SCRATCH_TAG_SIZE ||
        journal_sections == 0 || journal_sections > max_sections) {
        return cl_err_set(
            err, CL_ERR_MALFORMED,
            "scratch disk: superblock: expected tags of %u bytes and a journal of 1 to "
            "%u sections, got %u and %u",
            AGENT_SCRATCH_TAG_SIZE, (unsigned)max_sections, (unsigned)tag_size,
            (unsigned)journal_sections);
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

/* --- layers, from below ----------------------------------------------------------------------- */

static enum cl_status make_lower(struct agent_layers *l, struct cl_err *err)
{
    char params[2][64];
    agent_scratch_linear_params(params[0], l->memory_device);
    agent_scratch_linear_params(params[1], l->disk_device);
    const struct agent_dm_target t[] = {
        {0, MEMORY_SECTORS, "linear", params[0]},
        {MEMORY_SECTORS, l->disk_sectors, "linear", params[1]},
    };
    CL_TRY(agent_layers_create(l, AGENT_LOWER, err));
    return agent_layers_start(l, AGENT_LOWER, t, CL_ARRAY_LEN(t), err);
}

static enum cl_status make_integrity(struct agent_layers *l, struct cl_err *err)
{
    char params[128];
    agent_scratch_integrity_params(params, l->device[AGENT_LOWER]);
    CL_TRY(agent_layers_create(l, AGENT_INTEGRITY, err));
    CL_TRY(agent_layers_measure(l, params, 1, MEMORY_SECTORS + l->disk_sectors, err));
    const struct agent_dm_target t = {0, l->sectors, "integrity", params};
    return agent_layers_start(l, AGENT_INTEGRITY, &t, 1, err);
}

static enum cl_status make_crypt(struct agent_layers *l, struct cl_err *err)
{
    struct cl_secret key = {0};
    CL_TRY(agent_layers_create(l, AGENT_CRYPT, err));
    enum cl_status st = cl_secret_random(&key, AGENT_SCRATCH_KEY_SIZE, err);
    st = st == CL_OK ? agent_layers_crypt(l, &key, l->sectors, err) : st;
    cl_secret_done(&key);
    return st;
}

enum cl_status agent_scratch_open(const char *disk, const char *memory_dir,
                                  char ret_path[static 32], struct cl_err *err)
{
    struct agent_layers l;
    enum cl_status st = agent_layers_open(&l, NAME, disk, memory_dir, AGENT_SCRATCH_MEMORY, err);
    st = st == CL_OK ? make_lower(&l, err) : st;
    st = st == CL_OK ? make_integrity(&l, err) : st;
    st = st == CL_OK ? make_crypt(&l, err) : st;
    if (st == CL_OK) {
        agent_layers_path(&l, ret_path);
    }
    agent_layers_done(&l, /* keep= */ st == CL_OK);
    return st;
}
