/* SPDX-License-Identifier: Apache-2.0
 * tdx_internal.h - structures of a TD: its control structure, its secure EPT, its vCPUs, and what
 * the guest's side (TDCALL) and KVM's side (exits) hand to each other.
 *
 * A guest physical address here never carries the shared bit: the guest's side strips it and says
 * "shared" beside it (tdx.md d: bit GPAW-1).
 */
#ifndef CL_MODEL_TDX_INTERNAL_H
#define CL_MODEL_TDX_INTERNAL_H

#include "internal.h"
#include "tdx.h"
#include "uapi_tdx.h"

#include <openssl/evp.h>

#define TDX_MAX_CONFIG 16u /* CPUID leaves that the module lets a VMM configure */
#define TDX_LARGE 0x200000u

/* Completion of a TDCALL in RAX (tdx.md d; intel TDX module ABI). */
#define TDX_SUCCESS 0ull
#define TDX_OPERAND_INVALID 0xC000010000000000ull /* | which operand */
#define TDX_OPERAND_INVALID_RCX 0xC000010000000001ull
#define TDX_OPERAND_XFAM 65u /* of TD_PARAMS, in hw_error of INIT_VM */
#define TDX_OPERAND_CPUID_CONFIG 69u
#define TDX_OPERAND_TSC 70u
#define TDX_OPERAND_BUSY_SEPT 0x8000020000000092ull
#define TDX_PAGE_ALREADY_ACCEPTED 0x00000B0A00000000ull
#define TDX_PAGE_SIZE_MISMATCH 0xC0000B0B00000001ull

/* R10 of a TDG.VP.VMCALL (tdx.md c). */
#define TDVMCALL_SUCCESS 0ull
#define TDVMCALL_RETRY 1ull
#define TDVMCALL_INVALID_OPERAND 0x8000000000000000ull
#define TDVMCALL_ALIGN_ERROR 0x8000000000000002ull
#define TDVMCALL_SUBFUNC_UNSUPPORTED 0x8000000000000003ull

enum tdx_state { TDX_NEW, TDX_INITIALISED, TDX_RUNNABLE };

/* One entry of TD_PARAMS' CPUID configuration: what a VMM may choose, and what it chose. */
struct tdx_cpuid {
    uint32_t leaf, subleaf;
    bool has_subleaf;
    uint32_t mask[4];  /* EAX..EDX: bits that are configurable */
    uint32_t value[4]; /* of INIT_VM */
};

/* Of a VM of type 5: model_vm.td. */
struct tdx_td {
    enum tdx_state state;
    bool dead; /* KVM gave the VM up: everything says EIO */
    uint64_t attributes, xfam;
    unsigned gpaw; /* 48 or 52; the shared bit is gpaw - 1 */
    unsigned max_vcpus;
    unsigned vcpus; /* that INIT_VCPU made: NUM_VCPUS of VP.INFO */
    uint32_t tsc_khz;
    uint64_t apic_bus_ns;
    uint8_t mrconfigid[MODEL_DIGEST_SIZE], mrowner[MODEL_DIGEST_SIZE];
    uint8_t mrownerconfig[MODEL_DIGEST_SIZE];
    struct tdx_cpuid cpuid[TDX_MAX_CONFIG];
    unsigned cpuid_count;
    EVP_MD_CTX *hash; /* MRTD as it grows; NULL before INIT_VM */
    uint8_t mrtd[MODEL_DIGEST_SIZE];
    uint8_t rtmr[TDX_RTMRS][MODEL_DIGEST_SIZE];
    uint64_t extended;
    struct model_td_page *trace;
    size_t trace_len;
    uint8_t *sept;    /* one byte per gfn: enum model_sept, and TDX_SEPT_LARGE */
    bool small_pages; /* the host augments 4 KiB at a time, whatever it is asked for */
    bool fatal;       /* the guest reported a fatal error: what it passed */
    uint64_t fatal_regs[16];
    uint32_t notify_vector;           /* of SetupEventNotifyInterrupt; 0: none */
    unsigned interrupts, last_vector; /* of KVM_SIGNAL_MSI */
};
#define TDX_SEPT_LARGE 0x80u

/* GPRs by their number in an encoding: RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8..R15. */
struct tdx_regs {
    uint64_t r[16];
};

/* ---- tdx_vm.c: life of a TD ---- */
int tdx_vm_create(struct model_vm *vm); /* 0, or -ENOMEM */
void tdx_vm_free(struct model_vm *vm);
int tdx_vm_op(struct model_vm *vm, void *cmd); /* KVM_MEMORY_ENCRYPT_OP of a VM */
void tdx_signal_msi(struct model_vm *vm, const struct kvm_msi *msi);
uint64_t tdx_shared_bit(const struct model_vm *vm); /* 1 << (gpaw - 1) */

/* ---- tdx_vcpu.c ---- */
int tdx_vcpu_op(struct model_vcpu *v, void *cmd); /* KVM_MEMORY_ENCRYPT_OP of a vCPU */
int tdx_vcpu_may_create(struct model_vm *vm);     /* 0, or the refusal */
/* What a TD's vCPU refuses among the ordinary ioctls: 0, or -errno. */
int tdx_vcpu_refuses(struct model_vcpu *v, unsigned long request, const void *arg);

/* ---- tdx_sept.c: the secure EPT ---- */
enum model_sept tdx_sept_state(const struct model_vm *vm, uint64_t gpa, bool *ret_large);

