/* SPDX-License-Identifier: Apache-2.0
 * tdx_internal.h - what the files of this back-end share. Trust: KVM is the host's; the exits carry
 * what the guest wrote. Threads: launch on one thread; exits on each vCPU's own; quote_done on the
 * quoter's.
 */
#ifndef TEE_TDX_INTERNAL_H
#define TEE_TDX_INTERNAL_H

#include "base/digest.h"
#include "tee/private_memory.h"

#define TDX_ATTRIBUTES (1ull << 28) /* SEPT_VE_DISABLE, and no other: not DEBUG above all */
/* x87, SSE, AVX, AVX-512, PKRU, AMX: state of programs. Not what traces or counts (PT, LBR), and
 * not what Linux does not take from a TD. */
#define TDX_XFAM 0x602e7ull
#define TDX_XFAM_ALWAYS 3ull /* x87, SSE */
#define TDX_GPAW 48u         /* bits of an address; the upper one means shared */
#define TDX_TSC_UNIT_KHZ 25000u
#define TDX_APIC_BUS_NS 40u /* 25 MHz, which CPUID leaf 0x15 tells the guest */

struct tee {
    struct tee_config cfg;
    struct tee_private memory;
    struct tdx_capabilities *capabilities; /* owned; NULL before create_vm */
    struct cl_sha384_ctx *mrtd;            /* owned; of what was placed, so far */
    uint32_t tsc_khz;
    const int *vcpu_fd;    /* borrowed from take_vcpus on */
    uint32_t event_notify; /* atomic: vector, and the vCPU's index from bit 8 on; 0: none */
};

/* KVM's answer: the head, a CPUID table with as many entries as it wants. */
struct tdx_capabilities {
    struct kc_tdx_capabilities head;
    struct {
        uint32_t nent;
        uint32_t padding;
    } cpuid;
    struct kvm_cpuid_entry2 entry[];
};

/* tdx.c: one KVM_MEMORY_ENCRYPT_OP on a VM or vCPU. CL_ERR_REJECTED with the TDX module's word, or
 * CL_ERR_SYS with sys_errno. */
CL_NODISCARD enum cl_status tdx_command(struct tee *t, int fd, uint32_t id, uint32_t flags,
                                        uint64_t data, const char *name, struct cl_err *err);
/* params.c: what the TD may be, and what it is to be. */
CL_NODISCARD enum cl_status tdx_read_capabilities(struct tee *t, struct cl_err *err);
CL_NODISCARD enum cl_status tdx_init_vm(struct tee *t, const struct tee_cpuid *cpuid,
                                        struct cl_err *err);
/* cpuid.c */
CL_NODISCARD enum cl_status tdx_vcpu_cpuid(struct tee *t, int vcpu_fd, struct tee_cpuid *cpuid,
                                           struct cl_err *err);
/* digest.c: TDH.MEM.PAGE.ADD and, when measured, TDH.MR.EXTEND of one page (tdx.md b.1). */
CL_NODISCARD enum cl_status tdx_digest_page(struct cl_sha384_ctx *mrtd, uint64_t gpa,
                                            const uint8_t page[static TEE_PAGE_SIZE], bool measured,
                                            struct cl_err *err);
/* exits.c */
enum tee_exit tdx_handle_exit(struct tee *t, unsigned cpu, struct kvm_run *run, uint32_t *ret_code,
                              struct cl_err *err);
/* quote.c: TDG.VP.VMCALL<GetQuote>; returns the status of the call. */
uint64_t tdx_get_quote(struct tee *t, uint64_t gpa, uint64_t size);
void tdx_quote_done(struct tee *t, const struct tee_quote_job *job, enum tee_quote_result result,
                    const uint8_t *quote, size_t size);

#endif
