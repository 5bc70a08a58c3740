/* SPDX-License-Identifier: Apache-2.0
 * vmsa.c - the initial register page (VMSA) of a vCPU, as each VMM makes it.
 * Trust: none needed; constants only. Threads: pure. Memory: the caller's page.
 * Spec: AMD APM volume 2, VMSA layout; snp.md c.4.
 */
#include "snp/measure/measure_internal.h"

#include "base/bytes.h"

#include <string.h>

struct segment {
    uint16_t selector, attrib;
    uint32_t limit;
    uint64_t base;
};

struct variant { /* what differs between VMMs */
    uint16_t cs_attrib_bsp, cs_attrib_ap, ss_attrib, tr_attrib;
    uint64_t g_pat;
    bool rdx_is_signature; /* else the architectural reset value 0x600 */
    uint32_t mxcsr;
    uint16_t fcw;
};

static const struct variant variants[] = {
    [CL_SNP_VMM_CLOISTER] = {0x9B, 0x9B, 0x93, 0x8B, 0x0007040600070406, true, 0x1F80, 0x037F},
    [CL_SNP_VMM_QEMU] = {0x9B, 0x9B, 0x93, 0x8B, 0x0007040600070406, true, 0x1F80, 0x037F},
    [CL_SNP_VMM_EC2] = {0x9A, 0x9B, 0x92, 0x83, 0x0007040600070406, false, 0, 0},
    [CL_SNP_VMM_GCE] = {0x9B, 0x9B, 0x93, 0x8B, 0x0000000000070106, false, 0, 0},
};

static void put(uint8_t *page, size_t offset, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        page[offset + i] = (uint8_t)(value >> (8 * i));
    }
}

static void put_segment(uint8_t *page, size_t offset, struct segment s)
{
    put(page, offset, s.selector, 2);
    put(page, offset + 2, s.attrib, 2);
    put(page, offset + 4, s.limit, 4);
    put(page, offset + 8, s.base, 8);
}

static void put_segments(uint8_t *page, const struct variant *v, bool bsp, uint32_t reset)
{
    struct segment cs = {0xF000, bsp ? v->cs_attrib_bsp : v->cs_attrib_ap, 0xFFFF, 0xFFFF0000};
    cs.base = bsp ? cs.base : (reset & 0xFFFF0000u);
    put_segment(page, 0x000, (struct segment){0, 0x93, 0xFFFF, 0}); /* ES */
    put_segment(page, 0x010, cs);
    put_segment(page, 0x020, (struct segment){0, v->ss_attrib, 0xFFFF, 0});
    for (size_t at = 0x030; at <= 0x050; at += 0x10) { /* DS, FS, GS */
        put_segment(page, at, (struct segment){0, 0x93, 0xFFFF, 0});
    }
    put_segment(page, 0x060, (struct segment){0, 0, 0xFFFF, 0});    /* GDTR */
    put_segment(page, 0x070, (struct segment){0, 0x82, 0xFFFF, 0}); /* LDTR */
    put_segment(page, 0x080, (struct segment){0, 0, 0xFFFF, 0});    /* IDTR */
    put_segment(page, 0x090, (struct segment){0, v->tr_attrib, 0xFFFF, 0});
}

void snp_vmsa_build(uint8_t ret_page[static SNP_PAGE_SIZE], enum cl_snp_vmm vmm, bool bsp,
                    uint32_t reset, uint32_t vcpu_sig, uint64_t guest_features)
{
    const struct variant *v = &variants[vmm];
    uint8_t *page = ret_page;
    memset(page, 0, SNP_PAGE_SIZE);
    put_segments(page, v, bsp, reset);
    put(page, 0x0D0, 0x1000, 8);                         /* EFER: SVME, which KVM forces */
    put(page, 0x148, 0x40, 8);                           /* CR4: MCE, the same */
    put(page, 0x158, 0x10, 8);                           /* CR0 */
    put(page, 0x160, 0x400, 8);                          /* DR7 */
    put(page, 0x168, 0xFFFF0FF0, 8);                     /* DR6 */
    put(page, 0x170, 0x2, 8);                            /* RFLAGS */
    put(page, 0x178, bsp ? 0xFFF0 : reset & 0xFFFFu, 8); /* RIP */
    put(page, 0x268, v->g_pat, 8);
    put(page, 0x310, v->rdx_is_signature ? vcpu_sig : 0x600, 8); /* RDX */
    put(page, 0x3B0, guest_features, 8);                         /* SEV_FEATURES */
    put(page, 0x3E8, 0x1, 8);                                    /* XCR0 */
    put(page, 0x408, v->mxcsr, 4);
    put(page, 0x410, v->fcw, 2);
}
