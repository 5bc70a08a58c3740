/* SPDX-License-Identifier: Apache-2.0
 * tcg_records.h - the records of a crypto-agile event log, one after another, as firmware writes
 * them for TPMs (registers are PCRs) and for TDs (registers are MRTD and RTMRs).
 * Trust: every byte is hostile; form is checked here, and nothing is believed.
 * Threads: pure. Memory: none; everything is borrowed from the log.
 * Spec: TCG PC Client Platform Firmware Profile 10.2 (TCG_PCR_EVENT2, TCG_EfiSpecIDEvent).
 */
#ifndef CL_ATTESTATION_TCG_RECORDS_H
#define CL_ATTESTATION_TCG_RECORDS_H

#include "base/bytes.h"

#define TCG_ALGORITHMS_MAX 8u
#define TCG_NO_ACTION 3u            /* EV_NO_ACTION: not extended into any register */
#define TCG_NO_REGISTER 0xFFFFFFFFu /* of records that no register knows, and of filler */

struct tcg_digest {
    uint16_t alg;         /* TPM_ALG_ID */
    uint16_t size;        /* bytes, as the log announced */
    const uint8_t *value; /* NULL among the announced ones */
};

struct tcg_record {
    uint32_t mr, type;
    size_t digest_count;
    struct tcg_digest digests[TCG_ALGORITHMS_MAX]; /* each algorithm at most once */
    const uint8_t *data;
    size_t data_len;
    size_t offset; /* of the record in the log */
};

struct tcg_records {
    struct cl_reader r;
    uint32_t max_mr;
    bool unregistered; /* EV_NO_ACTION of TCG_NO_REGISTER is a record, too */
    size_t algorithm_count;
    struct tcg_digest algorithms[TCG_ALGORITHMS_MAX]; /* announced in the first record; distinct */
};

/* Reads the first record (Spec ID Event03) of a log that is borrowed until the last record.
 * max_mr        the last register that a record may name
 * unregistered  whether records may name none
 * Returns       CL_OK; CL_ERR_TRUNCATED, CL_ERR_MALFORMED; CL_ERR_UNSUPPORTED (not crypto-agile) */
CL_NODISCARD enum cl_status tcg_records_start(struct tcg_records *it, const uint8_t *data,
                                              size_t len, uint32_t max_mr, bool unregistered,
                                              struct cl_err *err);
/* Nothing is left, or nothing but filler of one byte, 0xFF or zero: the ACPI area is larger than
 * the log. */
bool tcg_records_at_end(const struct tcg_records *it);
/* The register of the next record; TCG_NO_REGISTER. Zero when too little is left. */
uint32_t tcg_records_peek(const struct tcg_records *it);
/* The next record. CL_ERR_TRUNCATED or CL_ERR_MALFORMED with err->offset. */
CL_NODISCARD enum cl_status tcg_records_next(struct tcg_records *it, struct tcg_record *ret,
                                             struct cl_err *err);
/* A digest of the record by its algorithm, or NULL. */
const struct tcg_digest *tcg_record_digest(const struct tcg_record *rec, uint16_t alg);

/* A list of `count` items of `size` bytes with room for one more: `items` itself, or moved to twice
 * *room. NULL when there is no memory; then `items` is as it was. The caller frees it. */
void *tcg_list_room(void *items, size_t *room, size_t count, size_t size);

/* "event log: <field> before byte <where the reader is>: expected <expected>" */
CL_NODISCARD enum cl_status tcg_records_bad(const struct tcg_records *it, struct cl_err *err,
                                            enum cl_status st, const char *field,
                                            const char *expected);

#endif
