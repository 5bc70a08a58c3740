/* SPDX-License-Identifier: Apache-2.0
 * fw_cfg.c - see fw_cfg.h. QEMU's q35 puts RAM where our machine has it (I-1.1) and needs of ACPI
 * nothing that our own tables do not say, so of its word enter only sizes and the CPU count.
 */
#include "fw_cfg.h"

#include <string.h>

enum item {
    ITEM_SIGNATURE = 0x00,
    ITEM_CPU_COUNT = 0x05,
    ITEM_KERNEL_SIZE = 0x08, /* without its setup part */
    ITEM_INITRD_SIZE = 0x0B,
    ITEM_KERNEL = 0x11,
    ITEM_INITRD = 0x12,
    ITEM_CMDLINE_SIZE = 0x14, /* with its NUL */
    ITEM_CMDLINE = 0x15,
    ITEM_SETUP_SIZE = 0x17,
    ITEM_SETUP = 0x18,
    ITEM_DIRECTORY = 0x19,
    ITEM_FILE_FIRST = 0x20,
};

#define SETUP_SECTS 0x1F1u
#define FILE_NAME_SIZE 56u
#define FILE_ENTRY_SIZE (8u + FILE_NAME_SIZE)
#define FILES_MAX 256u
#define E820_ENTRY_SIZE 20u
#define E820_ENTRIES_MAX 64u
#define SETUP_SIZE_MAX (256u * S0_SECTOR_SIZE) /* setup_sects is one byte */

static void *at(const struct s0_machine *m, uint64_t gpa)
{
    return (void *)(m->memory + (uintptr_t)gpa);
}

static void read_item(const struct s0_fw_cfg *dev, uint16_t item, void *dst, size_t size)
{
    dev->select(dev, item);
    dev->read(dev, dst, size);
}

static uint32_t ask16(const struct s0_fw_cfg *dev, uint16_t item)
{
    cl_le16 v;
    read_item(dev, item, &v, sizeof(v));
    return cl_le16_get(&v);
}

static uint32_t ask32(const struct s0_fw_cfg *dev, uint16_t item)
{
    cl_le32 v;
    read_item(dev, item, &v, sizeof(v));
    return cl_le32_get(&v);
}

bool s0_fw_cfg_found(const struct s0_fw_cfg *dev)
{
    uint8_t signature[4];
    read_item(dev, ITEM_SIGNATURE, signature, sizeof(signature));
    return memcmp(signature, "QEMU", sizeof(signature)) == 0;
}

/* Selects the file; its size in *ret_size. */
static enum stage0_reason open_file(const struct s0_fw_cfg *dev, const char *name, size_t name_size,
                                    uint32_t *ret_size)
{
    cl_be32 count;
    read_item(dev, ITEM_DIRECTORY, &count, sizeof(count));
    uint32_t left = cl_be32_get(&count);
    if (left > FILES_MAX) {
        return STAGE0_R_FW_CFG_DIRECTORY;
    }
    for (; left > 0; left--) {
        uint8_t entry[FILE_ENTRY_SIZE];
        dev->read(dev, entry, sizeof(entry));
        if (memcmp(entry + 8, name, name_size) != 0) {
            continue;
        }
        struct cl_reader r = cl_reader_init(entry, sizeof(entry));
        uint32_t size = cl_reader_be32(&r, "size");
        uint16_t item = cl_reader_be16(&r, "select");
        if (item < ITEM_FILE_FIRST) {
            return STAGE0_R_FW_CFG_DIRECTORY;
        }
        dev->select(dev, item);
        *ret_size = size;
        return STAGE0_R_OK;
    }
    return STAGE0_R_FW_CFG_MEMORY;
}

/* One range of RAM of QEMU's map: only those count that begin where ours do, each once. */
static bool take_range(const uint8_t entry[static E820_ENTRY_SIZE], uint64_t *low, uint64_t *high)
{
    struct cl_reader r = cl_reader_init(entry, E820_ENTRY_SIZE);
    uint64_t gpa = cl_reader_le64(&r, "address");
    uint64_t size = cl_reader_le64(&r, "size");
    uint32_t type = cl_reader_le32(&r, "type");
    uint64_t *range = gpa == 0 ? low : gpa == STAGE0_HIGH_RAM_GPA ? high : NULL;
    if (type != S0_E820_RAM || range == NULL) {
        return true;
    }
    if (*range != 0) {
        return false;
    }
    *range = size;
    return true;
}

