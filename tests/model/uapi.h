/* SPDX-License-Identifier: Apache-2.0
 * uapi.h - the part of the kernel's interface to confidential VMs that the distribution's headers
 * lack, as the model reads it from specs/snp.md (d). It shares nothing with the product's own
 * header: an error in either shows as a difference. Sizes and numbers that the page prints are
 * asserted here.
 */
#ifndef CL_MODEL_UAPI_H
#define CL_MODEL_UAPI_H

#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>

/* snp.md d.1: VM type, capabilities, exits. */
#define MU_VM_TYPE_SNP 4u
#define MU_CAP_EXIT_HYPERCALL 201
#define MU_CAP_USER_MEMORY2 231
#define MU_CAP_MEMORY_FAULT_INFO 232
#define MU_CAP_MEMORY_ATTRIBUTES 233
#define MU_CAP_GUEST_MEMFD 234
#define MU_CAP_VM_TYPES 235
#define MU_EXIT_MEMORY_FAULT 39u
#define MU_EXIT_SNP_REQ_CERTS 43u
#define MU_SYSTEM_EVENT_SEV_TERM 6u
#define MU_FAULT_PRIVATE (1ull << 3)
#define MU_ATTRIBUTE_PRIVATE (1ull << 3)
#define MU_MEM_GUEST_MEMFD (1u << 2)
#define MU_HC_MAP_GPA_RANGE 12u
#define MU_MAP_PRIVATE (1ull << 4)

/* snp.md d.2: attributes of /dev/kvm, group KVM_X86_GRP_SEV. */
#define MU_GRP_SEV 1u
#define MU_ATTR_VMSA_FEATURES 0u
#define MU_ATTR_POLICY_BITS 1u
#define MU_ATTR_REQ_CERTS 2u

/* snp.md d.2: commands of KVM_MEMORY_ENCRYPT_OP. */
enum mu_sev_command {
    MU_SEV_INIT2 = 22,
    MU_SNP_LAUNCH_START = 100,
    MU_SNP_LAUNCH_UPDATE = 101,
    MU_SNP_LAUNCH_FINISH = 102,
    MU_SNP_ENABLE_REQ_CERTS = 103,
};

/* snp.md c: types of page in a launch. */
enum mu_page_type {
    MU_PAGE_NORMAL = 1,
    MU_PAGE_VMSA = 2,
    MU_PAGE_ZERO = 3,
    MU_PAGE_UNMEASURED = 4,
    MU_PAGE_SECRETS = 5,
    MU_PAGE_CPUID = 6,
};

/* snp.md d.5: status codes of the firmware that the model gives. */
enum mu_fw_error {
    MU_FW_POLICY_FAILURE = 0x07,
    MU_FW_BAD_SIGNATURE = 0x0A,
    MU_FW_BAD_MEASUREMENT = 0x0B,
    MU_FW_INVALID_PARAM = 0x16,
    MU_FW_INVALID_PAGE_STATE = 0x1A,
    MU_FW_BAD_VERSION = 0x22,
};

struct mu_sev_cmd {
    uint32_t id;
    uint32_t pad;
    uint64_t data;
    uint32_t error;
    uint32_t sev_fd;
};

struct mu_sev_init {
    uint64_t vmsa_features;
    uint32_t flags;
    uint16_t ghcb_version;
    uint16_t pad1;
    uint32_t pad2[8];
};

struct mu_launch_start {
    uint64_t policy;
    uint8_t gosvw[16];
    uint16_t flags;
    uint8_t pad0[6];
    uint64_t pad1[4];
};

struct mu_launch_update {
    uint64_t gfn_start;
    uint64_t uaddr;
    uint64_t len;
    uint8_t type;
    uint8_t pad0;
    uint16_t flags;
    uint32_t pad1;
    uint64_t pad2[4];
};

struct mu_launch_finish {
    uint64_t id_block_uaddr;
    uint64_t id_auth_uaddr;
    uint8_t id_block_en;
    uint8_t auth_key_en;
    uint8_t vcek_disabled;
    uint8_t host_data[32];
    uint8_t pad0[3];
    uint16_t flags;
    uint64_t pad1[4];
};

struct mu_create_guest_memfd {
    uint64_t size;
    uint64_t flags;
    uint64_t reserved[6];
};

struct mu_memory_region2 {
    uint32_t slot;
    uint32_t flags;
    uint64_t gpa;
    uint64_t size;
    uint64_t userspace_addr;
    uint64_t gmem_offset;
    uint32_t gmem_fd;
    uint32_t pad1;
    uint64_t pad2[14];
};

struct mu_memory_attributes {
    uint64_t address;
    uint64_t size;
    uint64_t attributes;
    uint64_t flags;
};

/* What struct kvm_run holds at the exits that the old header does not name. */
struct mu_exit_hypercall {
    uint64_t nr;
    uint64_t args[6];
    uint64_t ret;
    uint64_t flags;
};

struct mu_exit_memory_fault {
    uint64_t flags;
    uint64_t gpa;
    uint64_t size;
};

struct mu_exit_req_certs {
    uint64_t gpa;
    uint64_t npages;
    uint64_t ret;
};

struct mu_exit_system_event {
    uint32_t type;
    uint32_t ndata;
    uint64_t data[16];
};

#define MU_MEMORY_ENCRYPT_OP 0xC008AEBAul
#define MU_CREATE_GUEST_MEMFD _IOWR(KVMIO, 0xd4, struct mu_create_guest_memfd)
#define MU_SET_USER_MEMORY_REGION2 _IOW(KVMIO, 0x49, struct mu_memory_region2)
#define MU_SET_MEMORY_ATTRIBUTES _IOW(KVMIO, 0xd2, struct mu_memory_attributes)

_Static_assert(sizeof(struct mu_sev_cmd) == 24, "snp.md d.2: kvm_sev_cmd");
_Static_assert(offsetof(struct mu_sev_cmd, error) == 16, "snp.md d.2: kvm_sev_cmd.error");
_Static_assert(sizeof(struct mu_sev_init) == 48, "snp.md d.2: kvm_sev_init");
_Static_assert(sizeof(struct mu_launch_start) == 64, "snp.md d.2: launch_start");
_Static_assert(sizeof(struct mu_launch_update) == 64, "snp.md d.2: launch_update");
_Static_assert(offsetof(struct mu_launch_update, type) == 24, "snp.md d.2: launch_update.type");
_Static_assert(sizeof(struct mu_launch_finish) == 88, "snp.md d.2: launch_finish");
_Static_assert(offsetof(struct mu_launch_finish, host_data) == 19, "snp.md d.2: host_data");
_Static_assert(sizeof(struct mu_create_guest_memfd) == 64, "snp.md d.2: create_guest_memfd");
_Static_assert(sizeof(struct mu_memory_region2) == 160, "snp.md d.2: memory_region2");
_Static_assert(offsetof(struct mu_memory_region2, gmem_fd) == 40, "snp.md d.2: gmem_fd");
_Static_assert(sizeof(struct mu_memory_attributes) == 32, "snp.md d.2: memory_attributes");
_Static_assert(MU_CREATE_GUEST_MEMFD == 0xC040AED4ul, "snp.md d.1: CREATE_GUEST_MEMFD");
_Static_assert(MU_SET_USER_MEMORY_REGION2 == 0x40A0AE49ul, "snp.md d.1: REGION2");
_Static_assert(MU_SET_MEMORY_ATTRIBUTES == 0x4020AED2ul, "snp.md d.1: MEMORY_ATTRIBUTES");
_Static_assert(sizeof(struct mu_exit_system_event) <= 256, "fits the union of struct kvm_run");

#endif
