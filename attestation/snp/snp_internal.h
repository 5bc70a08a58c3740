/* SPDX-License-Identifier: Apache-2.0
 * snp_internal.h - one verification in progress, and the steps it consists of.
 * Trust: everything reached from here is hostile until `root_class` says which root vouches for it.
 */
#ifndef CL_ATTESTATION_SNP_INTERNAL_H
#define CL_ATTESTATION_SNP_INTERNAL_H

#include "cloister/snp_verify.h"
#include "snp/snp_evidence.h"
#include "verdict/verdict.h"

#include <openssl/x509.h>

/* Which key signed the report: KEY_INFO bits 4:2. */
enum snp_signing_key { SNP_KEY_VCEK = 0, SNP_KEY_VLEK = 1, SNP_KEY_NONE = 7 };

/* AMD's extensions of a VCEK or VLEK (snp.md a.6). */
struct snp_extensions {
    uint8_t struct_version; /* 0 Milan and Genoa, 1 Turin */
    char product_name[24];
    struct cl_snp_tcb tcb;
    bool has_hw_id;
    uint8_t hw_id[CL_SNP_CHIP_ID_SIZE];
    size_t hw_id_len; /* 64 or 8 */
    bool has_csp_id;
    char csp_id[128];
};

struct snp_ctx {
    const struct cl_snp_evidence *ev;
    const struct cl_snp_report *report;
    const struct cl_snp_policy *policy;
    struct cl_verify_result *result;
    enum cl_snp_product product;
    enum snp_signing_key signing_key;
    const X509 *ek, *ask, *ark; /* borrowed from ev; NULL when there is none */
    struct snp_extensions ext;
    bool ext_good;
    enum cl_tee_class root_class; /* of the root found; trusted only with authentic == CL_YES */
};

/* snp_roots.c */
const uint8_t *snp_root_of(enum cl_snp_product product); /* NULL when there is none */
enum cl_snp_product snp_root_product(const uint8_t spki_sha384[static CL_SNP_ROOT_SIZE]);

/* snp_extensions.c */
CL_NODISCARD enum cl_status snp_extensions_parse(const X509 *x, struct snp_extensions *ret_ext,
                                                 struct cl_err *err);
/* "Milan-B0" -> MILAN: only the part before '-' counts. */
enum cl_snp_product snp_extensions_product(const struct snp_extensions *ext);

/* snp_chain.c: picks the three certificates out of the evidence, then checks them. */
void snp_chain_pick_ek(struct snp_ctx *c);
void snp_chain_check(struct snp_ctx *c);

/* snp_signature.c */
void snp_signature_check_format(struct snp_ctx *c);
void snp_signature_check(struct snp_ctx *c);
/* ECDSA P-384 with SHA-384 in the processor's form: numbers little-endian. False when out of range
 * or wrong. */
bool snp_ecdsa_verify(const uint8_t r[static CL_SNP_SIG_PART_SIZE],
                      const uint8_t s[static CL_SNP_SIG_PART_SIZE], const void *data, size_t n,
                      EVP_PKEY *key);

/* Adds a check that passes or fails. */
struct cl_check *snp_check(struct snp_ctx *c, const char *id, bool good);
/* Adds one that could not run; `why` says what was missing. */
void snp_cannot(struct snp_ctx *c, const char *id, const char *why);
void snp_skip(struct snp_ctx *c, const char *id, const char *why);

#endif