/* What a guest's access finds. host is set for TDX_ACCESS_GOOD alone. */
enum tdx_access {
    TDX_ACCESS_GOOD,
    TDX_ACCESS_FAULT,   /* EPT violation: tdx_ept_violation(), then again */
    TDX_ACCESS_PENDING, /* private, not accepted: #VE, or, with SEPT_VE_DISABLE, the TD's end */
    TDX_ACCESS_BLOCKED, /* the host blocks the page: exits again and again */
    TDX_ACCESS_MMIO,    /* shared, and no memory there: #VE */
};
enum tdx_access tdx_access(struct model_vm *vm, uint64_t gpa, bool shared, uint8_t **ret_host);

/* KVM's handling of an EPT violation: 0 after the page was augmented (private) or is there
 * (shared); -EFAULT with KVM_EXIT_MEMORY_FAULT in kvm_run when attributes disagree. level: 0 for 4
 * KiB, 1 for 2 MiB (from an accept of that level), else 0. */
int tdx_ept_violation(struct model_vcpu *v, uint64_t gpa, bool shared, unsigned level);

/* TDG.MEM.PAGE.ACCEPT. TDX_ACCEPT_FAULT: an EPT violation comes first, as with an access. */
enum tdx_accept {
    TDX_ACCEPT_OK, /* zeroed, and mapped */
    TDX_ACCEPT_ALREADY,
    TDX_ACCEPT_SIZE_MISMATCH,
    TDX_ACCEPT_INVALID, /* level, alignment, or an address beyond GPAW */
    TDX_ACCEPT_FAULT,
    TDX_ACCEPT_BLOCKED,
};
enum tdx_accept tdx_accept(struct model_vm *vm, uint64_t gpa, unsigned level);

/* The range leaves the TD: contents are lost, entries are free. */
void tdx_sept_remove(struct model_vm *vm, uint64_t gpa, uint64_t size);
/* TDH.MEM.PAGE.ADD of INIT_MEM_REGION. 0, or -errno with its reason. */
int tdx_sept_add(struct model_vm *vm, uint64_t gpa, const uint8_t *source);
/* KVM gives the VM up (an access before acceptance): -EIO from here on. */
int tdx_kill(struct model_vm *vm, const char *reason);

/* ---- tdx_measure.c ---- */
bool tdx_measure_add(struct tdx_td *td, uint64_t gpa, const uint8_t page[static MODEL_PAGE]);
bool tdx_measure_extend(struct tdx_td *td, uint64_t gpa, const uint8_t page[static MODEL_PAGE]);
bool tdx_measure_now(const struct tdx_td *td, uint8_t ret[static MODEL_DIGEST_SIZE]);
bool tdx_rtmr_extend(struct tdx_td *td, unsigned index,
                     const uint8_t digest[static MODEL_DIGEST_SIZE]);

/* ---- tdx_report.c: TDG.MR.REPORT (tdx.md a.1) ---- */
#define TDX_REPORT_SIZE 1024u
#define TDX_MODULE_SVN 5u
#define TDX_MODULE_MAJOR 1u /* TDX 1.5: "TDX_01" in a TCB info */
bool tdx_report(const struct model_vm *vm, const uint8_t data[static 64],
                uint8_t ret_report[static TDX_REPORT_SIZE]);
/* TDG.MR.VERIFYREPORT, and what a quoting enclave does first: MAC and both hashes hold. */
bool tdx_report_genuine(const struct model_vm *vm, const uint8_t report[static TDX_REPORT_SIZE]);

/* ---- tdx_quote.c: ECDSA P-256 and SHA-256, r and s with the most significant byte first ---- */
bool tdx_sign(EVP_PKEY *key, const uint8_t *data, size_t size, uint8_t ret[static 64]);

/* ---- tdx_cpuid.c ---- */
/* What CPUID gives inside the TD; false: the module raises #VE. */
bool tdx_guest_cpuid(const struct model_vcpu *v, uint32_t leaf, uint32_t subleaf,
                     uint32_t ret_regs[static 4]);
size_t tdx_host_cpuid(struct kvm_cpuid_entry2 ret[static MODEL_HOST_LEAVES]);
void tdx_cpuid_reset(struct tdx_td *td);
void tdx_cpuid_report(const struct tdx_td *td, struct kvm_cpuid_entry2 *ret); /* CAPABILITIES */
bool tdx_cpuid_has_x2apic(const struct model_vcpu *v);
int tdx_cpuid_configure(struct model_vm *vm, const struct kvm_cpuid_entry2 *entries, uint32_t count,
                        uint64_t *ret_hw_error);
uint32_t tdx_cpuid_list(const struct model_vcpu *v, struct kvm_cpuid_entry2 ret[static 64]);
bool tdx_cpuid_consistent(const struct model_vcpu *v, const struct kvm_cpuid2 *c);

/* ---- tdx_vmcall.c: TDG.VP.VMCALL as KVM takes it ----
 * regs holds what the module lets through (RCX's mask applied, everything else zero); on return
 * R10 and the others are what KVM gives back. *ret_exit: kvm_run describes an exit, KVM_RUN
 * returns with the function's value (0, or -errno), and tdx_vmcall_resume() finishes the call when
 * the VMM comes back (it may exit again). A fatal error sets td->fatal. */
int tdx_vmcall(struct model_vcpu *v, struct tdx_regs *regs, bool *ret_exit);
int tdx_vmcall_resume(struct model_vcpu *v, struct tdx_regs *regs, bool *ret_exit);

#endif
