/* SPDX-License-Identifier: Apache-2.0
 * snp_internal.h - what the files of this back-end share. Trust: KVM is the host's; the exits carry
 * what the guest wrote. Threads: launch on one thread; exits on each vCPU's own.
 */
#ifndef TEE_SNP_INTERNAL_H
#define TEE_SNP_INTERNAL_H

#include "tee/private_memory.h"

struct tee {
    struct tee_config cfg;
    struct tee_private memory;
    uint8_t digest[TEE_DIGEST_SIZE]; /* of what was placed, so far */
    uint8_t *cpuid_page;             /* owned, page aligned; NULL before launch_start */
    const int *vcpu_fd;              /* borrowed from start_vcpus on */
};

/* snp.c: one KVM_MEMORY_ENCRYPT_OP. CL_ERR_REJECTED with the firmware's word, CL_ERR_SYS. */
CL_NODISCARD enum cl_status snp_command(struct tee *t, uint32_t id, void *data, uint32_t *ret_error,
                                        const char *name, struct cl_err *err);
/* digest.c: SHA-384 of PAGE_INFO (snp.md c); page is NULL for types whose contents do not count. */
CL_NODISCARD enum cl_status snp_digest_page(uint8_t digest[static TEE_DIGEST_SIZE], uint8_t type,
                                            uint64_t gpa, const uint8_t *page, struct cl_err *err);
/* cpuid_page.c: the table (snp.md d.4) from what KVM offers this VM's first vCPU. */
CL_NODISCARD enum cl_status snp_cpuid_page_fill(struct tee *t, int vcpu_fd, struct cl_err *err);
/* vcpu_state.c: the registers that the measured VMSA has. */
CL_NODISCARD enum cl_status snp_vcpu_set(struct tee *t, int vcpu_fd, uint32_t entry,
                                         struct cl_err *err);
/* exits.c */
enum tee_exit snp_handle_exit(struct tee *t, unsigned cpu, struct kvm_run *run, uint32_t *ret_code,
                              struct cl_err *err);

#endif
