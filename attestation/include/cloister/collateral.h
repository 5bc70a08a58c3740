/* SPDX-License-Identifier: Apache-2.0
 * collateral.h - what verification of evidence needs besides the evidence: AMD's and Intel's
 * certificates, CRLs, TCB info and QE identity, from one signed file or from a folder of raw files.
 * Nothing here touches the network.
 *
 *   CL_TRY(cl_collateral_new(&c, err));
 *   CL_TRY(cl_collateral_add_path(c, path, &options, err)); // for each --collateral
 *   const struct cl_collateral_item *tcb = cl_collateral_find(
 *       c, &(struct cl_collateral_key){.kind = CL_COLLATERAL_INTEL_TCB_INFO,
 *                                      .tee = CL_COLLATERAL_TDX, .fmspc = fmspc});
 *
 * Trust: every byte is hostile. Loading checks form only, and takes what an item is about (product,
 *        FMSPC, CA, dates) from the item's own bytes, never from a label beside it. Whether AMD or
 *        Intel signed it is for the verifier of the evidence to decide, over `data` or `body`,
 * which are exactly the bytes that were served.
 *
 * A bundle's own signature adds what AMD's and Intel's cannot: that nothing was left out or
 * replaced by an older item that is still in its period, and which of AMD's two CRL endpoints a CRL
 * came from. An older bundle of the same signer passes until it expires: its signer chooses how
 * long that may be. Unsigned collateral is usable, without that guarantee.
 *
 * Threads: immutable once filled. Memory: at most CL_COLLATERAL_MAX_TOTAL bytes of items.
 * Spec: snp.md a.8; tdx.md a.9; docs/interfaces.md I-7.
 */
#ifndef CLOISTER_COLLATERAL_H
#define CLOISTER_COLLATERAL_H

#include "base/buf.h"
#include "cloister/snp_report.h"

struct evp_pkey_st;   /* OpenSSL's EVP_PKEY */
struct cl_collateral; /* opaque */

#define CL_COLLATERAL_MAX_ITEMS 256u
#define CL_COLLATERAL_MAX_DATA (1u << 20)         /* bytes of one item */
#define CL_COLLATERAL_MAX_CHAIN (64u << 10)       /* bytes of one issuer chain */
#define CL_COLLATERAL_MAX_TOTAL (16u << 20)       /* bytes of all items together */
#define CL_COLLATERAL_MAX_BUNDLE_SIZE (32u << 20) /* bytes of a bundle file */
#define CL_COLLATERAL_SIGNER_SIZE 32u             /* SHA-256 of a SubjectPublicKeyInfo in DER */
#define CL_COLLATERAL_FMSPC_SIZE 6u
#define CL_COLLATERAL_SIGNATURE_SIZE 64u

enum cl_collateral_kind {
    CL_COLLATERAL_AMD_VCEK,       /* DER certificate */
    CL_COLLATERAL_AMD_VLEK,       /* DER certificate */
    CL_COLLATERAL_AMD_VCEK_CHAIN, /* PEM: ASK, ARK */
    CL_COLLATERAL_AMD_VLEK_CHAIN, /* PEM: ASVK, ARK */
    CL_COLLATERAL_AMD_VCEK_CRL,   /* DER CRL by the ARK */
    CL_COLLATERAL_AMD_VLEK_CRL,   /* DER CRL by the ARK */
    CL_COLLATERAL_INTEL_TCB_INFO, /* JSON as served, with issuer chain */
    CL_COLLATERAL_INTEL_QE_IDENTITY,
    CL_COLLATERAL_INTEL_PCK_CRL,  /* DER CRL by the PCK Platform or Processor CA, with its chain */
    CL_COLLATERAL_INTEL_ROOT_CRL, /* DER CRL by the SGX Root CA */
    CL_COLLATERAL_KIND_COUNT,
};

enum cl_collateral_tee { CL_COLLATERAL_TDX, CL_COLLATERAL_SGX };
enum cl_collateral_ca { CL_COLLATERAL_PLATFORM, CL_COLLATERAL_PROCESSOR };

