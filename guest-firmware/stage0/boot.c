/* SPDX-License-Identifier: Apache-2.0
 * boot.c - the way from the payload descriptor to the jump: copy, verify, prepare.
 * Trust: before s0_verify() has said OK, the payload is used for nothing but its hash; the one
 * exception is the byte setup_sects, which only shifts where the file is put. Nothing is read
 * from the window after s0_load().
 */
#include "fw_cfg.h"
#include "stage0.h"

#include <string.h>

#define SETUP_SECTS 0x1F1u

static void *at(const struct s0_machine *m, uint64_t gpa)
{
    return (void *)(m->memory + (uintptr_t)gpa);
}

static void copy_blob(const struct s0_machine *m, uint64_t dst_gpa, const struct s0_blob *blob)
{
    if (blob->size != 0) {
        s0_copy_in(at(m, dst_gpa), at(m, blob->gpa), blob->size);
    }
}

/* Says where the kernel's protected-mode part begins, so this sector is fetched first; the rest
 * of the file then goes to its place behind it, and no byte is fetched twice.
 */
static void copy_kernel(const struct s0_machine *m, size_t head_size)
{
    const struct s0_state *s = m->state;
    uint8_t *file = (uint8_t *)at(m, s->layout.kernel_file_gpa);
    memcpy(file, s->first_sector, head_size);
    if (s->payload.kernel.size > head_size) {
        s0_copy_in(file + head_size, at(m, s->payload.kernel.gpa + head_size),
                   s->payload.kernel.size - head_size);
    }
}

enum stage0_reason s0_load(const struct s0_machine *m)
{
    struct s0_state *s = m->state;
    s0_copy_in(s->descriptor, at(m, STAGE0_WINDOW_GPA), STAGE0_DESC_SIZE);
    enum stage0_reason reason = s0_payload_parse(s->descriptor, &s->payload);
    if (reason == STAGE0_R_OK && m->accept != NULL) {
        reason = m->accept(m);
    }
    if (reason == STAGE0_R_DESC_MAGIC && m->fw_cfg != NULL && s0_fw_cfg_found(m->fw_cfg)) {
        return s0_fw_cfg_load(m); /* no VMM of ours */
    }
    if (reason != STAGE0_R_OK) {
        return reason;
    }
    size_t head_size =
        s->payload.kernel.size < S0_SECTOR_SIZE ? s->payload.kernel.size : S0_SECTOR_SIZE;
    memset(s->first_sector, 0, S0_SECTOR_SIZE);
    s0_copy_in(s->first_sector, at(m, s->payload.kernel.gpa), head_size);
    reason = s0_layout_make(&s->payload, s->first_sector[SETUP_SECTS], &s->layout);
    if (reason != STAGE0_R_OK) {
        return reason;
    }
    copy_kernel(m, head_size);
    copy_blob(m, s->layout.initrd_gpa, &s->payload.initrd);
    memset(at(m, STAGE0_CMDLINE_GPA), 0, STAGE0_PAGE_SIZE);
    copy_blob(m, STAGE0_CMDLINE_GPA, &s->payload.cmdline);
    return STAGE0_R_OK;
}

enum stage0_reason s0_verify(const struct s0_machine *m)
{
    struct s0_state *s = m->state;
    const struct s0_layout *l = &s->layout;
    enum stage0_reason reason =
        s0_hashes_parse((const uint8_t *)at(m, STAGE0_HASH_TABLE_GPA), &s->measured);
    if (reason == STAGE0_R_HASH_MISSING && m->fw_cfg != NULL && s->payload.from_fw_cfg) {
        return STAGE0_R_OK; /* no TEE, nobody who measures: nothing is promised */
    }
    if (reason != STAGE0_R_OK) {
        return reason;
    }
    const uint8_t *cmdline = (const uint8_t *)at(m, STAGE0_CMDLINE_GPA);
    const uint8_t *initrd = (const uint8_t *)at(m, l->initrd_gpa);
    const uint8_t *kernel = (const uint8_t *)at(m, l->kernel_file_gpa);
    s0_sha256(m->sha256, s->actual.cmdline, cmdline, l->cmdline_size);
    s0_sha256(m->sha256, s->actual.initrd, initrd, l->initrd_size);
    s0_sha256(m->sha256, s->actual.kernel, kernel, l->kernel_size);
    return s0_hashes_compare(&s->measured, &s->actual);
}

enum stage0_reason s0_prepare(const struct s0_machine *m)
{
    struct s0_state *s = m->state;
    const uint8_t *file = (const uint8_t *)at(m, s->layout.kernel_file_gpa);
    enum stage0_reason reason = s0_kernel_parse(file, s->layout.kernel_size, &s->kernel);
    if (reason == STAGE0_R_OK) {
        reason = s0_kernel_check_layout(&s->kernel, &s->layout);
    }
    if (reason == STAGE0_R_OK) {
        reason = s0_cmdline_check((const uint8_t *)at(m, STAGE0_CMDLINE_GPA),
                                  s->layout.cmdline_size, s->kernel.cmdline_size);
    }
    if (reason == STAGE0_R_OK) {
        reason = s0_acpi_build((uint8_t *)at(m, STAGE0_ACPI_GPA), STAGE0_ACPI_SIZE, STAGE0_ACPI_GPA,
                               s->payload.cpu_count, m->tee);
    }
    if (reason == STAGE0_R_OK) {
        reason = s0_random_seed(&m->random, s->seed);
    }
    if (reason != STAGE0_R_OK) {
        return reason;
    }
    size_t map_count = s0_e820_build(s->payload.ram_size, m->tee, s->map);
    s0_boot_params_build((uint8_t *)at(m, STAGE0_ZERO_PAGE_GPA), file, &s->kernel, &s->layout,
                         s->map, map_count);
    s0_setup_data_build((uint8_t *)at(m, STAGE0_SETUP_DATA_GPA), s->seed, m->tee == S0_SNP);
    s0_paging_build_linux(m->memory, s->layout.low_ram_end, m->bits);
    return STAGE0_R_OK;
}
