/* SPDX-License-Identifier: Apache-2.0
 * cpuid_page.c - the CPUID table that the firmware checks and the guest believes. It is not
 * measured: the processor's firmware refuses what the processor does not have, and no more.
 * Trust: KVM's answers. Threads: one. Memory: two pages. Spec: snp.md d.4.
 */
#include "snp_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX 64u
#define KVM_ENTRIES_MAX 100u
#define XSAVE_HEADER 0x240u /* legacy area and header: what EBX says of the state in XCR0 = 1 */

struct entry {
    cl_le32 eax_in, ecx_in;
    cl_le64 xcr0_in, xss_in;
    cl_le32 eax, ebx, ecx, edx;
    cl_le64 reserved;
};
_Static_assert(sizeof(struct entry) == 48, "CPUID entry");

struct table {
    cl_le32 count;
    cl_le32 reserved1;
    cl_le64 reserved2;
    struct entry entry[ENTRIES_MAX];
};
_Static_assert(sizeof(struct table) <= TEE_PAGE_SIZE, "CPUID page");

struct kvm_table { /* struct kvm_cpuid2 with room */
    struct {
        uint32_t nent;
        uint32_t padding;
    } head;
    struct kvm_cpuid_entry2 entry[KVM_ENTRIES_MAX];
};
_Static_assert(offsetof(struct kvm_table, entry) == offsetof(struct kvm_cpuid2, entries), "CPUID");

/* Bits that firmware refuses although KVM offers them. */
static void clear_refused(struct kvm_cpuid_entry2 *e)
{
    if (e->function == 1) {
        e->ecx &= ~(1u << 24); /* TSC deadline */
    } else if (e->function == 7 && e->index == 0) {
        e->ebx &= ~(1u << 1); /* TSC_ADJUST */
        e->edx = 0;
    } else if (e->function == 0x80000008u) {
        e->ebx &= ~(1u << 25);
    } else if (e->function == 0x80000021u) {
        e->ecx = 0;
    }
}

static void put(struct table *t, uint32_t *count, struct kvm_cpuid_entry2 e)
{
    struct entry *at = &t->entry[(*count)++];
    bool xsave = e.function == 0xd && e.index <= 1;
    clear_refused(&e);
    cl_le32_put(&at->eax_in, e.function);
    cl_le32_put(&at->ecx_in, (e.flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) != 0 ? e.index : 0);
    cl_le64_put(&at->xcr0_in, xsave ? 1 : 0);
    cl_le32_put(&at->eax, e.eax);
    cl_le32_put(&at->ebx, xsave ? XSAVE_HEADER : e.ebx);
    cl_le32_put(&at->ecx, e.ecx);
    cl_le32_put(&at->edx, e.edx);
}

static bool is_hypervisor(const struct kvm_cpuid_entry2 *e)
{
    return e->function >> 28 == 4;
}

/* KVM's own leaves come last: they are what may be left out when the table is full. */
static enum cl_status fill(struct table *t, const struct kvm_table *k, struct cl_err *err)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < k->head.nent; i++) {
        if (is_hypervisor(&k->entry[i])) {
            continue;
        }
        if (count == ENTRIES_MAX) {
            return cl_err_set(err, CL_ERR_UNSUPPORTED,
                              "CPUID page: expected at most %u leaves of the processor, got more",
                              ENTRIES_MAX);
        }
        put(t, &count, k->entry[i]);
    }
    for (uint32_t i = 0; i < k->head.nent && count < ENTRIES_MAX; i++) {
        if (is_hypervisor(&k->entry[i])) {
            put(t, &count, k->entry[i]);
        }
    }
    cl_le32_put(&t->count, count);
    return CL_OK;
}

enum cl_status snp_cpuid_page_fill(struct tee *t, int vcpu_fd, struct cl_err *err)
{
    struct kvm_table *k = calloc(1, sizeof(*k));
    if (k == NULL) {
        return cl_err_nomem(err, "CPUID table");
    }
    k->head.nent = KVM_ENTRIES_MAX;
    enum cl_status st = CL_OK;
    if (vmm_kvm_fd(t->cfg.kvm, vcpu_fd, KVM_GET_CPUID2, k) < 0) {
        st = cl_err_sys(err, errno, "KVM_GET_CPUID2");
    } else if (k->head.nent > KVM_ENTRIES_MAX) {
        st = cl_err_set(err, CL_ERR_SYS, "KVM_GET_CPUID2: expected at most %u leaves, got %u",
                        KVM_ENTRIES_MAX, (unsigned)k->head.nent);
    } else {
        memset(t->cpuid_page, 0, TEE_PAGE_SIZE);
        st = fill((struct table *)t->cpuid_page, k, err);
    }
    free(k);
    return st;
}
