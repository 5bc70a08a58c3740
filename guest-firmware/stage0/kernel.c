/* SPDX-License-Identifier: Apache-2.0
 * kernel.c - the setup header of a bzImage, and the rules of the command line (guest-boot.md 1.1,
 * 1.5). Trust: these bytes have already matched their measured hashes; a verifier may still have
 * approved a file that stage0 cannot boot, so every field is checked.
 */
#include "stage0.h"

#include <string.h>

/* Offsets in the file, from Linux's boot protocol. */
#define OFF_SETUP_SECTS 0x1F1u
#define OFF_BOOT_FLAG 0x1FEu
#define OFF_HEADER_LENGTH 0x201u /* the header ends at 0x202 + this byte */
#define OFF_MAGIC 0x202u
#define OFF_VERSION 0x206u
#define OFF_LOADFLAGS 0x211u
#define OFF_INITRD_ADDR_MAX 0x22Cu
#define OFF_ALIGNMENT 0x230u
#define OFF_RELOCATABLE 0x234u
#define OFF_XLOADFLAGS 0x236u
#define OFF_CMDLINE_SIZE 0x238u
#define OFF_PREF_ADDRESS 0x258u
#define OFF_INIT_SIZE 0x260u
#define NEEDED_END 0x264u

#define BOOT_FLAG 0xAA55u
#define MAGIC 0x53726448u /* "HdrS" */
#define VERSION_MIN 0x020Cu
#define LOADED_HIGH 0x01u
#define XLF_KERNEL_64 0x0001u

static uint16_t get16(const uint8_t *file, size_t offset)
{
    cl_le16 v;
    memcpy(&v, file + offset, sizeof(v));
    return cl_le16_get(&v);
}

static uint32_t get32(const uint8_t *file, size_t offset)
{
    cl_le32 v;
    memcpy(&v, file + offset, sizeof(v));
    return cl_le32_get(&v);
}

static uint64_t get64(const uint8_t *file, size_t offset)
{
    cl_le64 v;
    memcpy(&v, file + offset, sizeof(v));
    return cl_le64_get(&v);
}

/* We load at STAGE0_KERNEL_GPA; the kernel would move itself away from any other start. */
static bool runs_where_loaded(const uint8_t *file)
{
    uint32_t alignment = get32(file, OFF_ALIGNMENT);
    if (get64(file, OFF_PREF_ADDRESS) != STAGE0_KERNEL_GPA) {
        return false;
    }
    return file[OFF_RELOCATABLE] == 0 ||
           (alignment != 0 && STAGE0_KERNEL_GPA % (uint64_t)alignment == 0);
}

static enum stage0_reason check_format(const uint8_t *file, size_t len)
{
    if (len < NEEDED_END) {
        return STAGE0_R_KERNEL_TRUNCATED;
    }
    if (get16(file, OFF_BOOT_FLAG) != BOOT_FLAG) {
        return STAGE0_R_KERNEL_BOOT_FLAG;
    }
    if (get32(file, OFF_MAGIC) != MAGIC) {
        return STAGE0_R_KERNEL_MAGIC;
    }
    if (get16(file, OFF_VERSION) < VERSION_MIN) {
        return STAGE0_R_KERNEL_VERSION;
    }
    if (OFF_MAGIC + file[OFF_HEADER_LENGTH] < NEEDED_END) {
        return STAGE0_R_KERNEL_HEADER_LENGTH;
    }
    if ((file[OFF_LOADFLAGS] & LOADED_HIGH) == 0) {
        return STAGE0_R_KERNEL_NOT_HIGH;
    }
    if ((get16(file, OFF_XLOADFLAGS) & XLF_KERNEL_64) == 0) {
        return STAGE0_R_KERNEL_NO_64BIT;
    }
    return STAGE0_R_OK;
}

enum stage0_reason s0_kernel_parse(const uint8_t *file, size_t len, struct s0_kernel *ret_kernel)
{
    enum stage0_reason reason = check_format(file, len);
    if (reason != STAGE0_R_OK) {
        return reason;
    }
    size_t setup_sects = file[OFF_SETUP_SECTS] == 0 ? 4 : file[OFF_SETUP_SECTS];
    size_t setup_size = (setup_sects + 1) * S0_SECTOR_SIZE;
    if (len <= setup_size + S0_SECTOR_SIZE) { /* the 64-bit entry is 0x200 behind the setup part */
        return STAGE0_R_KERNEL_TRUNCATED;
    }
    if (!runs_where_loaded(file)) {
        return STAGE0_R_KERNEL_LOAD_ADDRESS;
    }
    size_t header_end = OFF_MAGIC + (size_t)file[OFF_HEADER_LENGTH];
    if (header_end > S0_HEADER_END) { /* its length is the file's claim: never beyond our struct */
        header_end = S0_HEADER_END;
    }
    struct s0_kernel kernel = {
        .init_size = get32(file, OFF_INIT_SIZE),
        .initrd_addr_max = get32(file, OFF_INITRD_ADDR_MAX),
        .cmdline_size = get32(file, OFF_CMDLINE_SIZE),
        .loadflags = file[OFF_LOADFLAGS],
        .header_size = header_end - S0_HEADER_OFFSET,
    };
    if (kernel.init_size < len - setup_size) {
        return STAGE0_R_KERNEL_INIT_SIZE;
    }
    *ret_kernel = kernel;
    return STAGE0_R_OK;
}

enum stage0_reason s0_kernel_check_layout(const struct s0_kernel *kernel,
                                          const struct s0_layout *layout)
{
    if (kernel->init_size > layout->low_ram_end - STAGE0_KERNEL_GPA) {
        return STAGE0_R_KERNEL_INIT_SIZE;
    }
    if (layout->initrd_size == 0) {
        return STAGE0_R_OK;
    }
    if (layout->initrd_gpa < STAGE0_KERNEL_GPA + kernel->init_size) {
        return STAGE0_R_KERNEL_INITRD_OVERLAP;
    }
    if (layout->initrd_gpa + layout->initrd_size - 1 > kernel->initrd_addr_max) {
        return STAGE0_R_INITRD_TOO_HIGH;
    }
    return STAGE0_R_OK;
}

enum stage0_reason s0_cmdline_check(const uint8_t *text, size_t size, uint32_t kernel_max)
{
    if (size == 0 || text[size - 1] != 0) {
        return STAGE0_R_CMDLINE_NOT_TERMINATED;
    }
    for (size_t i = 0; i + 1 < size; i++) {
        if (text[i] == 0) {
            return STAGE0_R_CMDLINE_NUL_INSIDE;
        }
        if (text[i] < 0x20 || text[i] > 0x7E) {
            return STAGE0_R_CMDLINE_CHARACTER;
        }
    }
    return size - 1 > kernel_max ? STAGE0_R_CMDLINE_TOO_LONG : STAGE0_R_OK;
}
