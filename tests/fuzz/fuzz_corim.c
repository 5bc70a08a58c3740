/* SPDX-License-Identifier: Apache-2.0
 * fuzz_corim.c - hostile CoRIM files: signed ones may never verify under a key of this process, and
 * an unsigned one that is taken survives being written and read again.
 */
#include "cloister/corim.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define NOW INT64_C(1767225600)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static EVP_PKEY *key;
    static struct cl_corim c, back;
    if (key == NULL) {
        key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    }
    if (cl_corim_read(data, len, key, CL_CORIM_SIGNED, NOW, &c, NULL) == CL_OK) {
        abort();
    }
    if (cl_corim_read(data, len, key, CL_CORIM_MAY_BE_UNSIGNED, NOW, &c, NULL) != CL_OK) {
        return 0;
    }
    struct cl_buf out = {0};
    memcpy(c.signer, "fuzz", sizeof("fuzz"));
    if (c.is_signed || c.count == 0 || c.count > CL_CORIM_MAX_REFERENCES ||
        cl_corim_write(&c, key, &out, NULL) != CL_OK ||
        cl_corim_read(out.data, out.len, key, CL_CORIM_SIGNED, NOW, &back, NULL) != CL_OK ||
        back.not_after != c.not_after || strcmp(back.id, c.id) != 0) {
        abort();
    }
    cl_buf_done(&out);
    return 0;
}
