/* SPDX-License-Identifier: Apache-2.0
 * launch.c - the launch order of interfaces.md I-1.5, the same for every back-end but that of TDX
 * (launch_tdvf.c): ROM, sections in table order, vCPUs, finish. Trust: see tee.h. Threads: one.
 * Memory: none allocated.
 */
#include "launch_internal.h"

#include <string.h>

static enum tee_page_type page_type_of(uint32_t section_type)
{
    switch (section_type) {
    case TEE_SECTION_SECRETS:
        return TEE_PAGE_SECRETS;
    case TEE_SECTION_CPUID:
        return TEE_PAGE_CPUID;
    case TEE_SECTION_KERNEL_HASHES:
        return TEE_PAGE_NORMAL;
    default:
        return TEE_PAGE_ZERO;
    }
}

enum cl_status tee_launch_ram(const struct tee_launch *l, uint64_t gpa, uint64_t size,
                              uint8_t **ret_page, struct cl_err *err)
{
    uint8_t *page = l->ram(l->ram_ctx, gpa, size);
    if (page == NULL) {
        return cl_err_set(
            err, CL_ERR_MALFORMED,
            "firmware: section at 0x%llx: expected inside the guest's RAM, got 0x%llx "
            "bytes",
            (unsigned long long)gpa, (unsigned long long)size);
    }
    *ret_page = page;
    return CL_OK;
}

static enum cl_status place_section(const struct tee_ops *ops, struct tee *t,
                                    const struct tee_launch *l, const struct tee_section *s,
                                    struct cl_err *err)
{
    uint8_t *page = NULL;
    CL_TRY(tee_launch_ram(l, s->gpa, s->size, &page, err));
    if (s->type == TEE_SECTION_KERNEL_HASHES) {
        if (l->rom->hash_size < TEE_HASH_TABLE_SIZE) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "firmware: hash area: expected at least %u bytes, got %u",
                              TEE_HASH_TABLE_SIZE, (unsigned)l->rom->hash_size);
        }
        /* tee_rom_parse() saw that the area lies inside this section. */
        tee_hash_table_build(page + (l->rom->hash_gpa - s->gpa), &l->hashes);
    }
    return ops->place_page(t, page_type_of(s->type), s->gpa, page, s->size, err);
}

static bool has_hash_section(const struct tee_rom *rom)
{
    for (size_t i = 0; i < rom->section_count; i++) {
        if (rom->section[i].type == TEE_SECTION_KERNEL_HASHES) {
            return true;
        }
    }
    return false;
}

static enum cl_status launch_sev(const struct tee_ops *ops, struct tee *t,
                                 const struct tee_launch *l,
                                 uint8_t ret_digest[static TEE_DIGEST_SIZE], bool *ret_measured,
                                 struct cl_err *err)
{
    if (!has_hash_section(l->rom)) {
        /* Without the hashes the digest would say nothing about kernel and initrd. */
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "firmware: SEV metadata: expected a section of type 0x10, got none");
    }
    if (!l->rom->has_ap_entry) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "firmware: GUID table: expected a reset block, got none");
    }
    CL_TRY(ops->take_vcpus(t, l->vcpu_fd, err));
    CL_TRY(ops->place_page(t, TEE_PAGE_NORMAL, (1ull << 32) - l->rom_size, l->rom_data, l->rom_size,
                           err));
    for (size_t i = 0; i < l->rom->section_count; i++) {
        CL_TRY(place_section(ops, t, l, &l->rom->section[i], err));
    }
    CL_TRY(ops->start_vcpus(t, l->rom->ap_entry, err));
    return ops->finish(t, ret_digest, ret_measured, err);
}

enum cl_status tee_launch(const struct tee_ops *ops, struct tee *t, const struct tee_launch *l,
                          uint8_t ret_digest[static TEE_DIGEST_SIZE], bool *ret_measured,
                          struct cl_err *err)
{
    return ops->guest == TEE_GUEST_TD ? tee_launch_tdvf(ops, t, l, ret_digest, ret_measured, err)
                                      : launch_sev(ops, t, l, ret_digest, ret_measured, err);
}
