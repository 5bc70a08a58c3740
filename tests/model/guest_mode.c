/* SPDX-License-Identifier: Apache-2.0
 * guest_mode.c - far transfers, at which the processor's mode changes: a new engine each time,
 * which takes over memory and registers (model.md).
 */
#include "guest_internal.h"

#define DESCRIPTOR_L (1ull << 53)
#define DESCRIPTOR_D (1ull << 54)
#define DESCRIPTOR_CODE (0x18ull << 40)
#define DESCRIPTOR_P (1ull << 47)

static bool descriptor(struct guest_cpu *c, uint16_t selector, uint64_t *ret_descriptor)
{
    uc_x86_mmr gdtr = {0};
    uint8_t raw[8];
    (void)uc_reg_read(c->uc, UC_X86_REG_GDTR, &gdtr);
    if ((selector & 4) != 0 || (selector | 7u) > gdtr.limit ||
        !guest_copy(c, gdtr.base + (selector & 0xFFF8u), raw, sizeof(raw), false)) {
        return false;
    }
    *ret_descriptor = model_le(raw, 8);
    return (*ret_descriptor & DESCRIPTOR_P) != 0 &&
           (*ret_descriptor & DESCRIPTOR_CODE) == DESCRIPTOR_CODE;
}

/* Paging was switched on in 32-bit code: what runs next must lie where it lay before. */
static bool identity(struct guest_cpu *c, uint64_t target)
{
    struct guest_walk w;
    return guest_translate(c, target, &w) && w.gpa == target && !w.shared;
}

bool guest_far(struct guest_cpu *c, uint16_t selector, uint64_t target)
{
    uint64_t d;
    if ((c->cr0 & CR0_PE) == 0) { /* still real mode: the trick of segment F000 ends here */
        c->cs = selector;
        (void)uc_reg_write(c->uc, UC_X86_REG_CS, &selector);
        guest_set_ip(c, target & 0xFFFF);
        return true;
    }
    if (!descriptor(c, selector, &d)) {
        return false;
    }
    if (c->mode == GUEST_16) {
        if ((d & DESCRIPTOR_D) == 0 || !guest_engine_open(c, GUEST_32)) {
            return false;
        }
    } else if (c->mode == GUEST_32 && (c->cr0 & CR0_PG) != 0) {
        const uint64_t need = EFER_LME;
        if ((c->efer & need) != need || (c->cr4 & CR4_PAE) == 0 || (d & DESCRIPTOR_L) == 0 ||
            !guest_engine_open(c, GUEST_64)) {
            return false;
        }
        c->efer |= EFER_LMA;
        if (!identity(c, target)) {
            guest_object(c->guest, "guest.identity", "%#lx is not mapped to itself as private",
                         (unsigned long)target);
        }
        guest_set_reg(c, UC_X86_REG_CR4, c->cr4 & ~(uint64_t)CR4_PAE);
    }
    c->cs = selector;
    guest_set_ip(c, target);
    return true;
}
