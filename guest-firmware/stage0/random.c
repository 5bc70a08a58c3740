/* SPDX-License-Identifier: Apache-2.0
 * random.c - the seed that Linux gets, from the CPU alone. Trust: nothing of the host's. The
 * host can make the instructions fail where it emulates the CPU; then the boot ends.
 */
#include "stage0.h"

#include "cpu.h"

#define WORD_COUNT (S0_SEED_SIZE / sizeof(uint64_t))
#define TRIES 4096u /* RDSEED may run dry for long on a busy machine */

static bool rdseed(uint64_t *ret_word)
{
    uint64_t word = 0;
    uint8_t ok = 0;
    __asm__ volatile("rdseed %0; setc %1" : "=r"(word), "=qm"(ok) : : "cc");
    *ret_word = word;
    return ok != 0;
}

static bool rdrand(uint64_t *ret_word)
{
    uint64_t word = 0;
    uint8_t ok = 0;
    __asm__ volatile("rdrand %0; setc %1" : "=r"(word), "=qm"(ok) : : "cc");
    *ret_word = word;
    return ok != 0;
}

struct s0_random s0_random_detect(const struct s0_cpu *cpu)
{
    bool has_rdrand = (s0_cpuid(cpu, 1, 0).ecx & S0_CPUID_1_ECX_RDRAND) != 0;
    bool has_rdseed =
        s0_cpuid(cpu, 0, 0).eax >= 7 && (s0_cpuid(cpu, 7, 0).ebx & S0_CPUID_7_EBX_RDSEED) != 0;
    return (struct s0_random){
        .rdseed = has_rdseed ? rdseed : NULL,
        .rdrand = has_rdrand ? rdrand : NULL,
    };
}

static bool draw(s0_random_fn *source, uint64_t *ret_word)
{
    for (uint32_t i = 0; i < TRIES; i++) {
        if (source(ret_word)) {
            return true;
        }
        __asm__ volatile("pause");
    }
    return false;
}

/* XORs one draw of every word into `words`. */
static enum stage0_reason mix(s0_random_fn *source, uint64_t words[static WORD_COUNT])
{
    uint64_t first = 0;
    bool all_same = true;
    for (size_t i = 0; i < WORD_COUNT; i++) {
        uint64_t word = 0;
        if (!draw(source, &word)) {
            return STAGE0_R_RANDOM_FAILED;
        }
        first = i == 0 ? word : first;
        all_same = all_same && word == first; /* some CPUs gave all ones after a sleep */
        words[i] ^= word;
    }
    return all_same ? STAGE0_R_RANDOM_STUCK : STAGE0_R_OK;
}

enum stage0_reason s0_random_seed(const struct s0_random *source,
                                  uint8_t ret_seed[static S0_SEED_SIZE])
{
    uint64_t words[WORD_COUNT] = {0};
    if (source->rdseed == NULL && source->rdrand == NULL) {
        return STAGE0_R_NO_RANDOM;
    }
    enum stage0_reason reason = STAGE0_R_OK;
    if (source->rdseed != NULL) {
        reason = mix(source->rdseed, words);
    }
    if (reason == STAGE0_R_OK && source->rdrand != NULL) {
        reason = mix(source->rdrand, words);
    }
    if (reason != STAGE0_R_OK) {
        return reason;
    }
    struct cl_writer w = cl_writer_init(ret_seed, S0_SEED_SIZE);
    for (size_t i = 0; i < WORD_COUNT; i++) {
        cl_writer_le64(&w, words[i]);
    }
    return STAGE0_R_OK; /* the stack that held the words is wiped before the jump */
}
