/* SPDX-License-Identifier: Apache-2.0
 * snp_chain.h - what the certificates beside a report are, whatever report, policy and time: the
 * facts by which snp_chain_check.c and snp_crl.c decide.
 */
#ifndef CL_ATTESTATION_SNP_CHAIN_H
#define CL_ATTESTATION_SNP_CHAIN_H

#include "cloister/snp_verify.h"
#include "snp/snp_evidence.h"
#include "x509/x509.h"

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
    char csp_id[CL_SNP_CSP_ID_SIZE]; /* padded with zeros */
};

enum snp_chain_level { SNP_CHAIN_EK, SNP_CHAIN_ASK, SNP_CHAIN_ARK, SNP_CHAIN_LEVELS };

/* A revocation list that the root or the intermediate of the chain signed. */
struct snp_crl {
    bool by_root;
    int64_t this_update, next_update;
    bool lists[SNP_CHAIN_LEVELS]; /* certificates of this chain */
};

struct cl_snp_chain {
    X509 *certs[SNP_CHAIN_LEVELS]; /* owned; NULL: not given */
    bool ek_key_good;
    bool ext_good;
    struct snp_extensions ext;
    char ext_error[CL_ERR_MSG_SIZE];
    /* Only with all three certificates: */
    bool complete;
    bool root_key_known;
    uint8_t root_spki[CL_SNP_ROOT_SIZE];
    char cn[SNP_CHAIN_LEVELS][CL_X509_CN_SIZE];
    bool root_self_issued;
    bool algorithm_good[SNP_CHAIN_LEVELS];
    bool signature_good[SNP_CHAIN_LEVELS];
    bool constraints_good;
    bool dates_good;
    int64_t from, until;            /* the time in which all three are valid: from <= t < until */
    bool path_possible;             /* the keys are of the kind that OpenSSL is let loose on */
    int path_error;                 /* X509_V_OK, or why not */
    size_t crl_count, crls_refused; /* those of somebody else, malformed, or badly signed */
    struct snp_crl crls[CL_SNP_CERTS_MAX];
};

/* snp_extensions.c */
CL_NODISCARD enum cl_status snp_extensions_parse(const X509 *x, struct snp_extensions *ret_ext,
                                                 struct cl_err *err);
/* "Milan-B0" -> MILAN: only the part before '-' counts. */
enum cl_snp_product snp_extensions_product(const struct snp_extensions *ext);

/* snp_chain.c */
enum snp_signing_key snp_signing_key(const struct cl_snp_report *r);
/* Issuer's key is as AMD's and signed x. */
bool snp_chain_signed_by(const X509 *x, const X509 *issuer);

/* snp_crl.c: takes in the CRLs of ev. */
void snp_crl_examine(struct cl_snp_chain *chain, const struct cl_snp_evidence *ev);

#endif
