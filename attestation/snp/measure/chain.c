/* SPDX-License-Identifier: Apache-2.0
 * chain.c - the chain of SHA-384 over one record for each page, in the order in which a VMM hands
 * pages to the security processor.
 * Trust: the firmware image may be hostile (rom.c bounds it). Threads: pure. Memory: one chunk.
 * Spec: AMD 56860, PAGE_INFO; snp.md c; docs/interfaces.md I-1.5.
 */
#include "snp/measure/measure_internal.h"

#include "base/bytes.h"
#include "base/digest.h"

#include <string.h>

#define VMSA_GPA UINT64_C(0x0000FFFFFFFFF000) /* where KVM puts every VMSA */

enum page_type {
    PAGE_NORMAL = 1,
    PAGE_VMSA = 2,
    PAGE_ZERO = 3,
    PAGE_UNMEASURED = 4,
    PAGE_SECRETS = 5,
    PAGE_CPUID = 6,
};

struct page_info_wire { /* PAGE_INFO */
    uint8_t digest_cur[48];
    uint8_t contents[48];
    cl_le16 length;
    uint8_t page_type;
    uint8_t imi_page;
    uint8_t vmpl_perms[3];
    uint8_t reserved;
    cl_le64 gpa;
};
_Static_assert(_Alignof(struct page_info_wire) == 1, "wire structs have no padding");
_Static_assert(sizeof(struct page_info_wire) == 0x70, "PAGE_INFO: size");
_Static_assert(offsetof(struct page_info_wire, page_type) == 0x62, "PAGE_INFO: PAGE_TYPE");
_Static_assert(offsetof(struct page_info_wire, gpa) == 0x68, "PAGE_INFO: GPA");

static const uint8_t no_contents[48] = {0};

static enum cl_status sha384(struct cl_sha384_ctx *c, uint8_t ret[48], const void *data, size_t n,
                             struct cl_err *err)
{
    CL_TRY(cl_sha384_update(c, data, n, err));
    return cl_sha384_final(c, ret, err);
}

static enum cl_status extend(struct snp_chain *c, uint8_t type, uint64_t gpa,
                             const uint8_t contents[48], const char *region, struct cl_err *err)
{
    struct page_info_wire w = {.page_type = type};
    memcpy(w.digest_cur, c->digest, sizeof(w.digest_cur));
    memcpy(w.contents, contents, sizeof(w.contents));
    cl_le16_put(&w.length, sizeof(w));
    cl_le64_put(&w.gpa, gpa);
    CL_TRY(sha384(c->hash, c->digest, &w, sizeof(w), err));
    if (c->page != NULL) {
        struct cl_snp_page page = {.index = c->page_count,
                                   .gpa = gpa,
                                   .type = type,
                                   .region = region,
                                   .content = contents,
                                   .digest = c->digest};
        c->page(c->page_ctx, &page);
    }
    c->page_count++;
    return CL_OK;
}

static enum cl_status extend_content(struct snp_chain *c, uint64_t gpa,
                                     const uint8_t page[static SNP_PAGE_SIZE], const char *region,
                                     struct cl_err *err)
{
    uint8_t contents[48];
    CL_TRY(sha384(c->hash, contents, page, SNP_PAGE_SIZE, err));
    return extend(c, PAGE_NORMAL, gpa, contents, region, err);
}

enum cl_status snp_chain_firmware(struct snp_chain *c, const struct launch_image *im,
                                  struct cl_err *err)
{
    uint8_t chunk[LAUNCH_CHUNK_SIZE];
    uint64_t base = (UINT64_C(1) << 32) - im->size;
    for (uint64_t at = 0; at < im->size; at += sizeof(chunk)) {
        size_t n = im->size - at < sizeof(chunk) ? (size_t)(im->size - at) : sizeof(chunk);
        CL_TRY(im->read_at(im->ctx, at, chunk, n, err));
        for (size_t k = 0; k < n; k += SNP_PAGE_SIZE) {
            CL_TRY(extend_content(c, base + at + k, chunk + k, "firmware", err));
        }
    }
    return CL_OK;
}

static enum cl_status hash_section(struct snp_chain *c, const struct snp_rom *rom,
                                   const struct snp_section *s, const struct launch_hashes *hashes,
                                   struct cl_err *err)
{
    uint8_t page[SNP_PAGE_SIZE];
    bool good = rom->has_hash_area && s->size == SNP_PAGE_SIZE;
    CL_TRY(launch_hash_page(hashes, s->gpa, rom->hash_base, good ? rom->hash_size : 0, page, err));
    return extend_content(c, s->gpa, page, "kernel-hashes", err);
}

static enum cl_status extend_section(struct snp_chain *c, const struct snp_rom *rom,
                                     const struct snp_section *s, enum cl_snp_vmm vmm,
                                     const struct launch_hashes *hashes, struct cl_err *err)
{
    uint8_t type = PAGE_ZERO;
    if (s->type == SNP_SECTION_KERNEL_HASHES && hashes != NULL) {
        return hash_section(c, rom, s, hashes, err);
    }
    if (s->type == SNP_SECTION_SECRETS) {
        type = PAGE_SECRETS;
    } else if (s->type == SNP_SECTION_CPUID) {
        type = PAGE_CPUID;
    } else if (s->type == SNP_SECTION_SEC_MEM && vmm == CL_SNP_VMM_GCE) {
        type = PAGE_UNMEASURED;
    }
    for (uint32_t at = 0; at < s->size; at += SNP_PAGE_SIZE) {
        CL_TRY(extend(c, type, (uint64_t)s->gpa + at, no_contents, snp_section_name(s->type), err));
    }
    return CL_OK;
}

enum cl_status snp_chain_sections(struct snp_chain *c, const struct snp_rom *rom,
                                  enum cl_snp_vmm vmm, const struct launch_hashes *hashes,
                                  struct cl_err *err)
{
    bool cpuid_last = vmm == CL_SNP_VMM_EC2;
    bool has_hash_page = false;
    for (int pass = 0; pass < (cpuid_last ? 2 : 1); pass++) {
        for (size_t i = 0; i < rom->section_count; i++) {
            const struct snp_section *s = &rom->sections[i];
            has_hash_page = has_hash_page || s->type == SNP_SECTION_KERNEL_HASHES;
            if (!cpuid_last || (s->type == SNP_SECTION_CPUID) == (pass == 1)) {
                CL_TRY(extend_section(c, rom, s, vmm, hashes, err));
            }
        }
    }
    if (hashes != NULL && !has_hash_page) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "kernel hashes: expected a section for them (a kernel was given), got "
                          "none");
    }
    return CL_OK;
}

enum cl_status snp_vmsas_take(struct cl_sha384_ctx *hash, enum cl_snp_vmm vmm, uint32_t reset,
                              uint32_t vcpu_sig, uint64_t guest_features, struct snp_vmsas *ret_v,
                              struct cl_err *err)
{
    uint8_t page[SNP_PAGE_SIZE];
    snp_vmsa_build(page, vmm, /* bsp= */ true, reset, vcpu_sig, guest_features);
    CL_TRY(sha384(hash, ret_v->bsp, page, sizeof(page), err));
    snp_vmsa_build(page, vmm, /* bsp= */ false, reset, vcpu_sig, guest_features);
    return sha384(hash, ret_v->ap, page, sizeof(page), err);
}

enum cl_status snp_chain_vcpu(struct snp_chain *c, const struct snp_vmsas *v, bool first,
                              struct cl_err *err)
{
    return extend(c, PAGE_VMSA, VMSA_GPA, first ? v->bsp : v->ap, "vmsa", err);
}
