/* SPDX-License-Identifier: Apache-2.0
 * tdx_chain.c - one certificate under its issuer: algorithms, signature, constraints, validity.
 * Trust: every certificate is hostile. Threads: pure. Memory: OpenSSL's.
 * Spec: Intel SGX PCK Certificate and CRL Profile; RFC 5280, 6.1; tdx.md a.10, step 2.
 */
#include "tdx/tdx_verify_internal.h"

#include <openssl/x509v3.h>

struct tdx_chain_facts tdx_chain_facts_init(void)
{
    return (struct tdx_chain_facts){.algorithms = true,
                                    .signatures = true,
                                    .constraints = true,
                                    .from = INT64_MIN,
                                    .until = INT64_MAX};
}

static bool fits_role(const X509 *x, enum tdx_cert_role role)
{
    X509 *y = (X509 *)(uintptr_t)x; /* OpenSSL caches decoded extensions, under its own lock */
    uint32_t usage = X509_get_key_usage(y);
    long pathlen = X509_get_pathlen(y);
    uint32_t flags = X509_get_extension_flags(y);
    if (!cl_x509_no_unknown_critical(x) || (flags & EXFLAG_INVALID) != 0) {
        return false;
    }
    if (role == TDX_CERT_LEAF) {
        return (flags & EXFLAG_CA) == 0 && usage != UINT32_MAX &&
               (usage & KU_DIGITAL_SIGNATURE) != 0;
    }
    return X509_check_ca(y) == 1 && usage != UINT32_MAX && (usage & KU_KEY_CERT_SIGN) != 0 &&
           (usage & KU_CRL_SIGN) != 0 && (role == TDX_CERT_CA || pathlen < 0 || pathlen >= 1);
}

void tdx_chain_link(const X509 *x, const X509 *issuer, enum tdx_cert_role role,
                    struct tdx_chain_facts *facts)
{
    int64_t from = 0, until = 0;
    facts->algorithms =
        facts->algorithms && cl_x509_algorithm_is_ecdsa_sha256(x) && cl_x509_key_is_p256(x);
    facts->signatures = facts->signatures && cl_x509_signed_by_p256(x, issuer);
    facts->constraints = facts->constraints && fits_role(x, role);
    if (!cl_x509_validity(x, &from, &until)) {
        from = INT64_MAX; /* never valid */
    }
    facts->from = from > facts->from ? from : facts->from;
    facts->until = until < facts->until ? until : facts->until;
}

const char *tdx_chain_broken(const struct tdx_chain_facts *facts)
{
    return !facts->algorithms    ? "another algorithm or curve"
           : !facts->signatures  ? "a signature that does not verify"
           : !facts->constraints ? "a certificate that may not do what it is used for"
                                 : NULL;
}
