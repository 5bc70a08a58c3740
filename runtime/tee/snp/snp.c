/* SPDX-License-Identifier: Apache-2.0
 * snp.c - the SEV-SNP back-end: the launch through KVM, in the order that `cloister measure`
 * predicts. Trust, threads: see snp_internal.h. Memory: one object, the CPUID page.
 * Spec: snp.md d.3. Runs against a model of KVM only, so far (docs/hardware.md).
 */
#include "tee/vmsa.h"

#include "snp_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TRIES_MAX 100000u /* of an update that does not move on */
#define PARAM_INVALID 0x16u
#define RESET_ENTRY 0xfffffff0u

static enum cl_status snp_open(const struct tee_config *cfg, struct tee **ret_tee,
                               struct cl_err *err)
{
    CL_TRY(tee_need_capability(cfg->kvm, KC_CAP_VM_TYPES, 1u << KC_VM_SNP, "VMs of type SEV-SNP",
                               err));
    CL_TRY(tee_private_check(cfg->kvm, err));
    struct tee *t = calloc(1, sizeof(*t));
    if (t == NULL) {
        return cl_err_nomem(err, "SNP back-end");
    }
    t->cfg = *cfg;
    t->memory.kvm = cfg->kvm;
    t->cpuid_page = aligned_alloc(TEE_PAGE_SIZE, TEE_PAGE_SIZE);
    if (t->cpuid_page == NULL) {
        free(t);
        return cl_err_nomem(err, "CPUID page");
    }
    *ret_tee = t;
    return CL_OK;
}

static const char *firmware_word(uint32_t error)
{
    static const struct {
        uint32_t code;
        const char *word;
    } words[] = {{0x01, "invalid platform state"},
                 {0x02, "invalid guest state"},
                 {0x03, "invalid configuration"},
                 {0x04, "invalid length"},
                 {0x07, "policy failure"},
                 {0x08, "inactive"},
                 {0x09, "invalid address"},
                 {0x0a, "bad signature"},
                 {0x0b, "bad measurement"},
                 {0x0c, "ASID is owned"},
                 {0x0d, "invalid ASID"},
                 {0x10, "invalid guest"},
                 {0x11, "invalid command"},
                 {0x13, "hardware error"},
                 {0x15, "unsupported"},
                 {PARAM_INVALID, "invalid parameter"},
                 {0x17, "resource limit"},
                 {0x19, "invalid page size"},
                 {0x1a, "invalid page state"},
                 {0x1b, "invalid metadata"},
                 {0x1c, "invalid page owner"},
                 {0x20, "RMP initialisation required"},
                 {0x21, "bad SVN"},
                 {0x22, "bad version"}};
    for (size_t i = 0; i < CL_ARRAY_LEN(words); i++) {
        if (words[i].code == error) {
            return words[i].word;
        }
    }
    return "an error of its own";
}

enum cl_status snp_command(struct tee *t, uint32_t id, void *data, uint32_t *ret_error,
                           const char *name, struct cl_err *err)
{
    struct kc_sev c = {.id = id, .data = (uintptr_t)data, .sev_fd = (uint32_t)t->cfg.sev_fd};
    int rc = vmm_kvm_vm(t->cfg.kvm, KC_MEMORY_ENCRYPT_OP, &c);
    int saved = errno;
    if (ret_error != NULL) {
        *ret_error = c.error;
    }
    if (rc < 0 && saved == EIO && c.error != 0) {
        return cl_err_set(err, CL_ERR_REJECTED, "%s: the security processor answered 0x%x, %s",
                          name, (unsigned)c.error, firmware_word(c.error));
    }
    return rc < 0 ? cl_err_sys(err, saved, "%s", name) : CL_OK;
}

