/* SPDX-License-Identifier: Apache-2.0
 * x509_p256.c - certificates and CRLs signed with ECDSA P-256 and SHA-256, and raw public keys.
 * Trust: every certificate and CRL is hostile. Threads: pure. Memory: OpenSSL's.
 */
#include "x509/x509.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#define POINT_SIZE 65u /* uncompressed: 4, x, y */

static bool is_ecdsa_sha256(const X509_ALGOR *alg)
{
    const ASN1_OBJECT *oid = NULL;
    int type = 0;
    X509_ALGOR_get0(&oid, &type, NULL, alg);
    return OBJ_obj2nid(oid) == NID_ecdsa_with_SHA256 && type == V_ASN1_UNDEF;
}

bool cl_x509_algorithm_is_ecdsa_sha256(const X509 *x)
{
    const X509_ALGOR *alg = NULL;
    X509_get0_signature(NULL, &alg, x);
    return is_ecdsa_sha256(alg) && is_ecdsa_sha256(X509_get0_tbs_sigalg(x));
}

bool cl_x509_signed_by_p256(const X509 *x, const X509 *issuer)
{
    bool good = cl_x509_algorithm_is_ecdsa_sha256(x) && cl_x509_key_is_p256(issuer) &&
                X509_NAME_cmp(X509_get_issuer_name(x), X509_get_subject_name(issuer)) == 0 &&
                X509_verify((X509 *)(uintptr_t)x, X509_get0_pubkey(issuer)) == 1;
    ERR_clear_error();
    return good;
}

static bool has_critical_extension(const X509_CRL *crl)
{
    for (int i = 0; i < X509_CRL_get_ext_count(crl); i++) {
        if (X509_EXTENSION_get_critical(X509_CRL_get_ext(crl, i)) != 0) {
            return true; /* a delta, an indirect or a partial CRL: not the whole list */
        }
    }
    return false;
}

bool cl_x509_crl_signed_by_p256(const X509_CRL *crl, const X509 *issuer)
{
    const X509_ALGOR *alg = NULL;
    X509_CRL_get0_signature(crl, NULL, &alg);
    /* X509_CRL_verify() itself compares the two algorithm identifiers. */
    bool good = is_ecdsa_sha256(alg) && cl_x509_key_is_p256(issuer) &&
                !has_critical_extension(crl) &&
                X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(issuer)) == 0 &&
                X509_CRL_verify((X509_CRL *)(uintptr_t)crl, X509_get0_pubkey(issuer)) == 1;
    ERR_clear_error();
    return good;
}

bool cl_x509_crl_has(const X509_CRL *crl, const X509 *x)
{
    X509_REVOKED *entry = NULL;
    return X509_CRL_get0_by_serial((X509_CRL *)(uintptr_t)crl, &entry, X509_get0_serialNumber(x)) !=
           0;
}

enum cl_status cl_x509_p256_key(const uint8_t xy[static 64], EVP_PKEY **ret_key, struct cl_err *err)
{
    uint8_t point[POINT_SIZE] = {4};
    char group[] = "P-256";
    memcpy(point + 1, xy, POINT_SIZE - 1);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    bool started = ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1;
    bool good = started && EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) == 1;
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    if (!started) {
        return cl_err_nomem(err, "public key");
    }
    if (!good) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "public key: expected a point of the curve P-256, got another value");
    }
    *ret_key = key;
    return CL_OK;
}
