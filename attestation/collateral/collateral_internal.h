/* SPDX-License-Identifier: Apache-2.0
 * collateral_internal.h - the body of struct cl_collateral, and the steps of filling it.
 */
#ifndef CL_ATTESTATION_COLLATERAL_INTERNAL_H
#define CL_ATTESTATION_COLLATERAL_INTERNAL_H

#include "base/json.h"
#include "cloister/collateral.h"
#include "x509/x509.h"

struct cl_collateral {
    struct cl_collateral_item items[CL_COLLATERAL_MAX_ITEMS]; /* data and chain are owned */
    size_t count;
    size_t total; /* bytes of all data and chains */
    struct cl_collateral_bundle bundle;
};

/* item.c: fills the members of `it` that follow from kind, data and chain. */
CL_NODISCARD enum cl_status collateral_item_parse(struct cl_collateral_item *it,
                                                  struct cl_err *err);
bool collateral_kind_has_chain(enum cl_collateral_kind kind);
/* The word of a kind, len characters; CL_COLLATERAL_KIND_COUNT when there is none. */
enum cl_collateral_kind collateral_kind_parse(const char *word, size_t len);

/* item_amd.c, item_intel.c: one function for each form. */
typedef enum cl_status collateral_parse_fn(struct cl_collateral_item *it, struct cl_err *err);
collateral_parse_fn collateral_parse_endorsement, collateral_parse_amd_chain,
    collateral_parse_amd_crl, collateral_parse_tcb_info, collateral_parse_qe_identity,
    collateral_parse_pck_crl, collateral_parse_root_crl;

/* The latest notBefore and the earliest notAfter of a chain, put into the item. */
CL_NODISCARD enum cl_status collateral_chain_dates(struct cl_collateral_item *it,
                                                   const struct cl_x509_chain *chain,
                                                   struct cl_err *err);
/* The item's data as a CRL, and its dates put into the item. */
CL_NODISCARD enum cl_status collateral_parse_crl(struct cl_collateral_item *it, X509_CRL **ret_crl,
                                                 struct cl_err *err);

/* signed_json.c: Intel's {"<member>": {...}, "signature": "<128 hex>"}: where the member's value
 * stands in data, and the signature. The value is parsed into *ret_j as well. */
CL_NODISCARD enum cl_status collateral_signed_json(struct cl_collateral_item *it,
                                                   const char *member, json_t **ret_j,
                                                   struct cl_err *err);
/* Hex of either case, exactly n bytes. */
CL_NODISCARD enum cl_status collateral_unhex(uint8_t *ret, size_t n, const char *hex,
                                             const char *field, struct cl_err *err);

/* bundle.c and quote_collateral.c: the two kinds of document. */
CL_NODISCARD enum cl_status collateral_read_bundle(struct cl_collateral *c, const json_t *doc,
                                                   const struct cl_collateral_options *options,
                                                   struct cl_err *err);
CL_NODISCARD enum cl_status collateral_read_quote_collateral(struct cl_collateral *c,
                                                             const json_t *doc, struct cl_err *err);

/* bundle_sign.c: the protected header and signature of a bundle whose payload is base64url text. */
CL_NODISCARD enum cl_status collateral_sign(struct evp_pkey_st *key, const struct cl_buf *payload,
                                            struct cl_buf *ret_protected,
                                            struct cl_buf *ret_signature, struct cl_err *err);
CL_NODISCARD enum cl_status
collateral_check_signature(const char *payload, const char *protected_header, const char *signature,
                           uint8_t ret_signer[static CL_COLLATERAL_SIGNER_SIZE],
                           struct cl_err *err);

#endif
