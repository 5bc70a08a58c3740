/* SPDX-License-Identifier: Apache-2.0
 * tdx.c - the TDX back-end: the launch through KVM, in the order that `cloister measure tdx`
 * predicts. Trust, threads: see tdx_internal.h. Memory: one object, KVM's capabilities.
 * Spec: tdx.md c. Runs against a model of KVM only, so far (docs/hardware.md).
 */
#include "tdx_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TRIES_MAX 100000u /* of a region that does not move on */

static enum cl_status tdx_open(const struct tee_config *cfg, struct tee **ret_tee,
                               struct cl_err *err)
{
    CL_TRY(tee_need_capability(cfg->kvm, KC_CAP_VM_TYPES, 1u << KC_VM_TDX, "VMs of type TDX", err));
    CL_TRY(tee_private_check(cfg->kvm, err));
    CL_TRY(tee_need_capability(cfg->kvm, KC_CAP_APIC_BUS_CYCLES_NS, 0, "an APIC clock of 25 MHz",
                               err));
    struct tee *t = calloc(1, sizeof(*t));
    if (t == NULL) {
        return cl_err_nomem(err, "TDX back-end");
    }
    t->cfg = *cfg;
    t->memory.kvm = cfg->kvm;
    *ret_tee = t;
    return CL_OK;
}

static const char *module_word(uint64_t status)
{
    static const struct {
        uint32_t class;
        const char *word;
    } words[] = {{0xC0000100u, "operand invalid"},
                 {0x80000200u, "operand busy"},
                 {0x80000203u, "no entropy"},
                 {0xC0000B00u, "page metadata incorrect"},
                 {0x00000B0Au, "page accepted already"}};
    for (size_t i = 0; i < CL_ARRAY_LEN(words); i++) {
        if (words[i].class == status >> 32) {
            return words[i].word;
        }
    }
    return "an error of its own";
}

enum cl_status tdx_command(struct tee *t, int fd, uint32_t id, uint32_t flags, uint64_t data,
                           const char *name, struct cl_err *err)
{
    struct kc_tdx c = {.id = id, .flags = flags, .data = data};
    int rc = vmm_kvm_fd(t->cfg.kvm, fd, KC_MEMORY_ENCRYPT_OP, &c);
    int saved = errno;
    if (rc >= 0) {
        return CL_OK;
    }
    if (saved != EAGAIN && saved != EINTR && c.hw_error != 0) {
        return cl_err_set(err, CL_ERR_REJECTED, "%s: the TDX module answered 0x%llx, %s", name,
                          (unsigned long long)c.hw_error, module_word(c.hw_error));
    }
    return cl_err_sys(err, saved, "%s", name);
}

static enum cl_status tdx_create_vm(struct tee *t, int *ret_vm_fd, struct cl_err *err)
{
    int fd = vmm_kvm_dev(t->cfg.kvm, KVM_CREATE_VM, (void *)(uintptr_t)KC_VM_TDX);
    if (fd < 0) {
        return cl_err_sys(err, errno, "KVM_CREATE_VM of type TDX");
    }
    *ret_vm_fd = fd; /* the caller closes it, whatever follows */
    CL_TRY(tdx_read_capabilities(t, err));
    int max = vmm_kvm_vm(t->cfg.kvm, KVM_CHECK_EXTENSION, (void *)(uintptr_t)KVM_CAP_MAX_VCPUS);
    if (max < 0 || (unsigned)max < t->cfg.cpu_count) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE,
                          "KVM: expected TDs with %u vCPUs, got at most %d", t->cfg.cpu_count, max);
    }
    return tee_private_enable_exits(t->cfg.kvm, err);
}

/* A TD's memory is private from the start; what it shares, it says. */
static enum cl_status tdx_add_memory(struct tee *t, const struct tee_memory *m, struct cl_err *err)
{
    CL_TRY(tee_private_add(&t->memory, m, err));
    if (m->side == TEE_SIDE_SHARED) {
        return CL_OK;
    }
    const struct tee_private_slot *s = &t->memory.slot[t->memory.slot_count - 1];
    return tee_private_set(&t->memory, s, m->gpa, m->size, true, false, err);
}

static enum cl_status tdx_remove_memory(struct tee *t, uint32_t slot, struct cl_err *err)
{
    return tee_private_remove(&t->memory, slot, err);
}

static enum cl_status tdx_launch_start(struct tee *t, struct cl_err *err)
{
    cl_sha384_free(t->mrtd);
    t->mrtd = NULL;
    return cl_sha384_new(&t->mrtd, err);
}

/* KVM lists INIT_VCPU before SET_CPUID2; but it turns x2APIC on, which the CPUID table must have.
 */
