/* SPDX-License-Identifier: Apache-2.0
 * hash_table.c - QEMU's table of the digests of kernel, initrd and command line (snp.md c.3), in
 * the page that the launch measures. Trust: measured, so it is what the verifier knows; still
 * parsed strictly, because a half-read table must never mean "nothing to check".
 */
#include "stage0.h"

#include <string.h>

#define GUID_SIZE 16u
#define ENTRY_SIZE (GUID_SIZE + 2u + S0_SHA256_SIZE)
#define TABLE_SIZE (GUID_SIZE + 2u + 3u * ENTRY_SIZE)
#define PADDED_SIZE 176u
_Static_assert(TABLE_SIZE == 168, "snp.md c.3: length 168");
_Static_assert(ENTRY_SIZE == 50, "snp.md c.3: entries of 50 bytes");

/* In the byte order of EFI: the first three groups little-endian. */
static const uint8_t table_guid[GUID_SIZE] = {/* 9438d606-4f22-4cc9-b479-a793d411fd21 */
                                              0x06, 0xd6, 0x38, 0x94, 0x22, 0x4f, 0xc9, 0x4c,
                                              0xb4, 0x79, 0xa7, 0x93, 0xd4, 0x11, 0xfd, 0x21};
static const uint8_t cmdline_guid[GUID_SIZE] = {/* 97d02dd8-bd20-4c94-aa78-e7714d36ab2a */
                                                0xd8, 0x2d, 0xd0, 0x97, 0x20, 0xbd, 0x94, 0x4c,
                                                0xaa, 0x78, 0xe7, 0x71, 0x4d, 0x36, 0xab, 0x2a};
static const uint8_t initrd_guid[GUID_SIZE] = {/* 44baf731-3a2f-4bd7-9af1-41e29169781d */
                                               0x31, 0xf7, 0xba, 0x44, 0x2f, 0x3a, 0xd7, 0x4b,
                                               0x9a, 0xf1, 0x41, 0xe2, 0x91, 0x69, 0x78, 0x1d};
static const uint8_t kernel_guid[GUID_SIZE] = {/* 4de79437-abd2-427f-b835-d5b172d2045b */
                                               0x37, 0x94, 0xe7, 0x4d, 0xd2, 0xab, 0x7f, 0x42,
                                               0xb8, 0x35, 0xd5, 0xb1, 0x72, 0xd2, 0x04, 0x5b};

static enum stage0_reason read_entry(struct cl_reader *r, const uint8_t guid[static GUID_SIZE],
                                     uint8_t ret_digest[static S0_SHA256_SIZE])
{
    const uint8_t *found = cl_reader_bytes(r, GUID_SIZE, "entry.guid");
    uint16_t length = cl_reader_le16(r, "entry.length");
    const uint8_t *digest = cl_reader_bytes(r, S0_SHA256_SIZE, "entry.sha256");
    if (found == NULL || digest == NULL) {
        return STAGE0_R_INTERNAL;
    }
    if (memcmp(found, guid, GUID_SIZE) != 0) {
        return STAGE0_R_HASH_ENTRY_GUID;
    }
    if (length != ENTRY_SIZE) {
        return STAGE0_R_HASH_ENTRY_LENGTH;
    }
    memcpy(ret_digest, digest, S0_SHA256_SIZE);
    return STAGE0_R_OK;
}

enum stage0_reason s0_hashes_parse(const uint8_t area[static STAGE0_HASH_TABLE_SIZE],
                                   struct s0_hashes *ret_hashes)
{
    struct cl_reader r = cl_reader_init(area, PADDED_SIZE);
    const uint8_t *guid = cl_reader_bytes(&r, GUID_SIZE, "guid");
    uint16_t length = cl_reader_le16(&r, "length");
    if (guid == NULL) {
        return STAGE0_R_INTERNAL;
    }
    /* A launch without a kernel leaves zeros here: say so, it is the likeliest mistake. */
    if (s0_all_zero(area, PADDED_SIZE)) {
        return STAGE0_R_HASH_MISSING;
    }
    if (memcmp(guid, table_guid, GUID_SIZE) != 0) {
        return STAGE0_R_HASH_GUID;
    }
    if (length != TABLE_SIZE) {
        return STAGE0_R_HASH_LENGTH;
    }
    struct s0_hashes h;
    enum stage0_reason reason = read_entry(&r, cmdline_guid, h.cmdline);
    if (reason == STAGE0_R_OK) {
        reason = read_entry(&r, initrd_guid, h.initrd);
    }
    if (reason == STAGE0_R_OK) {
        reason = read_entry(&r, kernel_guid, h.kernel);
    }
    if (reason != STAGE0_R_OK) {
        return reason;
    }
    if (!s0_all_zero(area + TABLE_SIZE, STAGE0_HASH_TABLE_SIZE - TABLE_SIZE)) {
        return STAGE0_R_HASH_PADDING;
    }
    *ret_hashes = h;
    return STAGE0_R_OK;
}

/* Constant time: looks at every byte whatever the first ones say. */
static bool digest_equal(const uint8_t a[static S0_SHA256_SIZE],
                         const uint8_t b[static S0_SHA256_SIZE])
{
    const volatile uint8_t *x = a;
    const volatile uint8_t *y = b;
    uint8_t difference = 0;
    for (size_t i = 0; i < S0_SHA256_SIZE; i++) {
        difference |= (uint8_t)(x[i] ^ y[i]);
    }
    return difference == 0;
}

enum stage0_reason s0_hashes_compare(const struct s0_hashes *measured,
                                     const struct s0_hashes *actual)
{
    bool cmdline_ok = digest_equal(measured->cmdline, actual->cmdline);
    bool initrd_ok = digest_equal(measured->initrd, actual->initrd);
    bool kernel_ok = digest_equal(measured->kernel, actual->kernel);
    if (!cmdline_ok) {
        return STAGE0_R_CMDLINE_HASH;
    }
    if (!initrd_ok) {
        return STAGE0_R_INITRD_HASH;
    }
    return kernel_ok ? STAGE0_R_OK : STAGE0_R_KERNEL_HASH;
}
