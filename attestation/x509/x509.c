/* SPDX-License-Identifier: Apache-2.0
 * x509.c - see x509.h. Trust: hostile certificates. Threads: pure. Memory: OpenSSL's.
 */
#include "x509/x509.h"

#include "base/digest.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

void cl_x509_freep(X509 **x)
{
    X509_free(*x);
    *x = NULL;
}

enum cl_status cl_x509_parse(const uint8_t *der, size_t len, X509 **ret_x, struct cl_err *err)
{
    if (len > INT32_MAX) {
        return cl_err_set(err, CL_ERR_MALFORMED, "certificate: size: expected less, got %zu", len);
    }
    const unsigned char *p = der;
    CL_CLEANUP(cl_x509_freep) X509 *x = d2i_X509(NULL, &p, (long)len);
    if (x == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "certificate: contents: expected X.509 in DER, got something else");
    }
    size_t used = (size_t)(p - der);
    if (used != len) {
        return cl_err_at(err, CL_ERR_MALFORMED, used,
                         "certificate: size: expected %zu bytes, got %zu more behind them", used,
                         len - used);
    }
    *ret_x = CL_TAKE(x);
    return CL_OK;
}

enum cl_status cl_x509_spki_sha384(const X509 *x, uint8_t ret[static 48], struct cl_err *err)
{
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
    if (len <= 0) {
        return cl_err_nomem(err, "public key of a certificate");
    }
    enum cl_status st = cl_sha384(ret, der, (size_t)len, err);
    OPENSSL_free(der);
    return st;
}

static int algor_nid(const X509_ALGOR *alg)
{
    const ASN1_OBJECT *oid = NULL;
    if (alg == NULL) {
        return NID_undef;
    }
    X509_ALGOR_get0(&oid, NULL, NULL, alg);
    return OBJ_obj2nid(oid);
}

static bool mgf_is_sha384(const X509_ALGOR *mgf)
{
    const void *param = NULL;
    int type = 0;
    if (algor_nid(mgf) != NID_mgf1) {
        return false;
    }
    X509_ALGOR_get0(NULL, &type, &param, mgf);
    if (type != V_ASN1_SEQUENCE) {
        return false;
    }
    X509_ALGOR *hash = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(X509_ALGOR), mgf->parameter);
    bool good = algor_nid(hash) == NID_sha384;
    X509_ALGOR_free(hash);
    return good;
}

static bool is_pss_sha384(const X509_ALGOR *alg)
{
    if (algor_nid(alg) != NID_rsassaPss || alg->parameter == NULL ||
        alg->parameter->type != V_ASN1_SEQUENCE) {
        return false;
    }
    RSA_PSS_PARAMS *p = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(RSA_PSS_PARAMS), alg->parameter);
    bool good = p != NULL && algor_nid(p->hashAlgorithm) == NID_sha384 &&
                mgf_is_sha384(p->maskGenAlgorithm) && p->saltLength != NULL &&
                ASN1_INTEGER_get(p->saltLength) == 48 &&
                (p->trailerField == NULL || ASN1_INTEGER_get(p->trailerField) == 1);
    RSA_PSS_PARAMS_free(p);
    return good;
}

bool cl_x509_signed_with_pss_sha384(const X509 *x)
{
    const X509_ALGOR *alg = NULL;
    X509_get0_signature(NULL, &alg, x);
    return X509_ALGOR_cmp(alg, X509_get0_tbs_sigalg(x)) == 0 && is_pss_sha384(alg);
}

/* The algorithm inside what is signed: OpenSSL 3.0 has no call for it. der is SEQUENCE { SEQUENCE {
 * INTEGER version, AlgorithmIdentifier, ... }, ... }, as OpenSSL parsed it before. */
static X509_ALGOR *crl_inner_algorithm(const unsigned char *der, long len)
{
    static const int tags[] = {V_ASN1_SEQUENCE, V_ASN1_SEQUENCE, V_ASN1_INTEGER};
    const unsigned char *p = der, *end = der + len;
    long n = 0;
    for (size_t i = 0; i < CL_ARRAY_LEN(tags); i++) {
        int tag = 0, cls = 0;
        if ((ASN1_get_object(&p, &n, &tag, &cls, end - p) & 0x80) != 0 || tag != tags[i]) {
            return NULL;
        }
    }
    p += n; /* behind the version */
    return d2i_X509_ALGOR(NULL, &p, end - p);
}

