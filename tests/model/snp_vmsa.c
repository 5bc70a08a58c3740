/* SPDX-License-Identifier: Apache-2.0
 * snp_vmsa.c - the save area that KVM makes of a vCPU's registers at LAUNCH_FINISH (snp.md c.4).
 */
#include "internal.h"

#include <string.h>

#define EFER_SVME 0x1000u /* forced by KVM */
#define CR4_MCE 0x40u     /* forced by KVM */
#define CR0_CD_NW 0x60000000u

/* A segment of the VMSA: selector, attributes of the descriptor packed into 12 bits, limit, base.
 */
static void put_segment(uint8_t *p, const struct kvm_segment *s)
{
    unsigned present = s->present != 0 && s->unusable == 0;
    unsigned attributes = s->type | (unsigned)s->s << 4 | (unsigned)s->dpl << 5 | present << 7 |
                          (unsigned)s->avl << 8 | (unsigned)s->l << 9 | (unsigned)s->db << 10 |
                          (unsigned)s->g << 11;
    model_put_le(p, 2, s->selector);
    model_put_le(p + 2, 2, attributes);
    model_put_le(p + 4, 4, s->limit);
    model_put_le(p + 8, 8, s->base);
}

static void put_segments(uint8_t *p, const struct kvm_sregs *s)
{
    put_segment(p + 0x000, &s->es);
    put_segment(p + 0x010, &s->cs);
    put_segment(p + 0x020, &s->ss);
    put_segment(p + 0x030, &s->ds);
    put_segment(p + 0x040, &s->fs);
    put_segment(p + 0x050, &s->gs);
    put_segment(p + 0x070, &s->ldt);
    put_segment(p + 0x090, &s->tr);
    model_put_le(p + 0x064, 4, s->gdt.limit);
    model_put_le(p + 0x068, 8, s->gdt.base);
    model_put_le(p + 0x084, 4, s->idt.limit);
    model_put_le(p + 0x088, 8, s->idt.base);
}

static void put_general(uint8_t *p, const struct kvm_regs *r)
{
    model_put_le(p + 0x170, 8, r->rflags);
    model_put_le(p + 0x178, 8, r->rip);
    model_put_le(p + 0x1D8, 8, r->rsp);
    model_put_le(p + 0x1F8, 8, r->rax);
    model_put_le(p + 0x308, 8, r->rcx);
    model_put_le(p + 0x310, 8, r->rdx);
    model_put_le(p + 0x318, 8, r->rbx);
    model_put_le(p + 0x328, 8, r->rbp);
    model_put_le(p + 0x330, 8, r->rsi);
    model_put_le(p + 0x338, 8, r->rdi);
    const uint64_t high[] = {r->r8, r->r9, r->r10, r->r11, r->r12, r->r13, r->r14, r->r15};
    for (unsigned i = 0; i < 8; i++) {
        model_put_le(p + 0x340 + 8u * i, 8, high[i]);
    }
}

void model_vmsa_sync(struct model_vcpu *v)
{
    uint8_t *p = v->vmsa;
    memset(p, 0, MODEL_PAGE);
    put_segments(p, &v->sregs);
    put_general(p, &v->regs);
    model_put_le(p + 0x0D0, 8, v->sregs.efer | EFER_SVME);
    model_put_le(p + 0x148, 8, v->sregs.cr4 | CR4_MCE);
    model_put_le(p + 0x150, 8, v->sregs.cr3);
    model_put_le(p + 0x158, 8, v->sregs.cr0 & ~(uint64_t)CR0_CD_NW);
    model_put_le(p + 0x160, 8, v->debug.dr7);
    model_put_le(p + 0x168, 8, v->debug.dr6);
    model_put_le(p + 0x240, 8, v->sregs.cr2);
    model_put_le(p + 0x268, 8, v->pat);
    model_put_le(p + 0x3B0, 8, v->vm->vmsa_features | 1); /* bit 0: SNP, added by KVM */
    model_put_le(p + 0x3E8, 8, v->xcr0);
    model_put_le(p + 0x408, 4, v->fpu.mxcsr);
    model_put_le(p + 0x410, 2, v->fpu.fcw);
}
