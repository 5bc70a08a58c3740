/* SPDX-License-Identifier: Apache-2.0
 * cpuid.c - makes a vCPU's CPUID table in KVM the one that the TDX module shows: what the module
 * does not answer itself, KVM answers from there.
 * Trust: KVM's answers. Threads: one. Memory: none. Spec: tdx.md c.
 */
#include "tdx_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CRYSTAL_HZ 25000000u
#define LEAF_TSC 0x15u
#define APIC_ID (0xffu << 24) /* EBX of leaf 1: this vCPU's, which the TD's table has not */

static struct kvm_cpuid_entry2 *find(struct tee_cpuid *c, uint32_t function, uint32_t index)
{
    for (uint32_t i = 0; i < c->head.nent; i++) {
        if (c->entry[i].function == function && c->entry[i].index == index) {
            return &c->entry[i];
        }
    }
    return NULL;
}

/* Topology is ours: one leaf tells it, and for each vCPU its own. */
static bool is_topology(uint32_t function)
{
    return function == 0x0b || function == 0x1f;
}

static enum cl_status put(struct tee_cpuid *c, const struct kvm_cpuid_entry2 *e, struct cl_err *err)
{
    struct kvm_cpuid_entry2 *at = find(c, e->function, e->index);
    if (at == NULL) {
        if (c->head.nent == TEE_CPUID_MAX) {
            return cl_err_set(err, CL_ERR_UNSUPPORTED,
                              "CPUID table: expected at most %u entries, got more", TEE_CPUID_MAX);
        }
        at = &c->entry[c->head.nent++];
    }
    uint32_t apic_id = at->ebx & APIC_ID;
    *at = *e;
    if (e->function == 1) {
        at->ebx = (e->ebx & ~APIC_ID) | apic_id;
    }
    return CL_OK;
}

static enum cl_status merge(struct tee *t, struct tee_cpuid *c, const struct tee_cpuid *td,
                            struct cl_err *err)
{
    for (uint32_t i = 0; i < td->head.nent; i++) {
        if (!is_topology(td->entry[i].function)) {
            CL_TRY(put(c, &td->entry[i], err));
        }
    }
    if (find(c, LEAF_TSC, 0) == NULL) {
        struct kvm_cpuid_entry2 tsc = {.function = LEAF_TSC,
                                       .eax = 1,
                                       .ebx = t->tsc_khz / TDX_TSC_UNIT_KHZ,
                                       .ecx = CRYSTAL_HZ};
        CL_TRY(put(c, &tsc, err));
    }
    return CL_OK;
}

enum cl_status tdx_vcpu_cpuid(struct tee *t, int vcpu_fd, struct tee_cpuid *cpuid,
                              struct cl_err *err)
{
    struct tee_cpuid *td = calloc(1, sizeof(*td));
    if (td == NULL) {
        return cl_err_nomem(err, "CPUID table");
    }
    td->head.nent = TEE_CPUID_MAX;
    enum cl_status st =
        tdx_command(t, vcpu_fd, KC_TDX_GET_CPUID, 0, (uintptr_t)td, "KVM_TDX_GET_CPUID", err);
    if (st == CL_OK && td->head.nent > TEE_CPUID_MAX) {
        st = cl_err_set(err, CL_ERR_SYS, "KVM_TDX_GET_CPUID: expected at most %u entries, got %u",
                        TEE_CPUID_MAX, (unsigned)td->head.nent);
    }
    if (st == CL_OK) {
        st = merge(t, cpuid, td, err);
    }
    free(td);
    return st;
}
