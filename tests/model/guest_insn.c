/* SPDX-License-Identifier: Apache-2.0
 * guest_insn.c - the instructions that the model carries out itself: those of SNP, those that trap
 * in an SNP guest, and those that change the processor's mode.
 */
#include "guest_internal.h"

#define MSR_FS_BASE 0xC0000100u
#define MSR_GS_BASE 0xC0000101u

enum kind {
    ORDINARY,
    VMGEXIT,
    VMMCALL,
    PVALIDATE,
    RMPADJUST,
    CPUID,
    RDMSR,
    WRMSR,
    FROM_CR,
    TO_CR,
    FAR_JUMP,
    FAR_RETURN,
    IRET,
    PORT,
    HALT,
    RANDOM,
    WBINVD,
    INVLPG,
    TRAP,
};

struct insn {
    enum kind kind;
    unsigned len;
    unsigned operand; /* bytes of an operand in real or 32-bit code: 2 or 4 */
    bool f2, f3, wide;
    unsigned rex;
    unsigned reg, rm;
    const uint8_t *rest; /* behind the opcode */
    uint8_t opcode;
};

/* Bytes of a memory operand behind its ModRM byte, in 32- and 64-bit code. */
static unsigned operand_bytes(uint8_t modrm, uint8_t sib)
{
    unsigned mod = modrm >> 6;
    unsigned rm = modrm & 7u;
    unsigned n = mod == 1 ? 1 : mod == 2 || (mod == 0 && rm == 5) ? 4 : 0;
    if (rm == 4) {
        n += 1u + (mod == 0 && (sib & 7) == 5 ? 4u : 0u);
    }
    return n;
}

/* 0F 01: VMGEXIT, VMMCALL, PVALIDATE, RMPADJUST (snp.md e.2, e.4), INVLPG. */
static void decode_0f01(struct insn *in, const uint8_t *p)
{
    switch (p[0]) {
    case 0xD9:
        in->kind = in->f2 || in->f3 ? VMGEXIT : VMMCALL;
        break;
    case 0xFF:
        in->kind = in->f2 ? PVALIDATE : ORDINARY;
        break;
    case 0xFE:
        in->kind = in->f3 ? RMPADJUST : ORDINARY;
        break;
    default:
        if (p[0] < 0xC0 && (p[0] >> 3 & 7) == 7) {
            in->kind = INVLPG;
            in->len += operand_bytes(p[0], p[1]);
        }
        break;
    }
    in->len++;
}

static void decode_0f(struct insn *in, const uint8_t *p)
{
    in->len++;
    in->reg = (unsigned)(p[1] >> 3 & 7) | ((in->rex & 4) != 0 ? 8u : 0u);
    in->rm = (p[1] & 7u) | ((in->rex & 1) != 0 ? 8u : 0u);
    switch (p[0]) {
    case 0x01:
        decode_0f01(in, p + 1);
        break;
    case 0x09:
        in->kind = WBINVD;
        break;
    case 0x0B:
        in->kind = TRAP;
        in->opcode = 6;
        break;
    case 0x20:
        in->kind = FROM_CR;
        in->len++;
        break;
    case 0x22:
        in->kind = TO_CR;
        in->len++;
        break;
    case 0x30:
        in->kind = WRMSR;
        break;
    case 0x32:
        in->kind = RDMSR;
        break;
    case 0xA2:
        in->kind = CPUID;
        break;
    case 0xC7:
        in->kind = p[1] >= 0xF0 ? RANDOM : ORDINARY;
        in->len++;
        break;
    default:
        break;
    }
}

static void decode_one(struct insn *in, const uint8_t *p, enum guest_mode mode)
{
    in->opcode = p[0];
    in->rest = p + 1;
    in->len++;
    switch (p[0]) {
    case 0x0F:
        decode_0f(in, p + 1);
        break;
    case 0xEA:
        in->kind = mode != GUEST_64 ? FAR_JUMP : ORDINARY;
        in->len += in->operand + 2;
        break;
    case 0xCB:
        in->kind = mode != GUEST_16 ? FAR_RETURN : ORDINARY;
        break;
    case 0xCF:
        in->kind = mode != GUEST_16 ? IRET : ORDINARY;
        break;
    case 0xCC:
        in->kind = TRAP;
        in->opcode = 3;
        break;
    case 0xF4:
        in->kind = HALT;
        break;
    case 0xE4:
    case 0xE5:
    case 0xE6:
    case 0xE7:
        in->len++;
        in->kind = PORT;
        break;
    case 0x6C:
    case 0x6D:
    case 0x6E:
    case 0x6F:
    case 0xEC:
    case 0xED:
    case 0xEE:
    case 0xEF:
        in->kind = PORT;
        break;
    default:
        break;
    }
}

