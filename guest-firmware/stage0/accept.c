/* SPDX-License-Identifier: Apache-2.0
 * accept.c - all RAM becomes the guest's, before anything is put into it. Linux without EFI accepts
 * none itself. Trust, spec: see snp.h. Of the VMM's word only the RAM's size enters, bounded
 * before. TDX: tdx.h.
 */
#include "snp.h"
#include "tdx.h"

#define LARGE_SIZE UINT64_C(0x200000)

/* Whose RAM: what the launch made the guest's ends here, after STAGE0_OWN_GPA; and whether there is
 * none from 640 KiB to 1 MiB. */
struct ram {
    uint64_t size, there_end;
    bool hole;
};

struct unit {
    uint64_t gpa;
    bool large;
};

/* The unit at or above *at, which moves on; false: that was all. What the launch validated (the
 * sections of metadata.S lie side by side) and what is no RAM is stepped over. */
static bool next_unit(const struct ram *ram, uint64_t *at, struct unit *ret_unit)
{
    uint64_t ram_size = ram->size;
    uint64_t low_end = ram_size < STAGE0_LOW_RAM_MAX ? ram_size : STAGE0_LOW_RAM_MAX;
    uint64_t p = *at;
    if (p >= STAGE0_OWN_GPA && p < ram->there_end) {
        p = ram->there_end;
    } else if (ram->hole && p >= STAGE0_LOW_END && p < STAGE0_HIGH_GPA) {
        p = STAGE0_HIGH_GPA;
    }
    if (p >= low_end && p < STAGE0_HIGH_RAM_GPA) {
        p = STAGE0_HIGH_RAM_GPA;
    }
    if (p >= STAGE0_HIGH_RAM_GPA && p - STAGE0_HIGH_RAM_GPA >= ram_size - low_end) {
        return false;
    }
    bool large = p >= LARGE_SIZE;
    *ret_unit = (struct unit){p, large};
    *at = p + (large ? LARGE_SIZE : STAGE0_PAGE_SIZE);
    return true;
}

void s0_snp_touch(uintptr_t address)
{
    (void)*(volatile uint8_t *)address;
    (void)*(volatile uint8_t *)(address + STAGE0_PAGE_SIZE - 1);
}

static enum stage0_reason reason_of(enum s0_pvalidate result)
{
    switch (result) {
    case S0_PVALIDATE_OK:
        return STAGE0_R_OK;
    case S0_PVALIDATE_UNCHANGED:
        return STAGE0_R_SNP_VALIDATED;
    default:
        return STAGE0_R_SNP_VALIDATE;
    }
}

static enum stage0_reason validate_small(const struct s0_snp *snp, uintptr_t address, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uintptr_t page = address + i * STAGE0_PAGE_SIZE;
        enum stage0_reason reason = reason_of(snp->pvalidate(snp, page, false, true));
        if (reason != STAGE0_R_OK) {
            return reason;
        }
        s0_snp_touch(page);
    }
    return STAGE0_R_OK;
}

static enum stage0_reason validate(const struct s0_snp *snp, const struct unit *u)
{
    uint64_t base = u->gpa & ~(LARGE_SIZE - 1);
    uintptr_t address = snp->window(snp, base) + (uintptr_t)(u->gpa - base);
    if (!u->large) {
        return validate_small(snp, address, 1);
    }
    enum s0_pvalidate result = snp->pvalidate(snp, address, true, true);
    if (result == S0_PVALIDATE_SIZE) { /* nothing has changed yet */
        return validate_small(snp, address, LARGE_SIZE / STAGE0_PAGE_SIZE);
    }
    for (size_t i = 0; i < LARGE_SIZE / STAGE0_PAGE_SIZE && result == S0_PVALIDATE_OK; i++) {
        s0_snp_touch(address + i * STAGE0_PAGE_SIZE);
    }
    return reason_of(result);
}

enum stage0_reason s0_snp_accept(const struct s0_snp *snp, uint64_t ram_size)
{
    const struct ram ram = {ram_size, STAGE0_TD_HOB_GPA, true};
    uint64_t done = 0;
    for (;;) {
        struct unit u;
        uint64_t at = done;
        size_t count = 0;
        while (count < S0_GHCB_ENTRIES && next_unit(&ram, &at, &u)) {
            s0_ghcb_put_private(snp, count++, u.gpa, u.large);
        }
        if (count == 0) {
            return STAGE0_R_OK;
        }
        enum stage0_reason reason = s0_ghcb_page_state(snp, count);
        for (size_t i = 0; i < count && reason == STAGE0_R_OK; i++) {
            if (!next_unit(&ram, &done, &u)) {
                return STAGE0_R_INTERNAL;
            }
            reason = validate(snp, &u);
        }
        if (reason != STAGE0_R_OK) {
            return reason;
        }
    }
}

enum stage0_reason s0_tdx_accept(const struct s0_tdx *tdx, uint64_t ram_size)
{
    const struct ram ram = {ram_size, STAGE0_TD_HOB_GPA + STAGE0_TD_HOB_SIZE, false};
    struct unit u;
    uint64_t at = 0;
    enum stage0_reason reason = STAGE0_R_OK;
    while (reason == STAGE0_R_OK && next_unit(&ram, &at, &u)) {
        reason = u.large ? s0_tdx_accept_large(tdx, u.gpa) : s0_tdx_accept_page(tdx, u.gpa);
    }
    return reason;
}
