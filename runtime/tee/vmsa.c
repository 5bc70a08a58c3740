/* SPDX-License-Identifier: Apache-2.0
 * vmsa.c - builds the VMSA page of snp.md c.4, QEMU's variant. Trust: no input. Threads: no state.
 */
#include "tee/vmsa.h"

#include <string.h>

struct vmsa_segment {
    cl_le16 selector;
    cl_le16 attrib;
    cl_le32 limit;
    cl_le64 base;
};
_Static_assert(sizeof(struct vmsa_segment) == 16, "VMSA segment");

static void put16(uint8_t *page, size_t offset, uint16_t x)
{
    cl_le16 v;
    cl_le16_put(&v, x);
    memcpy(page + offset, &v, sizeof(v));
}

static void put64(uint8_t *page, size_t offset, uint64_t x)
{
    cl_le64 v;
    cl_le64_put(&v, x);
    memcpy(page + offset, &v, sizeof(v));
}

static void put_segment(uint8_t *page, size_t offset, uint16_t selector, uint16_t attrib,
                        uint64_t base)
{
    struct vmsa_segment s;
    cl_le16_put(&s.selector, selector);
    cl_le16_put(&s.attrib, attrib);
    cl_le32_put(&s.limit, 0xffff);
    cl_le64_put(&s.base, base);
    memcpy(page + offset, &s, sizeof(s));
}

void tee_vmsa_build(uint8_t ret_page[static 4096], uint32_t ap_entry, uint32_t cpu_sig,
                    uint64_t sev_features)
{
    uint8_t *p = ret_page;
    memset(p, 0, 4096);
    uint32_t entry = ap_entry != 0 ? ap_entry : 0xfffffff0u;
    put_segment(p, 0x000, 0, 0x93, 0);                        /* ES */
    put_segment(p, 0x010, 0xf000, 0x9b, entry & 0xffff0000u); /* CS */
    put_segment(p, 0x020, 0, 0x93, 0);                        /* SS */
    put_segment(p, 0x030, 0, 0x93, 0);                        /* DS */
    put_segment(p, 0x040, 0, 0x93, 0);                        /* FS */
    put_segment(p, 0x050, 0, 0x93, 0);                        /* GS */
    put_segment(p, 0x060, 0, 0, 0);                           /* GDTR */
    put_segment(p, 0x070, 0, 0x82, 0);                        /* LDTR */
    put_segment(p, 0x080, 0, 0, 0);                           /* IDTR */
    put_segment(p, 0x090, 0, 0x8b, 0);                        /* TR */
    put64(p, 0x0d0, 0x1000);                                  /* EFER: SVME, forced by KVM */
    put64(p, 0x148, 0x40);                                    /* CR4: MCE, forced by KVM */
    put64(p, 0x158, 0x10);                                    /* CR0: ET */
    put64(p, 0x160, 0x400);                                   /* DR7 */
    put64(p, 0x168, 0xffff0ff0);                              /* DR6 */
    put64(p, 0x170, 2);                                       /* RFLAGS */
    put64(p, 0x178, entry & 0xffffu);                         /* RIP */
    put64(p, 0x268, 0x0007040600070406);                      /* G_PAT */
    put64(p, 0x310, cpu_sig);                                 /* RDX */
    put64(p, 0x3b0, sev_features);
    put64(p, 0x3e8, 1);      /* XCR0 */
    put16(p, 0x408, 0x1f80); /* MXCSR */
    put16(p, 0x410, 0x037f); /* X87_FCW */
}
