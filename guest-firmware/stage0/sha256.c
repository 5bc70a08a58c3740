/* SPDX-License-Identifier: Apache-2.0
 * sha256.c - SHA-256 (FIPS 180-4) in plain C, and the choice between this and the SHA
 * instructions. Trust: the data is hostile; only its bytes are read. Memory: the stack.
 */
#include "sha2.h"
#include "stage0.h"

#include "cpu.h"

#include <string.h>

#define BLOCK_SIZE 64u
#define LENGTH_SIZE 8u

const uint32_t s0_sha256_k[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

#define ROTR(x, n) (((x) >> (n)) | ((x) << (32 - (n))))
#define BIG_SIGMA0(x) (ROTR(x, 2) ^ ROTR(x, 13) ^ ROTR(x, 22))
#define BIG_SIGMA1(x) (ROTR(x, 6) ^ ROTR(x, 11) ^ ROTR(x, 25))
#define SMALL_SIGMA0(x) (ROTR(x, 7) ^ ROTR(x, 18) ^ ((x) >> 3))
#define SMALL_SIGMA1(x) (ROTR(x, 17) ^ ROTR(x, 19) ^ ((x) >> 10))

/* The majority of a, b, c is b ^ ((a ^ b) & (b ^ c)), and this round's a ^ b is the next one's b ^
 * c.
 */
#define ROUND(a, b, c, d, e, f, g, h, i)                                                           \
    do {                                                                                           \
        uint32_t ab = (a) ^ (b);                                                                   \
        uint32_t t1 = (h) + BIG_SIGMA1(e) + CHOOSE(e, f, g) + k[i] + WORD(i);                      \
        (d) += t1;                                                                                 \
        (h) = t1 + BIG_SIGMA0(a) + ((b) ^ (ab & bc));                                              \
        bc = ab;                                                                                   \
    } while (0)

/* The word of one of the first sixteen rounds, from the block. */
#define LOADED(i) (w[i] = load_be32(data + 4 * (i)))

static inline __attribute__((always_inline)) uint32_t load_be32(const uint8_t *p)
{
    uint32_t x;
    memcpy(&x, p, sizeof(x));
    return __builtin_bswap32(x);
}

static inline __attribute__((always_inline)) void compress(uint32_t state[static 8],
                                                           const uint8_t *data)
{
    uint32_t w[16];
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    uint32_t bc = b ^ c;
    const uint32_t *k = s0_sha256_k;
#define WORD(i) LOADED(i)
    EIGHT_ROUNDS(0);
    EIGHT_ROUNDS(8);
#undef WORD
#define WORD(i) EXPANDED(i)
    for (k += 16; k < s0_sha256_k + 64; k += 16) {
        EIGHT_ROUNDS(0);
        EIGHT_ROUNDS(8);
    }
#undef WORD
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
}

void s0_sha256_blocks_c(uint32_t state[static 8], const uint8_t *data, size_t count)
{
    for (; count > 0; count--, data += BLOCK_SIZE) {
        compress(state, data);
    }
}

/* The same, with three-operand rotations: a quarter faster on CPUs without SHA instructions. */
__attribute__((target("bmi,bmi2"))) void s0_sha256_blocks_bmi2(uint32_t state[static 8],
                                                               const uint8_t *data, size_t count)
{
    for (; count > 0; count--, data += BLOCK_SIZE) {
        compress(state, data);
    }
}

s0_sha256_blocks_fn *s0_sha256_select(const struct s0_cpu *cpu)
{
    if (s0_cpuid(cpu, 0, 0).eax < 7) {
        return s0_sha256_blocks_c;
    }
    const uint32_t vector = S0_CPUID_1_ECX_SSSE3 | S0_CPUID_1_ECX_SSE41;
    uint32_t features = s0_cpuid(cpu, 7, 0).ebx;
    if ((features & S0_CPUID_7_EBX_SHA) != 0 && (s0_cpuid(cpu, 1, 0).ecx & vector) == vector) {
        return s0_sha256_blocks_ni;
    }
    const uint32_t bmi = S0_CPUID_7_EBX_BMI1 | S0_CPUID_7_EBX_BMI2;
    return (features & bmi) == bmi ? s0_sha256_blocks_bmi2 : s0_sha256_blocks_c;
}

void s0_sha256(s0_sha256_blocks_fn *blocks, uint8_t ret_digest[static S0_SHA256_SIZE],
               const uint8_t *data, size_t len)
{
    uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    size_t whole = len / BLOCK_SIZE;
    blocks(state, data, whole);

    /* The rest, one bit, zeros, and the length in bits: one block, or two. */
    uint8_t tail[2 * BLOCK_SIZE] = {0};
    size_t rest = len % BLOCK_SIZE;
    if (rest != 0) {
        memcpy(tail, data + whole * BLOCK_SIZE, rest);
    }
    tail[rest] = 0x80;
    size_t tail_size = rest + 1 + LENGTH_SIZE <= BLOCK_SIZE ? BLOCK_SIZE : 2 * BLOCK_SIZE;
    struct cl_writer length = cl_writer_init(tail + tail_size - LENGTH_SIZE, LENGTH_SIZE);
    cl_writer_be64(&length, (uint64_t)len * 8);
    blocks(state, tail, tail_size / BLOCK_SIZE);

    struct cl_writer w = cl_writer_init(ret_digest, S0_SHA256_SIZE);
    for (size_t i = 0; i < 8; i++) {
        cl_writer_be32(&w, state[i]);
    }
}
