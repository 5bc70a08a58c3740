/* SPDX-License-Identifier: Apache-2.0
 * snp_signature.c - the ECDSA P-384 signature of a report, over the bytes exactly as received.
 * Trust: report and certificate are hostile. Threads: pure. Memory: OpenSSL's, while it runs.
 * Spec: AMD 56860, signature formats; snp.md a.1.
 */
#include "snp/snp_internal.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <string.h>

#define P384_SIZE 48u

/* The order of the group P-384, big-endian (FIPS 186-4, D.1.2.4). */
static const uint8_t p384_order[P384_SIZE] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf,
    0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73};

/* Little-endian 72 bytes to big-endian 48; false unless 0 < value < group order. */
static bool part_in_range(const uint8_t le[static CL_SNP_SIG_PART_SIZE],
                          uint8_t ret_be[static P384_SIZE])
{
    bool zero = true;
    for (size_t i = P384_SIZE; i < CL_SNP_SIG_PART_SIZE; i++) {
        if (le[i] != 0) {
            return false;
        }
    }
    for (size_t i = 0; i < P384_SIZE; i++) {
        ret_be[i] = le[P384_SIZE - 1 - i];
        zero = zero && le[i] == 0;
    }
    return !zero && memcmp(ret_be, p384_order, P384_SIZE) < 0; /* public values */
}

void snp_signature_check_format(struct snp_ctx *c)
{
    uint8_t be[P384_SIZE];
    bool r = part_in_range(c->report->signature_r, be);
    bool s = part_in_range(c->report->signature_s, be);
    struct cl_check *k = snp_check(c, "snp.report.signature_range", r && s);
    cl_check_expected(k, "R and S between 1 and the order of P-384, upper bytes zero");
    cl_check_actual(k, "R %s, S %s", r ? "within" : "outside", s ? "within" : "outside");
}

static ECDSA_SIG *signature_of(const uint8_t r[static CL_SNP_SIG_PART_SIZE],
                               const uint8_t s[static CL_SNP_SIG_PART_SIZE])
{
    uint8_t r_be[P384_SIZE], s_be[P384_SIZE];
    if (!part_in_range(r, r_be) || !part_in_range(s, s_be)) {
        return NULL;
    }
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *bn_r = BN_bin2bn(r_be, P384_SIZE, NULL);
    BIGNUM *bn_s = BN_bin2bn(s_be, P384_SIZE, NULL);
    if (sig == NULL || bn_r == NULL || bn_s == NULL || ECDSA_SIG_set0(sig, bn_r, bn_s) != 1) {
        BN_free(bn_r);
        BN_free(bn_s);
        ECDSA_SIG_free(sig);
        return NULL;
    }
    return sig;
}

bool snp_ecdsa_verify(const uint8_t r[static CL_SNP_SIG_PART_SIZE],
                      const uint8_t s[static CL_SNP_SIG_PART_SIZE], const void *data, size_t n,
                      EVP_PKEY *key)
{
    unsigned char *der = NULL;
    ECDSA_SIG *sig = signature_of(r, s);
    int len = sig != NULL ? i2d_ECDSA_SIG(sig, &der) : 0;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool good = len > 0 && md != NULL &&
                EVP_DigestVerifyInit(md, NULL, EVP_sha384(), NULL, key) == 1 &&
                EVP_DigestVerify(md, der, (size_t)len, data, n) == 1;
    EVP_MD_CTX_free(md);
    OPENSSL_free(der);
    ECDSA_SIG_free(sig);
    ERR_clear_error();
    return good;
}

void snp_signature_check(struct snp_ctx *c)
{
    X509 *ek = c->chain->certs[SNP_CHAIN_EK];
    if (ek == NULL) {
        snp_cannot(c, "snp.signature", "no VCEK or VLEK certificate was given");
        return;
    }
    if (!c->chain->ek_key_good) {
        snp_skip(c, "snp.signature", "the certificate's key is of another kind");
        return;
    }
    const struct cl_snp_report *r = c->report;
    bool good = snp_ecdsa_verify(r->signature_r, r->signature_s, r->raw, CL_SNP_SIGNED_SIZE,
                                 X509_get0_pubkey(ek));
    struct cl_check *k = snp_check(c, "snp.signature", good);
    cl_check_expected(k, "ECDSA P-384 with SHA-384 over bytes 0x000 to 0x29F");
    cl_check_actual(k, "%s", good ? "the same" : "a signature that does not verify");
}
