/* SPDX-License-Identifier: Apache-2.0
 * boot_params.c - Linux's zero page, built from zeros, and the setup_data node with the random
 * seed (guest-boot.md 1.2, 1.3). Trust: kernel file verified, header parsed, layout checked.
 */
#include "stage0.h"

#include <string.h>

/* Offsets in struct boot_params. */
#define BP_ACPI_RSDP 0x070u
#define BP_EXT_RAMDISK_IMAGE 0x0C0u
#define BP_EXT_RAMDISK_SIZE 0x0C4u
#define BP_E820_ENTRIES 0x1E8u
#define BP_VID_MODE 0x1FAu
#define BP_TYPE_OF_LOADER 0x210u
#define BP_LOADFLAGS 0x211u
#define BP_CODE32_START 0x214u
#define BP_RAMDISK_IMAGE 0x218u
#define BP_RAMDISK_SIZE 0x21Cu
#define BP_HEAP_END_PTR 0x224u
#define BP_CMD_LINE_PTR 0x228u
#define BP_SETUP_DATA 0x250u
#define BP_E820_TABLE 0x2D0u
#define BP_E820_SIZE 20u

#define VID_MODE_NORMAL 0xFFFFu
#define LOADER_UNREGISTERED 0xFFu /* not 0: the kernel would ignore the initrd */
#define CAN_USE_HEAP 0x80u        /* loadflags; only for the 16-bit entry */
#define SETUP_RNG_SEED 9u
#define SETUP_CC_BLOB 7u
#define CC_BLOB_MAGIC 0x45444D41u
#define CC_BLOB_NODE 64u /* in the page of setup_data */
#define CC_BLOB_AT 96u

static void put16(uint8_t *page, size_t offset, uint16_t x)
{
    cl_le16 v;
    cl_le16_put(&v, x);
    memcpy(page + offset, &v, sizeof(v));
}

static void put32(uint8_t *page, size_t offset, uint32_t x)
{
    cl_le32 v;
    cl_le32_put(&v, x);
    memcpy(page + offset, &v, sizeof(v));
}

static void put64(uint8_t *page, size_t offset, uint64_t x)
{
    cl_le64 v;
    cl_le64_put(&v, x);
    memcpy(page + offset, &v, sizeof(v));
}

static void put_map(uint8_t *page, const struct s0_e820 *map, size_t count)
{
    page[BP_E820_ENTRIES] = (uint8_t)count;
    for (size_t i = 0; i < count; i++) {
        size_t at = BP_E820_TABLE + i * BP_E820_SIZE;
        put64(page, at, map[i].gpa);
        put64(page, at + 8, map[i].size);
        put32(page, at + 16, (uint32_t)map[i].type);
    }
}

void s0_boot_params_build(uint8_t page[static STAGE0_PAGE_SIZE], const uint8_t *kernel_file,
                          const struct s0_kernel *kernel, const struct s0_layout *layout,
                          const struct s0_e820 *map, size_t map_count)
{
    memset(page, 0, STAGE0_PAGE_SIZE);
    memcpy(page + S0_HEADER_OFFSET, kernel_file + S0_HEADER_OFFSET, kernel->header_size);
    put16(page, BP_VID_MODE, VID_MODE_NORMAL);
    page[BP_TYPE_OF_LOADER] = LOADER_UNREGISTERED;
    page[BP_LOADFLAGS] = (uint8_t)(kernel->loadflags & ~CAN_USE_HEAP);
    put16(page, BP_HEAP_END_PTR, 0);
    put32(page, BP_CODE32_START, STAGE0_KERNEL_GPA);
    bool has_initrd = layout->initrd_size != 0;
    uint64_t initrd_gpa = has_initrd ? layout->initrd_gpa : 0;
    put32(page, BP_RAMDISK_IMAGE, (uint32_t)initrd_gpa);
    put32(page, BP_EXT_RAMDISK_IMAGE, (uint32_t)(initrd_gpa >> 32));
    put32(page, BP_RAMDISK_SIZE, (uint32_t)layout->initrd_size);
    put32(page, BP_EXT_RAMDISK_SIZE, (uint32_t)(layout->initrd_size >> 32));
    put32(page, BP_CMD_LINE_PTR, STAGE0_CMDLINE_GPA);
    put64(page, BP_SETUP_DATA, STAGE0_SETUP_DATA_GPA);
    put64(page, BP_ACPI_RSDP, STAGE0_ACPI_GPA);
    put_map(page, map, map_count);
}

/* The node has the address of the blob; both stand behind the seed's node. */
static void put_cc_blob(uint8_t page[static STAGE0_PAGE_SIZE])
{
    struct cl_writer w = cl_writer_init(page + CC_BLOB_NODE, STAGE0_PAGE_SIZE - CC_BLOB_NODE);
    cl_writer_le64(&w, 0);
    cl_writer_le32(&w, SETUP_CC_BLOB);
    cl_writer_le32(&w, 4);
    cl_writer_le32(&w, STAGE0_SETUP_DATA_GPA + CC_BLOB_AT);
    w = cl_writer_init(page + CC_BLOB_AT, STAGE0_PAGE_SIZE - CC_BLOB_AT);
    cl_writer_le32(&w, CC_BLOB_MAGIC);
    cl_writer_le32(&w, 0); /* version, reserved */
    cl_writer_le64(&w, STAGE0_SECRETS_GPA);
    cl_writer_le32(&w, STAGE0_PAGE_SIZE);
    cl_writer_le32(&w, 0);
    cl_writer_le64(&w, STAGE0_CPUID_GPA);
    cl_writer_le32(&w, STAGE0_PAGE_SIZE);
    cl_writer_le32(&w, 0);
}

/* A node: u64 next, u32 type, u32 length, data. Linux reserves it and wipes the seed. */
void s0_setup_data_build(uint8_t page[static STAGE0_PAGE_SIZE],
                         const uint8_t seed[static S0_SEED_SIZE], bool snp)
{
    memset(page, 0, STAGE0_PAGE_SIZE);
    if (snp) {
        put_cc_blob(page);
    }
    struct cl_writer w = cl_writer_init(page, STAGE0_PAGE_SIZE);
    cl_writer_le64(&w, snp ? STAGE0_SETUP_DATA_GPA + CC_BLOB_NODE : 0);
    cl_writer_le32(&w, SETUP_RNG_SEED);
    cl_writer_le32(&w, S0_SEED_SIZE);
    cl_writer_bytes(&w, seed, S0_SEED_SIZE);
}
