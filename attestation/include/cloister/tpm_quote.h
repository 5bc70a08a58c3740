/* SPDX-License-Identifier: Apache-2.0
 * tpm_quote.h - what a TPM 2.0 says about its platform configuration registers, and the key that
 * signs it: TPMS_ATTEST of a quote, TPMT_SIGNATURE, TPMT_PUBLIC, and sets of PCR values.
 * Trust: every byte is hostile. Parsing believes nothing; the checks stand in vtpm_verify.h.
 * Threads: pure. Memory: none but the caller's.
 * Spec: TCG TPM 2.0 Library, Part 2: 10.12 (attestation), 11.3 (signatures), 12.2 (public areas);
 *       tdx.md e.2. Everything in these structures is big-endian.
 */
#ifndef CLOISTER_TPM_QUOTE_H
#define CLOISTER_TPM_QUOTE_H

#include "base/digest.h"
#include "base/err.h"

#include <stdbool.h>

struct evp_pkey_st; /* OpenSSL's EVP_PKEY */

#define CL_TPM_QUOTE_MAX_SIZE 1024u /* bytes of a TPMS_ATTEST, of a signature, of a public area */
#define CL_TPM_PCR_COUNT 24u        /* of a PC client TPM */
#define CL_TPM_BANKS_MAX 4u         /* one for each hash that we know */
#define CL_TPM_DIGEST_MAX 64u
#define CL_TPM_NAME_MAX 66u /* algorithm and digest */
#define CL_TPM_DATA_MAX 66u /* qualifying data: TPM2B_DATA */

#define CL_TPM_MAGIC 0xFF544347u /* TPM_GENERATED_VALUE */
#define CL_TPM_ST_QUOTE 0x8018u

enum cl_tpm_alg { /* TPM_ALG_ID */
                  CL_TPM_ALG_RSA = 0x0001,
                  CL_TPM_ALG_SHA1 = 0x0004,
                  CL_TPM_ALG_SHA256 = 0x000B,
                  CL_TPM_ALG_SHA384 = 0x000C,
                  CL_TPM_ALG_SHA512 = 0x000D,
                  CL_TPM_ALG_NULL = 0x0010,
                  CL_TPM_ALG_RSASSA = 0x0014,
                  CL_TPM_ALG_RSAPSS = 0x0016,
                  CL_TPM_ALG_ECDSA = 0x0018,
                  CL_TPM_ALG_ECC = 0x0023,
};

/* Bytes of that hash's digest; 0 for what is no hash that we know. */
size_t cl_tpm_hash_size(uint16_t alg);
/* "sha256", "rsassa"; "unknown". */
const char *cl_tpm_alg_name(uint16_t alg);
/* A hash by its name, or by the size of its digest; 0 when there is none. */
uint16_t cl_tpm_hash_by_name(const char *name);
uint16_t cl_tpm_hash_by_size(size_t size);

/* ---- PCRs ---- */

struct cl_tpm_selection { /* banks in the order of the quote: the digest depends on it */
    size_t bank_count;
    struct {
        uint16_t alg;
        uint32_t mask; /* bit n: PCR n */
    } bank[CL_TPM_BANKS_MAX];
};

struct cl_tpm_pcrs {
    size_t bank_count;
    struct cl_tpm_bank {
        uint16_t alg;
        uint32_t present; /* bit n: value[n] is one; the others are zero */
        uint8_t value[CL_TPM_PCR_COUNT][CL_TPM_DIGEST_MAX];
    } bank[CL_TPM_BANKS_MAX];
};

/* Sets one value. CL_ERR_MALFORMED for an unknown hash, an index past the last, or a second value
 * for the same register. */
CL_NODISCARD enum cl_status cl_tpm_pcrs_set(struct cl_tpm_pcrs *p, uint16_t alg, uint32_t index,
                                            const uint8_t *value, struct cl_err *err);
/* The value, borrowed, cl_tpm_hash_size(alg) bytes; NULL when there is none. */
const uint8_t *cl_tpm_pcrs_get(const struct cl_tpm_pcrs *p, uint16_t alg, uint32_t index);
/* The digest that a quote of this selection must carry: the hash over the selected values,
 * ascending within each bank. CL_ERR_UNAVAILABLE names the first selected register that has no
 * value. */
CL_NODISCARD enum cl_status cl_tpm_pcrs_digest(const struct cl_tpm_pcrs *p,
                                               const struct cl_tpm_selection *selection,
                                               uint16_t hash, uint8_t ret[static CL_TPM_DIGEST_MAX],
                                               struct cl_err *err);
