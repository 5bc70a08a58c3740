/* SPDX-License-Identifier: Apache-2.0
 * kvm_coco.h - what KVM's user interface gained for confidential guests after the headers that we
 * build with: SEV-SNP, TDX, private memory (guest_memfd), memory attributes, the exits that go with
 * them. Names are ours (KC_), so that newer kernel headers may stand beside them. Spec: snp.md d.1,
 * d.2; tdx.md c. Every size and offset below is asserted; none is taken on trust.
 */
#ifndef TEE_KVM_COCO_H
#define TEE_KVM_COCO_H

#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>

/* KVM_CREATE_VM */
#define KC_VM_SNP 4u
#define KC_VM_TDX 5u

/* KVM_CHECK_EXTENSION */
#define KC_CAP_EXIT_HYPERCALL 201u
#define KC_CAP_USER_MEMORY2 231u
#define KC_CAP_MEMORY_FAULT_INFO 232u
#define KC_CAP_MEMORY_ATTRIBUTES 233u /* answers the attributes that there are */
#define KC_CAP_GUEST_MEMFD 234u
#define KC_CAP_VM_TYPES 235u /* answers a bit for each type */
#define KC_CAP_APIC_BUS_CYCLES_NS 237u

/* Private memory */
#define KC_MEM_GUEST_MEMFD (1u << 2) /* a flag of a slot */
#define KC_ATTRIBUTE_PRIVATE (1ull << 3)

struct kc_guest_memfd {
    uint64_t size; /* bytes, whole pages */
    uint64_t flags;
    uint64_t reserved[6];
};

struct kc_region {
    uint32_t slot;
    uint32_t flags;
    uint64_t gpa;
    uint64_t size;
    uint64_t hva; /* the shared view */
    uint64_t memfd_offset;
    uint32_t memfd;
    uint32_t pad1;
    uint64_t pad2[14];
};

struct kc_attributes {
    uint64_t gpa;
    uint64_t size;
    uint64_t attributes;
    uint64_t flags;
};

#define KC_CREATE_GUEST_MEMFD _IOWR(KVMIO, 0xd4, struct kc_guest_memfd)
#define KC_SET_REGION _IOW(KVMIO, 0x49, struct kc_region)
#define KC_SET_ATTRIBUTES _IOW(KVMIO, 0xd2, struct kc_attributes)

/* SEV-SNP: KVM_MEMORY_ENCRYPT_OP */
enum kc_sev_command {
    KC_SEV_INIT2 = 22,
    KC_SNP_LAUNCH_START = 100,
    KC_SNP_LAUNCH_UPDATE = 101,
    KC_SNP_LAUNCH_FINISH = 102,
    KC_SNP_ENABLE_REQ_CERTS = 103,
};

struct kc_sev {
    uint32_t id; /* enum kc_sev_command */
    uint32_t pad;
    uint64_t data;  /* address of the command's structure */
    uint32_t error; /* out: what the firmware answered */
    uint32_t sev_fd;
};

struct kc_sev_init {
    uint64_t vmsa_features; /* without bit 0, which KVM adds */
    uint32_t flags;
    uint16_t ghcb_version; /* 0: KVM's default, 2 */
    uint16_t pad1;
    uint32_t pad2[8];
};

struct kc_snp_start {
    uint64_t policy;
    uint8_t gosvw[16];
    uint16_t flags;
    uint8_t pad1[6];
    uint64_t pad2[4];
};

struct kc_snp_update {
    uint64_t gfn;
    uint64_t hva;
    uint64_t size; /* bytes; the first three move on as pages are done */
    uint8_t type;
    uint8_t pad1;
    uint16_t flags;
    uint32_t pad2;
    uint64_t pad3[4];
};

struct kc_snp_finish {
    uint64_t id_block;
    uint64_t id_auth;
    uint8_t id_block_enabled;
    uint8_t author_key_enabled;
    uint8_t vcek_disabled;
    uint8_t host_data[32];
    uint8_t pad1[3];
    uint16_t flags;
    uint64_t pad2[4];
};

