/* SPDX-License-Identifier: Apache-2.0
 * quote.c - TDG.VP.VMCALL<GetQuote>: a buffer that the guest shares, in which its TDREPORT becomes
 * a quote, while the vCPU goes on. Trust: the buffer is the guest's and moves; it is read once, and
 * what is written there is never read back. Threads: see tdx_internal.h. Memory: none.
 * Spec: tdx.md c ("GetQuote buffer").
 */
#include "tdx_internal.h"

#include "base/log.h"

#include <errno.h>
#include <string.h>

#define BUFFER_MAX (128u << 10)
#define VERSION 1u
#define STATUS_OK 0ull
#define STATUS_IN_FLIGHT UINT64_MAX
#define STATUS_ERROR 0x8000000000000000ull
#define STATUS_UNAVAILABLE 0x8000000000000001ull
#define APIC_GPA 0xfee00000u
#define APIC_ID_SHIFT 12

struct quote_head {
    cl_le64 version;
    cl_le64 status;
    cl_le32 in_len;
    cl_le32 out_len;
};
_Static_assert(sizeof(struct quote_head) == 24, "GetQuote buffer");
_Static_assert(offsetof(struct quote_head, status) == 8, "GetQuote buffer: status");
_Static_assert(offsetof(struct quote_head, out_len) == 20, "GetQuote buffer: out_len");

/* The status is what the guest waits for: what was written before is there when it changes. The
 * buffer begins at a page's start. */
static void put_status(uint8_t *buffer, uint64_t status)
{
    void *at = buffer + offsetof(struct quote_head, status);
    __atomic_store_n((uint64_t *)at, status, __ATOMIC_RELEASE);
}

static void put_out_len(uint8_t *buffer, uint32_t len)
{
    void *at = buffer + offsetof(struct quote_head, out_len);
    __atomic_store_n((uint32_t *)at, len, __ATOMIC_RELAXED);
}

uint64_t tdx_get_quote(struct tee *t, uint64_t gpa, uint64_t size)
{
    if (gpa % TEE_PAGE_SIZE != 0 || size % TEE_PAGE_SIZE != 0) {
        return KC_VMCALL_ALIGN;
    }
    const struct tee_private_slot *s =
        size <= BUFFER_MAX ? tee_private_slot_of(&t->memory, gpa, size) : NULL;
    if (s == NULL || !s->may_turn) {
        return KC_VMCALL_INVALID;
    }
    struct tee_quote_job job = {.buffer = s->hva + (gpa - s->gpa), .size = size};
    struct quote_head head;
    memcpy(&head, job.buffer, sizeof(head)); /* the only read of it, and of the report */
    memcpy(job.report, job.buffer + sizeof(head), sizeof(job.report));
    if (cl_le64_get(&head.version) != VERSION) {
        return KC_VMCALL_INVALID;
    }
    put_out_len(job.buffer, 0);
    if (cl_le32_get(&head.in_len) != TEE_TDREPORT_SIZE) {
        put_status(job.buffer, STATUS_ERROR);
        return KC_VMCALL_OK;
    }
    if (t->cfg.quoter.submit == NULL) {
        put_status(job.buffer, STATUS_UNAVAILABLE);
        return KC_VMCALL_OK;
    }
    put_status(job.buffer, STATUS_IN_FLIGHT);
    if (!t->cfg.quoter.submit(t->cfg.quoter.ctx, &job)) {
        put_status(job.buffer, STATUS_ERROR);
        return KC_VMCALL_RETRY;
    }
    return KC_VMCALL_OK;
}

/* The guest that asked to be told is interrupted; one that did not, looks for itself. */
static void notify(struct tee *t)
{
    uint32_t to = __atomic_load_n(&t->event_notify, __ATOMIC_ACQUIRE);
    struct kvm_msi msi = {.address_lo = APIC_GPA | to >> 8 << APIC_ID_SHIFT, .data = to & 0xff};
    if (to != 0 && vmm_kvm_vm(t->cfg.kvm, KVM_SIGNAL_MSI, &msi) < 0) {
        cl_log(CL_LOG_DEBUG, "tee.tdx", "KVM_SIGNAL_MSI: %s", strerror(errno));
    }
}

void tdx_quote_done(struct tee *t, const struct tee_quote_job *job, enum tee_quote_result result,
                    const uint8_t *quote, size_t size)
{
    bool fits = result == TEE_QUOTE_OK && size <= job->size - sizeof(struct quote_head);
    if (fits) {
        memcpy(job->buffer + sizeof(struct quote_head), quote, size);
    }
    put_out_len(job->buffer, fits ? (uint32_t)size : 0);
    put_status(job->buffer, fits                              ? STATUS_OK
                            : result == TEE_QUOTE_UNAVAILABLE ? STATUS_UNAVAILABLE
                                                              : STATUS_ERROR);
    notify(t);
}