bool cl_tpm_selection_has(const struct cl_tpm_selection *s, uint16_t alg, uint32_t index);

/* ---- the quote ---- */

struct cl_tpm_quote {
    uint32_t magic;
    uint16_t type;
    uint8_t signer[CL_TPM_NAME_MAX + 2]; /* qualified name of the key: its whole hierarchy */
    size_t signer_len;
    uint8_t extra_data[CL_TPM_DATA_MAX];
    size_t extra_data_len;
    uint64_t clock; /* milliseconds */
    uint32_t reset_count, restart_count;
    bool safe;
    uint64_t firmware_version;
    struct cl_tpm_selection selection; /* this and the next: only when type is a quote */
    uint8_t pcr_digest[CL_TPM_DIGEST_MAX];
    size_t pcr_digest_len;
};

/* Parses a TPMS_ATTEST with nothing behind it. Magic and type are reported, not judged; what
 * another type attests is not read. CL_ERR_TRUNCATED, CL_ERR_MALFORMED; CL_ERR_UNSUPPORTED for a
 * bank that we do not know. */
CL_NODISCARD enum cl_status cl_tpm_quote_parse(const uint8_t *data, size_t len,
                                               struct cl_tpm_quote *ret_q, struct cl_err *err);

/* ---- the signature ---- */

struct cl_tpm_signature {
    uint16_t scheme; /* RSASSA, RSAPSS, ECDSA */
    uint16_t hash;   /* of the scheme; SHA-1 is refused when it is verified */
    uint8_t a[512];  /* RSA: the signature; ECDSA: R */
    size_t a_len;
    uint8_t b[66]; /* ECDSA: S */
    size_t b_len;
};

/* Parses a TPMT_SIGNATURE with nothing behind it. CL_ERR_UNSUPPORTED for another scheme or hash. */
CL_NODISCARD enum cl_status cl_tpm_signature_parse(const uint8_t *data, size_t len,
                                                   struct cl_tpm_signature *ret_s,
                                                   struct cl_err *err);
/* Does the key's signature over data verify? Exact: the scheme must fit the key's type, the hash be
 * SHA-256 or longer (ECDSA: the one of the curve's size), the sizes right. `ret_why` (static) says
 * why not. */
bool cl_tpm_signature_verify(const struct cl_tpm_signature *s, struct evp_pkey_st *key,
                             const uint8_t *data, size_t len, const char **ret_why);

/* ---- the attestation key ---- */

#define CL_TPM_ATTR_FIXED_TPM (1u << 1)
#define CL_TPM_ATTR_FIXED_PARENT (1u << 4)
#define CL_TPM_ATTR_SENSITIVE_DATA_ORIGIN (1u << 5)
#define CL_TPM_ATTR_RESTRICTED (1u << 16)
#define CL_TPM_ATTR_DECRYPT (1u << 17)
#define CL_TPM_ATTR_SIGN (1u << 18)

struct cl_tpm_public {
    uint16_t type, name_alg;
    uint32_t attributes;
    uint16_t scheme, scheme_hash; /* NULL: any */
    uint8_t name[CL_TPM_NAME_MAX];
    size_t name_len;
    struct evp_pkey_st *key; /* owned */
};

/* Parses a TPMT_PUBLIC (or the same as a TPM2B_PUBLIC) of an RSA or ECC signing key, nothing behind
 * it. Free with cl_tpm_public_done(). CL_ERR_UNSUPPORTED for other types and curves. */
CL_NODISCARD enum cl_status cl_tpm_public_parse(const uint8_t *data, size_t len,
                                                struct cl_tpm_public *ret_p, struct cl_err *err);
void cl_tpm_public_done(struct cl_tpm_public *p); /* zeroed is fine */

/* A SubjectPublicKeyInfo in DER, nothing behind it, as a key that may sign quotes: RSA of 2048 to
 * 4096 bits with exponent 65537, P-256 or P-384 as named curves. The key is the caller's. */
CL_NODISCARD enum cl_status cl_tpm_key_from_spki(const uint8_t *der, size_t len,
                                                 struct evp_pkey_st **ret_key, struct cl_err *err);
/* SHA-256 of the key's SubjectPublicKeyInfo in DER: how a policy names a key. */
CL_NODISCARD enum cl_status
cl_tpm_key_digest(struct evp_pkey_st *key, uint8_t ret[static CL_SHA256_SIZE], struct cl_err *err);

#endif
