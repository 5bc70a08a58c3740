/* SPDX-License-Identifier: Apache-2.0
 * fuzz_distrust.c - platform-distrust documents: a token of any bytes, which no key signed; and any
 * JSON object behind a good signature, looked up for a platform.
 */
#include "base/json.h"
#include "cloister/distrust.h"
#include "cloister/jwt.h"

#include <openssl/evp.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static EVP_PKEY *signing_key(void)
{
    static const uint8_t raw[32] = {1};
    static EVP_PKEY *key;
    if (key == NULL) {
        key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, raw, sizeof(raw));
    }
    return key;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct cl_distrust_component components[] = {{"snp", 24}};
    static const uint8_t chip[64] = {1};
    const struct cl_distrust_platform platform = {.family = "snp",
                                                  .product = "milan",
                                                  .chip_id = chip,
                                                  .chip_id_len = sizeof(chip),
                                                  .components = components,
                                                  .component_count = 1};
    CL_CLEANUP(cl_distrust_freep) struct cl_distrust *d = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *claims = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf token = {0};
    struct cl_distrust_hit hit = {0};
    if (cl_distrust_read((const char *)data, len, signing_key(), 0, &d, NULL) == CL_OK) {
        abort(); /* a signature found by chance */
    }
    if (cl_json_parse(data, len, "claims", &claims, NULL) != CL_OK || !json_is_object(claims) ||
        cl_jwt_sign(CL_JWT_EDDSA, signing_key(), NULL, claims, &token, NULL) != CL_OK ||
        cl_distrust_read((const char *)token.data, token.len, signing_key(), 1, &d, NULL) !=
            CL_OK) {
        return 0;
    }
    if (cl_distrust_find(d, &platform, &hit) != CL_NO &&
        (hit.id == NULL || hit.source == NULL || hit.reason == NULL)) {
        abort();
    }
    return 0;
}
