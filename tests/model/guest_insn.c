/* SPDX-License-Identifier: Apache-2.0
 * guest_insn.c - carries out the instructions that every kind of guest has in common; what its TEE
 * adds comes first (struct guest_tee).
 */
#include "guest_insn.h"

#define MSR_FS_BASE 0xC0000100u
#define MSR_GS_BASE 0xC0000101u

static void to_cr(struct guest_cpu *c, unsigned cr, uint64_t value)
{
    value = c->mode == GUEST_64 ? value : value & 0xFFFFFFFF;
    switch (cr) {
    case 0:
        c->cr0 = value;
        break;
    case 3:
        c->cr3 = value;
        break;
    case 4:
        c->cr4 = value;
        break;
    default:
        break;
    }
    if (c->mode == GUEST_64) { /* some instructions depend on these: SSE, for one */
        guest_set_reg(c, UC_X86_REG_CR4, c->cr4 & ~0x20u);
        guest_set_reg(c, UC_X86_REG_CR0, c->cr0 & ~(uint64_t)CR0_PG);
    }
    c->tlb_stale = true;
}

static uint64_t from_cr(const struct guest_cpu *c, unsigned cr)
{
    return cr == 0 ? c->cr0 : cr == 2 ? c->cr2 : cr == 3 ? c->cr3 : cr == 4 ? c->cr4 : 0;
}

bool guest_msr(struct guest_cpu *c, uint32_t number, bool write, uint64_t *value)
{
    int base = number == MSR_FS_BASE ? UC_X86_REG_FS_BASE : UC_X86_REG_GS_BASE;
    switch (number) {
    case MSR_EFER:
        c->efer = write ? *value : c->efer;
        *value = c->efer;
        return true;
    case MSR_FS_BASE:
    case MSR_GS_BASE:
        if (write) {
            guest_set_reg(c, base, *value);
        }
        *value = guest_reg(c, base);
        return true;
    default:
        return false;
    }
}

static void random_number(struct guest_cpu *c, const struct guest_insn *in)
{
    uint8_t bytes[8];
    unsigned size = in->wide ? 8 : in->operand;
    uint64_t flags = guest_reg(c, UC_X86_REG_EFLAGS) & ~0x8D5ull;
    if (c->guest->starved) { /* threats.md B 18: CF=0 and nothing in the register */
        guest_set_gpr(c, in->rm, 0);
        guest_set_reg(c, UC_X86_REG_EFLAGS, flags);
        return;
    }
    model_random(c->vcpu->vm->m, bytes, sizeof(bytes));
    guest_set_gpr(c, in->rm, model_le(bytes, size));
    guest_set_reg(c, UC_X86_REG_EFLAGS, flags | 1);
}

static bool far_return(struct guest_cpu *c, const struct guest_insn *in)
{
    uint8_t raw[16];
    unsigned width = in->wide ? 8 : in->operand;
    uint64_t sp = guest_gpr(c, RSP);
    if (!guest_copy(c, sp, raw, 2u * (size_t)width, false)) {
        return false;
    }
    guest_set_gpr(c, RSP, sp + 2u * width);
    return guest_far(c, (uint16_t)model_le(raw + width, 2), model_le(raw, width));
}

static void shutdown(struct guest_cpu *c, const char *what)
{
    guest_object(c->guest, "guest.shutdown", "%s at %#lx", what, (unsigned long)guest_ip(c));
    guest_end(c->guest, MODEL_SHUTDOWN);
}

void guest_carry_out(struct guest_cpu *c, const struct guest_insn *in)
{
    switch (in->kind) {
    case FROM_CR:
        guest_set_gpr(c, in->rm, from_cr(c, in->reg));
        break;
    case TO_CR:
        to_cr(c, in->reg, guest_gpr(c, in->rm));
        break;
    case INVLPG:
        c->tlb_stale = true;
        break;
    case PAUSE:
        break;
    case RANDOM:
        random_number(c, in);
        break;
    case FAR_JUMP:
        if (!guest_far(c, (uint16_t)model_le(in->rest + in->operand, 2),
                       model_le(in->rest, in->operand))) {
            shutdown(c, "far jump");
        }
        break;
    case FAR_RETURN:
        if (!far_return(c, in)) {
            shutdown(c, "far return");
        }
        break;
    case IRET:
        if (!guest_iret(c, in->wide)) {
            shutdown(c, "IRET");
        }
        break;
    case TRAP:
        guest_deliver(c, in->opcode, false, 0);
        break;
    default: /* another TEE's: an undefined opcode here */
        guest_deliver(c, VECTOR_UD, false, 0);
        break;
    }
}

int guest_special(struct guest_cpu *c, bool *ret_exit)
{
    uint8_t code[15] = {0};
    uint64_t ip = guest_ip(c);
    uint64_t linear = c->mode == GUEST_16 ? (ip & 0xFFFF) + (uint64_t)c->cs * 16 : ip;
    int error;
    if (guest_at_linux(c, &error)) {
        return error;
    }
    for (size_t i = 0; i < sizeof(code); i++) { /* the last bytes may lie past a page's end */
        if (!guest_copy(c, linear + i, code + i, 1, false)) {
            break;
        }
    }
    struct guest_insn in = guest_decode(code, c->mode);
    enum guest_mode mode = c->mode;
    error = c->guest->tee->special(c, &in, ret_exit);
    if (error != 0) { /* an exit before the instruction is done: it starts anew */
        return error;
    }
    if (c->missed) { /* PVALIDATE of a page that the host has as shared */
        return guest_tlb_serve(c, ret_exit);
    }
    bool jumps = in.kind == FAR_JUMP || in.kind == FAR_RETURN || in.kind == IRET;
    if (!jumps && c->mode == mode && guest_ip(c) == ip) {
        guest_set_ip(c, ip + in.len);
    }
    return 0;
}
