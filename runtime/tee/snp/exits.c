/* SPDX-License-Identifier: Apache-2.0
 * exits.c - the exits that only an SNP guest has: a guest that gives up, and the certificates that
 * go with its report; pages that change sides are private_memory.c's.
 * Trust: every number here is the guest's. Threads: each vCPU's own; slots do not change.
 * Memory: none. Spec: snp.md d.2, d.3, e.2.
 */
#include "snp_internal.h"

#include <errno.h>
#include <string.h>

#define TERM_CODE 0x100u

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
    *ret_code = set == TEE_TERM_SET_FIRMWARE ? reason : 0;
    (void)cl_err_set(err, CL_ERR_REJECTED, "the guest ended itself: set %u, reason 0x%x", set,
                     reason);
    return set == TEE_TERM_SET_FIRMWARE ? TEE_EXIT_REFUSED : TEE_EXIT_FAILED;
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
        const struct tee_private_slot *s =
            tee_private_slot_of(&t->memory, c.gpa, need * TEE_PAGE_SIZE);
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
        return tee_private_hypercall(&t->memory, run, err);
    case KC_EXIT_MEMORY_FAULT:
        return tee_private_fault(&t->memory, run, err);
    case KVM_EXIT_SYSTEM_EVENT:
        return run->system_event.type == KC_EVENT_SEV_TERM ? terminated(run, ret_code, err)
                                                           : TEE_EXIT_UNKNOWN;
    case KC_EXIT_SNP_REQ_CERTS:
        return give_certs(t, run);
    default:
        return TEE_EXIT_UNKNOWN;
    }
}
