/* SPDX-License-Identifier: Apache-2.0
 * params.c - what KVM and the TDX module let a TD be, and what ours is: attributes, state
 * components, CPUID, addresses of 48 bits, a TSC in steps of 25 MHz, MRCONFIGID.
 * Trust: KVM's answers, whose counts are bounded. Threads: one. Memory: KVM's table, and one like
 * it. Spec: tdx.md c.
 */
#include "tdx_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ENTRIES_FIRST 64u
#define ENTRIES_LAST 1024u
#define TRIES_MAX 200u /* of INIT_VM, while the processor has no entropy */
#define TRY_AGAIN_NS 5000000L
#define TSC_KHZ_MIN 100000u
#define TSC_KHZ_MAX 10000000u
#define LEAF_ADDRESSES 0x80000008u
#define GUEST_BITS (0xffu << 16) /* EAX of that leaf: GPAW */

struct vm_params { /* struct kc_tdx_vm and its table */
    struct kc_tdx_vm head;
    struct {
        uint32_t nent;
        uint32_t padding;
    } cpuid;
    struct kvm_cpuid_entry2 entry[];
};
_Static_assert(offsetof(struct vm_params, entry) == 264, "KVM_TDX_INIT_VM");
_Static_assert(offsetof(struct tdx_capabilities, entry) == 2056, "KVM_TDX_CAPABILITIES");

/* CL_ERR_SYS with E2BIG when so many entries are too few. */
static enum cl_status ask(struct tee *t, uint32_t entries, struct tdx_capabilities **ret_c,
                          struct cl_err *err)
{
    struct tdx_capabilities *c = calloc(1, sizeof(*c) + entries * sizeof(c->entry[0]));
    if (c == NULL) {
        return cl_err_nomem(err, "TDX capabilities");
    }
    c->cpuid.nent = entries;
    enum cl_status st = tdx_command(t, t->cfg.kvm->vm_fd, KC_TDX_CAPABILITIES, 0, (uintptr_t)c,
                                    "KVM_TDX_CAPABILITIES", err);
    if (st == CL_OK && c->cpuid.nent > entries) {
        st = cl_err_set(err, CL_ERR_SYS,
                        "KVM_TDX_CAPABILITIES: expected at most %u CPUID entries, got %u",
                        (unsigned)entries, (unsigned)c->cpuid.nent);
    }
    if (st != CL_OK) {
        free(c);
        return st;
    }
    *ret_c = c;
    return CL_OK;
}

static enum cl_status check_capabilities(const struct tdx_capabilities *c, struct cl_err *err)
{
    if ((c->head.attributes & TDX_ATTRIBUTES) != TDX_ATTRIBUTES) {
        return cl_err_set(
            err, CL_ERR_UNAVAILABLE,
            "TDX: attributes: expected SEPT_VE_DISABLE among those that KVM supports, "
            "got 0x%llx",
            (unsigned long long)c->head.attributes);
    }
    if ((c->head.xfam & TDX_XFAM_ALWAYS) != TDX_XFAM_ALWAYS) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE,
                          "TDX: XFAM: expected x87 and SSE among the supported, got 0x%llx",
                          (unsigned long long)c->head.xfam);
    }
    return CL_OK;
}

enum cl_status tdx_read_capabilities(struct tee *t, struct cl_err *err)
{
    struct cl_err e = {0};
    enum cl_status st = CL_ERR_SYS;
    for (uint32_t entries = ENTRIES_FIRST; entries <= ENTRIES_LAST; entries *= 2) {
        st = ask(t, entries, &t->capabilities, &e);
        if (st == CL_OK) {
            return check_capabilities(t->capabilities, err);
        }
        if (st != CL_ERR_SYS || e.sys_errno != E2BIG) {
            break;
        }
    }
    if (err != NULL) {
        *err = e;
    }
    return st;
}

/* A group of state components goes whole, or not at all. */
static uint64_t choose_xfam(uint64_t supported)
{
    static const uint64_t groups[] = {0xe0, 0x60000}; /* AVX-512, AMX */
    uint64_t xfam = supported & TDX_XFAM;
    for (size_t i = 0; i < CL_ARRAY_LEN(groups); i++) {
        if ((xfam & groups[i]) != groups[i]) {
            xfam &= ~groups[i];
        }
    }
    return (xfam & 4) != 0 ? xfam : xfam & ~groups[0]; /* AVX-512 needs AVX */
}

static const struct kvm_cpuid_entry2 *find(const struct tee_cpuid *c,
                                           const struct kvm_cpuid_entry2 *like)
{
    bool indexed = (like->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) != 0;
    for (uint32_t i = 0; i < c->head.nent && i < TEE_CPUID_MAX; i++) {
        const struct kvm_cpuid_entry2 *e = &c->entry[i];
        if (e->function == like->function && (!indexed || e->index == like->index)) {
            return e;
        }
    }
    return NULL;
}