/* One item. Everything is borrowed from the cl_collateral it is in. Which fields count follows from
 * the kind; the others are zero. */
struct cl_collateral_item {
    enum cl_collateral_kind kind;
    enum cl_snp_product product;             /* AMD: of the issuer's name */
    enum cl_collateral_tee tee;              /* TCB info, QE identity: of `id` */
    enum cl_collateral_ca ca;                /* PCK CRL: of the issuer's name */
    uint8_t fmspc[CL_COLLATERAL_FMSPC_SIZE]; /* TCB info */
    uint8_t hw_id[CL_SNP_CHIP_ID_SIZE];      /* VCEK: the chip; hw_id_len is 64, or 8 for Turin */
    size_t hw_id_len;
    struct cl_snp_tcb tcb; /* VCEK, VLEK */

    const uint8_t *data; /* as served, len bytes */
    size_t len;
    const char *chain; /* issuer chain in PEM, issuer first; NULL for kinds without */
    size_t chain_len;
    /* TCB info, QE identity: the exact bytes of the value of `tcbInfo` or `enclaveIdentity` inside
     * data, and the signature over them as r || s. */
    const uint8_t *body;
    size_t body_len;
    uint8_t signature[CL_COLLATERAL_SIGNATURE_SIZE];

    /* Seconds since 1970, as the item itself says: notBefore/thisUpdate/issueDate, and
     * notAfter/nextUpdate. Of a chain: the latest notBefore and the earliest notAfter. */
    int64_t issued, expires;
    uint32_t tcb_evaluation_number; /* TCB info, QE identity */
};

struct cl_collateral_options {
    int64_t time;          /* seconds since 1970: a bundle must not have expired then */
    const uint8_t *signer; /* CL_COLLATERAL_SIGNER_SIZE bytes: only bundles that this key signed are
                              accepted; NULL: any, signed or not */
    bool allow_expired;    /* to look at a bundle; never to verify with it */
};

CL_NODISCARD enum cl_status cl_collateral_new(struct cl_collateral **ret_c, struct cl_err *err);
void cl_collateral_free(struct cl_collateral *c); /* NULL is fine */
void cl_collateral_freep(struct cl_collateral **c);

/* Adds what a file or folder holds:
 *   a bundle (JSON, schema cloister.collateral/1);
 *   a QuoteCollateralV3 document (JSON with tcb_info, pck_crl, ... as QPL-like tools write it);
 *   a raw file named KIND[.LABEL].EXT, KIND being a word of cl_collateral_kind_name(), with its
 *   issuer chain (percent-decoded PEM) beside it as the same name with `.chain.pem` for `.EXT`;
 *   a folder of such raw files and of *.collateral.json documents; other names in it are passed
 *   over, and a folder with none is an error.
 * Returns CL_OK; CL_ERR_MALFORMED or CL_ERR_TRUNCATED; CL_ERR_UNSUPPORTED (a newer schema);
 *         CL_ERR_REJECTED (a wrong signature, or not by options->signer); CL_ERR_UNAVAILABLE (the
 *         bundle has expired); CL_ERR_SYS; CL_ERR_NOMEM. After an error c may only be freed. */
CL_NODISCARD enum cl_status cl_collateral_add_path(struct cl_collateral *c, const char *path,
                                                   const struct cl_collateral_options *options,
                                                   struct cl_err *err);
/* The same for a document in memory: a bundle or a QuoteCollateralV3 document. */
CL_NODISCARD enum cl_status cl_collateral_add_document(struct cl_collateral *c, const void *data,
                                                       size_t len,
                                                       const struct cl_collateral_options *options,
                                                       struct cl_err *err);
/* One item from its parts. chain: PEM text for the Intel kinds except the root CRL, else NULL with
 * chain_len 0. An item that is there already, byte for byte, is not added
 * again. */
