/* SPDX-License-Identifier: Apache-2.0
 * launch_tdvf.c - the launch order of interfaces.md I-1.7: the sections of the TDVF descriptor in
 * table order, then the page of kernel hashes. Trust: see tee.h. Threads: one. Memory: none
 * allocated.
 */
#include "launch_internal.h"
#include "tdx/hob.h"

#define THERE_MAX (TEE_ROM_MAX_SECTIONS + 1u)

static struct tee_range hash_page(const struct tee_rom *rom)
{
    return (struct tee_range){.gpa = rom->hash_gpa & ~(uint64_t)(TEE_PAGE_SIZE - 1),
                              .size = TEE_PAGE_SIZE};
}

static bool overlap(const struct tee_range *a, uint64_t gpa, uint64_t size)
{
    return a->gpa < gpa + size && gpa < a->gpa + a->size;
}

/* The table fits into its page, which no section holds. */
static enum cl_status check_hash_page(const struct tee_rom *rom, struct cl_err *err)
{
    if (!rom->has_hash_area) {
        /* Without the hashes MRTD would say nothing about kernel and initrd. */
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "firmware: GUID table: expected a hash area, got none");
    }
    struct tee_range page = hash_page(rom);
    if (rom->hash_size < TEE_HASH_TABLE_SIZE ||
        rom->hash_gpa - page.gpa > TEE_PAGE_SIZE - TEE_HASH_TABLE_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "firmware: hash area: expected at least %u bytes in one page, got %u at "
                          "0x%x",
                          TEE_HASH_TABLE_SIZE, (unsigned)rom->hash_size, (unsigned)rom->hash_gpa);
    }
    for (size_t i = 0; i < rom->tdvf_count; i++) {
        if (overlap(&page, rom->tdvf[i].gpa, rom->tdvf[i].size)) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "firmware: hash area: expected outside of TDVF section %zu, got "
                              "0x%x",
                              i, (unsigned)rom->hash_gpa);
        }
    }
    return CL_OK;
}

static void insert(struct tee_range *there, size_t *count, struct tee_range r)
{
    size_t at = (*count)++;
    for (; at > 0 && there[at - 1].gpa > r.gpa; at--) {
        there[at] = there[at - 1];
    }
    there[at] = r;
}

/* What is memory already when the TD starts, in the order of addresses. */
static size_t list_there(const struct tee_rom *rom, struct tee_range there[static THERE_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < rom->tdvf_count; i++) {
        const struct tee_tdvf_section *s = &rom->tdvf[i];
        if (s->type == TEE_TDVF_TEMP_MEM || s->type == TEE_TDVF_TD_HOB) {
            insert(there, &count, (struct tee_range){.gpa = s->gpa, .size = s->size});
        }
    }
    insert(there, &count, hash_page(rom));
    return count;
}

static enum cl_status write_hob(const struct tee_launch *l, const struct tee_tdvf_section *s,
                                uint8_t *page, struct cl_err *err)
{
    struct tee_range there[THERE_MAX];
    size_t count = list_there(l->rom, there);
    return tee_td_hob_write(l->ram_range, TEE_RAM_RANGES_MAX, there, count, s->gpa, page, s->size,
                            err);
}

static enum cl_status place_section(const struct tee_ops *ops, struct tee *t,
                                    const struct tee_launch *l, const struct tee_tdvf_section *s,
                                    struct cl_err *err)
{
    enum tee_page_type type = s->measured ? TEE_PAGE_NORMAL : TEE_PAGE_UNMEASURED;
    if (s->data_size > 0) { /* it lies in the image, tdvf.c saw that */
        return ops->place_page(t, type, s->gpa, l->rom_data + s->data_offset, s->size, err);
    }
    uint8_t *page = NULL;
    CL_TRY(tee_launch_ram(l, s->gpa, s->size, &page, err));
    if (s->type == TEE_TDVF_TD_HOB) {
        CL_TRY(write_hob(l, s, page, err));
    }
    return ops->place_page(t, type, s->gpa, page, s->size, err);
}

enum cl_status tee_launch_tdvf(const struct tee_ops *ops, struct tee *t, const struct tee_launch *l,
                               uint8_t ret_digest[static TEE_DIGEST_SIZE], bool *ret_measured,
                               struct cl_err *err)
{
    const struct tee_rom *rom = l->rom;
    if (tee_tdvf_hob(rom) == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "firmware: TDVF: expected a section for the TD HOB, got none");
    }
    CL_TRY(check_hash_page(rom, err));
    CL_TRY(ops->take_vcpus(t, l->vcpu_fd, err));
    for (size_t i = 0; i < rom->tdvf_count; i++) {
        CL_TRY(place_section(ops, t, l, &rom->tdvf[i], err));
    }
    struct tee_range hashes = hash_page(rom);
    uint8_t *page = NULL;
    CL_TRY(tee_launch_ram(l, hashes.gpa, hashes.size, &page, err));
    tee_hash_table_build(page + (rom->hash_gpa - hashes.gpa), &l->hashes);
    CL_TRY(ops->place_page(t, TEE_PAGE_NORMAL, hashes.gpa, page, hashes.size, err));
    return ops->finish(t, ret_digest, ret_measured, err);
}
