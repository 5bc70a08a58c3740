/* SPDX-License-Identifier: Apache-2.0
 * guest_decode.c - which instructions the model carries out itself: those of SNP and TDX, those
 * that trap in such a guest, and those that change the processor's mode.
 */
#include "guest_insn.h"

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

/* 0F 01: VMGEXIT, VMMCALL, PVALIDATE, RMPADJUST (snp.md e.2, e.4), TDCALL (tdx.md d), INVLPG. */
static void decode_0f01(struct guest_insn *in, const uint8_t *p)
{
    switch (p[0]) {
    case 0xD9:
        in->kind = in->f2 || in->f3 ? VMGEXIT : VMMCALL;
        break;
    case 0xCC:
        in->kind = in->p66 && !in->f2 && !in->f3 ? TDCALL : ORDINARY;
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

static void decode_0f(struct guest_insn *in, const uint8_t *p)
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

static void decode_one(struct guest_insn *in, const uint8_t *p, enum guest_mode mode)
{
    in->opcode = p[0];
    in->rest = p + 1;
    in->len++;
    switch (p[0]) {
    case 0x0F:
        decode_0f(in, p + 1);
        break;
    case 0x90:
        in->kind = in->f3 ? PAUSE : ORDINARY;
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

struct guest_insn guest_decode(const uint8_t *p, enum guest_mode mode)
{
    struct guest_insn in = {.operand = mode == GUEST_16 ? 2 : 4};
    for (; in.len < 5; in.len++) {
        uint8_t b = p[in.len];
        if (b == 0xF2) {
            in.f2 = true;
        } else if (b == 0xF3) {
            in.f3 = true;
        } else if (b == 0x66) {
            in.p66 = true;
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
    return guest_decode(code, mode).kind != ORDINARY;
}