static enum cl_status snp_create_vm(struct tee *t, int *ret_vm_fd, struct cl_err *err)
{
    int fd = vmm_kvm_dev(t->cfg.kvm, KVM_CREATE_VM, (void *)(uintptr_t)KC_VM_SNP);
    if (fd < 0) {
        return cl_err_sys(err, errno, "KVM_CREATE_VM of type SEV-SNP");
    }
    *ret_vm_fd = fd; /* the caller closes it, whatever follows */
    CL_TRY(tee_private_enable_exits(t->cfg.kvm, err));
    struct kc_sev_init init = {.ghcb_version = 2};
    return snp_command(t, KC_SEV_INIT2, &init, NULL, "KVM_SEV_INIT2", err);
}

static enum cl_status snp_add_memory(struct tee *t, const struct tee_memory *m, struct cl_err *err)
{
    return tee_private_add(&t->memory, m, err);
}

static enum cl_status snp_remove_memory(struct tee *t, uint32_t slot, struct cl_err *err)
{
    return tee_private_remove(&t->memory, slot, err);
}

static enum cl_status snp_launch_start(struct tee *t, struct cl_err *err)
{
    struct kc_snp_start start = {.policy = t->cfg.policy};
    memset(t->digest, 0, sizeof(t->digest));
    return snp_command(t, KC_SNP_LAUNCH_START, &start, NULL, "SNP_LAUNCH_START", err);
}

static enum cl_status snp_take_vcpus(struct tee *t, const int *vcpu_fd, struct cl_err *err)
{
    t->vcpu_fd = vcpu_fd;
    return snp_cpuid_page_fill(t, vcpu_fd[0], err);
}

/* KVM writes back how far it came, and may ask for another try. */
static enum cl_status update(struct tee *t, struct kc_snp_update *u, uint32_t *ret_error,
                             struct cl_err *err)
{
    unsigned tries = 0;
    struct cl_err e = {0};
    while (u->size > 0) {
        uint64_t left = u->size;
        enum cl_status st =
            snp_command(t, KC_SNP_LAUNCH_UPDATE, u, ret_error, "SNP_LAUNCH_UPDATE", &e);
        bool again = st == CL_ERR_SYS && e.sys_errno == EAGAIN;
        if (st != CL_OK && !again) {
            if (err != NULL) {
                *err = e;
            }
            return cl_err_wrap(err, st, "page 0x%llx of type %u",
                               (unsigned long long)u->gfn * TEE_PAGE_SIZE, (unsigned)u->type);
        }
        tries = u->size == left ? tries + 1 : 0;
        if (u->size > left || tries == TRIES_MAX) {
            return cl_err_set(err, CL_ERR_SYS, "SNP_LAUNCH_UPDATE: expected progress, got none");
        }
    }
    return CL_OK;
}

/* The processor's firmware corrects the table of a CPUID page that it refuses; once. */
static enum cl_status update_cpuid(struct tee *t, struct kc_snp_update *u, struct cl_err *err)
{
    struct kc_snp_update first = *u;
    uint32_t error = 0;
    enum cl_status st = update(t, u, &error, err);
    if (st == CL_ERR_REJECTED && error == PARAM_INVALID) {
        *u = first;
        st = update(t, u, NULL, err);
    }
    return st;
}

static bool is_measured(enum tee_page_type type)
{
    return type == TEE_PAGE_NORMAL || type == TEE_PAGE_VMSA;
}