/* Of what our vCPUs are to have, what may be configured: KVM refuses any other entry or bit. */
static enum cl_status fill_cpuid(struct vm_params *p, const struct tdx_capabilities *c,
                                 const struct tee_cpuid *want, struct cl_err *err)
{
    bool has_addresses = false;
    for (uint32_t i = 0; i < c->cpuid.nent; i++) {
        const struct kvm_cpuid_entry2 *may = &c->entry[i];
        const struct kvm_cpuid_entry2 *w = find(want, may);
        if (w == NULL) {
            continue;
        }
        uint32_t eax = w->eax;
        if (may->function == LEAF_ADDRESSES) {
            eax = (eax & ~GUEST_BITS) | TDX_GPAW << 16;
            has_addresses = (may->eax & GUEST_BITS & eax) == TDX_GPAW << 16;
        }
        p->entry[p->cpuid.nent++] = (struct kvm_cpuid_entry2){.function = may->function,
                                                              .index = may->index,
                                                              .flags = may->flags,
                                                              .eax = eax & may->eax,
                                                              .ebx = w->ebx & may->ebx,
                                                              .ecx = w->ecx & may->ecx,
                                                              .edx = w->edx & may->edx};
    }
    if (!has_addresses) {
        return cl_err_set(
            err, CL_ERR_UNAVAILABLE,
            "TDX: CPUID leaf 0x80000008: expected one in which %u address bits can be "
            "asked for, got none",
            TDX_GPAW);
    }
    return CL_OK;
}

/* The host's frequency, in the unit that the TDX module takes. */
static enum cl_status set_clocks(struct tee *t, struct cl_err *err)
{
    struct kvm_enable_cap bus = {.cap = KC_CAP_APIC_BUS_CYCLES_NS, .args = {TDX_APIC_BUS_NS}};
    if (vmm_kvm_vm(t->cfg.kvm, KVM_ENABLE_CAP, &bus) < 0) {
        return cl_err_sys(err, errno, "an APIC clock of 25 MHz");
    }
    int khz = vmm_kvm_vm(t->cfg.kvm, KVM_GET_TSC_KHZ, NULL);
    if (khz < 0) {
        return cl_err_sys(err, errno, "KVM_GET_TSC_KHZ");
    }
    t->tsc_khz = ((uint32_t)khz + TDX_TSC_UNIT_KHZ / 2) / TDX_TSC_UNIT_KHZ * TDX_TSC_UNIT_KHZ;
    if (t->tsc_khz < TSC_KHZ_MIN || t->tsc_khz > TSC_KHZ_MAX) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE,
                          "TDX: TSC: expected 100 MHz to 10 GHz, got %d kHz", khz);
    }
    if (vmm_kvm_vm(t->cfg.kvm, KVM_SET_TSC_KHZ, (void *)(uintptr_t)t->tsc_khz) < 0) {
        return cl_err_sys(err, errno, "KVM_SET_TSC_KHZ of %u", (unsigned)t->tsc_khz);
    }
    return CL_OK;
}

/* The processor may be short of entropy for the TD's key; not for long. */
static enum cl_status init_with(struct tee *t, const struct vm_params *p, struct cl_err *err)
{
    struct cl_err e = {0};
    enum cl_status st = CL_ERR_SYS;
    for (unsigned i = 0; i < TRIES_MAX; i++) {
        e = (struct cl_err){0};
        st = tdx_command(t, t->cfg.kvm->vm_fd, KC_TDX_INIT_VM, 0, (uintptr_t)p, "KVM_TDX_INIT_VM",
                         &e);
        if (st == CL_OK) {
            return CL_OK;
        }
        if (st != CL_ERR_SYS || e.sys_errno != EAGAIN) {
            break;
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = TRY_AGAIN_NS}, NULL);
    }
    if (err != NULL) {
        *err = e;
    }
    return st;
}

enum cl_status tdx_init_vm(struct tee *t, const struct tee_cpuid *cpuid, struct cl_err *err)
{
    const struct tdx_capabilities *c = t->capabilities;
    CL_TRY(set_clocks(t, err));
    struct vm_params *p = calloc(1, sizeof(*p) + c->cpuid.nent * sizeof(p->entry[0]));
    if (p == NULL) {
        return cl_err_nomem(err, "TD parameters");
    }
    p->head.attributes = TDX_ATTRIBUTES;
    p->head.xfam = choose_xfam(c->head.xfam);
    memcpy(p->head.mr_config_id, t->cfg.mr_config_id, sizeof(p->head.mr_config_id));
    enum cl_status st = fill_cpuid(p, c, cpuid, err);
    if (st == CL_OK) {
        st = init_with(t, p, err);
    }
    free(p);
    return st;
}
