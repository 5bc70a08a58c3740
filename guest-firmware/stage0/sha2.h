/* SPDX-License-Identifier: Apache-2.0
 * sha2.h - what SHA-256 and SHA-384 share (FIPS 180-4, 4.1, 6.2, 6.4): the order of rounds and
 * words. The includer has ROUND, WORD, ROTR, SMALL_SIGMA0 and SMALL_SIGMA1 of its word size, and a
 * window w of sixteen words. Trust: none needed; no input.
 */
#ifndef STAGE0_SHA2_H
#define STAGE0_SHA2_H

#define CHOOSE(e, f, g) ((g) ^ ((e) & ((f) ^ (g))))

/* The names of the variables are rotated instead of their values. */
#define EIGHT_ROUNDS(i)                                                                            \
    do {                                                                                           \
        ROUND(a, b, c, d, e, f, g, h, (i) + 0);                                                    \
        ROUND(h, a, b, c, d, e, f, g, (i) + 1);                                                    \
        ROUND(g, h, a, b, c, d, e, f, (i) + 2);                                                    \
        ROUND(f, g, h, a, b, c, d, e, (i) + 3);                                                    \
        ROUND(e, f, g, h, a, b, c, d, (i) + 4);                                                    \
        ROUND(d, e, f, g, h, a, b, c, (i) + 5);                                                    \
        ROUND(c, d, e, f, g, h, a, b, (i) + 6);                                                    \
        ROUND(b, c, d, e, f, g, h, a, (i) + 7);                                                    \
    } while (0)

/* A later round's word, from the last sixteen. */
#define EXPANDED(i)                                                                                \
    (w[i] += SMALL_SIGMA1(w[((i) + 14) & 15]) + w[((i) + 9) & 15] + SMALL_SIGMA0(w[((i) + 1) & 15]))

#endif