static enum cl_status tdx_take_vcpus(struct tee *t, const int *vcpu_fd, struct cl_err *err)
{
    t->vcpu_fd = vcpu_fd;
    for (unsigned i = 0; i < t->cfg.cpu_count; i++) {
        enum cl_status st = tdx_command(t, vcpu_fd[i], KC_TDX_INIT_VCPU, 0, t->cfg.td_hob_gpa,
                                        "KVM_TDX_INIT_VCPU", err);
        if (st != CL_OK) {
            return cl_err_wrap(err, st, "vCPU %u", i);
        }
    }
    return CL_OK;
}

/* Where a region must stand when KVM has come so far with it. */
static bool is_within(const struct kc_tdx_region *now, const struct kc_tdx_region *first)
{
    uint64_t done = first->pages - now->pages;
    return now->pages <= first->pages && now->hva == first->hva + done * TEE_PAGE_SIZE &&
           now->gpa == first->gpa + done * TEE_PAGE_SIZE;
}

/* KVM writes back how far it came, and may ask for another try. */
static enum cl_status add_region(struct tee *t, struct kc_tdx_region *r, bool measured,
                                 struct cl_err *err)
{
    const struct kc_tdx_region first = *r;
    struct cl_err e = {0};
    unsigned tries = 0;
    while (r->pages > 0) {
        uint64_t left = r->pages;
        enum cl_status st =
            tdx_command(t, t->vcpu_fd[0], KC_TDX_INIT_MEM_REGION, measured ? KC_TDX_MEASURE : 0,
                        (uintptr_t)r, "KVM_TDX_INIT_MEM_REGION", &e);
        bool again = st == CL_ERR_SYS && (e.sys_errno == EAGAIN || e.sys_errno == EINTR);
        if (st != CL_OK && !again) {
            if (err != NULL) {
                *err = e;
            }
            return cl_err_wrap(err, st, "page 0x%llx", (unsigned long long)r->gpa);
        }
        if (st == CL_OK && r->pages == left) {
            return CL_OK; /* a kernel that does not write back has done all of it */
        }
        tries = r->pages == left ? tries + 1 : 0;
        if (!is_within(r, &first) || tries == TRIES_MAX) {
            return cl_err_set(err, CL_ERR_SYS,
                              "KVM_TDX_INIT_MEM_REGION: expected progress, got none");
        }
    }
    return CL_OK;
}

static enum cl_status tdx_place_page(struct tee *t, enum tee_page_type type, uint64_t gpa,
                                     const void *hva, size_t size, struct cl_err *err)
{
    bool measured = type == TEE_PAGE_NORMAL;
    if ((!measured && type != TEE_PAGE_UNMEASURED) || size % TEE_PAGE_SIZE != 0 ||
        tee_private_slot_of(&t->memory, gpa, size) == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "launch: 0x%zx bytes at 0x%llx: expected pages of one slot with private "
                          "memory",
                          size, (unsigned long long)gpa);
    }
    struct kc_tdx_region r = {.hva = (uintptr_t)hva, .gpa = gpa, .pages = size / TEE_PAGE_SIZE};
    CL_TRY(add_region(t, &r, measured, err));
    for (size_t at = 0; at < size; at += TEE_PAGE_SIZE) {
        CL_TRY(tdx_digest_page(t->mrtd, gpa + at, (const uint8_t *)hva + at, measured, err));
    }
    return CL_OK;
}

static enum cl_status tdx_start_vcpus(CL_UNUSED struct tee *t, CL_UNUSED uint32_t ap_entry,
                                      CL_UNUSED struct cl_err *err)
{
    return CL_OK; /* the TDX module gives all of them one state, which is not measured */
}

static enum cl_status tdx_finish(struct tee *t, uint8_t ret_digest[static TEE_DIGEST_SIZE],
                                 bool *ret_measured, struct cl_err *err)
{
    CL_TRY(tdx_command(t, t->cfg.kvm->vm_fd, KC_TDX_FINALIZE_VM, 0, 0, "KVM_TDX_FINALIZE_VM", err));
    CL_TRY(cl_sha384_final(t->mrtd, ret_digest, err));
    *ret_measured = true;
    return CL_OK;
}

static void tdx_free(struct tee *t)
{
    if (t != NULL) {
        tee_private_done(&t->memory);
        cl_sha384_free(t->mrtd);
        free(t->capabilities);
        free(t);
    }
}

const struct tee_ops tee_tdx_ops = {
    .name = "tdx",
    .guest = TEE_GUEST_TD,
    .open = tdx_open,
    .create_vm = tdx_create_vm,
    .init_vm = tdx_init_vm,
    .add_memory = tdx_add_memory,
    .remove_memory = tdx_remove_memory,
    .launch_start = tdx_launch_start,
    .vcpu_cpuid = tdx_vcpu_cpuid,
    .take_vcpus = tdx_take_vcpus,
    .place_page = tdx_place_page,
    .start_vcpus = tdx_start_vcpus,
    .finish = tdx_finish,
    .handle_exit = tdx_handle_exit,
    .quote_done = tdx_quote_done,
    .free = tdx_free,
};