bool cl_x509_crl_signed_with_pss_sha384(const X509_CRL *crl)
{
    const X509_ALGOR *alg = NULL;
    unsigned char *der = NULL;
    X509_CRL_get0_signature(crl, NULL, &alg);
    int len = i2d_X509_CRL(crl, &der);
    X509_ALGOR *inner = len > 0 ? crl_inner_algorithm(der, len) : NULL;
    bool good = inner != NULL && X509_ALGOR_cmp(alg, inner) == 0 && is_pss_sha384(alg);
    X509_ALGOR_free(inner);
    OPENSSL_free(der);
    return good;
}

bool cl_x509_key_is_rsa4096(const X509 *x)
{
    EVP_PKEY *key = X509_get0_pubkey(x);
    BIGNUM *e = NULL;
    bool good = key != NULL && EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) == 4096 &&
                EVP_PKEY_get_bn_param(key, "e", &e) == 1 && BN_is_word(e, 65537);
    BN_free(e);
    return good;
}

/* The curve must be named: explicit parameters could describe another one. */
static bool key_is_on(const X509 *x, int curve)
{
    X509_ALGOR *alg = NULL;
    const void *param = NULL;
    int type = 0;
    if (X509_PUBKEY_get0_param(NULL, NULL, NULL, &alg, X509_get_X509_PUBKEY(x)) != 1 ||
        algor_nid(alg) != NID_X9_62_id_ecPublicKey) {
        return false;
    }
    X509_ALGOR_get0(NULL, &type, &param, alg);
    return type == V_ASN1_OBJECT && OBJ_obj2nid(param) == curve && X509_get0_pubkey(x) != NULL;
}

bool cl_x509_key_is_p384(const X509 *x)
{
    return key_is_on(x, NID_secp384r1);
}

bool cl_x509_key_is_p256(const X509 *x)
{
    return key_is_on(x, NID_X9_62_prime256v1);
}

void cl_x509_cn(const X509_NAME *name, char ret[static CL_X509_CN_SIZE])
{
    ret[0] = '\0';
    int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    if (at < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, at) >= 0) {
        return;
    }
    const ASN1_STRING *s = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
    int len = ASN1_STRING_length(s);
    int type = ASN1_STRING_type(s);
    if (len <= 0 || (size_t)len >= CL_X509_CN_SIZE ||
        (type != V_ASN1_PRINTABLESTRING && type != V_ASN1_UTF8STRING && type != V_ASN1_IA5STRING)) {
        return;
    }
    const unsigned char *p = ASN1_STRING_get0_data(s);
    for (int i = 0; i < len; i++) {
        if (p[i] < 0x20 || p[i] > 0x7E) {
            return;
        }
    }
    memcpy(ret, p, (size_t)len);
    ret[len] = '\0';
}

bool cl_x509_no_unknown_critical(const X509 *x)
{
    if (X509_get_version(x) != X509_VERSION_3) {
        return false;
    }
    for (int i = 0; i < X509_get_ext_count(x); i++) {
        X509_EXTENSION *ext = X509_get_ext(x, i);
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(ext));
        if (X509_EXTENSION_get_critical(ext) != 0 && nid != NID_basic_constraints &&
            nid != NID_key_usage) {
            return false;
        }
    }
    return true;
}

bool cl_x509_time(const ASN1_TIME *t, int64_t *ret)
{
    struct tm tm = {0};
    if (t == NULL || ASN1_TIME_to_tm(t, &tm) != 1) {
        return false;
    }
    *ret = (int64_t)timegm(&tm);
    return true;
}

bool cl_x509_validity(const X509 *x, int64_t *ret_from, int64_t *ret_until)
{
    return cl_x509_time(X509_get0_notBefore(x), ret_from) &&
           cl_x509_time(X509_get0_notAfter(x), ret_until);
}
