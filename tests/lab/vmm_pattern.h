/* SPDX-License-Identifier: Apache-2.0
 * vmm_pattern.h - what guest (vmm_guest.c) and host (vmm_driver.c) of the VMM's lab tests agree on:
 * ports, and bytes that either can make and check without the other.
 */
#ifndef VMM_PATTERN_H
#define VMM_PATTERN_H

#include <stddef.h>
#include <stdint.h>

#define VMM_TEST_PORT_ECHO 2000u   /* host: returns what it gets */
#define VMM_TEST_PORT_SINK 2001u   /* host: checks a stream, then answers its FNV hash */
#define VMM_TEST_PORT_SOURCE 2002u /* host: sends a stream and its FNV hash */
#define VMM_TEST_PORT_ABSENT 2003u /* nobody */
#define VMM_TEST_PORT_GUEST 5000u  /* guest: returns what it gets */
#define VMM_FNV_START 0xcbf29ce484222325ull

static inline void vmm_pattern_fill(uint8_t *p, size_t n, uint64_t offset)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t x = offset + i;
        p[i] = (uint8_t)(x * 7 + (x >> 9) * 13 + (x >> 20));
    }
}

static inline uint64_t vmm_fnv(uint64_t h, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        h = (h ^ p[i]) * 0x100000001b3ull;
    }
    return h;
}

#endif
