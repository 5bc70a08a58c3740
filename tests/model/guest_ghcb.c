/* SPDX-License-Identifier: Apache-2.0
 * guest_ghcb.c - the GHCB page protocol (snp.md e.3), and taking up a vCPU after an exit.
 */
#include "guest_internal.h"

#include <errno.h>
#include <string.h>

enum { EXITCODE = 0x390, INFO1 = 0x398, INFO2 = 0x3A0, SCRATCH = 0x3A8, BITMAP = 0x3F0 };
enum { G_RAX = 0x1F8, G_RCX = 0x308, G_RDX = 0x310, G_RBX = 0x318 };
enum { BUFFER = 0x800, BUFFER_END = 0x800 + 2032, VERSION = 0xFFA, USAGE = 0xFFC };
/* SW_EXITINFO2 when SW_EXITINFO1 is 2 */
enum { NOT_REGISTERED = 1, BAD_USAGE, BAD_SCRATCH, MISSING, INVALID, BAD_EVENT };
#define IO_DATA MODEL_PAGE /* in kvm_run's mapping */

static bool valid(const uint8_t *ghcb, unsigned offset)
{
    unsigned bit = offset / 8;
    return (ghcb[BITMAP + bit / 8] >> (bit % 8) & 1) != 0;
}

void guest_ghcb_set(uint8_t *ghcb, unsigned offset, uint64_t value)
{
    unsigned bit = offset / 8;
    ghcb[BITMAP + bit / 8] |= (uint8_t)(1u << bit % 8);
    model_put_le(ghcb + offset, 8, value);
}

void guest_ghcb_result(uint8_t *ghcb, uint64_t info1, uint64_t info2)
{
    guest_ghcb_set(ghcb, INFO1, info1);
    guest_ghcb_set(ghcb, INFO2, info2);
}

static void refuse(struct guest_cpu *c, uint8_t *ghcb, unsigned why, const char *rule)
{
    guest_object(c->guest, rule, "exit code %#lx", (unsigned long)model_le(ghcb + EXITCODE, 8));
    guest_ghcb_result(ghcb, 2, why);
}

/* Registers that the event's handler reads must be marked as passed. */
static bool has(struct guest_cpu *c, uint8_t *ghcb, const unsigned *fields, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (!valid(ghcb, fields[i])) {
            refuse(c, ghcb, MISSING, "guest.ghcb_missing");
            return false;
        }
    }
    return true;
}

uint8_t *guest_ghcb_scratch(struct guest_cpu *c, uint8_t *ghcb, size_t size)
{
    uint64_t at = model_le(ghcb + SCRATCH, 8);
    if (!valid(ghcb, SCRATCH) || at < c->ghcb_gpa + BUFFER || at > c->ghcb_gpa + BUFFER_END ||
        size > c->ghcb_gpa + BUFFER_END - at) {
        refuse(c, ghcb, BAD_SCRATCH, "guest.ghcb_scratch");
        return NULL;
    }
    return ghcb + (at - c->ghcb_gpa);
}

static void cpuid(struct guest_cpu *c, uint8_t *ghcb)
{
    const unsigned need[] = {G_RAX, G_RCX};
    if (!has(c, ghcb, need, 2)) {
        return;
    }
    uint32_t leaf = (uint32_t)model_le(ghcb + G_RAX, 8);
    static const unsigned out[] = {G_RAX, G_RBX, G_RCX, G_RDX};
    for (unsigned i = 0; i < 4; i++) {
        guest_ghcb_set(ghcb, out[i], guest_cpuid(c->guest, leaf, i));
    }
    guest_ghcb_result(ghcb, 0, 0);
}

static void msr(struct guest_cpu *c, uint8_t *ghcb)
{
    const unsigned need[] = {G_RCX, G_RAX, G_RDX};
    bool write = model_le(ghcb + INFO1, 8) == 1;
    if (!has(c, ghcb, need, write ? 3 : 1)) {
        return;
    }
    if (!write) { /* KVM's own emulation; nothing of the launch depends on a value */
        guest_ghcb_set(ghcb, G_RAX, 0);
        guest_ghcb_set(ghcb, G_RDX, 0);
    }
    guest_ghcb_result(ghcb, 0, 0);
}