#define KC_MEMORY_ENCRYPT_OP _IOWR(KVMIO, 0xba, unsigned long)
#define KC_GROUP_SEV 1u            /* KVM_HAS_DEVICE_ATTR of /dev/kvm */
#define KC_ATTR_SNP_REQ_CERTS 2ull /* (u) for kernels before the merge */

/* TDX: KVM_MEMORY_ENCRYPT_OP */
enum kc_tdx_command {
    KC_TDX_CAPABILITIES = 0,
    KC_TDX_INIT_VM = 1,
    KC_TDX_INIT_VCPU = 2,       /* of a vCPU; data: what RCX and R8 will be */
    KC_TDX_INIT_MEM_REGION = 3, /* of a vCPU */
    KC_TDX_FINALIZE_VM = 4,
    KC_TDX_GET_CPUID = 5, /* of a vCPU */
};

struct kc_tdx {
    uint32_t id; /* enum kc_tdx_command */
    uint32_t flags;
    uint64_t data;     /* address of the command's structure, or a value */
    uint64_t hw_error; /* 0 before; out: what the TDX module answered */
};

#define KC_TDX_MEASURE 1u /* a flag of INIT_MEM_REGION */

/* A struct kvm_cpuid2 follows, as it does after kc_tdx_vm. */
struct kc_tdx_capabilities {
    uint64_t attributes; /* of a TD that there may be */
    uint64_t xfam;
    uint64_t vmcall_info[4]; /* subfunctions: 1_r11 of kernel and user, 1_r12 of kernel and user */
    uint64_t reserved[250];
};

struct kc_tdx_vm {
    uint64_t attributes;
    uint64_t xfam;
    uint8_t mr_config_id[48];
    uint8_t mr_owner[48];
    uint8_t mr_owner_config[48];
    uint64_t reserved[12];
};

struct kc_tdx_region {
    uint64_t hva; /* page aligned; all three move on as pages are done */
    uint64_t gpa;
    uint64_t pages; /* of 4 KiB */
};

/* Exits; the data stands where struct kvm_run has its union. */
#define KC_EXIT_MEMORY_FAULT 39u /* KVM_RUN answers -1 with EFAULT or EHWPOISON */
#define KC_EXIT_SNP_REQ_CERTS 43u
#define KC_MEMORY_FAULT_PRIVATE (1ull << 3)
#define KC_HC_MAP_GPA_RANGE 12u
#define KC_MAP_GPA_ENCRYPTED (1ull << 4)
#define KC_EVENT_SEV_TERM 6u
#define KC_EVENT_TDX_FATAL 7u
#define KC_EXIT_TDX 40u /* of a VM of type TDX */
#define KC_VMCALL_INFO 0x10000ull
#define KC_VMCALL_GET_QUOTE 0x10002ull
#define KC_VMCALL_EVENT_NOTIFY 0x10004ull
/* What a TDG.VP.VMCALL is answered with. */
#define KC_VMCALL_OK 0ull
#define KC_VMCALL_RETRY 1ull
#define KC_VMCALL_INVALID 0x8000000000000000ull
#define KC_VMCALL_ALIGN 0x8000000000000002ull
#define KC_VMCALL_UNSUPPORTED 0x8000000000000003ull

struct kc_exit_memory_fault {
    uint64_t flags;
    uint64_t gpa;
    uint64_t size;
};

struct kc_exit_certs {
    uint64_t gpa;
    uint64_t pages;
    uint64_t ret; /* 0, or an errno value: ENOSPC with `pages`, EIO */
};

struct kc_exit_tdx {
    uint64_t flags;
    uint64_t nr;  /* KC_VMCALL_* */
    uint64_t ret; /* KC_VMCALL_*, for the guest */
    union {
        struct {
            uint64_t gpa; /* without the bit that means shared */
            uint64_t size;
        } get_quote;
        struct {
            uint64_t leaf, r11, r12, r13, r14;
        } info;
        uint64_t vector;
    };
};

