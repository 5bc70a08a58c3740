/* SPDX-License-Identifier: Apache-2.0
 * uapi_tdx.h - the part of the kernel's interface that is TDX's, as the model reads it from
 * specs/tdx.md (c) and the kernel's public documentation. Nothing of the product's.
 */
#ifndef CL_MODEL_UAPI_TDX_H
#define CL_MODEL_UAPI_TDX_H

#include "uapi.h"

/* tdx.md c: VM type, capabilities, exits. */
#define MU_VM_TYPE_TDX 5u
#define MU_CAP_APIC_BUS_CYCLES_NS 237
#define MU_CAP_VM_TSC_CONTROL 214
#define MU_EXIT_TDX 40u
#define MU_SYSTEM_EVENT_TDX_FATAL 7u

enum mu_tdx_command {
    MU_TDX_CAPABILITIES,
    MU_TDX_INIT_VM,
    MU_TDX_INIT_VCPU,
    MU_TDX_INIT_MEM_REGION,
    MU_TDX_FINALIZE_VM,
    MU_TDX_GET_CPUID,
};
#define MU_TDX_MEASURE (1u << 0)

struct mu_tdx_cmd {
    uint32_t id;
    uint32_t flags;
    uint64_t data;
    uint64_t hw_error;
};

struct mu_tdx_capabilities {
    uint64_t supported_attrs;
    uint64_t supported_xfam;
    uint64_t kernel_r11, user_r11;
    uint64_t kernel_r12, user_r12;
    uint64_t reserved[250];
    uint32_t nent, padding; /* struct kvm_cpuid2, taken apart: its end is open */
    struct kvm_cpuid_entry2 entries[];
};

struct mu_tdx_init_vm {
    uint64_t attributes;
    uint64_t xfam;
    uint8_t mrconfigid[48];
    uint8_t mrowner[48];
    uint8_t mrownerconfig[48];
    uint64_t reserved[12];
    uint32_t nent, padding; /* struct kvm_cpuid2, taken apart: its end is open */
    struct kvm_cpuid_entry2 entries[];
};

struct mu_tdx_mem_region {
    uint64_t source_addr;
    uint64_t gpa;
    uint64_t nr_pages;
};

/* What struct kvm_run holds at KVM_EXIT_TDX. */
struct mu_exit_tdx {
    uint64_t flags;
    uint64_t nr;
    union {
        struct {
            uint64_t ret;
            uint64_t data[5];
        } unknown;
        struct {
            uint64_t ret;
            uint64_t gpa;
            uint64_t size;
        } get_quote;
        struct {
            uint64_t ret;
            uint64_t leaf;
            uint64_t r11, r12, r13, r14;
        } info;
        struct {
            uint64_t ret;
            uint64_t vector;
        } notify;
    };
};

_Static_assert(sizeof(struct mu_tdx_cmd) == 24, "tdx.md c: kvm_tdx_cmd");
_Static_assert(offsetof(struct mu_tdx_capabilities, nent) == 2048, "tdx.md c: capabilities");
_Static_assert(offsetof(struct mu_tdx_init_vm, nent) == 256, "tdx.md c: init_vm");
_Static_assert(offsetof(struct mu_tdx_init_vm, entries) == 264, "tdx.md c: kvm_cpuid2");
_Static_assert(sizeof(struct mu_tdx_mem_region) == 24, "tdx.md c: init_mem_region");
_Static_assert(sizeof(struct mu_exit_tdx) == 64, "tdx.md c: kvm_run.tdx");

#endif