/* IOIO: port<<16, size in bits 6:4, string bit 2, IN bit 0. */
static void port(struct guest_cpu *c, uint8_t *ghcb, bool *ret_exit)
{
    struct kvm_run *run = c->vcpu->run;
    const unsigned need[] = {G_RAX};
    uint64_t info = model_le(ghcb + INFO1, 8);
    bool in = (info & 1) != 0;
    unsigned size = info >> 4 & 7;
    if ((info & 4) != 0 || (size != 1 && size != 2 && size != 4)) {
        refuse(c, ghcb, INVALID, "guest.ghcb_io");
        return;
    }
    if (!in && !has(c, ghcb, need, 1)) {
        return;
    }
    run->exit_reason = KVM_EXIT_IO;
    run->io.direction = in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
    run->io.size = (uint8_t)size;
    run->io.port = (uint16_t)(info >> 16);
    run->io.count = 1;
    run->io.data_offset = IO_DATA;
    memcpy((uint8_t *)run + IO_DATA, ghcb + G_RAX, size);
    c->pending = PENDING_IO;
    *ret_exit = true;
}

static void event(struct guest_cpu *c, uint8_t *ghcb, bool *ret_exit)
{
    switch (model_le(ghcb + EXITCODE, 8)) {
    case VC_CPUID:
        cpuid(c, ghcb);
        break;
    case VC_IOIO:
        port(c, ghcb, ret_exit);
        break;
    case VC_MSR:
        msr(c, ghcb);
        break;
    case 0x80000010:
        (void)guest_psc_page(c, ghcb, ret_exit);
        break;
    case 0x80000011:
    case 0x80000012:
        guest_request(c, ghcb, model_le(ghcb + EXITCODE, 8) == 0x80000012, ret_exit);
        break;
    case 0x80000013: {
        const unsigned need[] = {G_RAX};
        if (has(c, ghcb, need, 1)) {
            guest_ap_creation(c, ghcb);
        }
        break;
    }
    case 0x8000FFFD:
        guest_ghcb_result(ghcb, 0, 3); /* SNP, AP_CREATION */
        break;
    default:
        refuse(c, ghcb, BAD_EVENT, "guest.ghcb_event");
        break;
    }
}

int guest_ghcb_page(struct guest_cpu *c, bool *ret_exit)
{
    uint64_t gpa = c->ghcb_msr;
    uint8_t *ghcb = guest_shared(c->vcpu->vm, gpa, MODEL_PAGE);
    const unsigned always[] = {EXITCODE, INFO1, INFO2};
    if (ghcb == NULL || model_is_private(c->vcpu->vm, gpa)) { /* e.3: shared */
        guest_object(c->guest, "guest.ghcb_private", "GHCB at %#lx", (unsigned long)gpa);
        guest_end(c->guest, MODEL_SHUTDOWN);
        return 0;
    }
    if (gpa != c->ghcb_gpa) { /* e.3: registered first */
        refuse(c, ghcb, NOT_REGISTERED, "guest.ghcb_unregistered");
        return 0;
    }
    if (model_le(ghcb + USAGE, 4) != 0 || model_le(ghcb + VERSION, 2) < 1 ||
        model_le(ghcb + VERSION, 2) > 2) {
        refuse(c, ghcb, BAD_USAGE, "guest.ghcb_usage");
        return 0;
    }
    if (!has(c, ghcb, always, 3)) {
        return 0;
    }
    if (model_le(ghcb + EXITCODE, 8) == 0x80000004) { /* AP_HLT_LOOP */
        c->holding = true;
        return model_refuse(c->vcpu->vm->m, EAGAIN, "run.waiting");
    }
    event(c, ghcb, ret_exit);
    return 0;
}

int guest_resume_snp(struct guest_cpu *c, bool *ret_exit)
{
    enum guest_pending pending = c->pending;
    struct kvm_run *run = c->vcpu->run;
    uint8_t *ghcb = guest_shared(c->vcpu->vm, c->ghcb_gpa, MODEL_PAGE);
    c->pending = PENDING_NONE;
    if (pending == PENDING_PSC_MSR) {
        (void)guest_resume_msr(c);
    } else if (ghcb == NULL) {
        return model_refuse(c->vcpu->vm->m, EFAULT, "run.ghcb");
    } else if (pending == PENDING_PSC_PAGE) {
        (void)guest_resume_psc(c, ghcb, ret_exit);
    } else if (pending == PENDING_CERTS) {
        guest_resume_certs(c, ghcb);
    } else if (pending == PENDING_IO) {
        if (run->io.direction == KVM_EXIT_IO_IN) {
            guest_ghcb_set(ghcb, G_RAX, model_le((uint8_t *)run + IO_DATA, run->io.size));
        }
        guest_ghcb_result(ghcb, 0, 0);
    }
    if (!*ret_exit) {
        guest_plan_run(c, MODEL_BEFORE_ENTRY);
    }
    return 0;
}
