/* SPDX-License-Identifier: Apache-2.0
 * x509.h - the certificate steps that evidence families share, over OpenSSL's X.509: strict DER,
 * exact algorithms, key digests, names.
 * Trust: every certificate is hostile. Threads: pure; an X509 is only read. Memory: OpenSSL's.
 */
#ifndef CL_ATTESTATION_X509_H
#define CL_ATTESTATION_X509_H

#include "base/err.h"

#include <openssl/x509.h>
#include <stdbool.h>

#define CL_X509_CN_SIZE 80u

void cl_x509_freep(X509 **x); /* for CL_CLEANUP */

/* Exactly one certificate in DER, with nothing behind it. */
CL_NODISCARD enum cl_status cl_x509_parse(const uint8_t *der, size_t len, X509 **ret_x,
                                          struct cl_err *err);

/* Calls each(ctx, ...) with the DER of every CERTIFICATE block of PEM text; other blocks are passed
 * over. CL_ERR_MALFORMED for a damaged block, or when there is no certificate; each's own errors.
 */
typedef enum cl_status cl_x509_der_fn(void *ctx, const uint8_t *der, size_t len,
                                      struct cl_err *err);
CL_NODISCARD enum cl_status cl_x509_pem_each(const void *data, size_t len, cl_x509_der_fn *each,
                                             void *ctx, struct cl_err *err);
/* The same for blocks of that label ("X509 CRL"); none at all is fine. */
CL_NODISCARD enum cl_status cl_x509_pem_blocks(const void *data, size_t len, const char *label,
                                               cl_x509_der_fn *each, void *ctx, size_t *ret_count,
                                               struct cl_err *err);

/* Certificates of which each names the next as its issuer, and the last itself. */
#define CL_X509_CHAIN_MAX 4u
struct cl_x509_chain {
    X509 *certs[CL_X509_CHAIN_MAX]; /* owned */
    size_t count;
};
void cl_x509_chain_done(struct cl_x509_chain *chain);
/* From PEM text. Names only: nothing is verified. */
CL_NODISCARD enum cl_status cl_x509_chain_parse(const void *pem, size_t len,
                                                struct cl_x509_chain *ret_chain,
                                                struct cl_err *err);

void cl_x509_crl_freep(X509_CRL **crl); /* for CL_CLEANUP */
/* Exactly one CRL in DER, with nothing behind it. */
CL_NODISCARD enum cl_status cl_x509_crl_parse(const uint8_t *der, size_t len, X509_CRL **ret_crl,
                                              struct cl_err *err);
/* thisUpdate and nextUpdate as seconds since 1970; false when one is missing or unreadable. */
bool cl_x509_crl_dates(const X509_CRL *crl, int64_t *ret_this_update, int64_t *ret_next_update);

/* SHA-384 of the SubjectPublicKeyInfo as it stands in the certificate. */
CL_NODISCARD enum cl_status cl_x509_spki_sha384(const X509 *x, uint8_t ret[static 48],
                                                struct cl_err *err);

/* The signature is RSASSA-PSS with SHA-384, MGF1 with SHA-384 and a salt of 48 bytes: nothing else,
 * inside and outside of what is signed. */
bool cl_x509_signed_with_pss_sha384(const X509 *x);
bool cl_x509_crl_signed_with_pss_sha384(const X509_CRL *crl);

bool cl_x509_key_is_rsa4096(const X509 *x); /* with exponent 65537 */
bool cl_x509_key_is_p384(const X509 *x);    /* as the named curve */

bool cl_x509_key_is_p256(const X509 *x); /* as the named curve */

/* x509_p256.c: ECDSA with SHA-256 under P-256, which is all that Intel uses. */

/* The signature algorithm is ecdsa-with-SHA256 without parameters, inside and outside of what is
 * signed; the issuer's key is P-256; the issuer's name is the issuer's; and the signature verifies.
 */
bool cl_x509_algorithm_is_ecdsa_sha256(const X509 *x);
bool cl_x509_signed_by_p256(const X509 *x, const X509 *issuer);
bool cl_x509_crl_signed_by_p256(const X509_CRL *crl, const X509 *issuer);
/* The CRL names its serial number, for whatever reason. Only for certificates of its issuer. */
bool cl_x509_crl_has(const X509_CRL *crl, const X509 *x);
/* A public key from x || y, each 32 bytes; CL_ERR_MALFORMED for what is no point of the curve. */
CL_NODISCARD enum cl_status cl_x509_p256_key(const uint8_t xy[static 64], EVP_PKEY **ret_key,
                                             struct cl_err *err);

/* The one common name, as text; empty when there is none, several, or one that is no plain ASCII or
 * does not fit. */
void cl_x509_cn(const X509_NAME *name, char ret[static CL_X509_CN_SIZE]);

/* Version 3, and no critical extension other than basicConstraints and keyUsage. */
bool cl_x509_no_unknown_critical(const X509 *x);

/* Seconds since 1970; false when it cannot be read. */
bool cl_x509_time(const ASN1_TIME *t, int64_t *ret);

/* notBefore and notAfter as seconds since 1970; false when a date cannot be read. */
bool cl_x509_validity(const X509 *x, int64_t *ret_from, int64_t *ret_until);

#endif
