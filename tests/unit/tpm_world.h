/* SPDX-License-Identifier: Apache-2.0
 * tpm_world.h - quotes, signatures, public areas and HCL reports made here for tests, in whatever
 * good or bad shape a test asks for. The hardware reports are snp_world's. Written apart from the
 * library's parsers, so that a mistake there shows.
 */
#ifndef CL_TEST_TPM_WORLD_H
#define CL_TEST_TPM_WORLD_H

#include "cloister/hcl_report.h"
#include "cloister/tdx_quote.h"
#include "cloister/vtpm_verify.h"

#include <openssl/evp.h>

enum tpm_world_key { TPM_RSA, TPM_RSA_OTHER, TPM_P256, TPM_P384, TPM_RSA_1024, TPM_KEY_COUNT };

struct tpm_world_quote {
    uint32_t magic;
    uint16_t type;
    const char *nonce;
    struct cl_tpm_selection selection;
    struct cl_tpm_pcrs pcrs; /* what the digest is made of */
    enum tpm_world_key key;
    uint16_t scheme, hash;
    size_t padding; /* bytes behind the quote, signed too */
};

struct tpm_world_hcl {
    uint32_t version, type, hash_type;
    const uint8_t *hardware; /* CL_HCL_HARDWARE_SIZE bytes */
    const char *runtime;
    size_t zeros; /* behind it */
};

void tpm_world_init(void); /* makes the keys, once */
EVP_PKEY *tpm_world_pkey(enum tpm_world_key key);
/* Another key under that name; taken. A public one will do where nothing is signed with it. */
void tpm_world_set_key(enum tpm_world_key key, EVP_PKEY *pkey);

/* A quote of all of bank sha256, whose registers hold their numbers, by the RSA key. */
struct tpm_world_quote tpm_world_quote(void);
/* Gives `bank` of the quote's registers other values and another hash. */
void tpm_world_add_bank(struct tpm_world_quote *q, uint16_t alg, uint32_t mask);
void tpm_world_message(const struct tpm_world_quote *q, struct cl_buf *out);
/* The signature: as TPMT_SIGNATURE, or the RSA value alone. */
void tpm_world_sign(const struct tpm_world_quote *q, const struct cl_buf *message, bool bare,
                    struct cl_buf *out);
void tpm_world_spki(enum tpm_world_key key, struct cl_buf *out);
void tpm_world_area(enum tpm_world_key key, uint32_t attributes, uint16_t scheme, uint16_t hash,
                    struct cl_buf *out);

/* {"keys": [{"kid": "HCLAkPub", ...}], ...} of the RSA key, with `more` members behind. */
void tpm_world_runtime(enum tpm_world_key key, const char *more, struct cl_buf *out);
void tpm_world_hcl(const struct tpm_world_hcl *h, struct cl_buf *out);
/* Version 0 of the JSON of `p`, in lists of integers. vcek: its member of that name, taken; NULL:
 * none. The caller's. */
json_t *tpm_world_version_0(const struct cl_vtpm_parts *p, json_t *vcek);

/* Evidence of a generic TPM, or behind an SNP report of snp_world whose certificates are added. */
void tpm_world_parts(const struct tpm_world_quote *q, struct cl_vtpm_parts *ret_p);
void tpm_world_az_parts(const struct tpm_world_quote *q, const char *runtime,
                        struct cl_vtpm_parts *ret_p);
struct cl_vtpm_evidence *tpm_world_az_evidence(struct cl_vtpm_parts *p);

#endif
