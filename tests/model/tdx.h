/* SPDX-License-Identifier: Apache-2.0
 * tdx.h - the model as a host with TDX: what a VMM's test may set and look at (specs/tdx.md b-d).
 * The machine is an Intel one (model_config_tdx()); VM type 5 answers through the same table as
 * type 4, and the functions of model.h hold for it, but for those that name SNP's RMP and digest.
 */
#ifndef CL_MODEL_TDX_H
#define CL_MODEL_TDX_H

#include "model.h"

#define TDX_ATTR_DEBUG (1ull << 0) /* tdx.md a.2 */
#define TDX_ATTR_SEPT_VE_DISABLE                                                                   \
    (1ull << 28) /* a.2: an access of a pending page never is a #VE                                \
                  */
#define TDX_RTMRS 4u

/* An Intel machine with TDX. Fields that are of SNP alone stay as model_config_default() has them.
 */
struct model_config model_config_tdx(void);

/* The next n INIT_VM say EAGAIN: the module found no entropy (tdx.md c). */
void model_tdx_no_entropy(struct model *m, unsigned n);
/* INIT_MEM_REGION: model_update_limit() ends each call after so many pages with EINTR and the
 * structure advanced; model_update_eagain() has the nth say EAGAIN, advanced by as much. */

/* Registers of the TD, MODEL_DIGEST_SIZE bytes. MRTD is that of FINALIZE_VM, before it of what was
 * added so far. NULL: not a TD, or no such register. */
const uint8_t *model_mrtd(const struct model_vm *vm);
const uint8_t *model_rtmr(const struct model_vm *vm, unsigned index);
uint64_t model_td_extended(const struct model_vm *vm); /* bytes that went into MRTD by MR.EXTEND */

/* Interrupts that the VMM injected by KVM_SIGNAL_MSI, and the last one's vector: how a TD learns
 * that its quote is there (SetupEventNotifyInterrupt). */
unsigned model_td_interrupts(const struct model_vm *vm, unsigned *ret_vector);

/* One page as it was added, in order. */
struct model_td_page {
    uint64_t gpa;
    bool extended;
    uint8_t contents[MODEL_DIGEST_SIZE]; /* SHA-384 of the page */
};
size_t model_td_trace(const struct model_vm *vm, const struct model_td_page **ret_pages);

/* The secure EPT's entry for a guest page (without the shared bit). */
enum model_sept {
    MODEL_SEPT_FREE,
    MODEL_SEPT_PENDING, /* AUG: not accepted yet */
    MODEL_SEPT_MAPPED,  /* added before FINALIZE, or accepted */
    MODEL_SEPT_BLOCKED, /* a host that blocks and does not remove */
};
struct model_td_entry {
    enum model_sept state;
    bool large; /* part of a 2 MiB leaf */
    bool private_attribute;
};
struct model_td_entry model_td_entry_at(const struct model_vm *vm, uint64_t gpa);

/* Hostile host. All of them may be done at any time; the TD notices at its next access. */
void model_td_evil_block(struct model_vm *vm, uint64_t gpa, bool on);
void model_td_evil_remove(struct model_vm *vm, uint64_t gpa); /* the contents are lost */
void model_td_evil_aug(struct model_vm *vm, uint64_t gpa);    /* unasked; removes first */

#endif
