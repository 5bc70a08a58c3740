/* SPDX-License-Identifier: Apache-2.0
 * guest_tdx_entry.c - what a TD hands to Linux beside what every guest does: the wake-up mailbox,
 * processors by their x2APIC ids, the event log, and registers as expected (tdx.md b.5, d;
 * guest-boot.md 2.3).
 */
#include "guest_tdx.h"

#include <string.h>

#define E820_RESERVED 2u
#define E820_NVS 4u
#define MAILBOX_OS_SIZE 2048u

static bool held_back(const struct guest_map *map, uint64_t gpa)
{
    for (unsigned i = 0; i < map->count; i++) {
        const struct guest_range *r = &map->r[i];
        if (gpa >= r->base && gpa - r->base < r->size) {
            return (r->type == E820_RESERVED || r->type == E820_NVS) &&
                   r->size - (gpa - r->base) >= MODEL_PAGE;
        }
    }
    return false;
}

/* One page, the guest's alone, held back from Linux' use, and empty. */
static void check_mailbox(struct guest_cpu *c, const struct guest_map *map,
                          const struct guest_acpi *acpi)
{
    uint8_t page[MAILBOX_OS_SIZE];
    static const uint8_t none[MAILBOX_OS_SIZE];
    if (acpi->mailboxes == 0 && c->guest->entry.cpus == 1) {
        return; /* nobody to wake */
    }
    if (acpi->mailboxes != 1 || !acpi->mailbox_good || acpi->mailbox % MODEL_PAGE != 0) {
        guest_object(c->guest, "entry.mailbox", "%u entries, address %#lx", acpi->mailboxes,
                     (unsigned long)acpi->mailbox);
        return;
    }
    if (!held_back(map, acpi->mailbox)) {
        guest_object(c->guest, "entry.mailbox_e820", "page %#lx is neither reserved nor NVS",
                     (unsigned long)acpi->mailbox);
    }
    if (!guest_mapped_private(c, acpi->mailbox, MODEL_PAGE, "mailbox") ||
        !guest_copy(c, acpi->mailbox, page, sizeof(page), false)) {
        return;
    }
    if (memcmp(page, none, sizeof(page)) != 0) { /* public */
        guest_object(c->guest, "entry.mailbox_zero", "the OS part is not empty");
    }
}

static void check_ids(struct guest_cpu *c, const struct guest_acpi *acpi)
{
    unsigned cpus = c->guest->entry.cpus;
    uint64_t want = cpus < 64 ? (1ull << cpus) - 1 : UINT64_MAX;
    if (acpi->apic_ids != want) {
        guest_object(c->guest, "entry.apic_ids", "mask %#lx of enabled ids, not %#lx",
                     (unsigned long)acpi->apic_ids, (unsigned long)want);
    }
}

static void check_rtmrs(struct guest_cpu *c)
{
    const uint8_t *want = c->guest->entry.rtmrs;
    for (unsigned i = 0; want != NULL && i < TDX_RTMRS; i++) {
        const uint8_t *good = want + (size_t)i * MODEL_DIGEST_SIZE;
        if (memcmp(c->vcpu->vm->td->rtmr[i], good, MODEL_DIGEST_SIZE) != 0) { /* public */
            guest_object(c->guest, "entry.rtmr", "RTMR%u is not as expected", i);
        }
    }
}

void guest_td_check_entry(struct guest_cpu *c, const uint8_t *bp, const struct guest_map *map,
                          const struct guest_acpi *acpi)
{
    uint64_t blob;
    if (guest_setup_blobs(c, bp, &blob) != 0) {
        guest_object(c->guest, "entry.cc_blob", "a TD has none");
    }
    check_rtmrs(c);
    if (!c->guest->entry.acpi) {
        return;
    }
    check_ids(c, acpi);
    check_mailbox(c, map, acpi);
    guest_td_check_log(c, map, acpi);
    guest_linux_begin(c, map, acpi);
}
