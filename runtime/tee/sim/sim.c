/* SPDX-License-Identifier: Apache-2.0
 * sim.c - the simulated TEE: an ordinary KVM guest whose launch is told, page by page, to the
 * separate program cloister-sim-psp, which measures it as AMD's firmware does and alone can sign.
 * It protects nothing. Trust: see tee.h. Threads: one. Memory: one small object.
 */
#include "psp_client.h"
#include "tee/vmsa.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

struct tee {
    struct tee_config cfg;
};

static enum cl_status sim_open(const struct tee_config *cfg, struct tee **ret_tee,
                               struct cl_err *err)
{
    struct tee *t = calloc(1, sizeof(*t));
    if (t == NULL) {
        return cl_err_nomem(err, "sim TEE");
    }
    t->cfg = *cfg;
    *ret_tee = t;
    return CL_OK;
}

static enum cl_status sim_create_vm(struct tee *t, int *ret_vm_fd, struct cl_err *err)
{
    if (vmm_kvm_dev(t->cfg.kvm, KVM_CHECK_EXTENSION, (void *)KVM_CAP_READONLY_MEM) <= 0) {
        return cl_err_set(err, CL_ERR_SYS, "KVM: expected read-only memory, got a KVM without");
    }
    int fd = vmm_kvm_dev(t->cfg.kvm, KVM_CREATE_VM, NULL);
    if (fd < 0) {
        return cl_err_sys(err, errno, "KVM_CREATE_VM");
    }
    *ret_vm_fd = fd;
    return CL_OK;
}

static enum cl_status sim_add_memory(struct tee *t, const struct tee_memory *m, struct cl_err *err)
{
    struct kvm_userspace_memory_region region = {
        .slot = m->slot,
        .flags = m->read_only ? KVM_MEM_READONLY : 0,
        .guest_phys_addr = m->gpa,
        .memory_size = m->size,
        .userspace_addr = (uintptr_t)m->hva,
    };
    if (vmm_kvm_vm(t->cfg.kvm, KVM_SET_USER_MEMORY_REGION, &region) < 0) {
        return cl_err_sys(err, errno, "memory slot %u: 0x%llx bytes at 0x%llx", (unsigned)m->slot,
                          (unsigned long long)m->size, (unsigned long long)m->gpa);
    }
    return CL_OK;
}

static enum cl_status sim_remove_memory(struct tee *t, uint32_t slot, struct cl_err *err)
{
    struct kvm_userspace_memory_region region = {.slot = slot};
    if (vmm_kvm_vm(t->cfg.kvm, KVM_SET_USER_MEMORY_REGION, &region) < 0) {
        return cl_err_sys(err, errno, "remove memory slot %u", (unsigned)slot);
    }
    return CL_OK;
}

static enum cl_status sim_launch_start(struct tee *t, struct cl_err *err)
{
    return t->cfg.psp_fd < 0 ? CL_OK : sim_psp_launch_start(t->cfg.psp_fd, TEE_SNP_POLICY, err);
}

static enum cl_status sim_place_page(struct tee *t, enum tee_page_type type, uint64_t gpa,
                                     const void *hva, size_t size, struct cl_err *err)
{
    /* The contents already stand in the guest's memory, which nobody encrypts. */
    return t->cfg.psp_fd < 0 ? CL_OK
                             : sim_psp_launch_update(t->cfg.psp_fd, gpa, type, hva, size, err);
}

static enum cl_status sim_take_vcpus(CL_UNUSED struct tee *t, CL_UNUSED const int *vcpu_fd,
                                     CL_UNUSED struct cl_err *err)
{
    return CL_OK; /* KVM's reset state is what the VMSAs say */
}

static enum cl_status sim_start_vcpus(struct tee *t, uint32_t ap_entry, struct cl_err *err)
{
    uint8_t page[TEE_PAGE_SIZE];
    if (t->cfg.psp_fd < 0) {
        return CL_OK;
    }
    for (unsigned i = 0; i < t->cfg.cpu_count; i++) {
        tee_vmsa_build(page, i == 0 ? 0 : ap_entry, t->cfg.cpu_sig, TEE_SNP_FEATURES);
        CL_TRY(sim_psp_launch_update(t->cfg.psp_fd, TEE_VMSA_GPA, TEE_PAGE_VMSA, page, sizeof(page),
                                     err));
    }
    return CL_OK;
}

static enum cl_status sim_finish(struct tee *t, uint8_t ret_digest[static TEE_DIGEST_SIZE],
                                 bool *ret_measured, struct cl_err *err)
{
    if (t->cfg.psp_fd < 0) {
        *ret_measured = false;
        return CL_OK;
    }
    CL_TRY(sim_psp_launch_finish(t->cfg.psp_fd, t->cfg.host_data, ret_digest, err));
    *ret_measured = true;
    return CL_OK;
}

static enum tee_exit sim_handle_exit(CL_UNUSED struct tee *t, CL_UNUSED unsigned cpu,
                                     CL_UNUSED struct kvm_run *run, CL_UNUSED uint32_t *ret_code,
                                     CL_UNUSED struct cl_err *err)
{
    return TEE_EXIT_UNKNOWN; /* an ordinary guest has only ordinary exits */
}

static void sim_free(struct tee *t)
{
    free(t);
}

const struct tee_ops tee_sim_ops = {
    .name = "sim-snp",
    .open = sim_open,
    .create_vm = sim_create_vm,
    .add_memory = sim_add_memory,
    .remove_memory = sim_remove_memory,
    .launch_start = sim_launch_start,
    .take_vcpus = sim_take_vcpus,
    .place_page = sim_place_page,
    .start_vcpus = sim_start_vcpus,
    .finish = sim_finish,
    .handle_exit = sim_handle_exit,
    .free = sim_free,
};
