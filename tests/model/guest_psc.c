/* SPDX-License-Identifier: Apache-2.0
 * guest_psc.c - page-state changes in the GHCB page: up to 253 entries, each run of neighbours one
 * exit to the VMM (snp.md e.3).
 */
#include "guest_internal.h"

#include <string.h>

#define MAX_ENTRIES 253u
#define PSC_SIZE (8u + 8u * MAX_ENTRIES)
#define GENERIC_ERROR (1ull << 32)

struct entry {
    uint64_t gpa, pages;
    bool private, large;
};

static bool entry_read(const uint8_t *buffer, unsigned n, struct entry *ret_entry)
{
    uint64_t raw = model_le(buffer + 8 + 8u * (size_t)n, 8);
    unsigned op = raw >> 52 & 0xF;
    *ret_entry = (struct entry){
        .gpa = raw & 0x000FFFFFFFFFF000ull, .private = op == 1, .large = (raw >> 56 & 1) != 0};
    ret_entry->pages = ret_entry->large ? 512 : 1;
    return (op == 1 || op == 2) && (raw & 0xFFF) == 0 &&
           (!ret_entry->large || ret_entry->gpa % 0x200000 == 0);
}

static void done(uint8_t *ghcb, uint64_t error)
{
    guest_ghcb_result(ghcb, 0, error);
}

/* From cur_entry on: neighbours of one kind make one exit. */
static int go_on(struct guest_cpu *c, uint8_t *ghcb, uint8_t *buffer, bool *ret_exit)
{
    unsigned cur = (unsigned)model_le(buffer, 2);
    unsigned end = (unsigned)model_le(buffer + 2, 2);
    struct entry first, next;
    if (cur > end) {
        done(ghcb, 0);
        return 0;
    }
    if (end >= MAX_ENTRIES || model_le(buffer + 4, 4) != 0 || !entry_read(buffer, cur, &first)) {
        guest_object(c->guest, "guest.psc_entry", "entry %u of %u", cur, end);
        done(ghcb, GENERIC_ERROR | 2);
        return 0;
    }
    unsigned last = cur;
    uint64_t pages = first.pages;
    while (last < end && entry_read(buffer, last + 1, &next) && next.private == first.private &&
           next.large == first.large && next.gpa == first.gpa + pages * MODEL_PAGE) {
        pages += next.pages;
        last++;
    }
    for (uint64_t i = 0; i < pages; i++) {
        guest_psc_rules(c, first.gpa + i * MODEL_PAGE, first.private);
    }
    if (c->guest->psc_error != 0) {
        done(ghcb, GENERIC_ERROR | c->guest->psc_error);
        return 0;
    }
    c->psc_entry = (uint16_t)(last + 1);
    if (c->guest->psc_lie) {
        model_put_le(buffer, 2, end + 1);
        done(ghcb, 0);
        return 0;
    }
    if (guest_hypercall(c, first.gpa, pages, first.large ? 1 : 0, first.private) != 0) {
        done(ghcb, GENERIC_ERROR | 0x100);
        return 0;
    }
    c->pending = PENDING_PSC_PAGE;
    *ret_exit = true;
    return 0;
}

int guest_psc_page(struct guest_cpu *c, uint8_t *ghcb, bool *ret_exit)
{
    uint8_t *buffer = guest_ghcb_scratch(c, ghcb, PSC_SIZE);
    if (buffer == NULL) {
        return 0;
    }
    c->guest->counts.psc_exits++;
    return go_on(c, ghcb, buffer, ret_exit);
}

int guest_resume_psc(struct guest_cpu *c, uint8_t *ghcb, bool *ret_exit)
{
    struct mu_exit_hypercall call;
    uint8_t *buffer = guest_ghcb_scratch(c, ghcb, PSC_SIZE);
    memcpy(&call, c->vcpu->run->padding, sizeof(call));
    if (buffer == NULL) {
        return 0;
    }
    if (call.ret != 0) {
        done(ghcb, GENERIC_ERROR | 0x100);
        return 0;
    }
    model_put_le(buffer, 2, c->psc_entry);
    return go_on(c, ghcb, buffer, ret_exit);
}
