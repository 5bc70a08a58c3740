/* SPDX-License-Identifier: Apache-2.0
 * exits.c - the exits that only an SNP guest has: pages that change sides, a guest that gives up,
 * and the certificates that go with its report.
 * Trust: every number here is the guest's. Threads: each vCPU's own; slots do not change.
 * Memory: none. Spec: snp.md d.2, d.3, e.2.
 */
#include "snp_internal.h"

#include <errno.h>
#include <string.h>

#define TERM_CODE 0x100u

static enum tee_exit result(enum cl_status st)
{
    return st == CL_OK ? TEE_EXIT_DONE : TEE_EXIT_FAILED;
}

/* The guest asks; it may ask for nonsense, and is told so. */
static enum tee_exit map_gpa_range(struct tee *t, struct kvm_run *run, struct cl_err *err)
{
    uint64_t gpa = run->hypercall.args[0];
    uint64_t pages = run->hypercall.args[1];
    bool private = (run->hypercall.args[2] & KC_MAP_GPA_ENCRYPTED) != 0;
    const struct snp_slot *s = NULL;
    if (pages <= UINT64_MAX / TEE_PAGE_SIZE && gpa % TEE_PAGE_SIZE == 0) {
        s = snp_slot_of(t, gpa, pages * TEE_PAGE_SIZE);
    }
    if (s == NULL || !s->may_turn) {
        run->hypercall.ret = (uint64_t)-EINVAL;
        return TEE_EXIT_DONE;
    }
    run->hypercall.ret = 0;
    return result(snp_set_private(t, s, gpa, pages * TEE_PAGE_SIZE, private, true, err));
}

/* The guest touched a page from the side on which it is not: it is turned, as KVM's interface
 * expects. What the guest loses by it, it would see as unvalidated. */
static enum tee_exit memory_fault(struct tee *t, struct kvm_run *run, struct cl_err *err)
{
    struct kc_exit_memory_fault f;
    memcpy(&f, kc_exit_data(run), sizeof(f));
    bool private = (f.flags & KC_MEMORY_FAULT_PRIVATE) != 0;
    bool whole = f.gpa % TEE_PAGE_SIZE == 0 && f.size % TEE_PAGE_SIZE == 0;
    const struct snp_slot *s = whole ? snp_slot_of(t, f.gpa, f.size) : NULL;
    if (s == NULL || !s->may_turn) {
        (void)cl_err_set(err, CL_ERR_REJECTED,
                         "the guest used 0x%llx bytes at 0x%llx as %s memory, which they cannot be",
                         (unsigned long long)f.size, (unsigned long long)f.gpa,
                         private ? "private" : "shared");
        return TEE_EXIT_FAILED;
    }
    return result(snp_set_private(t, s, f.gpa, f.size, private, true, err));
}

/* The guest's own words: a set and a reason in it. */
static enum tee_exit terminated(const struct kvm_run *run, uint32_t *ret_code, struct cl_err *err)
{
    uint64_t ghcb = run->system_event.ndata > 0 ? run->system_event.data[0] : 0;
    unsigned set = (unsigned)(ghcb >> 12) & 0xfu;
    unsigned reason = (unsigned)(ghcb >> 16) & 0xffu;
    if ((ghcb & 0xfffu) != TERM_CODE) {
        (void)cl_err_set(err, CL_ERR_REJECTED, "the guest ended itself with GHCB value 0x%llx",
                         (unsigned long long)ghcb);
        return TEE_EXIT_FAILED;
    }
    *ret_code = set == TEE_SNP_TERM_SET_FIRMWARE ? reason : 0;
    (void)cl_err_set(err, CL_ERR_REJECTED, "the guest ended itself: set %u, reason 0x%x", set,
                     reason);
    return set == TEE_SNP_TERM_SET_FIRMWARE ? TEE_EXIT_REFUSED : TEE_EXIT_FAILED;
}

static enum tee_exit give_certs(struct tee *t, struct kvm_run *run)
{
    struct kc_exit_certs c;
    memcpy(&c, kc_exit_data(run), sizeof(c));
    uint64_t need = (t->cfg.certs_size + TEE_PAGE_SIZE - 1) / TEE_PAGE_SIZE;
    if (c.pages < need) {
        c.pages = need;
        c.ret = ENOSPC;
    } else {
        const struct snp_slot *s = snp_slot_of(t, c.gpa, need * TEE_PAGE_SIZE);
        c.ret = s == NULL || c.gpa % TEE_PAGE_SIZE != 0 ? EIO : 0;
        if (c.ret == 0 && need > 0) {
            uint8_t *at = s->hva + (c.gpa - s->gpa);
            memcpy(at, t->cfg.certs, t->cfg.certs_size);
            memset(at + t->cfg.certs_size, 0, need * TEE_PAGE_SIZE - t->cfg.certs_size);
        }
    }
    memcpy(kc_exit_data(run), &c, sizeof(c));
    return TEE_EXIT_DONE;
}

enum tee_exit snp_handle_exit(struct tee *t, CL_UNUSED unsigned cpu, struct kvm_run *run,
                              uint32_t *ret_code, struct cl_err *err)
{
    switch (run->exit_reason) {
    case KVM_EXIT_HYPERCALL:
        if (run->hypercall.nr == KC_HC_MAP_GPA_RANGE) {
            return map_gpa_range(t, run, err);
        }
        run->hypercall.ret = (uint64_t)-ENOSYS;
        return TEE_EXIT_DONE;
    case KC_EXIT_MEMORY_FAULT:
        return memory_fault(t, run, err);
    case KVM_EXIT_SYSTEM_EVENT:
        return run->system_event.type == KC_EVENT_SEV_TERM ? terminated(run, ret_code, err)
                                                           : TEE_EXIT_UNKNOWN;
    case KC_EXIT_SNP_REQ_CERTS:
        return give_certs(t, run);
    default:
        return TEE_EXIT_UNKNOWN;
    }
}
