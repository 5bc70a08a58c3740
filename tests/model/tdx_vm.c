/* SPDX-License-Identifier: Apache-2.0
 * tdx_vm.c - a TD: its life, and KVM_MEMORY_ENCRYPT_OP of its VM: CAPABILITIES, INIT_VM and
 * FINALIZE_VM (tdx.md c, and the kernel's public documentation of them).
 */
#include "tdx_internal.h"

#include <errno.h>
#include <string.h>

#define TRACE_SIZE (MODEL_MAX_TRACE * sizeof(struct model_td_page))

struct model_config model_config_tdx(void)
{
    struct model_config c = model_config_default();
    c.intel = true;
    c.td_attributes = TDX_ATTR_SEPT_VE_DISABLE; /* c: the first mainline versions allow no more */
    c.td_xfam = 0x602E7;                        /* a.2: x87, SSE, AVX, AVX512, PKRU, AMX */
    c.td_max_vcpus = MODEL_MAX_VCPUS;
    return c;
}

void model_tdx_no_entropy(struct model *m, unsigned n)
{
    m->tdx_no_entropy = n;
}

void tdx_signal_msi(struct model_vm *vm, const struct kvm_msi *msi)
{
    vm->td->interrupts++;
    vm->td->last_vector = msi->data & 0xFF;
}

unsigned model_td_interrupts(const struct model_vm *vm, unsigned *ret_vector)
{
    *ret_vector = vm->td != NULL ? vm->td->last_vector : 0;
    return vm->td != NULL ? vm->td->interrupts : 0;
}

uint64_t tdx_shared_bit(const struct model_vm *vm)
{
    return 1ull << (vm->td->gpaw - 1);
}

int tdx_vm_create(struct model_vm *vm)
{
    struct model *m = vm->m;
    struct tdx_td *td = model_alloc(m, sizeof(*td));
    if (td == NULL) {
        return -ENOMEM;
    }
    td->sept = model_alloc(m, MODEL_MAX_GFN);
    td->trace = td->sept != NULL ? model_alloc(m, TRACE_SIZE) : NULL;
    td->hash = td->trace != NULL ? EVP_MD_CTX_new() : NULL;
    vm->td = td;
    if (td->hash == NULL || EVP_DigestInit_ex(td->hash, EVP_sha384(), NULL) != 1) {
        tdx_vm_free(vm);
        return -ENOMEM;
    }
    td->max_vcpus = m->config.td_max_vcpus;
    td->small_pages = m->config.small_pages;
    td->tsc_khz = 2000000;
    td->apic_bus_ns = 1; /* KVM's default; a TD's timer runs at 25 MHz whatever KVM thinks */
    td->gpaw = 48;
    tdx_cpuid_reset(td);
    return 0;
}

void tdx_vm_free(struct model_vm *vm)
{
    struct tdx_td *td = vm->td;
    if (td == NULL) {
        return;
    }
    EVP_MD_CTX_free(td->hash);
    model_release(vm->m, td->trace, TRACE_SIZE);
    model_release(vm->m, td->sept, MODEL_MAX_GFN);
    model_release(vm->m, td, sizeof(*td));
    vm->td = NULL;
}

static int capabilities(struct model_vm *vm, const struct mu_tdx_cmd *cmd)
{
    struct model *m = vm->m;
    struct mu_tdx_capabilities *caps = (void *)(uintptr_t)cmd->data;
    if (cmd->flags != 0) {
        return model_refuse(m, EINVAL, "capabilities.flags");
    }
    if (caps == NULL) {
        return model_refuse(m, EFAULT, "capabilities.data");
    }
    struct tdx_td clean = {0};
    tdx_cpuid_reset(&clean);
    if (caps->nent < clean.cpuid_count) {
        return model_refuse(m, E2BIG, "capabilities.nent"); /* c: retry with more */
    }
    *caps = (struct mu_tdx_capabilities){.supported_attrs = m->config.td_attributes,
                                         .supported_xfam = m->config.td_xfam,
                                         .user_r11 = 1u << 1}; /* c: SetupEventNotify */
    caps->nent = clean.cpuid_count;
    tdx_cpuid_report(&clean, caps->entries);
    return 0;
}

/* The whole of each feature or nothing: TDH.MNG.INIT refuses halves (tdx.md a.2). */
static bool xfam_whole(uint64_t xfam)
{
    const uint64_t groups[] = {0x3, 0xE0, 0x1800, 0x60000};
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        if ((xfam & groups[i]) != 0 && (xfam & groups[i]) != groups[i]) {
            return false;
        }
    }
    return (xfam & 0xE0) == 0 || (xfam & 0x4) != 0; /* AVX512 needs AVX */
}

/* What KVM refuses before the module is asked. */
static const char *init_fault(const struct model_vm *vm, const struct mu_tdx_init_vm *in)
{
    for (size_t i = 0; i < sizeof(in->reserved) / sizeof(in->reserved[0]); i++) {
        if (in->reserved[i] != 0) {
            return "init_vm.reserved";
        }
    }
    if (in->padding != 0) {
        return "init_vm.padding";
    }
    if ((in->attributes & ~vm->m->config.td_attributes) != 0) {
        return "init_vm.attributes";
    }
    if ((in->xfam & ~vm->m->config.td_xfam) != 0) {
        return "init_vm.xfam";
    }
    return NULL;
}

