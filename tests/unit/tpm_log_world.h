/* SPDX-License-Identifier: Apache-2.0
 * tpm_log_world.h - event logs of TPMs made here for tests, and the registers that they lead to.
 * Written apart from the library's parser and replay, so that a mistake there shows.
 */
#ifndef CL_TEST_TPM_LOG_WORLD_H
#define CL_TEST_TPM_LOG_WORLD_H

#include "base/buf.h"
#include "cloister/tpm_event_log.h"
#include "tpm_world.h"

#define LOG_BANKS_MAX 4u

struct tpm_log_world { /* zeroed is fine */
    struct cl_buf raw;
    size_t bank_count;
    uint16_t bank[LOG_BANKS_MAX];
    uint8_t pcr[LOG_BANKS_MAX][CL_TPM_PCR_COUNT][CL_TPM_DIGEST_MAX]; /* so far */
};
void tpm_log_done(struct tpm_log_world *w);

/* Begins a log of those banks: its first record, and registers as after a reset. */
void tpm_log_begin(struct tpm_log_world *w, const uint16_t *banks, size_t count);
/* A StartupLocality record, and PCR 0 beginning with it. */
void tpm_log_locality(struct tpm_log_world *w, uint8_t locality);
/* A record whose digests are those of the words; extended unless it is EV_NO_ACTION. */
void tpm_log_event(struct tpm_log_world *w, uint32_t pcr, uint32_t type, const char *words);
/* What a machine with three banks boots: firmware, its configuration, secure boot, a loader, and a
 * kernel; from locality 3. */
void tpm_log_boot(struct tpm_log_world *w);
/* A quote of all registers of those of its banks that `mask` has (bit i: the i-th), as the log
 * leads to them. */
struct tpm_world_quote tpm_log_quote(const struct tpm_log_world *w, unsigned mask);

#endif
