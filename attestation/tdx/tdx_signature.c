/* SPDX-License-Identifier: Apache-2.0
 * tdx_signature.c - raw ECDSA signatures of quotes, reports and collateral.
 * Trust: data and signature are hostile; the key is of P-256. Threads: pure. Memory: OpenSSL's.
 */
#include "tdx/tdx_verify_internal.h"
#include "token/token_internal.h"

bool tdx_signed_by(EVP_PKEY *key, const void *data, size_t len,
                   const uint8_t signature[static TDX_SIG_SIZE])
{
    _Static_assert(TDX_SIG_SIZE == CL_JWS_SIG_SIZE, "r || s of P-256");
    return cl_jws_verify(CL_JWT_ES256, key, data, len, signature, /* err= */ NULL) == CL_OK;
}
