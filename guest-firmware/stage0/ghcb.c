/* SPDX-License-Identifier: Apache-2.0
 * ghcb.c - requests through the GHCB page. Trust, spec: see snp.h. What we write there the
 * hypervisor may change at once; what we then do never rests on it.
 */
#include "snp.h"

#define OFF_RAX 0x1F8u
#define OFF_EXIT_CODE 0x390u
#define OFF_EXIT_INFO1 0x398u
#define OFF_EXIT_INFO2 0x3A0u
#define OFF_SCRATCH 0x3A8u
#define OFF_VALID 0x3F0u
#define OFF_VERSION 0xFFAu
#define OFF_USAGE 0xFFCu
#define VERSION 2u

#define EXIT_IOIO 0x7Bu
#define EXIT_PAGE_STATE 0x80000010u

#define IO_ADDRESS_64 (1u << 9)
#define IO_SIZE_8 (1u << 4)
#define IO_SIZE_16 (1u << 5)

#define PSC_PRIVATE (UINT64_C(1) << 52)
#define PSC_LARGE (UINT64_C(1) << 56)
#define PSC_HEAD_SIZE 8u

static void put64(const struct s0_snp *snp, size_t offset, uint64_t x)
{
    *(volatile uint64_t *)(snp->ghcb + offset) = x;
}

static uint64_t get64(const struct s0_snp *snp, size_t offset)
{
    return *(volatile uint64_t *)(snp->ghcb + offset);
}

/* A field of the save area, marked as given. */
static void give(const struct s0_snp *snp, size_t offset, uint64_t x)
{
    size_t bit = offset / 8;
    put64(snp, offset, x);
    snp->ghcb[OFF_VALID + bit / 8] |= (uint8_t)(1u << bit % 8);
}

static void begin(const struct s0_snp *snp, uint64_t code, uint64_t info1, uint64_t info2)
{
    put64(snp, OFF_VALID, 0);
    put64(snp, OFF_VALID + 8, 0);
    *(volatile uint16_t *)(snp->ghcb + OFF_VERSION) = VERSION;
    *(volatile uint32_t *)(snp->ghcb + OFF_USAGE) = 0;
    give(snp, OFF_EXIT_CODE, code);
    give(snp, OFF_EXIT_INFO1, info1);
    give(snp, OFF_EXIT_INFO2, info2);
}

/* Nothing that the hypervisor would have us do instead: an exception to take is refused, too. */
static enum stage0_reason call(const struct s0_snp *snp)
{
    snp->vmgexit(snp);
    return (uint32_t)get64(snp, OFF_EXIT_INFO1) == 0 ? STAGE0_R_OK : STAGE0_R_SNP_ANSWER;
}

enum stage0_reason s0_ghcb_out(const struct s0_snp *snp, uint16_t port, unsigned size,
                               uint32_t value)
{
    uint64_t width = size == 1 ? IO_SIZE_8 : IO_SIZE_16;
    begin(snp, EXIT_IOIO, (uint64_t)port << 16 | IO_ADDRESS_64 | width, 0);
    give(snp, OFF_RAX, value);
    return call(snp);
}

void s0_ghcb_put_private(const struct s0_snp *snp, size_t i, uint64_t gpa, bool large)
{
    put64(snp, S0_GHCB_BUFFER + PSC_HEAD_SIZE + i * 8, gpa | PSC_PRIVATE | (large ? PSC_LARGE : 0));
}

/* The head: u16 the entry that comes next, u16 the last one, u32 zero. */
enum stage0_reason s0_ghcb_page_state(const struct s0_snp *snp, size_t count)
{
    uint64_t last = count - 1;
    uint64_t next = 0;
    while (next <= last) {
        put64(snp, S0_GHCB_BUFFER, next | last << 16);
        begin(snp, EXIT_PAGE_STATE, 0, 0);
        give(snp, OFF_SCRATCH, STAGE0_GHCB_GPA + S0_GHCB_BUFFER);
        enum stage0_reason reason = call(snp);
        if (reason != STAGE0_R_OK) {
            return reason;
        }
        uint64_t error = get64(snp, OFF_EXIT_INFO2);
        uint64_t head = get64(snp, S0_GHCB_BUFFER);
        uint64_t done = head & 0xFFFFu;
        /* Onwards, not too far, and with the same end: or it is not our request that was served. */
        if (error != 0 || head >> 16 != last || done <= next || done > last + 1) {
            return STAGE0_R_SNP_PAGE_STATE;
        }
        next = done;
    }
    return STAGE0_R_OK;
}
