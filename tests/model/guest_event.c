/* SPDX-License-Identifier: Apache-2.0
 * guest_event.c - delivers an exception through the guest's IDT, and returns from one.
 */
#include "guest_internal.h"

#include <string.h>

#define FLAG_IF 0x200u
#define FLAG_TF_NT_RF 0x14100u

struct gate {
    uint64_t offset;
    uint16_t selector;
    unsigned ist;
    bool interrupt;
};

/* The processor reads its tables from memory of the guest alone. */
static bool table_copy(struct guest_cpu *c, uint64_t vaddr, uint8_t *raw, size_t size)
{
    struct guest_walk w;
    if (guest_translate(c, vaddr, &w) && w.shared) {
        guest_object(c->guest, "guest.idt_shared", "IDT at %#lx is in shared memory",
                     (unsigned long)vaddr);
        return false;
    }
    return guest_copy(c, vaddr, raw, size, false);
}

static bool gate_read(struct guest_cpu *c, unsigned vector, struct gate *ret_gate)
{
    uc_x86_mmr idtr = {0};
    uint8_t raw[16] = {0};
    unsigned size = c->mode == GUEST_64 ? 16 : 8;
    (void)uc_reg_read(c->uc, UC_X86_REG_IDTR, &idtr);
    if (c->mode == GUEST_16 || (vector + 1) * size - 1 > idtr.limit ||
        !table_copy(c, idtr.base + (uint64_t)vector * size, raw, size) ||
        (raw[5] & 0x8E) != 0x8E) { /* present, interrupt or trap gate */
        return false;
    }
    *ret_gate = (struct gate){.offset = model_le(raw, 2) | model_le(raw + 6, 2) << 16,
                              .selector = (uint16_t)model_le(raw + 2, 2),
                              .ist = raw[4] & 7u,
                              .interrupt = (raw[5] & 1) == 0};
    if (c->mode == GUEST_64) {
        ret_gate->offset |= model_le(raw + 8, 4) << 32;
    } else {
        ret_gate->ist = 0;
    }
    return true;
}

static bool stack_of(struct guest_cpu *c, const struct gate *gate, uint64_t *ret_sp)
{
    uint8_t raw[8];
    if (gate->ist == 0) {
        *ret_sp = guest_gpr(c, RSP);
        return true;
    }
    uc_x86_mmr tr = {0};
    (void)uc_reg_read(c->uc, UC_X86_REG_TR, &tr);
    if (!guest_copy(c, tr.base + 0x24 + 8u * (gate->ist - 1), raw, 8, false)) {
        return false;
    }
    *ret_sp = model_le(raw, 8);
    return true;
}

/* Pushes what is in values, the first first. */
static bool push(struct guest_cpu *c, uint64_t *sp, const uint64_t *values, unsigned count)
{
    unsigned width = c->mode == GUEST_64 ? 8 : 4;
    for (unsigned i = 0; i < count; i++) {
        uint8_t raw[8];
        model_put_le(raw, width, values[i]);
        *sp -= width;
        if (!guest_copy(c, *sp, raw, width, true)) {
            return false;
        }
    }
    return true;
}

void guest_deliver(struct guest_cpu *c, unsigned vector, bool has_error, uint64_t error)
{
    struct gate gate;
    uint64_t sp;
    uint64_t old_sp = guest_gpr(c, RSP);
    uint64_t flags = guest_reg(c, UC_X86_REG_EFLAGS);
    uint16_t ss = 0;
    (void)uc_reg_read(c->uc, UC_X86_REG_SS, &ss);
    bool good = gate_read(c, vector, &gate) && stack_of(c, &gate, &sp);
    if (good) {
        const uint64_t frame[] = {ss, old_sp, flags, c->cs, guest_ip(c), error};
        unsigned first = c->mode == GUEST_64 ? 0 : 2;
        if (c->mode == GUEST_64) {
            sp &= ~0xFull;
        }
        good = push(c, &sp, frame + first, (has_error ? 6u : 5u) - first);
    }
    if (!good) { /* no handler or no stack: the processor shuts down */
        guest_object(c->guest, "guest.shutdown", "vector %u error %#lx at %#lx has no way in",
                     vector, (unsigned long)error, (unsigned long)guest_ip(c));
        guest_end(c->guest, MODEL_SHUTDOWN);
        return;
    }
    guest_set_gpr(c, RSP, sp);
    guest_set_reg(c, UC_X86_REG_EFLAGS,
                  flags & ~(uint64_t)(FLAG_TF_NT_RF | (gate.interrupt ? FLAG_IF : 0)));
    c->cs = gate.selector;
    guest_set_ip(c, gate.offset);
}

bool guest_iret(struct guest_cpu *c, bool wide)
{
    uint8_t raw[40];
    unsigned width = wide ? 8 : 4;
    unsigned count = c->mode == GUEST_64 ? 5 : 3;
    uint64_t sp = guest_gpr(c, RSP);
    if (!guest_copy(c, sp, raw, (size_t)count * width, false)) {
        return false;
    }
    c->cs = (uint16_t)model_le(raw + width, 2);
    guest_set_reg(c, UC_X86_REG_EFLAGS, model_le(raw + 2u * (size_t)width, width) | 2);
    guest_set_ip(c, model_le(raw, width));
    guest_set_gpr(c, RSP, count == 5 ? model_le(raw + 3u * (size_t)width, width) : sp + 3u * width);
    return true;
}
