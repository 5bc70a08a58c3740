/* SPDX-License-Identifier: Apache-2.0
 * guest_insn.h - an instruction that the model carries out itself, decoded.
 */
#ifndef CL_MODEL_GUEST_INSN_H
#define CL_MODEL_GUEST_INSN_H

#include "guest_internal.h"

enum guest_kind {
    ORDINARY,
    VMGEXIT,
    TDCALL,
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
    PAUSE,
    TRAP,
};

struct guest_insn {
    enum guest_kind kind;
    unsigned len;
    unsigned operand; /* bytes of an operand in real or 32-bit code: 2 or 4 */
    bool f2, f3, p66, wide;
    unsigned rex;
    unsigned reg, rm;
    const uint8_t *rest; /* behind the opcode */
    uint8_t opcode;
};

struct guest_insn guest_decode(const uint8_t *p, enum guest_mode mode); /* 15 bytes */

#endif