static struct insn decode(const uint8_t *p, enum guest_mode mode)
{
    struct insn in = {.operand = mode == GUEST_16 ? 2 : 4};
    for (; in.len < 5; in.len++) {
        uint8_t b = p[in.len];
        if (b == 0xF2) {
            in.f2 = true;
        } else if (b == 0xF3) {
            in.f3 = true;
        } else if (b == 0x66) {
            in.operand = mode == GUEST_16 ? 4 : 2;
        } else if (b != 0x67 && b != 0x2E && b != 0x36 && b != 0x3E && b != 0x26 && b != 0x64 &&
                   b != 0x65) {
            break;
        }
    }
    if (mode == GUEST_64 && (p[in.len] & 0xF0) == 0x40) {
        in.rex = p[in.len++];
        in.wide = (in.rex & 8) != 0;
    }
    decode_one(&in, p + in.len, mode);
    return in;
}

bool guest_is_special(const uint8_t *code, enum guest_mode mode)
{
    return decode(code, mode).kind != ORDINARY;
}

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

/* MSRs that do not trap; false: the others do (#VC 7C). */
static bool msr(struct guest_cpu *c, bool write)
{
    uint32_t number = (uint32_t)guest_gpr(c, RCX);
    uint64_t in = (guest_gpr(c, RAX) & 0xFFFFFFFF) | guest_gpr(c, RDX) << 32;
    uint64_t out = 0;
    int base = number == MSR_FS_BASE ? UC_X86_REG_FS_BASE : UC_X86_REG_GS_BASE;
    switch (number) {
    case MSR_GHCB:
        c->ghcb_msr = write ? in : c->ghcb_msr;
        out = c->ghcb_msr;
        break;
    case MSR_SEV_STATUS: /* e.1: SEV, ES, and SEV_FEATURES << 2; not interceptable */
        out = 3 | (c->vcpu->vm->vmsa_features | 1) << 2;
        break;
    case MSR_EFER:
        c->efer = write ? in : c->efer;
        out = c->efer;
        break;
    case MSR_FS_BASE:
    case MSR_GS_BASE:
        if (write) {
            guest_set_reg(c, base, in);
        }
        out = guest_reg(c, base);
        break;
    default:
        return false;
    }
    if (!write) {
        guest_set_gpr(c, RAX, out & 0xFFFFFFFF);
        guest_set_gpr(c, RDX, out >> 32);
    }
    return true;
}

static void random_number(struct guest_cpu *c, const struct insn *in)
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

static bool far_return(struct guest_cpu *c, const struct insn *in)
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

static void carry_out(struct guest_cpu *c, const struct insn *in)
{
    switch (in->kind) {
    case VMMCALL:
        guest_deliver(c, VECTOR_VC, true, VC_VMMCALL);
        break;
    case PVALIDATE:
        guest_pvalidate(c);
        break;
    case RMPADJUST:
        guest_rmpadjust(c);
        break;
    case CPUID:
        guest_deliver(c, VECTOR_VC, true, VC_CPUID);
        break;
    case PORT:
        guest_deliver(c, VECTOR_VC, true, VC_IOIO);
        break;
    case HALT:
        guest_deliver(c, VECTOR_VC, true, VC_HLT);
        break;
    case WBINVD:
        guest_deliver(c, VECTOR_VC, true, VC_WBINVD);
        break;
    case RDMSR:
    case WRMSR:
        if (!msr(c, in->kind == WRMSR)) {
            guest_deliver(c, VECTOR_VC, true, VC_MSR);
        }
        break;
    case FROM_CR:
        guest_set_gpr(c, in->rm, from_cr(c, in->reg));
        break;
    case TO_CR:
        to_cr(c, in->reg, guest_gpr(c, in->rm));
        break;
    case INVLPG:
        c->tlb_stale = true;
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
    case VMGEXIT:
    case ORDINARY:
        break;
    }
}

int guest_special(struct guest_cpu *c, bool *ret_exit)
{
    uint8_t code[15] = {0};
    uint64_t ip = guest_ip(c);
    uint64_t linear = c->mode == GUEST_16 ? (ip & 0xFFFF) + (uint64_t)c->cs * 16 : ip;
    if (c->guest->has_entry && c->mode == GUEST_64 && ip == c->guest->entry.rip) {
        guest_check_entry(c);
        guest_end(c->guest, MODEL_ENTERED);
        return 0;
    }
    for (size_t i = 0; i < sizeof(code); i++) { /* the last bytes may lie past a page's end */
        if (!guest_copy(c, linear + i, code + i, 1, false)) {
            break;
        }
    }
    struct insn in = decode(code, c->mode);
    if (in.kind == VMGEXIT) {
        guest_set_ip(c, ip + in.len);
        return guest_vmgexit(c, ret_exit);
    }
    enum guest_mode mode = c->mode;
    carry_out(c, &in);
    if (c->missed) { /* PVALIDATE of a page that the host has as shared */
        return guest_tlb_serve(c, ret_exit);
    }
    bool jumps = in.kind == FAR_JUMP || in.kind == FAR_RETURN || in.kind == IRET;
    if (!jumps && c->mode == mode && guest_ip(c) == ip) {
        guest_set_ip(c, ip + in.len);
    }
    return 0;
}
