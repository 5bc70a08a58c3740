/* SPDX-License-Identifier: Apache-2.0
 * tdx_signature.c - raw ECDSA signatures of quotes, reports and collateral.
 * Trust: data and signature are hostile; the key is of P-256. Threads: pure. Memory: OpenSSL's.
 */
#include "tdx/tdx_verify_internal.h"
#include "token/sign.h"

bool tdx_signed_by(EVP_PKEY *key, const void *data, size_t len,
                   const uint8_t signature[static TDX_SIG_SIZE])
{
    return cl_sig_check(CL_SIG_ES256, key, data, len, signature, /* err= */ NULL) == CL_OK;
}