/* RAM as one size: 2 GiB of it may lie low, the rest is at 4 GiB. What is elsewhere stays unused.
 */
static enum stage0_reason ask_ram(const struct s0_fw_cfg *dev, uint64_t *ret_size)
{
    static const char name[] = "etc/e820";
    uint32_t size = 0;
    enum stage0_reason reason = open_file(dev, name, sizeof(name), &size);
    if (reason != STAGE0_R_OK) {
        return reason;
    }
    if (size % E820_ENTRY_SIZE != 0 || size > E820_ENTRIES_MAX * E820_ENTRY_SIZE) {
        return STAGE0_R_FW_CFG_MEMORY;
    }
    uint64_t low = 0;
    uint64_t high = 0;
    for (; size > 0; size -= E820_ENTRY_SIZE) {
        uint8_t entry[E820_ENTRY_SIZE];
        dev->read(dev, entry, sizeof(entry));
        if (!take_range(entry, &low, &high)) {
            return STAGE0_R_FW_CFG_MEMORY;
        }
    }
    if (low < STAGE0_LOW_RAM_MAX) {
        high = 0;
    } else {
        low = STAGE0_LOW_RAM_MAX;
    }
    if (high > STAGE0_RAM_MAX) { /* so that the sum cannot wrap; it is refused all the same */
        high = STAGE0_RAM_MAX;
    }
    *ret_size = (low + high) & ~(uint64_t)(STAGE0_RAM_UNIT - 1);
    return STAGE0_R_OK;
}

/* QEMU gives the file in two pieces. The first must hold the byte by which s0_layout_make() places
 * it, or another byte would stand there for s0_kernel_parse(). */
static enum stage0_reason ask_payload(const struct s0_fw_cfg *dev, uint32_t *ret_setup_size,
                                      struct s0_payload *ret_payload)
{
    struct s0_payload p = {.from_fw_cfg = true};
    uint32_t setup_size = ask32(dev, ITEM_SETUP_SIZE);
    if (setup_size == 0) {
        return STAGE0_R_FW_CFG_NO_KERNEL;
    }
    if (setup_size < S0_SECTOR_SIZE || setup_size > SETUP_SIZE_MAX) {
        return STAGE0_R_KERNEL_TRUNCATED;
    }
    p.kernel.size = (uint64_t)setup_size + ask32(dev, ITEM_KERNEL_SIZE);
    p.initrd.size = ask32(dev, ITEM_INITRD_SIZE);
    p.cmdline.size = ask32(dev, ITEM_CMDLINE_SIZE);
    p.cpu_count = ask16(dev, ITEM_CPU_COUNT);
    enum stage0_reason reason = ask_ram(dev, &p.ram_size);
    if (reason == STAGE0_R_OK) {
        reason = s0_payload_check(&p);
    }
    if (reason == STAGE0_R_OK) {
        *ret_setup_size = setup_size;
        *ret_payload = p;
    }
    return reason;
}

enum stage0_reason s0_fw_cfg_load(const struct s0_machine *m)
{
    const struct s0_fw_cfg *dev = m->fw_cfg;
    struct s0_state *s = m->state;
    uint32_t setup_size = 0;
    enum stage0_reason reason = ask_payload(dev, &setup_size, &s->payload);
    if (reason != STAGE0_R_OK) {
        return reason;
    }
    read_item(dev, ITEM_SETUP, s->first_sector, S0_SECTOR_SIZE);
    reason = s0_layout_make(&s->payload, s->first_sector[SETUP_SECTS], &s->layout);
    if (reason != STAGE0_R_OK) {
        return reason;
    }
    uint8_t *file = (uint8_t *)at(m, s->layout.kernel_file_gpa);
    memcpy(file, s->first_sector, S0_SECTOR_SIZE);
    dev->read(dev, file + S0_SECTOR_SIZE, setup_size - S0_SECTOR_SIZE);
    read_item(dev, ITEM_KERNEL, file + setup_size, s->payload.kernel.size - setup_size);
    read_item(dev, ITEM_INITRD, at(m, s->layout.initrd_gpa), s->payload.initrd.size);
    memset(at(m, STAGE0_CMDLINE_GPA), 0, STAGE0_PAGE_SIZE);
    read_item(dev, ITEM_CMDLINE, at(m, STAGE0_CMDLINE_GPA), s->payload.cmdline.size);
    return STAGE0_R_OK;
}
