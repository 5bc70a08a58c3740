/* SPDX-License-Identifier: Apache-2.0
 * tdx_roots.c - the root of trust of class `tdx`: SHA-384 of the SubjectPublicKeyInfo of the Intel
 * SGX Root CA. There is no other way to add one. Trust: this is the trust. Threads: constant.
 * Memory: none. Spec: tdx.md a.7; the digest can be computed from Intel's published certificate.
 */
#include "tdx/tdx_verify_internal.h"

const uint8_t *tdx_pinned_root(void)
{
    static const uint8_t intel_sgx_root[CL_TDX_ROOT_SIZE] = {
        0x3c, 0xdf, 0x1f, 0xeb, 0x4e, 0x5e, 0xac, 0x62, 0x91, 0x70, 0xf1, 0x76,
        0x25, 0x64, 0x8d, 0xa4, 0xa1, 0x6e, 0xff, 0xa2, 0x2a, 0xe2, 0xbc, 0xca,
        0x03, 0x0b, 0x43, 0x58, 0xa8, 0x96, 0x1c, 0x1b, 0xf2, 0x6c, 0xf5, 0x4a,
        0x95, 0x98, 0xcd, 0x6a, 0x2d, 0x4a, 0x9c, 0xbb, 0x62, 0x37, 0x7d, 0x22};
    return intel_sgx_root;
}

static enum cl_status digest_of_der(void *ctx, const uint8_t *der, size_t len, struct cl_err *err)
{
    CL_CLEANUP(cl_x509_freep) X509 *x = NULL;
    CL_TRY(cl_x509_parse(der, len, &x, err));
    return cl_x509_spki_sha384(x, ctx, err);
}

enum cl_status cl_tdx_root_digest(const uint8_t *cert, size_t len,
                                  uint8_t ret[static CL_TDX_ROOT_SIZE], struct cl_err *err)
{
    return len > 0 && cert[0] == 0x30 ? digest_of_der(ret, cert, len, err)
                                      : cl_x509_pem_each(cert, len, digest_of_der, ret, err);
}