/* What the module refuses: EINVAL with the operand in hw_error. */
static int init_module(struct model_vm *vm, const struct mu_tdx_init_vm *in, uint64_t *ret_hw)
{
    struct model *m = vm->m;
    struct tdx_td *td = vm->td;
    if (m->tdx_no_entropy > 0) {
        m->tdx_no_entropy--;
        return model_refuse(m, EAGAIN, "init_vm.entropy");
    }
    if (!xfam_whole(in->xfam)) {
        *ret_hw = TDX_OPERAND_INVALID | TDX_OPERAND_XFAM;
        return model_refuse(m, EINVAL, "init_vm.xfam_whole");
    }
    if (td->tsc_khz < 100000 || td->tsc_khz > 10000000) { /* c: 100 MHz to 10 GHz */
        *ret_hw = TDX_OPERAND_INVALID | TDX_OPERAND_TSC;
        return model_refuse(m, EINVAL, "init_vm.tsc_range");
    }
    return 0;
}

static int init_vm(struct model_vm *vm, struct mu_tdx_cmd *cmd)
{
    struct model *m = vm->m;
    struct tdx_td *td = vm->td;
    const struct mu_tdx_init_vm *in = (const void *)(uintptr_t)cmd->data;
    if (td->state != TDX_NEW) {
        return model_refuse(m, EINVAL, "init_vm.twice");
    }
    if (cmd->flags != 0 || in == NULL) {
        return model_refuse(m, in == NULL ? EFAULT : EINVAL, "init_vm.flags");
    }
    if (in->nent > MODEL_CPUID_MAX) {
        return model_refuse(m, E2BIG, "init_vm.nent");
    }
    const char *fault = init_fault(vm, in);
    if (fault != NULL) {
        return model_refuse(m, EINVAL, fault);
    }
    if (td->tsc_khz % 25000 != 0) { /* KVM would cut it off in silence */
        return model_refuse(m, EINVAL, "init_vm.tsc_multiple");
    }
    uint64_t hw = 0;
    int error = tdx_cpuid_configure(vm, in->entries, in->nent, &hw);
    error = error != 0 ? error : init_module(vm, in, &hw);
    cmd->hw_error = hw;
    if (error != 0) {
        return error;
    }
    td->attributes = in->attributes;
    td->xfam = in->xfam | 3; /* a.2: fixed 1 */
    memcpy(td->mrconfigid, in->mrconfigid, sizeof(td->mrconfigid));
    memcpy(td->mrowner, in->mrowner, sizeof(td->mrowner));
    memcpy(td->mrownerconfig, in->mrownerconfig, sizeof(td->mrownerconfig));
    if (!tdx_measure_now(td, td->mrtd)) {
        return -ENOMEM;
    }
    td->state = TDX_INITIALISED;
    return 0;
}

/* Stricter than KVM: each vCPU that was made must be able to run, and there must be one. */
static int finalize_vcpus(struct model_vm *vm)
{
    if (vm->td->vcpus == 0) {
        return model_refuse(vm->m, EINVAL, "finalize.vcpus");
    }
    for (unsigned i = 0; i < MODEL_MAX_VCPUS; i++) {
        if (vm->vcpus[i] != NULL && !vm->vcpus[i]->vp.initialised) {
            return model_refuse(vm->m, EINVAL, "finalize.init_vcpu");
        }
    }
    return 0;
}

static int finalize(struct model_vm *vm, const struct mu_tdx_cmd *cmd)
{
    struct model *m = vm->m;
    struct tdx_td *td = vm->td;
    if (td->state != TDX_INITIALISED) {
        return model_refuse(m, EINVAL, td->state == TDX_NEW ? "finalize.init" : "finalize.twice");
    }
    if (cmd->flags != 0 || cmd->data != 0) {
        return model_refuse(m, EINVAL, "finalize.flags");
    }
    int error = finalize_vcpus(vm);
    if (error != 0) {
        return error;
    }
    if (!tdx_measure_now(td, td->mrtd)) {
        return -ENOMEM;
    }
    for (unsigned i = 0; i < MODEL_MAX_VCPUS; i++) {
        if (vm->vcpus[i] != NULL) {
            vm->vcpus[i]->measured = true; /* for KVM_RUN: it may */
        }
    }
    td->state = TDX_RUNNABLE;
    vm->launch = MODEL_RUNNING;
    return 0;
}

int tdx_vm_op(struct model_vm *vm, void *arg)
{
    struct model *m = vm->m;
    struct mu_tdx_cmd *cmd = arg;
    if (cmd == NULL) {
        return model_refuse(m, EFAULT, "tdx.cmd");
    }
    if (cmd->hw_error != 0) {
        return model_refuse(m, EINVAL, "tdx.hw_error"); /* c: 0 on entry */
    }
    switch (cmd->id) {
    case MU_TDX_CAPABILITIES:
        return capabilities(vm, cmd);
    case MU_TDX_INIT_VM:
        return init_vm(vm, cmd);
    case MU_TDX_FINALIZE_VM:
        return finalize(vm, cmd);
    default: /* those of a vCPU, too */
        return model_refuse(m, EINVAL, "tdx.vm_id");
    }
}
