/* SPDX-License-Identifier: Apache-2.0
 * exits.c - the exits that only a TD has: a guest that gives up, its questions to the VMM, and
 * where it wants to hear of quotes. Pages that change sides are private_memory.c's, quotes
 * quote.c's. Trust: every number here is the guest's. Threads: each vCPU's own. Memory: none. Spec:
 * tdx.md c, d; interfaces.md I-1.9.
 */
#include "tdx_internal.h"

#include <string.h>

#define FATAL_CODE 0xffffffffull
#define FATAL_SET_SHIFT 32
#define FATAL_SET 0x7fffffffull
#define INFO_EVENT_NOTIFY (1ull << 1) /* R11 of leaf 1 */
#define VECTOR_FIRST 32u
#define VECTOR_LAST 255u

/* Encodings of registers. */
enum { RDX = 2, RBX = 3, RSI = 6, RDI = 7, R8 = 8, R9 = 9, R12 = 12, R13 = 13, R14 = 14, R15 = 15 };

/* The text of a fatal error stands in eight registers, to its NUL if it has one. It goes to logs:
 * whatever is not printable ASCII becomes a dot. */
static void read_text(const uint64_t *reg, char ret[static 65])
{
    static const uint8_t order[] = {R14, R15, RBX, RDI, RSI, R8, R9, RDX};
    memset(ret, 0, 65);
    for (size_t i = 0; i < 64; i++) {
        char c = (char)(reg[order[i / 8]] >> i % 8 * 8 & 0xff);
        if (c == '\0') {
            break;
        }
        ret[i] = c;
        if (c < 0x20 || c > 0x7e) {
            ret[i] = '.';
        }
    }
}

/* ReportFatalError: stage0's with a set and a reason, Linux's with words. */
static enum tee_exit fatal(const struct kvm_run *run, uint32_t *ret_code, struct cl_err *err)
{
    uint64_t reg[KC_FATAL_REGISTERS] = {0};
    size_t count =
        run->system_event.ndata < KC_FATAL_REGISTERS ? run->system_event.ndata : KC_FATAL_REGISTERS;
    for (size_t i = 0; i < count; i++) {
        reg[i] = run->system_event.data[i];
    }
    uint64_t set = reg[R12] >> FATAL_SET_SHIFT & FATAL_SET;
    if (set == TEE_TERM_SET_FIRMWARE && reg[R12] >> 63 == 0 && reg[R13] == 0) {
        *ret_code = (uint32_t)(reg[R12] & FATAL_CODE);
        (void)cl_err_set(err, CL_ERR_REJECTED, "the guest ended itself: set %u, reason 0x%x",
                         (unsigned)set, (unsigned)*ret_code);
        return TEE_EXIT_REFUSED;
    }
    char text[65];
    read_text(reg, text);
    (void)cl_err_set(err, CL_ERR_REJECTED, "the guest's kernel gave up with code 0x%llx: %s",
                     (unsigned long long)reg[R12], text[0] != '\0' ? text : "(no words)");
    return TEE_EXIT_PANIC;
}

/* Leaf 1: which subfunctions there are beside the always present. */
static uint64_t info(struct kc_exit_tdx *x)
{
    uint64_t leaf = x->info.leaf;
    if (leaf > 1) {
        return KC_VMCALL_INVALID;
    }
    x->info.r11 = leaf == 1 ? INFO_EVENT_NOTIFY : 0;
    x->info.r12 = x->info.r13 = x->info.r14 = 0;
    return KC_VMCALL_OK;
}

static uint64_t event_notify(struct tee *t, unsigned cpu, uint64_t vector)
{
    if (vector < VECTOR_FIRST || vector > VECTOR_LAST) {
        return KC_VMCALL_INVALID;
    }
    __atomic_store_n(&t->event_notify, (uint32_t)vector | cpu << 8, __ATOMIC_RELEASE);
    return KC_VMCALL_OK;
}

static enum tee_exit vmcall(struct tee *t, unsigned cpu, struct kvm_run *run)
{
    struct kc_exit_tdx x;
    memcpy(&x, kc_exit_data(run), sizeof(x));
    switch (x.nr) {
    case KC_VMCALL_INFO:
        x.ret = info(&x);
        break;
    case KC_VMCALL_GET_QUOTE:
        x.ret = tdx_get_quote(t, x.get_quote.gpa, x.get_quote.size);
        break;
    case KC_VMCALL_EVENT_NOTIFY:
        x.ret = event_notify(t, cpu, x.vector);
        break;
    default:
        x.ret = KC_VMCALL_UNSUPPORTED;
        break;
    }
    memcpy(kc_exit_data(run), &x, sizeof(x));
    return TEE_EXIT_DONE;
}

enum tee_exit tdx_handle_exit(struct tee *t, unsigned cpu, struct kvm_run *run, uint32_t *ret_code,
                              struct cl_err *err)
{
    switch (run->exit_reason) {
    case KVM_EXIT_HYPERCALL:
        return tee_private_hypercall(&t->memory, run, err);
    case KC_EXIT_MEMORY_FAULT:
        return tee_private_fault(&t->memory, run, err);
    case KC_EXIT_TDX:
        return vmcall(t, cpu, run);
    case KVM_EXIT_SYSTEM_EVENT:
        return run->system_event.type == KC_EVENT_TDX_FATAL ? fatal(run, ret_code, err)
                                                            : TEE_EXIT_UNKNOWN;
    default:
        return TEE_EXIT_UNKNOWN;
    }
}
