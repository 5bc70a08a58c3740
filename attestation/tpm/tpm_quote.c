/* SPDX-License-Identifier: Apache-2.0
 * tpm_quote.c - TPMS_ATTEST of a quote, read with our own bounded reader, so that whoever verifies
 * needs no TPM software. Trust: hostile bytes. Threads: pure. Memory: none.
 * Spec: TPM 2.0 Part 2, 10.12.8 TPMS_ATTEST, 10.12.1 TPMS_QUOTE_INFO, 10.6 selections.
 */
#include "cloister/tpm_quote.h"

#include "base/bytes.h"
#include "tpm/tpm_internal.h"

size_t tpm_read_2b(struct cl_reader *r, uint8_t *dst, size_t max, const char *field)
{
    size_t n = cl_reader_be16(r, field);
    if (r->failed == NULL && n > max) {
        r->failed = field;
    }
    cl_reader_copy(r, dst, r->failed == NULL ? n : 0, field);
    return r->failed == NULL ? n : 0;
}

/* One TPMS_PCR_SELECTION: bit n of byte i is PCR 8 * i + n. */
static enum cl_status read_bank(struct cl_reader *r, struct cl_tpm_selection *s, struct cl_err *err)
{
    uint16_t alg = cl_reader_be16(r, "selection.hash");
    size_t size = cl_reader_u8(r, "selection.sizeofSelect");
    const uint8_t *bits = cl_reader_bytes(r, size, "selection.pcrSelect");
    CL_TRY(cl_reader_check(r, "TPM quote", err));
    if (cl_tpm_hash_size(alg) == 0) {
        return cl_err_at(err, CL_ERR_UNSUPPORTED, r->pos,
                         "TPM quote: selection.hash: expected sha1, sha256, sha384 or sha512, got "
                         "0x%04x",
                         (unsigned)alg);
    }
    uint32_t mask = 0;
    for (size_t i = 0; i < size; i++) {
        if (i >= CL_TPM_PCR_COUNT / 8 && bits[i] != 0) {
            return cl_err_at(err, CL_ERR_UNSUPPORTED, r->pos,
                             "TPM quote: selection.pcrSelect: expected PCRs 0 to %u, got a higher "
                             "one",
                             CL_TPM_PCR_COUNT - 1);
        }
        mask |= i < CL_TPM_PCR_COUNT / 8 ? (uint32_t)bits[i] << (8 * i) : 0;
    }
    for (size_t i = 0; i < s->bank_count; i++) {
        if (s->bank[i].alg == alg) {
            return cl_err_at(err, CL_ERR_MALFORMED, r->pos,
                             "TPM quote: selection.hash: expected each bank once, got %s again",
                             cl_tpm_alg_name(alg));
        }
    }
    s->bank[s->bank_count].alg = alg; /* fits: each hash once */
    s->bank[s->bank_count++].mask = mask;
    return CL_OK;
}

static enum cl_status read_quote_info(struct cl_reader *r, struct cl_tpm_quote *q,
                                      struct cl_err *err)
{
    uint32_t count = cl_reader_be32(r, "selection.count");
    CL_TRY(cl_reader_check(r, "TPM quote", err));
    if (count > CL_TPM_BANKS_MAX) {
        return cl_err_at(err, CL_ERR_MALFORMED, r->pos,
                         "TPM quote: selection.count: expected at most %u, got %u",
                         CL_TPM_BANKS_MAX, (unsigned)count);
    }
    for (uint32_t i = 0; i < count; i++) {
        CL_TRY(read_bank(r, &q->selection, err));
    }
    q->pcr_digest_len = tpm_read_2b(r, q->pcr_digest, sizeof(q->pcr_digest), "pcrDigest");
    return cl_reader_finish(r, "TPM quote", err);
}

enum cl_status cl_tpm_quote_parse(const uint8_t *data, size_t len, struct cl_tpm_quote *ret_q,
                                  struct cl_err *err)
{
    struct cl_reader r = cl_reader_init(data, len);
    struct cl_tpm_quote q = {0};
    if (len > CL_TPM_QUOTE_MAX_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "TPM quote: size: expected at most %u bytes, got %zu",
                          CL_TPM_QUOTE_MAX_SIZE, len);
    }
    q.magic = cl_reader_be32(&r, "magic");
    q.type = cl_reader_be16(&r, "type");
    q.signer_len = tpm_read_2b(&r, q.signer, sizeof(q.signer), "qualifiedSigner");
    q.extra_data_len = tpm_read_2b(&r, q.extra_data, sizeof(q.extra_data), "extraData");
    q.clock = cl_reader_be64(&r, "clockInfo.clock");
    q.reset_count = cl_reader_be32(&r, "clockInfo.resetCount");
    q.restart_count = cl_reader_be32(&r, "clockInfo.restartCount");
    uint8_t safe = cl_reader_u8(&r, "clockInfo.safe");
    q.firmware_version = cl_reader_be64(&r, "firmwareVersion");
    CL_TRY(cl_reader_check(&r, "TPM quote", err));
    if (safe > 1) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "TPM quote: clockInfo.safe: expected 0 or 1, got %u", (unsigned)safe);
    }
    q.safe = safe == 1;
    if (q.type == CL_TPM_ST_QUOTE) {
        CL_TRY(read_quote_info(&r, &q, err));
    }
    *ret_q = q;
    return CL_OK;
}
