/* SPDX-License-Identifier: Apache-2.0
 * snp_cpuid.c - what the firmware demands of a CPUID page, and how it corrects one (snp.md d.4).
 */
#include "internal.h"

#define HEADER 16u
#define ENTRY 48u
#define MAX_ENTRIES 64u

/* Offsets inside an entry. */
enum {
    EAX_IN = 0,
    ECX_IN = 4,
    XCR0_IN = 8,
    XSS_IN = 16,
    EAX = 24,
    EBX = 28,
    ECX = 32,
    EDX = 36,
    RESERVED = 40
};

static bool demand(uint8_t *field, unsigned size, uint64_t value)
{
    if (model_le(field, size) == value) {
        return true;
    }
    model_put_le(field, size, value);
    return false;
}

static bool clear(uint8_t *field, uint32_t bits)
{
    return demand(field, 4, model_le(field, 4) & ~(uint64_t)bits);
}

/* Bits that the firmware refuses to let a guest believe in. */
static bool check_bits(uint8_t *e)
{
    switch (model_le(e + EAX_IN, 4)) {
    case 1:
        return clear(e + ECX, 1u << 24); /* TSC deadline */
    case 7: {
        if (model_le(e + ECX_IN, 4) != 0) {
            return true;
        }
        bool ebx = clear(e + EBX, 1u << 1); /* TSC_ADJUST */
        bool edx = clear(e + EDX, UINT32_MAX);
        return ebx && edx;
    }
    case 0xD: {
        if (model_le(e + ECX_IN, 4) > 1) {
            return true;
        }
        bool ebx = demand(e + EBX, 4, 0x240);
        bool xcr0 = demand(e + XCR0_IN, 8, 1);
        bool xss = demand(e + XSS_IN, 8, 0);
        return ebx && xcr0 && xss;
    }
    case 0x80000008:
        return clear(e + EBX, 1u << 25);
    case 0x80000021:
        return clear(e + ECX, UINT32_MAX);
    default:
        return true;
    }
}

bool model_cpuid_check(uint8_t page[static MODEL_PAGE])
{
    bool good = true;
    uint64_t count = model_le(page, 4);
    if (count > MAX_ENTRIES) {
        model_put_le(page, 4, MAX_ENTRIES);
        count = MAX_ENTRIES;
        good = false;
    }
    good = demand(page + 4, 4, 0) && good;
    good = demand(page + 8, 8, 0) && good;
    for (uint64_t i = 0; i < count; i++) {
        uint8_t *e = page + HEADER + i * ENTRY;
        good = check_bits(e) && good;
        good = demand(e + RESERVED, 8, 0) && good;
    }
    return good;
}
