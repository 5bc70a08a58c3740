/* SPDX-License-Identifier: Apache-2.0
 * fuzz_tpm_quote.c - the parsers of a TPM's structures on any bytes: a quote, a signature, a public
 * area. The first byte chooses.
 */
#include "cloister/tpm_quote.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void quote(const uint8_t *data, size_t len)
{
    static const struct cl_tpm_pcrs none; /* its digest is never there, and must not be read */
    struct cl_tpm_quote q;
    uint8_t digest[CL_TPM_DIGEST_MAX];
    if (cl_tpm_quote_parse(data, len, &q, NULL) != CL_OK) {
        return;
    }
    bool empty = true;
    for (size_t i = 0; i < q.selection.bank_count; i++) {
        empty = empty && q.selection.bank[i].mask == 0;
    }
    if ((cl_tpm_pcrs_digest(&none, &q.selection, CL_TPM_ALG_SHA256, digest, NULL) == CL_OK) !=
        empty) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cl_tpm_signature s;
    struct cl_tpm_public p = {0};
    if (len == 0) {
        return 0;
    }
    if (data[0] % 3 == 0) {
        quote(data + 1, len - 1);
    } else if (data[0] % 3 == 1) {
        if (cl_tpm_signature_parse(data + 1, len - 1, &s, NULL) == CL_OK &&
            (s.a_len > sizeof(s.a) || s.b_len > sizeof(s.b))) {
            abort();
        }
    } else if (cl_tpm_public_parse(data + 1, len - 1, &p, NULL) == CL_OK) {
        if (p.key == NULL || p.name_len < 34) {
            abort();
        }
        cl_tpm_public_done(&p);
    }
    return 0;
}