CL_NODISCARD enum cl_status
cl_collateral_add_item(struct cl_collateral *c, enum cl_collateral_kind kind, const uint8_t *data,
                       size_t len, const char *chain, size_t chain_len, struct cl_err *err);

size_t cl_collateral_count(const struct cl_collateral *c);
const struct cl_collateral_item *cl_collateral_item(const struct cl_collateral *c, size_t i);

/* What to look for. Only the members that count for the kind are compared: product for AMD's, tee
 * and fmspc for TCB info, tee for QE identity, ca for the PCK CRL. */
struct cl_collateral_key {
    enum cl_collateral_kind kind;
    enum cl_snp_product product;
    enum cl_collateral_tee tee;
    const uint8_t *fmspc; /* CL_COLLATERAL_FMSPC_SIZE bytes */
    enum cl_collateral_ca ca;
};
bool cl_collateral_matches(const struct cl_collateral_item *item,
                           const struct cl_collateral_key *key);
/* The newest item that matches: highest tcbEvaluationDataNumber, then latest issued. NULL: none.
 * For AMD's endorsement keys, of which there is one for each chip and TCB, go through all items. */
const struct cl_collateral_item *cl_collateral_find(const struct cl_collateral *c,
                                                    const struct cl_collateral_key *key);

/* Whether the issuer that an item names really signed it: over the chain beside it, or AMD's chain
 * and Intel's root among the items of c. It says nothing of whose root that is: only verification
 * of evidence, where the roots are pinned, can. CL_ERR_REJECTED when it did not; CL_ERR_UNAVAILABLE
 * when the chain is not in c. */
CL_NODISCARD enum cl_status cl_collateral_check_issuer(const struct cl_collateral *c,
                                                       const struct cl_collateral_item *item,
                                                       struct cl_err *err);

/* "amd-vcek", "intel-tcb-info", ... Never NULL. */
const char *cl_collateral_kind_name(enum cl_collateral_kind kind);
const char *cl_collateral_tee_name(enum cl_collateral_tee tee); /* "tdx", "sgx" */
const char *cl_collateral_ca_name(enum cl_collateral_ca ca);    /* "platform", "processor" */

/* Writes the bundle of c: expires (seconds since 1970) is when it stops being usable; key signs it
 * (P-256: ES256, or Ed25519: EdDSA), NULL leaves it unsigned.
 * Format: a flattened JWS (RFC 7515 7.2.2) with a member `schema`; the payload is the JSON document
 * {schema, created, expires, items: [{kind, data, chain?}]} with data and chain in
 * base64. */
CL_NODISCARD enum cl_status cl_collateral_write_bundle(const struct cl_collateral *c,
                                                       int64_t created, int64_t expires,
                                                       struct evp_pkey_st *key, struct cl_buf *out,
                                                       struct cl_err *err);

/* What a bundle says about itself; about the last one added when there were several. */
struct cl_collateral_bundle {
    bool present; /* false: only raw files and foreign documents were added */
    bool is_signed;
    uint8_t signer[CL_COLLATERAL_SIGNER_SIZE]; /* the key that signed it */
    int64_t created, expires;
};
const struct cl_collateral_bundle *cl_collateral_bundle(const struct cl_collateral *c);

/* The pinned form of a public key, out of a PEM file's bytes (public key, private key or
 * certificate), or out of 64 hex digits. */
CL_NODISCARD enum cl_status
cl_collateral_signer_parse(const void *data, size_t len,
                           uint8_t ret[static CL_COLLATERAL_SIGNER_SIZE], struct cl_err *err);
/* The same for what a person writes on a command line: 64 hex digits, or the name of such a file.
 */
CL_NODISCARD enum cl_status cl_collateral_signer_read(const char *text,
                                                      uint8_t ret[static CL_COLLATERAL_SIGNER_SIZE],
                                                      struct cl_err *err);
CL_NODISCARD enum cl_status cl_collateral_signer_of(struct evp_pkey_st *key,
                                                    uint8_t ret[static CL_COLLATERAL_SIGNER_SIZE],
                                                    struct cl_err *err);

#endif