/* A TD's registers in the order of their encodings: RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8 to
 * R15; those that a fatal error has shown. */
#define KC_FATAL_REGISTERS 16u

static inline void *kc_exit_data(struct kvm_run *run)
{
    return (uint8_t *)run + offsetof(struct kvm_run, hypercall);
}

#define KC_IS(type, member, at)                                                                    \
    _Static_assert(offsetof(struct type, member) == (at), #type "." #member)
#define KC_SIZE(type, size) _Static_assert(sizeof(struct type) == (size), #type)
KC_SIZE(kc_guest_memfd, 64);
KC_SIZE(kc_region, 160);
KC_IS(kc_region, hva, 24);
KC_IS(kc_region, memfd_offset, 32);
KC_IS(kc_region, memfd, 40);
KC_SIZE(kc_attributes, 32);
KC_SIZE(kc_sev, 24);
KC_IS(kc_sev, data, 8);
KC_IS(kc_sev, error, 16);
KC_SIZE(kc_sev_init, 48);
KC_IS(kc_sev_init, ghcb_version, 12);
KC_SIZE(kc_snp_start, 64);
KC_IS(kc_snp_start, flags, 24);
KC_SIZE(kc_snp_update, 64);
KC_IS(kc_snp_update, type, 24);
KC_IS(kc_snp_update, flags, 26);
KC_SIZE(kc_snp_finish, 88);
KC_IS(kc_snp_finish, vcek_disabled, 18);
KC_IS(kc_snp_finish, host_data, 19);
KC_IS(kc_snp_finish, flags, 54);
KC_SIZE(kc_exit_memory_fault, 24);
KC_SIZE(kc_exit_certs, 24);
KC_SIZE(kc_tdx, 24);
KC_IS(kc_tdx, data, 8);
KC_IS(kc_tdx, hw_error, 16);
KC_SIZE(kc_tdx_capabilities, 2048);
KC_IS(kc_tdx_capabilities, xfam, 8);
KC_IS(kc_tdx_capabilities, reserved, 48);
KC_SIZE(kc_tdx_vm, 256);
KC_IS(kc_tdx_vm, mr_config_id, 16);
KC_IS(kc_tdx_vm, mr_owner, 64);
KC_IS(kc_tdx_vm, mr_owner_config, 112);
KC_IS(kc_tdx_vm, reserved, 160);
KC_SIZE(kc_tdx_region, 24);
KC_IS(kc_tdx_region, gpa, 8);
KC_IS(kc_tdx_region, pages, 16);
KC_SIZE(kc_exit_tdx, 64);
KC_IS(kc_exit_tdx, ret, 16);
KC_IS(kc_exit_tdx, get_quote, 24);
KC_IS(kc_exit_tdx, get_quote.size, 32);
KC_IS(kc_exit_tdx, info.r11, 32);
KC_IS(kc_exit_tdx, vector, 24);
_Static_assert(offsetof(struct kvm_run, system_event.data) ==
                   offsetof(struct kvm_run, hypercall) + 8,
               "system event");
_Static_assert(sizeof(((struct kvm_run *)0)->system_event.data) >= 8 * KC_FATAL_REGISTERS,
               "system event");
_Static_assert(KC_CREATE_GUEST_MEMFD == 0xC040AED4u, "KVM_CREATE_GUEST_MEMFD");
_Static_assert(KC_SET_REGION == 0x40A0AE49u, "KVM_SET_USER_MEMORY_REGION2");
_Static_assert(KC_SET_ATTRIBUTES == 0x4020AED2u, "KVM_SET_MEMORY_ATTRIBUTES");
_Static_assert(KC_MEMORY_ENCRYPT_OP == 0xC008AEBAu, "KVM_MEMORY_ENCRYPT_OP");

#endif
