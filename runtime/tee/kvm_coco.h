/* SPDX-License-Identifier: Apache-2.0
 * kvm_coco.h - what KVM's user interface gained for confidential guests after the headers that we
 * build with: SEV-SNP, private memory (guest_memfd), memory attributes, the exits that go with
 * them. Names are ours (KC_), so that newer kernel headers may stand beside them. Spec: snp.md d.1,
 * d.2. Every size and offset below is asserted; none is taken on trust.
 */
#ifndef TEE_KVM_COCO_H
#define TEE_KVM_COCO_H

#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>

/* KVM_CREATE_VM */
#define KC_VM_SNP 4u

/* KVM_CHECK_EXTENSION */
#define KC_CAP_EXIT_HYPERCALL 201u
#define KC_CAP_USER_MEMORY2 231u
#define KC_CAP_MEMORY_FAULT_INFO 232u
#define KC_CAP_MEMORY_ATTRIBUTES 233u /* answers the attributes that there are */
#define KC_CAP_GUEST_MEMFD 234u
#define KC_CAP_VM_TYPES 235u /* answers a bit for each type */

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

/* Exits; the data stands where struct kvm_run has its union. */
#define KC_EXIT_MEMORY_FAULT 39u /* KVM_RUN answers -1 with EFAULT or EHWPOISON */
#define KC_EXIT_SNP_REQ_CERTS 40u
#define KC_MEMORY_FAULT_PRIVATE (1ull << 3)
#define KC_HC_MAP_GPA_RANGE 12u
#define KC_MAP_GPA_ENCRYPTED (1ull << 4)
#define KC_EVENT_SEV_TERM 6u

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
_Static_assert(KC_CREATE_GUEST_MEMFD == 0xC040AED4u, "KVM_CREATE_GUEST_MEMFD");
_Static_assert(KC_SET_REGION == 0x40A0AE49u, "KVM_SET_USER_MEMORY_REGION2");
_Static_assert(KC_SET_ATTRIBUTES == 0x4020AED2u, "KVM_SET_MEMORY_ATTRIBUTES");
_Static_assert(KC_MEMORY_ENCRYPT_OP == 0xC008AEBAu, "KVM_MEMORY_ENCRYPT_OP");

#endif
