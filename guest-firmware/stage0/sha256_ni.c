/* SPDX-License-Identifier: Apache-2.0
 * sha256_ni.c - SHA-256 with the CPU's SHA instructions. The only file of stage0 that uses vector
 * registers: it is compiled with -msha -msse4.1 and called only after s0_sha256_select().
 * Trust: as sha256.c.
 */
#include "stage0.h"

#include <immintrin.h>

/* The instructions keep the eight words as {a,b,e,f} and {c,d,g,h}. */
struct ni_state {
    __m128i abef;
    __m128i cdgh;
};

/* Four rounds: SHA256RNDS2 does two, on the low and then the high half of its third operand. */
static inline struct ni_state four_rounds(struct ni_state s, __m128i words, size_t group)
{
    __m128i k = _mm_load_si128((const __m128i *)(const void *)&s0_sha256_k[4 * group]);
    __m128i sum = _mm_add_epi32(words, k);
    __m128i cdgh = _mm_sha256rnds2_epu32(s.cdgh, s.abef, sum);
    __m128i abef = _mm_sha256rnds2_epu32(s.abef, cdgh, _mm_shuffle_epi32(sum, 0x0E));
    return (struct ni_state){abef, cdgh};
}

/* The next four words of the schedule, from the last sixteen. */
static inline __m128i expand(__m128i w0, __m128i w1, __m128i w2, __m128i w3)
{
    __m128i t = _mm_sha256msg1_epu32(w0, w1);
    t = _mm_add_epi32(t, _mm_alignr_epi8(w3, w2, 4)); /* words t-7 */
    return _mm_sha256msg2_epu32(t, w3);
}

static inline struct ni_state sixteen_rounds(struct ni_state s, __m128i w0, __m128i w1, __m128i w2,
                                             __m128i w3, size_t group)
{
    s = four_rounds(s, w0, group);
    s = four_rounds(s, w1, group + 1);
    s = four_rounds(s, w2, group + 2);
    return four_rounds(s, w3, group + 3);
}

static inline __m128i load(const uint8_t *data, __m128i swap)
{
    return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)data), swap);
}

static inline struct ni_state compress(struct ni_state s, const uint8_t *data)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    struct ni_state start = s;
    __m128i w0 = load(data, swap);
    __m128i w1 = load(data + 16, swap);
    __m128i w2 = load(data + 32, swap);
    __m128i w3 = load(data + 48, swap);
    s = sixteen_rounds(s, w0, w1, w2, w3, 0);
    for (size_t group = 4; group < 16; group += 4) {
        w0 = expand(w0, w1, w2, w3);
        w1 = expand(w1, w2, w3, w0);
        w2 = expand(w2, w3, w0, w1);
        w3 = expand(w3, w0, w1, w2);
        s = sixteen_rounds(s, w0, w1, w2, w3, group);
    }
    s.abef = _mm_add_epi32(s.abef, start.abef);
    s.cdgh = _mm_add_epi32(s.cdgh, start.cdgh);
    return s;
}

void s0_sha256_blocks_ni(uint32_t state[static 8], const uint8_t *data, size_t count)
{
    struct ni_state s = {
        .abef = _mm_set_epi32((int)state[0], (int)state[1], (int)state[4], (int)state[5]),
        .cdgh = _mm_set_epi32((int)state[2], (int)state[3], (int)state[6], (int)state[7]),
    };
    for (; count > 0; count--, data += 64) {
        s = compress(s, data);
    }
    state[0] = (uint32_t)_mm_extract_epi32(s.abef, 3);
    state[1] = (uint32_t)_mm_extract_epi32(s.abef, 2);
    state[4] = (uint32_t)_mm_extract_epi32(s.abef, 1);
    state[5] = (uint32_t)_mm_extract_epi32(s.abef, 0);
    state[2] = (uint32_t)_mm_extract_epi32(s.cdgh, 3);
    state[3] = (uint32_t)_mm_extract_epi32(s.cdgh, 2);
    state[6] = (uint32_t)_mm_extract_epi32(s.cdgh, 1);
    state[7] = (uint32_t)_mm_extract_epi32(s.cdgh, 0);
}