static enum cl_status snp_place_page(struct tee *t, enum tee_page_type type, uint64_t gpa,
                                     const void *hva, size_t size, struct cl_err *err)
{
    const struct tee_private_slot *s = tee_private_slot_of(&t->memory, gpa, size);
    if (s == NULL || (type == TEE_PAGE_CPUID && size != TEE_PAGE_SIZE)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "launch: 0x%zx bytes at 0x%llx: expected pages of one slot with private "
                          "memory, and one for CPUID",
                          size, (unsigned long long)gpa);
    }
    CL_TRY(tee_private_set(&t->memory, s, gpa, size, true, false, err));
    const uint8_t *source = type == TEE_PAGE_CPUID ? t->cpuid_page : hva;
    struct kc_snp_update u = {
        .gfn = gpa / TEE_PAGE_SIZE, .hva = (uintptr_t)source, .size = size, .type = (uint8_t)type};
    CL_TRY(type == TEE_PAGE_CPUID ? update_cpuid(t, &u, err) : update(t, &u, NULL, err));
    for (size_t at = 0; at < size; at += TEE_PAGE_SIZE) {
        const uint8_t *page = is_measured(type) ? source + at : NULL;
        CL_TRY(snp_digest_page(t->digest, (uint8_t)type, gpa + at, page, err));
    }
    return CL_OK;
}

/* KVM measures the VMSAs itself, when the launch is finished; we say what it will find. */
static enum cl_status snp_start_vcpus(struct tee *t, uint32_t ap_entry, struct cl_err *err)
{
    uint8_t page[TEE_PAGE_SIZE];
    for (unsigned i = 0; i < t->cfg.cpu_count; i++) {
        uint32_t entry = i == 0 ? RESET_ENTRY : ap_entry;
        enum cl_status st = snp_vcpu_set(t, t->vcpu_fd[i], entry, err);
        if (st != CL_OK) {
            return cl_err_wrap(err, st, "vCPU %u", i);
        }
        tee_vmsa_build(page, i == 0 ? 0 : ap_entry, t->cfg.cpu_sig, TEE_SNP_FEATURES);
        CL_TRY(snp_digest_page(t->digest, TEE_PAGE_VMSA, TEE_VMSA_GPA, page, err));
    }
    return CL_OK;
}

static enum cl_status enable_certs(struct tee *t, struct cl_err *err)
{
    struct kvm_device_attr attr = {.group = KC_GROUP_SEV, .attr = KC_ATTR_SNP_REQ_CERTS};
    if (t->cfg.certs_size == 0 || vmm_kvm_dev(t->cfg.kvm, KVM_HAS_DEVICE_ATTR, &attr) != 0) {
        return CL_OK; /* the guest is given none; a verifier finds them elsewhere */
    }
    return snp_command(t, KC_SNP_ENABLE_REQ_CERTS, NULL, NULL, "SNP_ENABLE_REQ_CERTS", err);
}

static enum cl_status snp_finish(struct tee *t, uint8_t ret_digest[static TEE_DIGEST_SIZE],
                                 bool *ret_measured, struct cl_err *err)
{
    struct kc_snp_finish f = {.id_block_enabled = t->cfg.id_block != NULL,
                              .author_key_enabled = t->cfg.id_author,
                              .id_block = (uintptr_t)t->cfg.id_block,
                              .id_auth = (uintptr_t)t->cfg.id_auth};
    memcpy(f.host_data, t->cfg.host_data, sizeof(f.host_data));
    CL_TRY(enable_certs(t, err));
    CL_TRY(snp_command(t, KC_SNP_LAUNCH_FINISH, &f, NULL, "SNP_LAUNCH_FINISH", err));
    memcpy(ret_digest, t->digest, TEE_DIGEST_SIZE);
    *ret_measured = true;
    return CL_OK;
}

static void snp_free(struct tee *t)
{
    if (t != NULL) {
        tee_private_done(&t->memory);
        free(t->cpuid_page);
        free(t);
    }
}

const struct tee_ops tee_snp_ops = {
    .name = "snp",
    .guest = TEE_GUEST_SNP,
    .open = snp_open,
    .create_vm = snp_create_vm,
    .add_memory = snp_add_memory,
    .remove_memory = snp_remove_memory,
    .launch_start = snp_launch_start,
    .take_vcpus = snp_take_vcpus,
    .place_page = snp_place_page,
    .start_vcpus = snp_start_vcpus,
    .finish = snp_finish,
    .handle_exit = snp_handle_exit,
    .free = snp_free,
};
